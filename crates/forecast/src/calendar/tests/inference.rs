use super::{check_inferred, check_misaligned, stamps};
use crate::calendar::{Calendar, Stamp};

#[test]
fn infers_months_quarters_and_years() {
    check_inferred("2024-01-01, 2024-02-01, 2024-03-01", "MS", &[0, 1, 2]);
    check_inferred("2024-07-01, 2024-08-01, 2024-09-01", "MS", &[0, 1, 2]);
    check_inferred("2024-01-31, 2024-02-29, 2024-05-31", "ME", &[0, 1, 4]);
    check_inferred("2024-01-15, 2024-02-15, 2024-04-15", "P1M", &[0, 1, 3]);
    check_inferred("2024-01-30, 2024-02-29, 2024-03-30", "P1M", &[0, 1, 2]);
    check_inferred("2023-02-28, 2023-03-30, 2023-04-30", "P1M", &[0, 1, 2]);
    check_inferred("2024-01-01, 2024-03-01, 2024-05-01", "2MS", &[0, 1, 2]);
    check_inferred("2024-01-01, 2024-04-01, 2024-07-01", "QS-JAN", &[0, 1, 2]);
    check_inferred("2024-02-29, 2024-05-31, 2024-08-31", "QE-NOV", &[0, 1, 2]);
    check_inferred("2021-07-01, 2022-07-01, 2024-07-01", "YS-JUL", &[0, 1, 3]);
    check_inferred("2021-12-31, 2022-12-31, 2023-12-31", "YE-DEC", &[0, 1, 2]);
    check_inferred("2021-05-17, 2022-05-17, 2023-05-17", "P1Y", &[0, 1, 2]);
    check_inferred("2024-05-01, 2024-06-03, 2024-07-01", "BMS", &[0, 1, 2]);
    check_inferred("2024-05-31, 2024-06-28, 2024-07-31", "BME", &[0, 1, 2]);
    check_inferred("2024-01, 2024-02, 2024-04", "MS", &[0, 1, 3]);
}

#[test]
fn infers_days_and_weeks() {
    check_inferred("2024-01-01, 2024-01-02, 2024-01-03", "D", &[0, 1, 2]);
    check_inferred("2024-01-01, 2024-01-08, 2024-01-22", "W-MON", &[0, 1, 3]);
    check_inferred("2024-01-01, 2024-01-15, 2024-01-29", "2W-MON", &[0, 1, 2]);
    check_inferred("2024-01-02, 2024-01-05, 2024-01-08", "3D", &[0, 1, 2]);
    check_inferred(
        "2024-01-01, 2024-01-15, 2024-02-01, 2024-02-15",
        "SMS-15",
        &[0, 1, 2, 3],
    );
    check_inferred(
        "2024-01-31, 2024-02-15, 2024-02-29, 2024-03-15",
        "SME-15",
        &[0, 1, 2, 3],
    );
    check_inferred("2024-01-05, 2024-01-06, 2024-01-09", "D", &[0, 1, 4]);
}

#[test]
fn infers_business_days_only_across_a_weekend() {
    check_inferred("2024-01-04, 2024-01-05, 2024-01-08", "B", &[0, 1, 2]);
    check_inferred("2024-01-02, 2024-01-03, 2024-01-05", "D", &[0, 1, 3]);
    check_inferred("2024-01-04, 2024-01-05, 2024-01-07", "D", &[0, 1, 3]);
}

#[test]
fn infers_hours_and_finer_units() {
    check_inferred(
        "2024-01-01T00:00, 2024-01-01T01:00, 2024-01-01T03:00",
        "h",
        &[0, 1, 3],
    );
    check_inferred(
        "2024-01-01T23:45, 2024-01-02T00:00, 2024-01-02T00:15",
        "15min",
        &[0, 1, 2],
    );
    check_inferred(
        "2024-01-01T00:00:00, 2024-01-02T12:00:00, 2024-01-04T00:00:00",
        "36h",
        &[0, 1, 2],
    );
    check_inferred(
        "2024-01-01T00:00:00.1, 2024-01-01T00:00:00.2, 2024-01-01T00:00:00.3",
        "100ms",
        &[0, 1, 2],
    );
    check_inferred(
        "2024-01-01T06:00, 2024-01-02T06:00, 2024-01-03T06:00",
        "D",
        &[0, 1, 2],
    );
}

#[test]
fn infers_across_daylight_saving_time() {
    check_inferred(
        "2024-03-31T01:00:00+01:00, 2024-03-31T03:00:00+02:00, 2024-03-31T04:00:00+02:00",
        "h",
        &[0, 1, 2],
    );
    check_inferred(
        "2024-03-30T00:00:00+01:00, 2024-03-31T00:00:00+01:00, 2024-04-01T00:00:00+02:00",
        "D",
        &[0, 1, 2],
    );
    check_inferred(
        "2024-10-26T00:00[Europe/Berlin], 2024-10-27T00:00[Europe/Berlin], \
         2024-10-28T00:00[Europe/Berlin]",
        "D",
        &[0, 1, 2],
    );
    let texts = "2024-10-27T01:00, 2024-10-27T02:00, 2024-10-27T02:00, 2024-10-27T03:00";
    let zoned = Stamp::all_in_zone(stamps(texts), "Europe/Berlin").unwrap();
    let (calendar, positions) = Calendar::align(&zoned, None, 10).unwrap();
    assert_eq!(
        (calendar.frequency().to_string().as_str(), positions),
        ("h", vec![0, 1, 2, 3])
    );
}

#[test]
fn irregular_stamps_have_no_frequency() {
    check_misaligned(
        "2024-01-01, 2024-01-02",
        None,
        "2 timestamps are too few to infer the frequency; send at least 3, or send frequency",
    );
    check_misaligned(
        "2024-01-01T00:00, 2024-01-01T00:07, 2024-01-01T00:17",
        None,
        "cannot infer the frequency of irregular timestamps: the closest match is `7min`, but \
         timestamp 2 `2024-01-01T00:17` is not on it; send frequency",
    );
    check_misaligned(
        "2024-01-01, 2024-01-02, 2024-02-10, 2024-03-15, 2024-04-20, 2024-05-27",
        None,
        "cannot infer the frequency of scattered timestamps: the closest match is `D`, but too few \
         of them are consecutive; send frequency",
    );
}
