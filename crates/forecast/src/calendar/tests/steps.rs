use super::{calendar, check_aligned, check_inferred, check_step, check_steps};
use crate::calendar::CalendarError;

#[test]
fn months_are_computed_from_the_start() {
    check_steps(
        "2024-01-31",
        "P1M",
        "2024-01-31, 2024-02-29, 2024-03-31, 2024-04-30",
    );
    check_steps(
        "2024-01-30",
        "monthly",
        "2024-01-30, 2024-02-29, 2024-03-30",
    );
    check_steps("2024-01-15", "mo", "2024-01-15, 2024-02-15, 2024-03-15");
    check_steps("2023-02-28", "P1M", "2023-02-28, 2023-03-31");
    check_steps("2024-02-28", "P1M", "2024-02-28, 2024-03-28");
    check_steps("2024-04-30", "monthly", "2024-04-30, 2024-05-31");
    check_step("2024-01-31", "P1M", 13, "2025-02-28");
    check_step("2024-01-31", "P1M", -11, "2023-02-28");
}

#[test]
fn month_ends_stay_month_ends() {
    check_steps("2024-01-31", "ME", "2024-01-31, 2024-02-29, 2024-03-31");
    check_steps("2024-04-30", "ME", "2024-04-30, 2024-05-31");
    check_steps("2023-02-28", "2ME", "2023-02-28, 2023-04-30, 2023-06-30");
    check_steps("2023-12-31", "QE-DEC", "2023-12-31, 2024-03-31, 2024-06-30");
    check_steps("2024-02-29", "YE-FEB", "2024-02-29, 2025-02-28, 2026-02-28");
    check_step("2024-02-29", "YE-FEB", 4, "2028-02-29");
}

#[test]
fn month_starts_keep_the_day() {
    check_steps("2024-01-01", "MS", "2024-01-01, 2024-02-01");
    check_steps("2024-04-30", "MS", "2024-04-30, 2024-05-30");
    check_steps("2024-10-01", "QS-OCT", "2024-10-01, 2025-01-01");
    check_steps("2024-07-01", "YS-JUL", "2024-07-01, 2025-07-01");
}

#[test]
fn business_days_skip_weekends() {
    check_steps("2024-01-05", "B", "2024-01-05, 2024-01-08, 2024-01-09");
    check_steps("2024-01-06", "B", "2024-01-06, 2024-01-08, 2024-01-09");
    check_steps(
        "2024-01-07",
        "2B",
        "2024-01-07, 2024-01-09, 2024-01-11, 2024-01-15",
    );
    check_step("2024-01-06", "B", -1, "2024-01-05");
    check_step("2024-01-05", "B", -1, "2024-01-04");
    check_step("2024-01-01", "B", 261, "2024-12-31");
}

#[test]
fn business_months_lie_on_weekdays() {
    check_steps(
        "2024-02-29",
        "BME",
        "2024-02-29, 2024-03-29, 2024-04-30, 2024-05-31, 2024-06-28",
    );
    check_steps(
        "2024-05-01",
        "BMS",
        "2024-05-01, 2024-06-03, 2024-07-01, 2024-08-01, 2024-09-02",
    );
    check_steps("2024-03-29", "BQE-MAR", "2024-03-29, 2024-06-28");
    check_steps("2022-01-03", "BYS", "2022-01-03, 2023-01-02, 2024-01-01");
}

#[test]
fn half_months_are_on_two_days() {
    check_steps("2024-01-01", "SMS", "2024-01-01, 2024-01-15, 2024-02-01");
    check_steps(
        "2024-02-15",
        "SME",
        "2024-02-15, 2024-02-29, 2024-03-15, 2024-03-31",
    );
    check_steps("2024-02-10", "SMS", "2024-02-10, 2024-02-25, 2024-03-10");
    check_steps(
        "2024-01-14",
        "SMS",
        "2024-01-14, 2024-01-29, 2024-02-14, 2024-02-29",
    );
    check_step("2024-01-31", "SME", -1, "2024-01-15");
    check_step("2024-01-31", "2SME", 1, "2024-02-29");
}

#[test]
fn weeks_and_days_count_days() {
    check_steps("2024-01-07", "W", "2024-01-07, 2024-01-14");
    check_steps("2024-01-01", "2W-MON", "2024-01-01, 2024-01-15");
    check_step("2024-01-01", "D", 366, "2025-01-01");
    check_step("2024-01-01", "10D", -1, "2023-12-22");
}

#[test]
fn a_start_off_the_anchor_keeps_its_phase() {
    check_steps("2024-01-15", "MS", "2024-01-15, 2024-02-15");
    check_steps("2024-01-01", "W-SUN", "2024-01-01, 2024-01-08");
    check_steps("2024-01-31", "QE-DEC", "2024-01-31, 2024-04-30");
    check_steps("2024-03-31", "BME", "2024-03-31, 2024-04-30");
    for (start, frequency, expected) in [
        ("2024-01-15", "MS", true),
        ("2024-01-01", "MS", false),
        ("2024-01-01", "ME", true),
        ("2024-01", "ME", false),
        ("2024-03", "QE-DEC", false),
        ("2024-02", "QE-DEC", true),
        ("2024-01-01", "W-SUN", true),
        ("2024-01-07", "W-SUN", false),
        ("2024-01-06", "B", true),
        ("2024-01-05", "B", false),
        ("2024-03-31", "BME", true),
        ("2024-03-29", "BME", false),
        ("2024-01-15", "SMS", false),
        ("2024-01-15", "SME", false),
        ("2024-01-16", "SME", true),
        ("2024-04-01", "QS-OCT", false),
        ("2024-05-01", "QS-OCT", true),
        ("2024-05-01", "YS-JAN", true),
        ("2024-01-15", "monthly", false),
        ("2024-01-01T00:07", "15min", false),
        ("3", "W-SUN", false),
    ] {
        assert_eq!(
            calendar(start, frequency).is_off_anchor(),
            expected,
            "{frequency} from {start}"
        );
    }
}

#[test]
fn days_keep_the_wall_time_of_the_zone() {
    check_steps(
        "2024-03-30T00:00:00+01:00[Europe/Berlin]",
        "D",
        "2024-03-30T00:00:00+01:00[Europe/Berlin], 2024-03-31T00:00:00+01:00[Europe/Berlin], \
         2024-04-01T00:00:00+02:00[Europe/Berlin]",
    );
    // 02:30 does not exist on March 31, and moves forward by the skipped hour.
    check_steps(
        "2024-03-30T02:30[Europe/Berlin]",
        "D",
        "2024-03-30T02:30[Europe/Berlin], 2024-03-31T03:30[Europe/Berlin], \
         2024-04-01T02:30[Europe/Berlin]",
    );
}

#[test]
fn hours_are_elapsed_time() {
    check_steps(
        "2024-03-31T01:00:00+01:00[Europe/Berlin]",
        "h",
        "2024-03-31T01:00:00+01:00[Europe/Berlin], 2024-03-31T03:00:00+02:00[Europe/Berlin], \
         2024-03-31T04:00:00+02:00[Europe/Berlin]",
    );
    check_steps(
        "2024-11-03T01:00:00-04:00[America/New_York]",
        "30min",
        "2024-11-03T01:00:00-04:00[America/New_York], \
         2024-11-03T01:30:00-04:00[America/New_York], \
         2024-11-03T01:00:00-05:00[America/New_York], \
         2024-11-03T01:30:00-05:00[America/New_York], 2024-11-03T02:00:00-05:00[America/New_York]",
    );
    check_step(
        "2024-03-31T00:00:00+01:00[Europe/Berlin]",
        "24h",
        1,
        "2024-04-01T01:00:00+02:00[Europe/Berlin]",
    );
    check_step(
        "2024-03-31T00:00:00+01:00",
        "h",
        24,
        "2024-04-01T00:00:00+01:00",
    );
}

#[test]
fn an_index_steps_by_the_multiple() {
    check_steps("5", "1", "5, 6, 7");
    check_steps("-3", "15min", "-3, 12, 27");
    check_steps("2020", "YS", "2020, 2021");
    check_inferred("10, 12, 16, 18", "2", &[0, 1, 3, 4]);
    check_aligned("0, 1, 2", "MS", &[0, 1, 2], false);
    assert_eq!(calendar("5", "1").seasonal_frequency(), None);
    assert_eq!(calendar("5", "MS").seasonal_frequency(), "MS".parse().ok());
}

#[test]
fn steps_out_of_range_are_rejected() {
    for (start, frequency) in [
        ("2024-01-01", "D"),
        ("2024-01-01", "B"),
        ("2024-01-01", "SMS"),
        ("2024-01-01", "YS"),
        ("2024-01-01", "1000000000000000h"),
        ("2024-01-01T00:00Z", "h"),
        ("2024-01-01T00:00[Europe/Berlin]", "MS"),
        ("9223372036854775807", "2"),
    ] {
        for step in [i64::MIN, i64::MAX] {
            let result = calendar(start, frequency).stamp(step);
            assert!(
                matches!(result, Err(CalendarError::OutOfRange { .. })),
                "{frequency} from {start}: {result:?}"
            );
        }
    }
    check_step("9999-12-30", "D", 1, "9999-12-31");
    check_step("2024-01-01", "YS", -2025, "-000001-01-01");
    let error = calendar("9999-12-30", "D").stamps(0, 3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "step 2 of `D` from `9999-12-30` is outside the years -9999 to 9999 or the 64-bit integers"
    );
    let too_many = calendar("5", "1").stamps(0, usize::MAX);
    assert!(matches!(too_many, Err(CalendarError::TooManyStamps { .. })));
    assert!(calendar("5", "1").stamps(i64::MAX, 2).is_err());
    assert_eq!(calendar("5", "1").stamps(i64::MAX, 0), Ok(vec![]));
}
