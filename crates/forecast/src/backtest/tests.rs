use proptest::prelude::*;

use super::*;

fn horizon(steps: u64) -> Horizon {
    Horizon::new(steps, 1_000).unwrap()
}

fn plan(steps: u64, windows: u64, step: Option<u64>, calibrated: bool) -> Plan {
    let draft = PlanDraft {
        windows,
        step,
        calibrated,
    };
    Plan::new(horizon(steps), draft, 100, 1_000).unwrap()
}

#[track_caller]
fn check(plan: Plan, length: usize, expected: &[(usize, Role)]) {
    let windows = plan.windows_of(&vec![1.0; length], 2).unwrap();
    let found: Vec<_> = windows.iter().map(|one| (one.cutoff, one.role)).collect();
    assert_eq!(found, expected);
}

#[test]
fn cuts_are_counted_from_the_end() {
    let scored = Role::Scored;
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
    // Fewer where the history ends.
    check(plan(4, 3, None, false), 11, &[(3, scored), (7, scored)]);
}

#[test]
fn the_earlier_windows_calibrate_and_never_see_what_is_scored() {
    use Role::{Calibrates, Scored};
    check(
        plan(4, 3, None, true),
        20,
        &[(8, Calibrates), (12, Calibrates), (16, Scored)],
    );
    // One step apart, the windows before the last reach into it.
    check(
        plan(4, 6, Some(1), true),
        20,
        &[(11, Calibrates), (15, Scored), (16, Scored)],
    );
    check(plan(4, 3, None, true), 8, &[(4, Scored)]);
}

#[test]
fn a_series_without_room_says_what_it_needs() {
    let error = plan(12, 3, None, false)
        .windows_of(&[1.0; 13], 2)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the series has 13 values, and one window needs 14: 2 to forecast from and 12 to compare with; send a longer series or a shorter horizon"
    );
}

#[test]
fn a_missing_tail_costs_no_window() {
    let mut values = vec![1.0; 10];
    values.extend([f64::NAN; 5]);
    let windows = plan(3, 1, None, false).windows_of(&values, 2).unwrap();
    assert_eq!(windows[0].cutoff, 7);
    // Nothing to forecast from, nothing to compare with.
    let hollow = [f64::NAN, f64::NAN, 1.0];
    assert!(plan(1, 1, None, false).windows_of(&hollow, 2).is_err());
    assert!(
        plan(1, 1, None, false)
            .windows_of(&[f64::NAN; 9], 2)
            .is_err()
    );
}

#[test]
fn refuses_plans_that_compare_nothing() {
    let told = |windows, step, calibrated| {
        let draft = PlanDraft {
            windows,
            step,
            calibrated,
        };
        Plan::new(horizon(4), draft, 50, 100)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        told(0, None, false),
        "windows is 0, and a backtest has at least 1 window"
    );
    assert_eq!(told(51, None, false), "51 windows are over the limit of 50");
    assert_eq!(
        told(3, Some(0), false),
        "step is 0, and windows lie at least 1 step apart"
    );
    assert_eq!(
        told(3, Some(101), false),
        "a step of 101 is over the limit of 100"
    );
    assert!(told(1, None, true).starts_with("1 window cannot both calibrate and be scored"));
}

proptest! {
    #[test]
    fn every_window_has_its_history_and_its_steps(
        values in prop::collection::vec(prop_oneof![4 => -9.0..9.0, 1 => Just(f64::NAN)], 0..80),
        steps in 1..12_u64,
        windows in 1..12_u64,
        step in 1..12_u64,
        least in 0..12_usize,
        calibrated: bool,
    ) {
        let plan = plan(steps, windows + u64::from(calibrated), Some(step), calibrated);
        let Ok(cut) = plan.windows_of(&values, least) else { return Ok(()) };
        prop_assert!(!cut.is_empty() && cut.len() <= plan.windows());
        prop_assert!(cut.is_sorted_by(|before, after| before.cutoff < after.cutoff && before.role <= after.role));
        let first_scored = cut.iter().find(|one| one.role == Role::Scored).unwrap().cutoff;
        for Window { cutoff, role } in cut {
            let (before, after) = values.split_at(cutoff);
            prop_assert!(cutoff >= least.max(SHORTEST_HISTORY));
            prop_assert!(before.iter().any(|value| !value.is_nan()));
            prop_assert!(after[..plan.horizon().steps()].iter().any(|value| !value.is_nan()));
            prop_assert!(role == Role::Scored || cutoff + plan.horizon().steps() <= first_scored);
        }
    }
}
