//! The rules of manifests, and the check of requests.

use almanac_forecast::{ForecastRequest, Horizon, SeasonChoice, Series};

use super::*;

/// A small manifest with three levels, without files.
pub(crate) const MANIFEST: &str = r#"
format = 1
name = "small"
version = "1.0"
description = "For tests"
licence = "MIT"

[files]

[context]
input = "context"
axes = ["batch", "time"]
type = "float32"
min_length = 1
max_length = 4
pad = "left"
missing = "nan"
scaling = "mean_abs"

[season_length]
input = "season"
type = "int64"
unknown = -1
longest = 24

[horizon]
native = 2
longest = 2

[output]
name = "quantiles"
axes = ["batch", "quantile", "time"]
type = "float32"
levels = [0.1, 0.5, 0.9]

[postprocess]
non_negative = true
"#;

/// Parses [`MANIFEST`] with one line replaced by another of the same key.
#[track_caller]
pub(crate) fn manifest(line: &str) -> Manifest {
    Manifest::parse(&with_line(line)).unwrap()
}

/// Parses [`MANIFEST`] with other lines in one of its tables.
#[track_caller]
pub(crate) fn manifest_with(table: &str, lines: &str) -> Manifest {
    Manifest::parse(&with_table(MANIFEST, table, lines)).unwrap()
}

/// Returns `text` with other lines in one of its tables.
#[track_caller]
pub(crate) fn with_table(text: &str, table: &str, lines: &str) -> String {
    let start = text.find(table).unwrap() + table.len();
    let end = text[start..]
        .find("\n[")
        .map_or(text.len(), |end| start + end);
    format!("{}\n{lines}\n{}", &text[..start], &text[end..])
}

#[track_caller]
fn with_line(line: &str) -> String {
    let Some((key, _)) = line.split_once(" = ") else {
        return MANIFEST.to_owned();
    };
    let is_of_key = |old: &str| old.split_once(" = ").is_some_and(|(old, _)| old == key);
    assert!(MANIFEST.lines().any(is_of_key), "no {key}");
    MANIFEST
        .lines()
        .map(|old| if is_of_key(old) { line } else { old })
        .collect::<Vec<_>>()
        .join("\n")
}

#[track_caller]
fn check_rejected(line: &str, expected: &str) {
    let error = Manifest::parse(&with_line(line)).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("manifest.toml: {expected}")),
        "{line}: {error}"
    );
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn every_role_is_parsed() {
    let manifest = manifest("");
    assert_eq!(
        (manifest.name.as_str(), manifest.version.as_str()),
        ("small", "1.0")
    );
    assert_eq!(manifest.levels().as_slice().len(), 3);
    assert!(manifest.postprocess.non_negative);
}

#[test]
fn optional_roles_may_be_omitted() {
    let text = MANIFEST.replace("[postprocess]\nnon_negative = true", "");
    let season = text.find("[season_length]").unwrap();
    let horizon = text.find("[horizon]").unwrap();
    let manifest = Manifest::parse(&format!("{}{}", &text[..season], &text[horizon..])).unwrap();
    assert_eq!(
        (manifest.season_length, manifest.postprocess),
        (None, Postprocess::default())
    );
}

#[test]
fn a_text_of_another_schema_is_rejected() {
    check_rejected("format = 2", "format 2 is not supported");
    check_rejected("format = \"1\"", "TOML parse error");
    check_rejected("pad = \"middle\"", "TOML parse error");
    check_rejected("licence = \"MIT\"\nauthor = \"me\"", "TOML parse error");
    assert!(Manifest::parse(&MANIFEST.replace("licence = \"MIT\"", "")).is_err());
}

#[test]
fn a_value_that_breaks_a_rule_is_rejected_with_the_rule() {
    check_rejected(
        "name = \"../etc\"",
        "name is \"../etc\"; use 1 to 64 letters",
    );
    check_rejected("version = \"\"", "version is \"\"; use 1 to 64 letters");
    check_rejected(
        "min_length = 5",
        "context.min_length is 5; use a number from 1 to context.max_length, which is 4",
    );
    check_rejected(
        "min_length = 0",
        "context.min_length is 0; use a number from 1 to",
    );
    check_rejected(
        "longest = 3",
        "horizon.longest is 3; use a number from 1 to horizon.native, which is 2",
    );
    check_rejected(
        "native = 0",
        "horizon.native is 0; use a number from 1 to 1000000",
    );
    check_rejected(
        "native = 2\ninput = \"steps\"",
        "horizon.type is missing; set it to \"int64\"",
    );
    for levels in [
        "[0.9, 0.5, 0.1]",
        "[0.1, 0.9]",
        "[0.5, 0.5]",
        "[0.0, 0.5]",
        "[]",
    ] {
        check_rejected(
            &format!("levels = {levels}"),
            &format!("output.levels is {levels}; use ascending numbers"),
        );
    }
}

#[test]
fn axes_without_a_batch_are_rejected() {
    for (axes, expected) in [
        (
            r#"["batch", "time"]"#,
            r#"context.axes is ["time", "time"]; use ["batch", "time"]"#,
        ),
        (
            r#"["batch", "quantile", "time"]"#,
            r#"output.axes is ["time", "quantile", "time"]; use "batch" first"#,
        ),
    ] {
        let text = MANIFEST.replace(axes, &axes.replace("batch", "time"));
        let error = Manifest::parse(&text).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("manifest.toml: {expected}")),
            "{error}"
        );
    }
}

#[test]
fn the_table_of_a_rejected_value_is_named() {
    let input = |axes: &str, fill: &str| {
        format!(
            "{MANIFEST}\n[[inputs]]\nname = \"mask\"\ntype = \"bool\"\naxes = {axes}\nfill = {fill}\n"
        )
    };
    for (axes, fill, expected) in [
        (
            r#"["batch", "batch"]"#,
            "0",
            r#"inputs.axes of "mask" is ["batch", "batch"]; use at most 6 axes"#,
        ),
        (
            r#"["batch", 3]"#,
            r#""observed""#,
            r#"inputs.fill of "mask" is "observed"; a mask requires"#,
        ),
        ("[]", "0.5", r#"inputs.fill of "mask" is 0.5; use a whole"#),
        (
            r#"["batch", "time"]"#,
            r#"["price"]"#,
            r#"inputs.fill is "price"; there is no such covariate"#,
        ),
    ] {
        let error = Manifest::parse(&input(axes, fill)).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("manifest.toml: {expected}")),
            "{error}"
        );
    }
}

fn request(values: &[f64], horizon: u64) -> ForecastRequest {
    ForecastRequest::new(
        Series::new(values.to_vec(), None, 10).unwrap(),
        Horizon::new(horizon, 10).unwrap(),
        QuantileLevels::with_median([]),
        SeasonChoice::Given(1),
    )
}

#[test]
fn requests_outside_the_limits_of_the_model_are_rejected() {
    let manifest = manifest("min_length = 2");
    let model = || "small".to_owned();
    assert_eq!(manifest.fits(&request(&[1.0, 2.0], 2)), Ok(()));
    let too_far = Unfit::Horizon {
        steps: 3,
        longest: 2,
        model: model(),
    };
    assert_eq!(manifest.fits(&request(&[1.0, 2.0], 3)), Err(too_far));
    let too_short = Unfit::TooShort {
        length: 1,
        least: 2,
        model: model(),
    };
    assert_eq!(manifest.fits(&request(&[1.0], 2)), Err(too_short));
    let missing = [1.0, f64::NAN, f64::NAN, f64::NAN, f64::NAN];
    let unobserved = Unfit::NothingObserved {
        length: 4,
        model: model(),
    };
    assert_eq!(manifest.fits(&request(&missing, 2)), Err(unobserved));
}
