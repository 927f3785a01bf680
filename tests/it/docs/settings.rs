//! The settings in the documents, in the sample file and in the help texts.

use std::collections::BTreeMap;

use almanac::config::{Config, Flags};
use clap::Args as _;

use super::{read, rows};

/// A setting as the program declares it.
struct Setting {
    flag: String,
    variable: String,
    /// The default in the help text.
    default: String,
}

/// Returns the settings that the program declares.
fn declared() -> Vec<Setting> {
    let command = Flags::augment_args(clap::Command::new("almanac"));
    command
        .get_arguments()
        .map(|argument| {
            let help = argument.get_help().unwrap().to_string().replace('\n', " ");
            let default = help
                .rsplit_once("[default: ")
                .map_or("", |(_, default)| default.trim_end().trim_end_matches(']'));
            Setting {
                flag: format!("--{}", argument.get_long().unwrap()),
                variable: argument.get_env().unwrap().to_str().unwrap().to_owned(),
                default: default.to_owned(),
            }
        })
        .collect()
}

/// Returns each key of the configuration file with the default of [`Config`], as the help texts
/// describe it.
fn defaults() -> BTreeMap<&'static str, String> {
    let Config {
        server,
        shutdown,
        limits,
        engine,
        models,
        admin,
        log,
        traces,
        emf,
        sagemaker,
        ..
    } = Config::default();
    let sources: Vec<_> = models.sources.iter().map(ToString::to_string).collect();
    assert_eq!(
        (engine.cores, engine.workers, engine.session_threads),
        (None, None, None)
    );
    let rollback = models.rollback;
    assert!(models.memory.is_none() && admin.listen.is_none());
    assert!(admin.key.is_none() && admin.key_file.is_none());
    assert!(models.aliases.is_empty() && models.routes.is_empty());
    assert!(traces.endpoint.is_none() && traces.service.is_none());
    assert!(models.public_keys.is_empty() && models.cache_dir.is_none());
    assert!(models.s3_endpoint.is_none() && models.s3_region.is_none());
    BTreeMap::from([
        ("server.listen", server.listen.to_string()),
        ("server.header_timeout", server.header_timeout.to_string()),
        ("server.body_timeout", server.body_timeout.to_string()),
        ("server.request_timeout", server.request_timeout.to_string()),
        ("server.idle_timeout", server.idle_timeout.to_string()),
        ("server.max_connections", server.max_connections.to_string()),
        ("server.max_body", server.max_body.to_string()),
        ("shutdown.drain_delay", shutdown.drain_delay.to_string()),
        (
            "shutdown.drain_deadline",
            shutdown.drain_deadline.to_string(),
        ),
        ("limits.max_series", limits.max_series.to_string()),
        ("limits.max_values", limits.max_values.to_string()),
        ("limits.max_horizon", limits.max_horizon.to_string()),
        ("limits.max_levels", limits.max_levels.to_string()),
        ("limits.max_covariates", limits.max_covariates.to_string()),
        ("limits.max_windows", limits.max_windows.to_string()),
        (
            "limits.max_backtest_forecasts",
            limits.max_backtest_forecasts.to_string(),
        ),
        ("engine.queue_steps", engine.queue_steps.to_string()),
        ("engine.batch_steps", engine.batch_steps.to_string()),
        ("engine.max_wait", engine.max_wait.to_string()),
        ("engine.cores", "found".to_owned()),
        ("engine.workers", "one per core".to_owned()),
        ("engine.session_threads", "1".to_owned()),
        ("models.sources", sources.join(",")),
        ("models.default", models.default),
        ("models.max_bundle", models.max_bundle.to_string()),
        ("models.max_listed", models.max_listed.to_string()),
        ("models.public_keys", "none".to_owned()),
        (
            "models.cache_dir",
            "almanac/models in the user's cache folder".to_owned(),
        ),
        ("models.cache_size", models.cache_size.to_string()),
        ("models.connect_timeout", models.connect_timeout.to_string()),
        ("models.read_timeout", models.read_timeout.to_string()),
        ("models.fetch_timeout", models.fetch_timeout.to_string()),
        ("models.attempts", models.attempts.to_string()),
        ("models.part_size", models.part_size.to_string()),
        ("models.parallel_parts", models.parallel_parts.to_string()),
        ("models.allow_http", models.allow_http.to_string()),
        ("models.s3_endpoint", "found".to_owned()),
        ("models.s3_path_style", models.s3_path_style.to_string()),
        ("models.s3_region", "found".to_owned()),
        ("models.watch", models.watch.to_string()),
        ("models.list_timeout", models.list_timeout.to_string()),
        ("models.loads", models.loads.to_string()),
        ("models.history", models.history.to_string()),
        ("models.probation", models.probation.to_string()),
        ("models.memory", "unbounded".to_owned()),
        ("models.shadow_values", models.shadow_values.to_string()),
        ("models.max_aliases", models.max_aliases.to_string()),
        ("models.rollback.requests", rollback.requests.to_string()),
        (
            "models.rollback.error_rate",
            rollback.error_rate.to_string(),
        ),
        (
            "models.rollback.error_ratio",
            rollback.error_ratio.to_string(),
        ),
        (
            "models.rollback.latency_requests",
            rollback.latency_requests.to_string(),
        ),
        (
            "models.rollback.latency_ratio",
            rollback.latency_ratio.to_string(),
        ),
        (
            "models.rollback.latency_floor",
            rollback.latency_floor.to_string(),
        ),
        ("admin.listen", "none".to_owned()),
        ("admin.key", "none".to_owned()),
        ("admin.key_file", "none".to_owned()),
        (
            "sagemaker.model_dir",
            sagemaker.model_dir.display().to_string(),
        ),
        (
            "sagemaker.models_dir",
            sagemaker.models_dir.display().to_string(),
        ),
        ("sagemaker.max_models", sagemaker.max_models.to_string()),
        ("log.format", log.format.to_string()),
        ("log.level", log.level),
        ("log.requests", log.requests.to_string()),
        ("log.slow", log.slow.to_string()),
        ("log.buffer", log.buffer.to_string()),
        ("traces.endpoint", "none".to_owned()),
        ("traces.sample_ratio", traces.sample_ratio.to_string()),
        ("traces.queue", traces.queue.to_string()),
        ("traces.service", "almanac".to_owned()),
        ("emf.enabled", emf.enabled.to_string()),
        ("emf.interval", emf.interval.to_string()),
        ("emf.namespace", emf.namespace),
        ("emf.max_models", emf.max_models.to_string()),
    ])
}

/// Normalizes the spelling of `32.0 MiB`, `1m 15s` and `75s`.
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
    let mut keys = defaults();
    for setting in declared() {
        let Setting {
            flag,
            variable,
            default,
        } = setting;
        let row = document
            .iter()
            .find(|row| row[0] == flag)
            .unwrap_or_else(|| panic!("docs/configuration.md has no row for {flag}"));
        assert_eq!(row[1], variable, "{flag}");
        if flag == "--config" {
            assert_eq!(
                (row[2].as_str(), row[3].as_str(), default.as_str()),
                ("", "", "")
            );
            continue;
        }
        let key = row[2].as_str();
        let expected = keys
            .remove(key)
            .unwrap_or_else(|| panic!("{flag}: {key} is not a key"));
        assert_eq!(
            normal(&row[3]),
            normal(&expected),
            "{flag}: docs/configuration.md"
        );
        let in_help = if key == "engine.cores" {
            "found"
        } else {
            default.as_str()
        };
        assert_eq!(normal(in_help), normal(&expected), "{flag}: --help");
    }
    assert!(keys.is_empty(), "no flag for {keys:?}");
}

#[test]
fn every_documented_setting_exists() {
    let flags: Vec<_> = declared().into_iter().map(|setting| setting.flag).collect();
    for row in rows(&read("configuration.md")) {
        assert!(
            !row[0].starts_with("--") || flags.contains(&row[0]),
            "{}",
            row[0]
        );
    }
}

/// Returns the keys of the sample file, including those in comments.
fn sample_keys(sample: &str) -> Vec<String> {
    let mut section = "";
    let mut keys = Vec::new();
    // Lines that begin with `##` are examples: tables with a key for each model.
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
    assert_eq!(keys, defaults().into_keys().collect::<Vec<_>>());
    // Keys in comments must be readable too.
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
