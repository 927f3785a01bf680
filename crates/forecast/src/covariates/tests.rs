//! Which covariates fit a series, and what becomes of them when it is filled or cut.

use super::*;

fn covariate(name: &str, values: CovariateValues) -> Covariate {
    Covariate {
        name: name.to_owned(),
        values,
    }
}

/// The error of one covariate `x` beside three values and two steps ahead.
#[track_caller]
fn check(values: CovariateValues, expected: &str) {
    let error = Covariates::new(vec![covariate("x", values)], (3, 2), 9).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn each_kind_has_its_length() {
    check(
        CovariateValues::Past(vec![1.0; 5]),
        "past covariate \"x\" has 5 values; send 3, one for each value of the series",
    );
    check(
        CovariateValues::Future(vec![1.0; 4]),
        "future covariate \"x\" has 4 values; send 5, one for each value of the series and, behind them, one for each step ahead",
    );
    for fits in [
        CovariateValues::Past(vec![f64::NAN; 3]),
        CovariateValues::Future(vec![f64::NAN, 1.0, 2.0, 3.0, 4.0]),
        CovariateValues::Future(vec![1.0; 3]),
        CovariateValues::Static(StaticValue::Category("north".to_owned())),
    ] {
        Covariates::new(vec![covariate("x", fits)], (3, 2), 1).unwrap();
    }
}

#[test]
fn what_is_ahead_is_known_and_everything_is_finite() {
    check(
        CovariateValues::Future(vec![1.0, 2.0, 3.0, 4.0, f64::NAN]),
        "future covariate \"x\" is missing at 4, which is a step ahead; send a number for each of them",
    );
    check(
        CovariateValues::Past(vec![1.0, f64::INFINITY, 2.0]),
        "past covariate \"x\" is inf at 1, and values must be finite",
    );
    check(
        CovariateValues::Static(StaticValue::Number(f64::NAN)),
        "static covariate \"x\" is NaN at 0, and values must be finite",
    );
}

#[test]
fn a_name_stands_once_among_all_kinds() {
    let one = |name: &str| covariate(name, CovariateValues::Static(StaticValue::Number(1.0)));
    let past = covariate("x", CovariateValues::Past(vec![1.0; 3]));
    let error = |list| Covariates::new(list, (3, 2), 2).unwrap_err().to_string();
    assert_eq!(
        error(vec![one("x"), past]),
        "past covariate \"x\" is given twice; send it once, as one of past, future and static"
    );
    assert_eq!(error(vec![one("")]), "static covariate \"\" has no name");
    assert_eq!(
        error(vec![one("a"), one("b"), one("c")]),
        "the series has 3 covariates, over the limit of 2"
    );
}

#[test]
fn steps_that_are_filled_in_the_series_are_missing_in_its_covariates() {
    let list = vec![
        covariate("past", CovariateValues::Past(vec![1.0, 2.0])),
        covariate("future", CovariateValues::Future(vec![1.0, 2.0, 3.0])),
    ];
    let spread = Covariates::new(list, (2, 1), 2).unwrap().spread(&[0, 2]);
    let bits = |name: &str| -> Vec<u64> {
        let values = spread.get(name).unwrap().steps();
        values.iter().map(|value| value.to_bits()).collect()
    };
    assert_eq!(bits("past"), [1.0, f64::NAN, 2.0].map(f64::to_bits));
    assert_eq!(bits("future"), [1.0, f64::NAN, 2.0, 3.0].map(f64::to_bits));
}

#[test]
fn a_cut_leaves_what_was_known_then() {
    let list = vec![
        covariate("past", CovariateValues::Past(vec![1.0, 2.0, 3.0])),
        covariate("future", CovariateValues::Future(vec![1.0, 2.0, 3.0])),
    ];
    let cut = Covariates::new(list, (3, 1), 2).unwrap().until(1, 1);
    assert_eq!(cut.get("past").unwrap().steps(), [1.0]);
    assert_eq!(cut.get("future").unwrap().steps(), [1.0, 2.0]);
}
