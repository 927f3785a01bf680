//! The documents match the program.

mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use almanac::http::Code;
use almanac_forecast::Warning;

use crate::metrics::all_names;
use crate::support::TestApp;
use crate::tidy::source::source_files;

fn path_of(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(file)
}

#[track_caller]
fn read(file: &str) -> String {
    fs::read_to_string(path_of(file)).unwrap_or_else(|error| panic!("docs/{file}: {error}"))
}

/// Returns the cells of the rows of every table of a document, without white space and backticks.
fn rows(document: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        line.trim_matches('|')
            .split(" |")
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
        "the codes are not in the order of the program"
    );
}

#[test]
fn every_row_of_the_api_with_a_status_is_a_code() {
    let codes: Vec<_> = Code::all().map(|code| code.as_str()).collect();
    for row in rows(&read("api.md")) {
        if row.len() == 3 && row[1].len() == 3 && row[1].bytes().all(|byte| byte.is_ascii_digit()) {
            assert!(codes.contains(&row[0].as_str()), "{row:?}");
        }
    }
}

/// Returns the codes of all warnings: the string literals of `Warning::code`.
///
/// `Warning` is non-exhaustive, so no match in this crate could be complete; the match in `code` is.
fn warning_codes() -> BTreeSet<String> {
    source_files()
        .iter()
        .find(|file| file.lines.iter().any(|line| line == "pub enum Warning {"))
        .expect("no file declares Warning")
        .lines
        .iter()
        .skip_while(|line| !line.contains("fn code(&self)"))
        .take_while(|line| *line != "    }")
        .filter_map(|line| line.split_once("=> \""))
        .map(|(_, code)| code.trim_end_matches("\",").to_owned())
        .collect()
}

#[test]
fn every_warning_is_in_the_api() {
    let codes = warning_codes();
    assert!(codes.contains(Warning::NoBand.code()), "{codes:?}");
    let api = read("api.md");
    let (_, section) = api.split_once("\n### Warnings\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let documented: BTreeSet<_> = rows(section)
        .into_iter()
        .skip(1)
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(documented, codes);
}

#[test]
fn every_metric_is_documented_and_every_documented_metric_exists() {
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

/// `UPDATE_OPENAPI=1 cargo test --test it openapi` regenerates the file.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the test, not of the program"
)]
fn the_committed_openapi_document_is_up_to_date() {
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
