//! The declaration of a setting: its key, type, default, flag, variable and help text in one row.
//!
//! [`settings!`] turns the rows of a section into a struct of values, and a layer: the same fields,
//! each of which may be absent. The command line, the environment, the file and the platform each
//! give a layer, and the first layer that has a setting wins.

use std::ffi::OsString;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::{Bound, RangeBounds};
use std::path::PathBuf;
use std::str::FromStr;

use almanac_telemetry::logging::{LogFormat, LoggedRequests};
use almanac_telemetry::traces::Endpoint;
use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, ValueEnum};
use serde::{Deserialize, Deserializer, de};

use crate::config::{Bytes, ConfigError, Span};

/// A setting that a flag, an `ALMANAC_` variable and a key of the file can give.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The key in the file, with its section: `server.listen`.
    pub key: &'static str,
    /// The default as the file writes it, or a description of it.
    pub default: &'static str,
    /// The flag and the name of its value: `--listen <ADDRESS>`.
    pub(super) usage: &'static str,
    pub(super) scope: Scope,
    pub(super) heading: &'static str,
    pub(super) help: &'static str,
    /// Makes an argument accept values of the type of the setting.
    pub(super) accept: fn(Arg) -> Arg,
}

/// The subcommands that take a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// `almanac serve`.
    Serve,
    /// Every subcommand that runs or moves models.
    Shared,
}

impl Setting {
    /// Returns the name of the flag, without its dashes.
    #[must_use]
    pub fn flag(&self) -> &'static str {
        let flag = self.usage.trim_start_matches('-');
        flag.split_once(' ').map_or(flag, |(flag, _value)| flag)
    }

    /// Returns the name of the environment variable.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("ALMANAC_{}", self.flag().replace('-', "_").to_uppercase())
    }

    /// Returns the setting as an argument of the command line.
    pub(super) fn arg(&self) -> Arg {
        let value_name = self.usage.split(['<', '>']).nth(1).unwrap_or("VALUE");
        let arg = Arg::new(self.key)
            .long(self.flag())
            .value_name(value_name)
            .env(OsString::from(self.variable()))
            .help(format!("{} [default: {}]", self.help.trim(), self.default))
            .help_heading(self.heading);
        (self.accept)(arg)
    }
}

/// A type of values that a setting can have.
pub(super) trait SettingValue: Clone + Send + Sync + 'static {
    /// Parses a default.
    fn parse(text: &str) -> Option<Self>;

    /// Makes `arg` accept values of this type.
    fn accept(arg: Arg) -> Arg;

    /// Returns the value that the command line or the environment gives.
    fn from_matches(matches: &ArgMatches, id: &str) -> Option<Self> {
        matches.get_one(id).cloned()
    }
}

/// Implements [`SettingValue`] with a parser of defaults, for types that clap can parse.
macro_rules! setting_values {
    ($parse:expr => $($Value:ty),+) => {$(
        impl SettingValue for $Value {
            fn parse(text: &str) -> Option<Self> {
                $parse(text).ok()
            }

            fn accept(arg: Arg) -> Arg {
                arg.value_parser(clap::value_parser!($Value))
            }
        }
    )+};
}

setting_values!(str::parse => usize, u32, u64, f64, String, PathBuf, SocketAddr, Bytes, Span, Endpoint);
setting_values!(|text| ValueEnum::from_str(text, false) => LogFormat, LoggedRequests);

impl SettingValue for bool {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    /// Accepts the flag alone, which means true.
    fn accept(arg: Arg) -> Arg {
        arg.value_parser(clap::value_parser!(Self))
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .hide_possible_values(true)
    }
}

/// A list, separated by commas on the command line and an array in the file. The default `none` is
/// the empty list.
impl<T> SettingValue for Vec<T>
where
    T: FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>> + Clone + Send + Sync + 'static,
{
    fn parse(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(Self::new());
        }
        text.split(',').map(|item| item.parse().ok()).collect()
    }

    fn accept(arg: Arg) -> Arg {
        arg.value_parser(ValueParser::new(str::parse::<T>))
            .action(ArgAction::Append)
            .value_delimiter(',')
    }

    fn from_matches(matches: &ArgMatches, id: &str) -> Option<Self> {
        Some(matches.get_many(id)?.cloned().collect())
    }
}

/// A field of a section: a value, or an optional value.
pub(super) trait SettingField: Sized {
    /// The type of the value when it is given.
    type Value: SettingValue;

    /// Returns the given value, or else the default.
    fn resolve(given: Option<Self::Value>, default: &str) -> Self;

    /// Returns the value of the field, if it has one.
    fn value(&self) -> Option<&Self::Value>;
}

impl<T: SettingValue> SettingField for T {
    type Value = T;

    fn resolve(given: Option<T>, default: &str) -> Self {
        given
            .or_else(|| T::parse(default))
            .expect("the default of a setting is a value of its type")
    }

    fn value(&self) -> Option<&T> {
        Some(self)
    }
}

/// Without a value, the default describes what the program does.
impl<T: SettingValue> SettingField for Option<T> {
    type Value = T;

    fn resolve(given: Self, _default: &str) -> Self {
        given
    }

    fn value(&self) -> Option<&T> {
        self.as_ref()
    }
}

/// A section of the configuration, made by [`settings!`].
pub(super) trait Section: From<Self::Layer> {
    /// The settings of the section that one place gives.
    type Layer: Default;

    /// Returns the settings that have a flag, in the order of their declaration.
    fn settings() -> Vec<Setting>;

    /// Returns the settings that the command line and the environment give.
    fn from_matches(matches: &ArgMatches) -> Self::Layer;

    /// Returns the settings of `upper`, and those of `lower` that `upper` does not have.
    fn merge(upper: Self::Layer, lower: Self::Layer) -> Self::Layer;

    /// Checks that each value is in the range of its setting.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first that is not.
    fn check_ranges(&self) -> Result<(), ConfigError>;
}

/// Checks that `value`, if there is one, is in `range`.
pub(super) fn check_range<T: PartialOrd + Display>(
    setting: &'static str,
    value: Option<&T>,
    range: impl RangeBounds<T>,
) -> Result<(), ConfigError> {
    let Some(value) = value.filter(|value| !range.contains(value)) else {
        return Ok(());
    };
    let rule = match (range.start_bound(), range.end_bound()) {
        (Bound::Included(min), Bound::Included(max)) => format!("it must be from {min} to {max}"),
        (Bound::Excluded(min), Bound::Included(max)) => {
            format!("it must be over {min} and at most {max}")
        }
        (Bound::Included(min), _) => format!("it must be at least {min}"),
        _ => "it is out of range".to_owned(),
    };
    Err(ConfigError::value(setting, value, rule))
}

/// Returns the value of the argument `id`, if the command has that argument and it is given.
pub(super) fn from_matches<F: SettingField>(matches: &ArgMatches, id: &str) -> Option<F::Value> {
    let is_argument = matches.try_contains_id(id).is_ok();
    is_argument
        .then(|| F::Value::from_matches(matches, id))
        .flatten()
}

/// Deserializes an array of strings, each of which is parsed.
pub(super) fn parsed_list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    Vec::<String>::deserialize(deserializer)?
        .iter()
        .map(|text| text.parse().map_err(de::Error::custom))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Declares a section of the configuration.
///
/// A row is `key: Type = "default", Scope("--flag <VALUE>"), range;`. Its doc comment is the help
/// text of the flag, and its variable is `ALMANAC_` and the name of the flag. The range may be
/// omitted. The default of an `Option` is only a description.
///
/// The optional block `sections` names nested sections, and `without_flags` names fields that only
/// the file can give, or nothing if they are marked `#[serde(skip)]`.
macro_rules! settings {
    (
        $(#[doc = $section_doc:literal])+
        pub struct $Section:ident($Layer:ident) in $table:literal under $heading:literal {
            $(
                $(#[doc = $doc:literal])+
                $(#[serde($($serde:tt)+)])?
                $field:ident: $Field:ty = $default:literal, $scope:ident($usage:literal) $(, $range:expr)?;
            )*
        }
        $(sections {
            $(
                $(#[doc = $nested_doc:literal])+
                $nested:ident: $Nested:ty;
            )+
        })?
        $(without_flags {
            $(
                $(#[doc = $plain_doc:literal])+
                $(#[serde($($plain_serde:tt)+)])?
                $plain:ident: $Plain:ty;
            )+
        })?
    ) => {
        $(#[doc = $section_doc])+
        #[derive(Clone, Debug)]
        pub struct $Section {
            $($(#[doc = $doc])+ pub $field: $Field,)*
            $($($(#[doc = $nested_doc])+ pub $nested: $Nested,)+)?
            $($($(#[doc = $plain_doc])+ pub $plain: $Plain,)+)?
        }

        #[doc = concat!("The settings of [`", stringify!($Section), "`] that one place gives.")]
        #[derive(Clone, Debug, Default, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(in crate::config) struct $Layer {
            $(
                $(#[serde($($serde)+)])?
                pub(in crate::config) $field:
                    Option<<$Field as $crate::config::settings::SettingField>::Value>,
            )*
            $($(
                pub(in crate::config) $nested:
                    <$Nested as $crate::config::settings::Section>::Layer,
            )+)?
            $($(
                $(#[serde($($plain_serde)+)])?
                pub(in crate::config) $plain: Option<$Plain>,
            )+)?
        }

        const _: () = {
            use $crate::config::settings as this;

            impl From<$Layer> for $Section {
                fn from(layer: $Layer) -> Self {
                    Self {
                        $($field: this::SettingField::resolve(layer.$field, $default),)*
                        $($($nested: layer.$nested.into(),)+)?
                        $($($plain: layer.$plain.unwrap_or_default(),)+)?
                    }
                }
            }

            impl Default for $Section {
                fn default() -> Self {
                    $Layer::default().into()
                }
            }

            impl this::Section for $Section {
                type Layer = $Layer;

                fn settings() -> Vec<this::Setting> {
                    let own = vec![$(this::Setting {
                        key: concat!($table, ".", stringify!($field)),
                        default: $default,
                        usage: $usage,
                        scope: this::Scope::$scope,
                        heading: $heading,
                        help: concat!($($doc),+),
                        accept: <<$Field as this::SettingField>::Value as this::SettingValue>::accept,
                    }),*];
                    [own, $($(<$Nested as this::Section>::settings(),)+)?].concat()
                }

                fn from_matches(matches: &clap::ArgMatches) -> $Layer {
                    $Layer {
                        $($field: this::from_matches::<$Field>(
                            matches,
                            concat!($table, ".", stringify!($field)),
                        ),)*
                        $($($nested: <$Nested as this::Section>::from_matches(matches),)+)?
                        $($($plain: None,)+)?
                    }
                }

                fn merge(upper: $Layer, lower: $Layer) -> $Layer {
                    $Layer {
                        $($field: upper.$field.or(lower.$field),)*
                        $($(
                            $nested: <$Nested as this::Section>::merge(upper.$nested, lower.$nested),
                        )+)?
                        $($($plain: upper.$plain.or(lower.$plain),)+)?
                    }
                }

                fn check_ranges(&self) -> Result<(), $crate::config::ConfigError> {
                    $($(this::check_range(
                        concat!($table, ".", stringify!($field)),
                        this::SettingField::value(&self.$field),
                        $range,
                    )?;)?)*
                    $($(this::Section::check_ranges(&self.$nested)?;)+)?
                    Ok(())
                }
            }
        };
    };
}

pub(super) use settings;
