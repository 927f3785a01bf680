//! The settings in the documents, in the sample file and in the help texts.

use almanac::config::{Config, Flags};
use clap::Args as _;

use super::{read, rows};

/// Returns a size or a duration in one spelling: `1m 15s` and `75s` are equal.
fn normal(text: &str) -> String {
    let sized = text
        .parse::<almanac::config::Bytes>()
        .ok()
        .filter(|_| text.ends_with('B'));
    if let Some(size) = sized {
        return format!("{} bytes", size.get());
    }
    match text.parse::<almanac::config::Span>() {
        Ok(span) => format!("{:?}", span.get()),
        Err(_) => text.to_owned(),
    }
}

#[test]
fn every_setting_is_documented_with_its_default() {
    let document = rows(&read("configuration.md"));
    for setting in Config::settings() {
        let flag = format!("--{}", setting.flag());
        let row = document
            .iter()
            .find(|row| row[0] == flag)
            .unwrap_or_else(|| panic!("docs/configuration.md has no row for {flag}"));
        assert_eq!(row[1], setting.variable(), "{flag}");
        assert_eq!(row[2], setting.key, "{flag}");
        assert_eq!(normal(&row[3]), normal(setting.default), "{flag}");
    }
}

#[test]
fn every_documented_flag_is_a_setting() {
    let command = Flags::augment_args(clap::Command::new("almanac"));
    let flags: Vec<_> = command
        .get_arguments()
        .filter_map(|argument| Some(format!("--{}", argument.get_long()?)))
        .collect();
    for row in rows(&read("configuration.md")) {
        assert!(
            !row[0].starts_with("--") || flags.contains(&row[0]),
            "{}",
            row[0]
        );
    }
}

/// Returns the keys of the sample file, including those that are commented out.
fn sample_keys(sample: &str) -> Vec<String> {
    let mut section = "";
    let mut keys = Vec::new();
    // Tables with a key for each model are examples.
    for line in sample.lines().filter(|line| !line.starts_with("##")) {
        let line = line.trim_start_matches("# ");
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            section = name;
        } else if let Some((key, _)) = line.split_once(" = ") {
            keys.push(format!("{section}.{key}"));
        }
    }
    keys
}

#[test]
fn the_sample_file_has_every_key_at_its_default() {
    let sample = read("almanac.toml");
    let config: Config = toml::from_str(&sample).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    let mut keys = sample_keys(&sample);
    keys.sort();
    let mut expected: Vec<_> = Config::settings()
        .iter()
        .map(|setting| setting.key)
        .collect();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    // Commented lines must be valid too.
    let uncommented: String = sample
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|rest| rest.contains(" = "))
                .unwrap_or(line)
        })
        .fold(String::new(), |text, line| text + line + "\n");
    toml::from_str::<Config>(&uncommented).unwrap();
}
