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
    let mut expected: Vec<_> = Config::settings()
        .iter()
        .map(|setting| setting.key)
        .collect();
    expected.sort_unstable();
    assert_eq!(keys, expected);
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
