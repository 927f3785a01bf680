use super::{check_aligned, check_misaligned, stamps};
use crate::calendar::Calendar;

#[test]
fn the_axis_continues_with_the_last_offset() {
    let texts = "2024-03-30T00:00:00+01:00, 2024-03-31T00:00:00+01:00, 2024-04-01T00:00:00+02:00";
    let (calendar, _) = Calendar::align(&stamps(texts), None, 10).unwrap();
    assert_eq!(
        calendar.stamp(3).unwrap().to_string(),
        "2024-04-02T00:00:00+02:00"
    );
    let texts = "2024-03-31T01:00+01:00, 2024-03-31T03:00+02:00";
    let (calendar, _) = Calendar::align(&stamps(texts), "h".parse().ok(), 10).unwrap();
    assert_eq!(
        calendar.stamp(2).unwrap().to_string(),
        "2024-03-31T04:00+02:00"
    );
}

#[test]
fn all_stamps_together_determine_the_phase() {
    check_aligned(
        "2024-04-30, 2024-05-30, 2024-06-30",
        "monthly",
        &[0, 1, 2],
        false,
    );
    check_aligned(
        "2024-04-30, 2024-05-31, 2024-06-30",
        "monthly",
        &[0, 1, 2],
        false,
    );
    check_aligned("2024-04-30, 2024-05-30, 2024-06-30", "ME", &[0, 1, 2], true);
    check_aligned("2023-02-28, 2023-03-28", "monthly", &[0, 1], false);
    check_aligned(
        "2024-01-15, 2024-01-31, 2024-02-15",
        "SMS",
        &[0, 1, 2],
        true,
    );
    check_aligned("2024-01-15, 2024-02-15, 2024-04-15", "MS", &[0, 1, 3], true);
    check_aligned("2024-01-01", "MS", &[0], false);
}

#[test]
fn misplaced_stamps_are_reported() {
    let daily = Some("D");
    let error = check_misaligned(
        "2024-01-02, 2024-01-03, 2024-01-01",
        daily,
        "timestamp 2 `2024-01-01` is before its predecessor `2024-01-03`; sort the series by time",
    );
    assert_eq!(error.index(), Some(2));
    check_misaligned(
        "2024-01-02, 2024-01-02",
        daily,
        "timestamp 1 `2024-01-02` repeats its predecessor `2024-01-02`; send each timestamp once",
    );
    check_misaligned(
        "2024-01-02, 2024-01-03T00:00",
        daily,
        "timestamp 1 is a date-time but the first is a date; write all timestamps in one form",
    );
    check_misaligned(
        "2024-01-01, 2024-02-01, 2024-02-20",
        Some("MS"),
        "timestamp 2 `2024-02-20` is not on a step of `MS`; the nearest steps are `2024-02-01` \
         and `2024-03-01`",
    );
    check_misaligned(
        "2024-01-05, 2024-01-06",
        Some("B"),
        "timestamp 1 `2024-01-06` is not on a step of `B`; the nearest steps are `2024-01-05` and \
         `2024-01-08`",
    );
    check_misaligned(
        "2024-01-01T00:00, 2024-01-01T00:40",
        Some("15min"),
        "timestamp 1 `2024-01-01T00:40` is not on a step of `15min`; the nearest steps are \
         `2024-01-01T00:30` and \
         `2024-01-01T00:45`",
    );
    check_misaligned(
        "0, 3",
        Some("2"),
        "timestamp 1 `3` is not on a step of `2`; the nearest steps are `2` and `4`",
    );
}

#[test]
fn axes_that_are_too_long_or_have_no_start_are_rejected() {
    let daily = Some("D");
    check_misaligned(
        "2024-01-01, 2027-01-01",
        daily,
        "timestamps up to 1 span 1097 steps of `D`, gaps included, which exceeds the limit of 1000",
    );
    check_misaligned(
        "2024-01-01, 2024-01-02",
        Some("1"),
        "frequency `1` has no unit, but timestamp `2024-01-01` needs one; write `1D` for days",
    );
    check_misaligned("", daily, "0 timestamps are too few; send at least 1");
}
