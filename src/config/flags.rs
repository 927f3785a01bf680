//! The settings as flags and as `ALMANAC_` variables.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::config::settings::{Scope, Section as _, Setting};
use crate::config::{Config, ConfigError, ConfigLayer};

/// The variable of `--config`.
const CONFIG_VARIABLE: &str = "ALMANAC_CONFIG";

/// A variable that begins with `ALMANAC_` and that only the build reads.
const BUILD_VARIABLE: &str = "ALMANAC_CACHE_DIR";

/// The settings that the command line and the environment give.
#[derive(Clone, Debug, Default)]
pub struct SettingFlags<const IS_SHARED: bool> {
    /// The path of the file with settings.
    pub(super) config: Option<PathBuf>,
    /// The settings that are given.
    pub(super) layer: ConfigLayer,
}

/// The flags of `almanac serve`: every setting.
pub type Flags = SettingFlags<false>;

/// The flags of the other subcommands: the settings that they share with `almanac serve`.
pub type SharedFlags = SettingFlags<true>;

impl<const IS_SHARED: bool> SettingFlags<IS_SHARED> {
    /// Returns true if the log level is given.
    #[must_use]
    pub const fn has_log_level(&self) -> bool {
        self.layer.log.level.is_some()
    }
}

impl<const IS_SHARED: bool> Args for SettingFlags<IS_SHARED> {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .env(CONFIG_VARIABLE)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("TOML file with settings")
            .help_heading("Settings");
        let settings = Config::settings().into_iter();
        let taken = settings.filter(|setting| !IS_SHARED || setting.scope == Scope::Shared);
        command.arg(config).args(taken.map(|setting| setting.arg()))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<const IS_SHARED: bool> FromArgMatches for SettingFlags<IS_SHARED> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            config: matches.get_one("config").cloned(),
            layer: Config::from_matches(matches),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Rejects variables that begin with `ALMANAC_` and are not settings: a misspelt variable would be
/// ignored.
pub(super) fn check_variables(names: impl Iterator<Item = String>) -> Result<(), ConfigError> {
    let mut known: Vec<_> = Config::settings().iter().map(Setting::variable).collect();
    known.extend([CONFIG_VARIABLE, BUILD_VARIABLE].map(str::to_owned));
    let mut unknown = names.filter(|name| name.starts_with("ALMANAC_") && !known.contains(name));
    let Some(name) = unknown.next() else {
        return Ok(());
    };
    let nearest = known
        .iter()
        .max_by(|left, right| {
            let [left, right] = [left, right].map(|known| strsim::jaro_winkler(known, &name));
            left.total_cmp(&right)
        })
        .cloned();
    Err(ConfigError::UnknownVariable { name, nearest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches<A: Args>(arguments: &[&str]) -> Result<ArgMatches, clap::Error> {
        A::augment_args(Command::new("almanac"))
            .no_binary_name(true)
            .try_get_matches_from(arguments)
    }

    #[test]
    fn the_arguments_are_consistent() {
        Flags::augment_args(Command::new("almanac")).debug_assert();
        SharedFlags::augment_args(Command::new("almanac")).debug_assert();
    }

    #[test]
    fn a_flag_gives_its_setting_alone() {
        let matches = matches::<Flags>(&["--emf", "--models=embedded:,/m", "--models", "/n"]);
        let Flags { layer, .. } = Flags::from_arg_matches(&matches.unwrap()).unwrap();
        assert_eq!(layer.emf.enabled, Some(true));
        let sources: Vec<_> = layer.models.sources.iter().flatten().collect();
        assert_eq!(sources.len(), 3, "{sources:?}");
        assert!(layer.server.listen.is_none() && layer.models.rollback.requests.is_none());
    }

    #[test]
    fn settings_of_the_server_are_not_shared() {
        let given = matches::<SharedFlags>(&["--max-series", "7"]).unwrap();
        let flags = SharedFlags::from_arg_matches(&given).unwrap();
        assert_eq!(flags.layer.limits.max_series, Some(7));
        assert!(matches::<SharedFlags>(&["--listen", "127.0.0.1:80"]).is_err());
    }

    #[test]
    fn a_misspelt_variable_is_rejected_with_the_nearest() {
        let error = check_variables(["ALMANAC_LISTN".to_owned()].into_iter()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ALMANAC_LISTN is not a setting; did you mean ALMANAC_LISTEN?"
        );
        let known = ["ALMANAC_LISTEN", "ALMANAC_CONFIG", "HOME"].map(str::to_owned);
        check_variables(known.into_iter()).unwrap();
    }
}
