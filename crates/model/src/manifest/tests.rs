//! What a manifest may say, and which requests fit it.

use super::*;
use almanac_forecast::{ForecastRequest, Horizon, SeasonChoice, Series};

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

/// [`MANIFEST`] with one line replaced by another of the same key.
#[track_caller]
pub(crate) fn manifest(line: &str) -> Manifest {
    Manifest::parse(&with_line(line)).unwrap()
}

/// [`MANIFEST`] with other lines in one of its tables.
#[track_caller]
pub(crate) fn manifest_with(table: &str, lines: &str) -> Manifest {
    Manifest::parse(&with_table(MANIFEST, table, lines)).unwrap()
}

/// `text` with other lines in one of its tables.
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
    assert!(MANIFEST.lines().any(is_of_key), "there is no {key}");
    let lines = MANIFEST
        .lines()
        .map(|old| if is_of_key(old) { line } else { old });
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check_refused(line: &str, expected: &str) {
    let error = Manifest::parse(&with_line(line)).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("manifest.toml: {expected}")),
        "{line}: {error}"
    );
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn reads_every_role() {
    let manifest = manifest("");
    assert_eq!(
        (manifest.name.as_str(), manifest.version.as_str()),
        ("small", "1.0")
    );
    assert_eq!(manifest.levels().as_slice().len(), 3);
    assert!(manifest.postprocess.non_negative);
}

#[test]
fn roles_that_may_be_left_out_have_no_effect() {
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
fn what_is_not_of_the_schema_is_refused() {
    check_refused("format = 2", "format is 2");
    check_refused("format = \"1\"", "TOML parse error");
    check_refused("pad = \"middle\"", "TOML parse error");
    check_refused("licence = \"MIT\"\nauthor = \"me\"", "TOML parse error");
    assert!(Manifest::parse(&MANIFEST.replace("licence = \"MIT\"", "")).is_err());
}

#[test]
fn what_makes_no_sense_is_refused_with_the_rule() {
    check_refused("name = \"../etc\"", "name is ../etc; write 1 to 64 letters");
    check_refused("version = \"\"", "version is ; write 1 to 64 letters");
    check_refused(
        "min_length = 5",
        "context.min_length is 5; it lies between 1 and",
    );
    check_refused(
        "min_length = 0",
        "context.min_length is 0; it lies between 1 and",
    );
    check_refused(
        "longest = 3",
        "horizon.longest is 3; it lies between 1 and horizon.native",
    );
    check_refused(
        "native = 0",
        "horizon.longest is 2; it lies between 1 and horizon.native",
    );
    check_refused(
        "native = 2\ninput = \"steps\"",
        "horizon.type is None; it is given exactly",
    );
    for (axes, told) in [
        (
            r#"["batch", "time"]"#,
            "context.axes is [Time, Time]; write [\"batch\", \"time\"]",
        ),
        (
            r#"["batch", "quantile", "time"]"#,
            "output.axes is [Time, Quantile, Time]; write",
        ),
    ] {
        let text = MANIFEST.replace(axes, &axes.replace("batch", "time"));
        let error = Manifest::parse(&text).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("manifest.toml: {told}")),
            "{error}"
        );
    }
    for levels in [
        "[0.9, 0.5, 0.1]",
        "[0.1, 0.9]",
        "[0.5, 0.5]",
        "[0.0, 0.5]",
        "[]",
    ] {
        check_refused(&format!("levels = {levels}"), "output.levels is [");
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
fn a_request_fits_when_the_model_can_see_and_reach_enough() {
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
