use proptest::prelude::*;

use super::*;

fn horizon(steps: u64) -> Horizon {
    Horizon::new(steps, 1_000).unwrap()
}

fn plan(steps: u64, windows: u64, step: Option<u64>, calibrated: bool) -> BacktestPlan {
    let draft = BacktestPlanDraft {
        windows,
        step,
        calibrated,
    };
    BacktestPlan::new(horizon(steps), draft, 100, 1_000).unwrap()
}

#[track_caller]
fn check(plan: BacktestPlan, length: usize, expected: &[(usize, WindowRole)]) {
    let windows = plan.windows_of(&vec![1.0; length], 2).unwrap();
    let actual: Vec<_> = windows
        .iter()
        .map(|window| (window.cutoff, window.role))
        .collect();
    assert_eq!(actual, expected);
}

#[test]
fn cutoffs_are_counted_from_the_end() {
    let scored = WindowRole::Scored;
    check(
        plan(4, 3, None, false),
        20,
        &[(8, scored), (12, scored), (16, scored)],
    );
    check(
        plan(4, 3, Some(1), false),
        20,
        &[(14, scored), (15, scored), (16, scored)],
    );
    // A short history has fewer windows.
    check(plan(4, 3, None, false), 11, &[(3, scored), (7, scored)]);
}

#[test]
fn calibration_windows_come_first_and_do_not_overlap_with_scored_windows() {
    use WindowRole::{Calibration, Scored};
    check(
        plan(4, 3, None, true),
        20,
        &[(8, Calibration), (12, Calibration), (16, Scored)],
    );
    // With a step of 1, the windows just before the scored ones overlap with them.
    check(
        plan(4, 6, Some(1), true),
        20,
        &[(11, Calibration), (15, Scored), (16, Scored)],
    );
    check(plan(4, 3, None, true), 8, &[(4, Scored)]);
}

#[test]
fn the_error_of_a_short_series_reports_the_required_length() {
    let error = plan(12, 3, None, false)
        .windows_of(&[1.0; 13], 2)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the series has 13 values, and one window needs 14: 2 of history and 12 to compare with; send a longer series or request a shorter horizon"
    );
}

#[test]
fn a_missing_tail_costs_no_window() {
    let mut values = vec![1.0; 10];
    values.extend([f64::NAN; 5]);
    let windows = plan(3, 1, None, false).windows_of(&values, 2).unwrap();
    assert_eq!(windows[0].cutoff, 7);
    // No observed value before the cutoff, and no observed value at all.
    let unobserved_history = [f64::NAN, f64::NAN, 1.0];
    assert!(
        plan(1, 1, None, false)
            .windows_of(&unobserved_history, 2)
            .is_err()
    );
    assert!(
        plan(1, 1, None, false)
            .windows_of(&[f64::NAN; 9], 2)
            .is_err()
    );
}

#[test]
fn rejects_invalid_plans() {
    let error = |windows, step, calibrated| {
        let draft = BacktestPlanDraft {
            windows,
            step,
            calibrated,
        };
        BacktestPlan::new(horizon(4), draft, 50, 100)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error(0, None, false),
        "windows is 0; request at least 1 window"
    );
    assert_eq!(
        error(51, None, false),
        "51 windows exceed the limit of 50; request fewer windows"
    );
    assert_eq!(
        error(3, Some(0), false),
        "step is 0; request at least 1 step between windows"
    );
    assert_eq!(
        error(3, Some(101), false),
        "step 101 exceeds the limit of 100; request a smaller step"
    );
    assert_eq!(
        error(1, None, true),
        "calibration needs at least 2 windows; request more windows, or omit calibrate"
    );
}

proptest! {
    #[test]
    fn every_window_has_an_observed_history_and_an_observed_step(
        values in prop::collection::vec(prop_oneof![4 => -9.0..9.0, 1 => Just(f64::NAN)], 0..80),
        steps in 1..12_u64,
        windows in 1..12_u64,
        step in 1..12_u64,
        min_history in 0..12_usize,
        calibrated: bool,
    ) {
        let plan = plan(steps, windows + u64::from(calibrated), Some(step), calibrated);
        let Ok(windows) = plan.windows_of(&values, min_history) else { return Ok(()) };
        prop_assert!(!windows.is_empty() && windows.len() <= plan.windows());
        prop_assert!(windows.is_sorted_by(|left, right| left.role <= right.role));
        prop_assert!(windows.is_sorted_by(|left, right| left.cutoff < right.cutoff));
        let first_scored = windows.iter().find(|window| window.role == WindowRole::Scored).unwrap().cutoff;
        for Window { cutoff, role } in windows {
            let (history, future) = values.split_at(cutoff);
            prop_assert!(cutoff >= min_history.max(MIN_HISTORY));
            prop_assert!(history.iter().any(|value| !value.is_nan()));
            prop_assert!(future[..plan.horizon().steps()].iter().any(|value| !value.is_nan()));
            prop_assert!(role == WindowRole::Scored || cutoff + plan.horizon().steps() <= first_scored);
        }
    }
}
