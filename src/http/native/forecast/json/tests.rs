//! Tests of parsed fields, shared fields, and the paths of errors.

use super::*;
use almanac_forecast::{CovariateValues, StaticValue};

const LIMITS: ForecastLimits = ForecastLimits {
    series: 3,
    values: 4,
    horizon: 10,
    levels: 4,
    covariates: 4,
};

fn parse_body(body: &str) -> Result<ForecastCall, CallError> {
    parse(body.as_bytes(), false, &LIMITS)
}

#[track_caller]
fn check(body: &str, code: CallCode, pointer: &str) {
    let error = parse_body(body).unwrap_err();
    assert_eq!(
        (error.code, error.path.as_deref()),
        (code, Some(pointer)),
        "{body}"
    );
}

/// The error of the series at `index` of a list that is read.
#[track_caller]
fn check_series(body: &str, index: usize, code: CallCode, pointer: &str) {
    let call = parse_body(body).unwrap();
    let error = call.series[index].draft.as_ref().unwrap_err();
    assert_eq!(
        (error.code, error.path.as_deref()),
        (code, Some(pointer)),
        "{body}"
    );
}

#[test]
fn every_field_of_the_short_form_is_read() {
    let call = parse_body(
        r#"{"id": "a", "values": [1, null], "horizon": 3, "quantiles": [0.5], "levels": [80],
            "model": "m", "start": 5, "frequency": "1", "timezone": "UTC", "season_length": 7}"#,
    )
    .unwrap();
    assert_eq!(
        (call.horizon, call.quantiles, call.levels),
        (Some(3), Some(vec![0.5]), vec![80.0])
    );
    assert_eq!(call.model.as_deref(), Some("m"));
    let [series] = call.series.as_slice() else {
        panic!("not one series")
    };
    let draft = series.draft.as_ref().unwrap();
    assert_eq!((series.id.as_deref(), draft.values.len()), (Some("a"), 2));
    assert!(draft.values[1].is_nan());
    assert_eq!(
        (draft.start.as_deref(), draft.timezone.as_deref()),
        (Some("5"), Some("UTC"))
    );
    assert_eq!(draft.season_length, Some(SeasonDraft::Steps(7)));
}

#[test]
fn null_is_as_good_as_absent_where_a_field_may_be() {
    let call = parse_body(
        r#"{"values": [1], "horizon": 1, "quantiles": null, "levels": null, "model": null,
            "id": null, "start": null, "timestamps": null, "frequency": null, "timezone": null,
            "season_length": null}"#,
    )
    .unwrap();
    let draft = SeriesDraft {
        values: vec![1.0],
        ..SeriesDraft::default()
    };
    assert_eq!(call.series[0].draft.as_ref().unwrap(), &draft);
    assert_eq!((call.quantiles, call.model), (None, None));
}

#[test]
fn what_is_common_fills_only_what_a_series_lacks_and_is_remembered() {
    let call = parse_body(
        r#"{"series": [{"values": [1], "frequency": "D"}, {"values": [1], "timestamps": ["x"]}],
            "horizon": 1, "frequency": "MS", "start": "2024-01-01", "season_length": "detect"}"#,
    )
    .unwrap();
    let [first, second] = [0, 1].map(|index| call.series[index].draft.as_ref().unwrap());
    assert_eq!(
        (first.frequency.as_deref(), second.frequency.as_deref()),
        (Some("D"), Some("MS"))
    );
    assert_eq!(
        (first.start.as_deref(), second.start.as_deref()),
        (Some("2024-01-01"), None)
    );
    assert_eq!(second.season_length, Some(SeasonDraft::Detect));
    assert_eq!(
        call.series[0].shared,
        [DraftField::Start, DraftField::SeasonLength]
    );
    assert_eq!(
        call.series[1].shared,
        [DraftField::Frequency, DraftField::SeasonLength]
    );
}

#[test]
fn a_error_of_the_request_names_its_field() {
    check("[]", CallCode::WrongType, "");
    check(
        r#"{"values": [1], "horizon": true}"#,
        CallCode::WrongType,
        "/horizon",
    );
    check(
        r#"{"values": [1], "quantiles": [0.1, "x"]}"#,
        CallCode::WrongType,
        "/quantiles/1",
    );
    check(
        r#"{"values": [1], "levels": 80}"#,
        CallCode::WrongType,
        "/levels",
    );
    check(
        r#"{"values": [1, 2, 3, 4, 5]}"#,
        CallCode::SeriesTooLong,
        "/values/4",
    );
    check(r#"{"horizon": 1}"#, CallCode::MissingField, "/values");
    check(
        r#"{"series": [], "id": "a"}"#,
        CallCode::ConflictingFields,
        "/id",
    );
    check(
        r#"{"series": [{}, {}, {}, {}]}"#,
        CallCode::TooManySeries,
        "/series",
    );
    check(
        r#"{"values": [1], "values": [2]}"#,
        CallCode::DuplicateField,
        "/values",
    );
    check(
        r#"{"values": [1], "Values": [2]}"#,
        CallCode::UnknownField,
        "/Values",
    );
    check(r#"{"values": [1], "": 1}"#, CallCode::UnknownField, "/");
}

#[test]
fn a_error_of_one_series_stays_in_it_and_reading_goes_on() {
    let body = r#"{"series": [{"values": [1, "x", {"y": [2]}], "id": "bad"}, {"values": [1]}, 7],
        "horizon": 2}"#;
    check_series(body, 0, CallCode::WrongType, "/series/0/values/1");
    check_series(body, 2, CallCode::WrongType, "/series/2");
    let call = parse_body(body).unwrap();
    assert_eq!((call.series.len(), call.horizon), (3, Some(2)));
    assert_eq!(call.series[0].id.as_deref(), Some("bad"));
    assert!(call.series[1].draft.is_ok());
}

#[test]
fn a_series_that_is_not_json_fails_the_whole_body() {
    check(
        r#"{"series": [{"values": [1,]}, {"values": [2]}]}"#,
        CallCode::InvalidJson,
        "/series/0/values",
    );
    // The syntax behind a error of content is still looked at.
    check(
        r#"{"series": [{"values": ["x", 1 2]}]}"#,
        CallCode::InvalidJson,
        "/series/0",
    );
}

#[test]
fn bare_nan_is_read_on_request() {
    let call = parse(br#"{"values": [1, NaN], "horizon": 1}"#, true, &LIMITS).unwrap();
    assert!(call.series[0].draft.as_ref().unwrap().values[1].is_nan());
    check(r#"{"values": [NaN]}"#, CallCode::InvalidJson, "/values/0");
    for body in [
        r#"{"values": [1], "horizon": NaN}"#,
        r#"{"values": [1], "season_length": NaN}"#,
    ] {
        let error = parse(body.as_bytes(), true, &LIMITS).unwrap_err();
        assert!(
            [CallCode::WrongType, CallCode::InvalidJson].contains(&error.code),
            "{error:?}"
        );
    }
}

#[test]
fn names_with_escapes_are_the_names_they_spell() {
    assert_eq!(
        parse_body(r#"{"\u0076alues": [1], "horizon": 1}"#)
            .unwrap()
            .series
            .len(),
        1
    );
}

#[test]
fn covariates_are_read_by_kind_and_name() {
    let call = parse_body(
        r#"{"values": [1, 2], "horizon": 1, "covariates": {"future": {"price": [1, null, 3.5]},
            "static": {"size": 7, "region": "north"}, "past": {"load": [4, 5]}}}"#,
    )
    .unwrap();
    let draft = call.series[0].draft.as_ref().unwrap();
    let named: Vec<_> = draft
        .covariates
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(named, ["price", "size", "region", "load"]);
    let [price, size, region, load] = draft.covariates.as_slice() else {
        panic!("not four")
    };
    assert!(matches!(&price.values, CovariateValues::Future(values) if values[1].is_nan()));
    assert_eq!(
        size.values,
        CovariateValues::Static(StaticValue::Number(7.0))
    );
    let north = StaticValue::Category("north".to_owned());
    assert_eq!(region.values, CovariateValues::Static(north));
    assert_eq!(load.values, CovariateValues::Past(vec![4.0, 5.0]));
    for none in ["null", "{}", r#"{"past": null}"#] {
        let call = parse_body(&format!(r#"{{"values": [1], "covariates": {none}}}"#)).unwrap();
        assert!(call.series[0].draft.as_ref().unwrap().covariates.is_empty());
    }
}

#[test]
fn a_error_of_a_covariate_names_it_and_fails_its_series_alone() {
    let with = |covariates: &str| {
        format!(
            r#"{{"series": [{{"values": [1], "covariates": {covariates}}}, {{"values": [1]}}], "horizon": 2}}"#
        )
    };
    for (covariates, code, pointer) in [
        (
            r#"{"past": {"a/b": [1, "x"]}}"#,
            CallCode::WrongType,
            "/past/a~1b/1",
        ),
        (r#"{"past": {"a": 7}}"#, CallCode::WrongType, "/past/a"),
        (r#"{"past": [1]}"#, CallCode::WrongType, "/past"),
        (
            r#"{"static": {"a": true}}"#,
            CallCode::WrongType,
            "/static/a",
        ),
        (
            r#"{"static": {"a": null}}"#,
            CallCode::WrongType,
            "/static/a",
        ),
        (
            r#"{"future": {"a": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]}}"#,
            CallCode::SeriesTooLong,
            "/future/a/14",
        ),
        (r#"{"futre": {}}"#, CallCode::UnknownField, "/futre"),
        ("7", CallCode::WrongType, ""),
    ] {
        let body = with(covariates);
        check_series(&body, 0, code, &format!("/series/0/covariates{pointer}"));
        assert!(parse_body(&body).unwrap().series[1].draft.is_ok());
    }
    check(
        r#"{"series": [], "covariates": {"static": {"a": 1}}}"#,
        CallCode::ConflictingFields,
        "/covariates",
    );
}
