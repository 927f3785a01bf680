use super::{calendar, check_steps, stamp};
use crate::calendar::{Calendar, Stamp, StampError};

#[test]
fn dates_become_midnight_for_sub_daily_steps() {
    check_steps(
        "2024-01-01",
        "h",
        "2024-01-01T00:00:00, 2024-01-01T01:00:00",
    );
    check_steps("2024-01", "12h", "2024-01-01T00:00:00, 2024-01-01T12:00:00");
    check_steps("2024-01", "D", "2024-01-01, 2024-01-02");
    assert_eq!(
        calendar("2024-01-01", "h").start().to_string(),
        "2024-01-01"
    );
}

#[test]
fn stamps_are_formatted_like_the_start() {
    check_steps("2024-01", "MS", "2024-01, 2024-02");
    check_steps("2024-11", "Q", "2024-11, 2025-02");
    check_steps(
        "2024-01-31 12:00",
        "ME",
        "2024-01-31 12:00, 2024-02-29 12:00",
    );
    check_steps(
        "2024-01-01t00:00:00z",
        "D",
        "2024-01-01t00:00:00Z, 2024-01-02t00:00:00Z",
    );
    check_steps(
        "2024-01-01T00:00:00.000+0100",
        "h",
        "2024-01-01T00:00:00.000+0100, 2024-01-01T01:00:00.000+0100",
    );
    check_steps(
        "2024-01-01T00:00-03",
        "D",
        "2024-01-01T00:00-03, 2024-01-02T00:00-03",
    );
    check_steps(
        "2024-01-01T00:00",
        "30s",
        "2024-01-01T00:00:00, 2024-01-01T00:00:30",
    );
    check_steps(
        "2024-01-01T00:00",
        "250ms",
        "2024-01-01T00:00:00.000, 2024-01-01T00:00:00.250",
    );
    check_steps(
        "2024-01-01T00:00:00.5",
        "us",
        "2024-01-01T00:00:00.500000, 2024-01-01T00:00:00.500001",
    );
    check_steps(
        "2024-01-01T00:00:07",
        "D",
        "2024-01-01T00:00:07, 2024-01-02T00:00:07",
    );
    check_steps(
        "2024-01-01T00:00:00Z[Europe/Berlin]",
        "MS",
        "2024-01-01T00:00:00Z[Europe/Berlin], 2024-02-01T00:00:00Z[Europe/Berlin]",
    );
}

#[test]
fn stamps_are_placed_in_a_time_zone() {
    let place = |text: &str| {
        stamp(text)
            .in_zone("Europe/Berlin")
            .map(|stamp| stamp.to_string())
    };
    let ok = |text: &str| Ok(text.to_owned());
    assert_eq!(place("2024-07-01"), ok("2024-07-01"));
    assert_eq!(place("2024-07-01 12:00"), ok("2024-07-01 12:00+02:00"));
    assert_eq!(place("2024-03-31T02:30"), ok("2024-03-31T03:30+02:00"));
    assert_eq!(place("2024-10-27T02:30"), ok("2024-10-27T02:30+02:00"));
    assert_eq!(place("2024-07-01T12:00:00Z"), ok("2024-07-01T12:00:00Z"));
    assert_eq!(
        place("2024-07-01T12:00:00+00:00"),
        ok("2024-07-01T14:00:00+02:00")
    );
    assert_eq!(
        place("2024-07-01T12:00+02:00[europe/berlin]"),
        ok("2024-07-01T12:00+02:00[Europe/Berlin]")
    );
    assert_eq!(place("5"), Err(StampError::IndexInZone { index: 5 }));
    assert!(matches!(
        place("2024-07-01T12:00[Asia/Tokyo]"),
        Err(StampError::OtherZone { .. })
    ));
    assert!(matches!(
        place("-009999-01-01T00:00"),
        Err(StampError::OutOfRange { .. })
    ));

    let start = stamp("2024-03-31").in_zone("Europe/Berlin").unwrap();
    let hours = Calendar::new(start.clone(), "2h".parse().unwrap()).unwrap();
    assert_eq!(
        hours.stamp(0).unwrap().to_string(),
        "2024-03-31T00:00:00+01:00"
    );
    assert_eq!(
        hours.stamp(1).unwrap().to_string(),
        "2024-03-31T03:00:00+02:00"
    );
    let days = Calendar::new(start, "D".parse().unwrap()).unwrap();
    assert_eq!(days.stamp(1).unwrap().to_string(), "2024-04-01");
}

#[test]
fn unknown_zones_are_reported_with_a_suggestion() {
    let error = stamp("2024-01-01").in_zone("Europe/Belrin").unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown time zone `Europe/Belrin` (did you mean `Europe/Berlin`?); use an IANA name such as \
         `Europe/Berlin`"
    );
    assert!(matches!(
        Stamp::parse("2024-01-01T00:00[Mars/Olympus]"),
        Err(StampError::UnknownZone {
            suggestion: None,
            ..
        })
    ));
}

#[test]
fn invalid_stamps_are_explained() {
    let message = |text: &str| Stamp::parse(text).unwrap_err().to_string();
    assert_eq!(
        message("20240131"),
        "timestamp `20240131` may be a date or an integer index; write `2024-01-31` for the date"
    );
    // The message of jiff follows.
    let unreadable = message("yesterday");
    assert!(
        unreadable.starts_with("cannot parse timestamp `yesterday`: failed to parse"),
        "{unreadable}"
    );
    assert!(
        unreadable.ends_with(
            "; use a form such as `2024-01-31`, `2024-01-31T12:00:00`, \
             `2024-01-31T12:00:00Z`, \
             `2024-01-31T12:00:00+01:00[Europe/Berlin]` or an integer"
        ),
        "{unreadable}"
    );
    for text in [
        "",
        "2023-02-29",
        "2024-13",
        "31.01.2024",
        "01/31/2024",
        "2024-01-01T25:00",
        "2024-01-01T12:00+30:00",
    ] {
        assert!(
            matches!(Stamp::parse(text), Err(StampError::Unreadable { .. })),
            "{text}"
        );
    }
    // The offset of Berlin was +01:00 at that time.
    assert!(Stamp::parse("2024-01-01T00:00:00+05:00[Europe/Berlin]").is_err());
    let long = "2024-01-31".repeat(20);
    assert!(matches!(
        Stamp::parse(&long),
        Err(StampError::TooLong {
            length: 200,
            limit: 100,
            ..
        })
    ));
    assert_eq!(stamp("99999999"), Stamp::index(99_999_999));
}
