//! Rules of the source tree that the compiler does not know: which module may import which, what
//! may be read where, and how long a file may be.

pub(crate) mod source;

use std::collections::BTreeSet;

use source::{SourceFile, source_files};

/// What each module may import. A new edge is a change of the design: it is decided here.
const MAY_IMPORT: [(&str, &[&str]); 17] = [
    ("forecast", &[]),
    ("model", &["forecast"]),
    ("onnx", &["model", "forecast"]),
    ("engine", &["model", "forecast", "telemetry"]),
    ("store", &["model"]),
    (
        "registry",
        &["engine", "store", "model", "forecast", "telemetry"],
    ),
    ("backtest", &["registry", "engine", "forecast"]),
    ("frame", &["forecast"]),
    ("plot", &["forecast"]),
    (
        "http",
        &[
            "backtest",
            "registry",
            "engine",
            "model",
            "forecast",
            "frame",
            "plot",
            "shutdown",
            "telemetry",
        ],
    ),
    (
        "batch",
        &[
            "registry",
            "engine",
            "model",
            "forecast",
            "frame",
            "telemetry",
        ],
    ),
    ("shutdown", &[]),
    ("telemetry", &[]),
    ("cpu", &[]),
    (
        "config",
        &["cpu", "forecast", "model", "store", "telemetry"],
    ),
    ("app", EVERYTHING_BELOW_APP),
    ("cli", EVERYTHING_BELOW_CLI),
];

const EVERYTHING_BELOW_APP: &[&str] = &[
    "forecast",
    "model",
    "onnx",
    "engine",
    "store",
    "registry",
    "backtest",
    "frame",
    "plot",
    "http",
    "batch",
    "shutdown",
    "telemetry",
    "cpu",
    "config",
];

const EVERYTHING_BELOW_CLI: &[&str] = &[
    "forecast",
    "model",
    "onnx",
    "engine",
    "store",
    "registry",
    "backtest",
    "frame",
    "plot",
    "http",
    "batch",
    "shutdown",
    "telemetry",
    "cpu",
    "config",
    "app",
];

/// Fails with every file that `broken` says something of.
#[track_caller]
fn check(rule: &str, broken: impl Fn(&SourceFile) -> Vec<String>) {
    let files = source_files();
    assert!(files.len() > 50, "the sources were not found");
    let told: Vec<_> = files
        .iter()
        .flat_map(|file| {
            broken(file)
                .into_iter()
                .map(|what| format!("{}: {what}", file.path))
        })
        .collect();
    assert!(told.is_empty(), "{rule}:\n  {}", told.join("\n  "));
}

#[test]
fn modules_import_only_what_the_table_says() {
    check(
        "an import that the table in tests/it/tidy.rs does not have",
        |file| {
            let Some(module) = file.module() else {
                return Vec::new();
            };
            let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == module) else {
                return vec![format!("module {module} is not in the table")];
            };
            let edges = file.crate_paths().into_iter();
            let wrong = edges.filter(|to| *to != module && !allowed.contains(&to.as_str()));
            wrong.map(|to| format!("{module} -> {to}")).collect()
        },
    );
}

#[test]
fn the_table_has_every_module_and_no_other() {
    let declared: BTreeSet<_> = source_files()
        .iter()
        .filter_map(|file| file.module().map(str::to_owned))
        .collect();
    let listed: BTreeSet<_> = MAY_IMPORT
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(declared, listed);
}

#[test]
fn no_file_is_over_500_lines() {
    check("split it by what its parts are for", |file| {
        let lines = file.lines.len();
        if lines > 500 {
            vec![format!("{lines} lines")]
        } else {
            Vec::new()
        }
    });
}

#[test]
fn nothing_unwraps_outside_of_tests() {
    check("expect, with a reason, or an error", |file| {
        if file.is_test {
            return Vec::new();
        }
        file.find_outside_tests(|code| code.contains(".unwrap()"))
    });
}

#[test]
fn lints_are_expected_and_never_allowed() {
    check(
        "write expect(.., reason = ..), which ends when its cause does",
        |file| file.find(|code| code.contains("#[allow(") || code.contains("#![allow(")),
    );
}

#[test]
fn the_environment_is_read_in_one_place() {
    const READERS: [&str; 3] = [
        "src/config.rs",
        "src/config/platform.rs",
        "src/onnx/runtime.rs",
    ];
    check("src/config/platform.rs reads the environment", |file| {
        if READERS.contains(&file.path.as_str()) {
            return Vec::new();
        }
        file.find(|code| code.contains("env::var"))
    });
}

#[test]
fn only_onnx_knows_the_runtime() {
    check("only src/onnx knows ort", |file| {
        if file.module() == Some("onnx") {
            return Vec::new();
        }
        file.find(|code| source::has_path(code, "ort"))
    });
}

#[test]
fn only_traces_know_opentelemetry() {
    check("only src/telemetry/traces knows OpenTelemetry", |file| {
        if file.path.starts_with("src/telemetry/traces") {
            return Vec::new();
        }
        file.find(|code| code.contains("opentelemetry"))
    });
}

#[test]
fn no_module_is_a_drawer() {
    const DRAWERS: [&str; 7] = [
        "utils", "util", "common", "helpers", "types", "services", "managers",
    ];
    check("name a module after what it is about", |file| {
        let name = file
            .path
            .trim_end_matches("/mod.rs")
            .trim_end_matches(".rs");
        let name = name.rsplit('/').next().unwrap_or_default();
        let mut wrong = if DRAWERS.contains(&name) {
            vec![name.to_owned()]
        } else {
            Vec::new()
        };
        if file.path.ends_with("/mod.rs") {
            wrong.push("write x.rs beside x/".to_owned());
        }
        wrong
    });
}
