//! The documents say what the program does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use almanac::config::{Config, Flags};
use almanac::http::Code;
use almanac_forecast::Warning;
use clap::Args as _;

use crate::metrics::all_names;
use crate::support::TestApp;

fn path_of(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(file)
}

#[track_caller]
fn read(file: &str) -> String {
    fs::read_to_string(path_of(file)).unwrap_or_else(|error| panic!("docs/{file}: {error}"))
}

/// The cells of the rows of every table of a document, without white space and backticks.
fn rows(document: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split(" |");
        cells
            .map(|cell| cell.trim().trim_matches('|').trim().replace('`', ""))
            .collect()
    };
    let is_row = |line: &&str| line.starts_with('|') && !line.starts_with("|---");
    document.lines().filter(is_row).map(cells).collect()
}

#[test]
fn every_code_is_in_the_api_with_its_status_and_title() {
    let api = read("api.md");
    let documented: BTreeMap<_, _> = rows(&api)
        .into_iter()
        .map(|row| (row[0].clone(), row[1..].to_vec()))
        .collect();
    let mut listed = Vec::new();
    for code in Code::all() {
        let expected = [code.status().as_u16().to_string(), code.title().to_owned()];
        assert_eq!(
            documented.get(code.as_str()).map(Vec::as_slice),
            Some(&expected[..]),
            "{}",
            code.as_str()
        );
        listed.push(api.find(&format!("| `{}` |", code.as_str())).unwrap());
    }
    assert!(
        listed.is_sorted(),
        "the codes stand in the order of the program"
    );
}

#[test]
fn every_status_row_of_the_api_is_a_code() {
    let codes: Vec<_> = Code::all().map(|code| code.as_str()).collect();
    for row in rows(&read("api.md")) {
        if row.len() == 3 && row[1].len() == 3 && row[1].bytes().all(|byte| byte.is_ascii_digit()) {
            assert!(codes.contains(&row[0].as_str()), "{row:?}");
        }
    }
}

#[test]
fn every_warning_is_in_the_api() {
    let warnings = [
        Warning::ContextTruncated { given: 2, used: 1 },
        Warning::GapsFilled { steps: 1 },
        Warning::OffAnchor {
            start: String::new(),
            frequency: String::new(),
        },
        Warning::Extrapolated {
            level: 0.1,
            outermost: 0.2,
        },
        Warning::NoBand,
        Warning::RolledOut { native: 1 },
        Warning::SeasonIgnored {
            season_length: 2,
            longest: 1,
        },
        Warning::NotCalibrated,
        Warning::CalibratedOnFew {
            percent: 80.0,
            values: 1,
            needed: 4,
        },
    ];
    let api = read("api.md");
    for warning in warnings {
        assert!(
            api.contains(&format!("| `{}` |", warning.code())),
            "{}",
            warning.code()
        );
    }
}

#[test]
fn every_metric_is_documented_and_nothing_else() {
    let api = read("api.md");
    let names = all_names();
    for name in &names {
        let is_covered = name.starts_with("process_") && api.contains("| `process_*` |");
        assert!(
            is_covered || api.contains(&format!("| `{name}` |")),
            "{name}"
        );
    }
    for row in rows(&api) {
        if row[0].starts_with("almanac_") {
            assert!(names.contains(&row[0]), "{} is not a metric", row[0]);
        }
    }
}

/// The settings as the program declares them: flag, variable, and the default that the help tells.
fn declared() -> Vec<(String, String, String)> {
    let command = Flags::augment_args(clap::Command::new("almanac"));
    let settings = command.get_arguments().map(|argument| {
        let flag = format!("--{}", argument.get_long().unwrap());
        let variable = argument.get_env().unwrap().to_str().unwrap().to_owned();
        let help = argument.get_help().unwrap().to_string().replace('\n', " ");
        let default = help
            .rsplit_once("[default: ")
            .map_or("", |(_, default)| default.trim_end().trim_end_matches(']'));
        (flag, variable, default.to_owned())
    });
    settings.collect()
}

/// Each key of the file and the default of [`Config`], in the words of the help.
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

/// `32.0 MiB`, `1m 15s` and `75s` in one spelling.
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
    for (flag, variable, told) in declared() {
        let row = document.iter().find(|row| row[0] == flag);
        let row = row.unwrap_or_else(|| panic!("docs/configuration.md has no row for {flag}"));
        assert_eq!(row[1], variable, "{flag}");
        if flag == "--config" {
            assert_eq!(
                (row[2].as_str(), row[3].as_str(), told.as_str()),
                ("", "", "")
            );
            continue;
        }
        let key = row[2].as_str();
        let default = keys
            .remove(key)
            .unwrap_or_else(|| panic!("{flag}: {key} is not a key"));
        assert_eq!(
            normal(&row[3]),
            normal(&default),
            "{flag}: docs/configuration.md"
        );
        let told = if key == "engine.cores" {
            "found"
        } else {
            told.as_str()
        };
        assert_eq!(normal(told), normal(&default), "{flag}: --help");
    }
    assert!(keys.is_empty(), "no flag for {keys:?}");
}

#[test]
fn no_row_of_the_settings_is_made_up() {
    let flags: Vec<_> = declared().into_iter().map(|(flag, ..)| flag).collect();
    for row in rows(&read("configuration.md")) {
        assert!(
            !row[0].starts_with("--") || flags.contains(&row[0]),
            "{}",
            row[0]
        );
    }
}

/// The keys of the sample file, those that it only comments included.
fn sample_keys(sample: &str) -> Vec<String> {
    let mut section = "";
    let mut keys = Vec::new();
    // Tables that have a key for each model are examples.
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
    // What is only commented must be readable too.
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

/// `UPDATE_OPENAPI=1 cargo test --test it openapi` writes the file anew.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the test, not of the program"
)]
fn the_committed_openapi_document_is_that_of_the_program() {
    let document = format!("{}\n", almanac::http::openapi_document().trim_end());
    if std::env::var("UPDATE_OPENAPI").is_ok_and(|value| value == "1") {
        fs::write(path_of("openapi.json"), &document).unwrap();
    }
    let committed = read("openapi.json");
    assert!(
        committed == document,
        "docs/openapi.json is out of date; run UPDATE_OPENAPI=1 cargo test --test it openapi"
    );
}

#[test]
fn every_route_of_the_admin_api_is_documented() {
    let page = read("model-life.md");
    let document: serde_json::Value =
        serde_json::from_str(&almanac::http::admin_openapi_document()).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let route = format!("| `{} {path}` |", method.to_uppercase());
            assert!(page.contains(&route), "{route}");
            assert!(operation["summary"].is_string(), "{route} has no summary");
        }
    }
}

#[test]
fn every_state_of_a_version_is_documented() {
    let states = rows(&read("model-life.md"));
    for name in almanac_engine::registry::VersionState::NAMES {
        assert!(states.iter().any(|row| row[0] == name), "{name}");
    }
}

#[tokio::test]
async fn the_served_openapi_document_is_the_committed_one() {
    let served = TestApp::loading("seasonal").get("/openapi.json").await.ok();
    let document: serde_json::Value =
        serde_json::from_str(&almanac::http::openapi_document()).unwrap();
    assert_eq!(served, document);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(
                operation["summary"].is_string(),
                "{method} {path} has no summary"
            );
            assert!(operation["responses"].is_object(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_route_of_the_openapi_document_is_in_the_api_page() {
    let api = read("api.md");
    let served = TestApp::loading("seasonal").get("/openapi.json").await.ok();
    let hosted: serde_json::Value =
        serde_json::from_str(&almanac::http::multi_model_openapi_document()).unwrap();
    let paths = [&served, &hosted].map(|document| document["paths"].as_object().unwrap());
    for (path, operations) in paths.into_iter().flatten() {
        for method in operations.as_object().unwrap().keys() {
            let route = format!("`{} {path}`", method.to_uppercase());
            assert!(api.contains(&route), "{route}");
        }
    }
}
