use super::*;

fn covariate(name: &str, values: CovariateValues) -> Covariate {
    Covariate {
        name: name.to_owned(),
        values,
    }
}

/// Asserts the error of a covariate `x` of a series of three values, forecast two steps ahead.
#[track_caller]
fn check_error(values: CovariateValues, expected: &str) {
    let error = Covariates::new(vec![covariate("x", values)], 3, 2, 9).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn rejects_covariates_of_the_wrong_length() {
    check_error(
        CovariateValues::Past(vec![1.0; 5]),
        "past covariate \"x\" has 5 values; send 3, one for each value of the series",
    );
    check_error(
        CovariateValues::Future(vec![1.0; 4]),
        "future covariate \"x\" has 4 values; send 5, one for each value of the series, followed by one for each step ahead",
    );
    for values in [
        CovariateValues::Past(vec![f64::NAN; 3]),
        CovariateValues::Future(vec![f64::NAN, 1.0, 2.0, 3.0, 4.0]),
        CovariateValues::Future(vec![1.0; 3]),
        CovariateValues::Static(StaticValue::Category("north".to_owned())),
    ] {
        Covariates::new(vec![covariate("x", values)], 3, 2, 1).unwrap();
    }
}

#[test]
fn rejects_missing_future_values_and_values_that_are_not_finite() {
    check_error(
        CovariateValues::Future(vec![1.0, 2.0, 3.0, 4.0, f64::NAN]),
        "future covariate \"x\" is missing at 4, which is a step ahead; send a number for every step ahead",
    );
    check_error(
        CovariateValues::Past(vec![1.0, f64::INFINITY, 2.0]),
        "past covariate \"x\" is inf at 1; send finite numbers",
    );
    check_error(
        CovariateValues::Static(StaticValue::Number(f64::NAN)),
        "static covariate \"x\" is NaN at 0; send finite numbers",
    );
}

#[test]
fn rejects_duplicate_and_empty_names() {
    let one = |name: &str| covariate(name, CovariateValues::Static(StaticValue::Number(1.0)));
    let past = covariate("x", CovariateValues::Past(vec![1.0; 3]));
    let error = |list| Covariates::new(list, 3, 2, 2).unwrap_err().to_string();
    assert_eq!(
        error(vec![one("x"), past]),
        "past covariate \"x\" is given more than once; send it once, as past, future or static"
    );
    assert_eq!(
        error(vec![one("")]),
        "static covariate \"\" has an empty name; send a name"
    );
    assert_eq!(
        error(vec![one("a"), one("b"), one("c")]),
        "the series has 3 covariates, which exceeds the limit of 2; send fewer covariates"
    );
}

#[test]
fn covariates_are_missing_at_filled_steps() {
    let list = vec![
        covariate("past", CovariateValues::Past(vec![1.0, 2.0])),
        covariate("future", CovariateValues::Future(vec![1.0, 2.0, 3.0])),
    ];
    let spread = Covariates::new(list, 2, 1, 2).unwrap().spread(&[0, 2]);
    let bits = |name: &str| -> Vec<u64> {
        let values = spread.get(name).unwrap().steps();
        values.iter().map(|value| value.to_bits()).collect()
    };
    assert_eq!(bits("past"), [1.0, f64::NAN, 2.0].map(f64::to_bits));
    assert_eq!(bits("future"), [1.0, f64::NAN, 2.0, 3.0].map(f64::to_bits));
}

#[test]
fn truncated_keeps_only_values_known_at_the_cutoff() {
    let list = vec![
        covariate("past", CovariateValues::Past(vec![1.0, 2.0, 3.0])),
        covariate("future", CovariateValues::Future(vec![1.0, 2.0, 3.0])),
    ];
    let truncated = Covariates::new(list, 3, 1, 2).unwrap().truncated(1, 1);
    assert_eq!(truncated.get("past").unwrap().steps(), [1.0]);
    assert_eq!(truncated.get("future").unwrap().steps(), [1.0, 2.0]);
}
