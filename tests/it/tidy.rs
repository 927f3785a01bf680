//! Rules of the source tree that the compiler does not know: which module may import which, what
//! may be read where, and how long a file may be.

mod circles;
mod prose;
pub(crate) mod source;

use std::collections::BTreeSet;

use source::{SourceFile, source_files};

/// The imports that each crate, and each module of the program, may have. Cargo keeps the direction
/// between crates; a new edge is a change of the design, and is decided here.
const ALLOWED_IMPORTS: [(&str, &[&str]); 16] = [
    ("almanac_forecast", &[]),
    ("almanac_net", &[]),
    ("almanac_telemetry", &[]),
    ("almanac_frame", &["almanac_forecast"]),
    ("almanac_plot", &["almanac_forecast"]),
    ("almanac_model", &["almanac_forecast"]),
    ("almanac_store", &["almanac_model"]),
    (
        "almanac_engine",
        &[
            "almanac_forecast",
            "almanac_model",
            "almanac_store",
            "almanac_telemetry",
        ],
    ),
    (
        "call",
        &["almanac_engine", "almanac_forecast", "almanac_model"],
    ),
    ("table", &["almanac_frame", "call"]),
    (
        "batch",
        &[
            "almanac_engine",
            "almanac_forecast",
            "almanac_frame",
            "almanac_model",
            "call",
        ],
    ),
    (
        "http",
        &[
            "almanac_engine",
            "almanac_forecast",
            "almanac_frame",
            "almanac_model",
            "almanac_net",
            "almanac_plot",
            "almanac_telemetry",
            "call",
        ],
    ),
    ("cpu", &[]),
    (
        "config",
        &[
            "almanac_forecast",
            "almanac_model",
            "almanac_store",
            "almanac_telemetry",
            "cpu",
        ],
    ),
    ("app", BELOW_APP),
    ("cli", BELOW_CLI),
];

const BELOW_APP: &[&str] = &[
    "almanac_engine",
    "almanac_forecast",
    "almanac_model",
    "almanac_net",
    "almanac_store",
    "almanac_telemetry",
    "call",
    "config",
    "cpu",
    "http",
];

const BELOW_CLI: &[&str] = &[
    "almanac_engine",
    "almanac_forecast",
    "almanac_frame",
    "almanac_model",
    "almanac_plot",
    "almanac_store",
    "almanac_telemetry",
    "app",
    "batch",
    "call",
    "config",
    "http",
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
            let Some((_, allowed)) = ALLOWED_IMPORTS.iter().find(|(name, _)| **name == module)
            else {
                return vec![format!("module {module} is not in the table")];
            };
            let edges = file.imports().into_iter();
            let wrong = edges.filter(|to| *to != module && !allowed.contains(&to.as_str()));
            wrong.map(|to| format!("{module} -> {to}")).collect()
        },
    );
}

#[test]
fn the_table_has_every_module_and_no_other() {
    let declared: BTreeSet<_> = source_files()
        .iter()
        .filter_map(SourceFile::module)
        .collect();
    let listed: BTreeSet<_> = ALLOWED_IMPORTS
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
        "crates/model/src/onnx/runtime.rs",
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
    check("only crates/model/src/onnx knows ort", |file| {
        if file.path.starts_with("crates/model/src/onnx") {
            return Vec::new();
        }
        file.find(|code| source::has_path(code, "ort"))
    });
}

#[test]
fn only_traces_know_opentelemetry() {
    check(
        "only crates/telemetry/src/traces knows OpenTelemetry",
        |file| {
            if file.path.starts_with("crates/telemetry/src/traces") {
                return Vec::new();
            }
            file.find(|code| code.contains("opentelemetry"))
        },
    );
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
