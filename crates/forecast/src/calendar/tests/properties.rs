//! Properties that hold for every frequency and every start.

use proptest::prelude::*;

use crate::calendar::position::StampPosition;
use crate::calendar::{Calendar, Stamp};
use crate::frequency::tests::{any_frequency, any_unit};
use crate::frequency::{Edge, Frequency, Unit};

const ZONES: [&str; 2] = ["Europe/Berlin", "America/New_York"];

/// Generates dates and date-times of every kind, in the years that series usually have.
fn any_start() -> impl Strategy<Value = Stamp> {
    let date = (1950_i16..2100, 1_i8..=12, 1_i8..=31).prop_map(|(year, month, day)| {
        format!("{year:04}-{month:02}-{:02}", day.min(28).max(day - 3))
    });
    let date = prop_oneof![
        date,
        // Month ends, which the dates above rarely are.
        (1950_i16..2100, 1_i8..=12).prop_map(|(year, month)| {
            jiff::civil::date(year, month, 1)
                .last_of_month()
                .to_string()
        }),
    ]
    .prop_filter("exists", |text| text.parse::<jiff::civil::Date>().is_ok());
    let time = prop_oneof![
        Just((0, 0)),
        (0..24_u8, prop::sample::select(vec![0_u8, 15, 30, 59])),
        Just((2, 30)),
    ];
    let suffix = prop::sample::select(vec![
        "",
        "",
        "Z",
        "+01:00",
        "-0330",
        "[Europe/Berlin]",
        "[America/New_York]",
    ]);
    (date, prop::option::of((time, suffix))).prop_map(|(date, clock)| {
        let text = match clock {
            None => date,
            Some(((hour, minute), suffix)) => format!("{date}T{hour:02}:{minute:02}:00{suffix}"),
        };
        Stamp::parse(&text).unwrap()
    })
}

/// Generates starts in a zone, within a week of a change of its clock or at any time.
fn zoned_start() -> impl Strategy<Value = Stamp> {
    let day = prop_oneof![
        (
            2000_i16..2040,
            prop::sample::select(vec![(3_i8, 8_i8), (3, 25), (10, 25), (11, 1)]),
            0_i8..=6
        )
            .prop_map(|(year, (month, day), later)| (year, month, (day + later).min(30))),
        (2000_i16..2040, 1_i8..=12, 1_i8..=28),
    ];
    (
        day,
        0_u8..24,
        0_u8..60,
        prop::sample::select(ZONES.to_vec()),
    )
        .prop_map(|((year, month, day), hour, minute, zone)| {
            Stamp::parse(&format!(
                "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}[{zone}]"
            ))
            .unwrap()
        })
}

/// Generates frequencies that series usually have, without the integer index.
fn calendar_frequency() -> impl Strategy<Value = Frequency> {
    let unit = any_unit().prop_filter("has a unit", |unit| *unit != Unit::Step);
    (prop_oneof![3 => Just(1), 2 => 1_u64..=12], unit)
        .prop_map(|(multiple, unit)| Frequency::new(multiple, unit).unwrap())
}

fn formatted(stamps: &[Stamp]) -> Vec<String> {
    stamps.iter().map(Stamp::to_string).collect()
}

/// Returns true if a start of business days is on a weekend, so that no other axis has the same stamps.
fn starts_between_business_days(calendar: &Calendar) -> bool {
    calendar.frequency().unit() == Unit::BusinessDay && calendar.is_off_anchor()
}

fn seconds_between(left: &Stamp, right: &Stamp) -> i128 {
    (right.position().nanoseconds().unwrap() - left.position().nanoseconds().unwrap())
        / 1_000_000_000
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn no_step_panics(
        start in prop_oneof![any_start(), any::<i64>().prop_map(Stamp::index)],
        frequency in any_frequency(),
        step in prop_oneof![any::<i64>(), -1_000_000_i64..1_000_000],
    ) {
        if let Ok(calendar) = Calendar::new(start, frequency)
            && let Ok(stamp) = calendar.stamp(step)
        {
            let _ = stamp.to_string();
        }
    }

    #[test]
    fn stamps_increase_strictly(
        start in any_start(),
        frequency in calendar_frequency(),
        from in -500_i64..500,
    ) {
        let stamps = Calendar::new(start, frequency).unwrap().stamps(from, 30).unwrap();
        prop_assert!(stamps.is_sorted_by(|left, right| left < right), "{:?}", formatted(&stamps));
    }

    #[test]
    fn single_steps_agree_with_ranges(
        start in any_start(),
        frequency in calendar_frequency(),
        from in -300_i64..300,
    ) {
        let calendar = Calendar::new(start.clone(), frequency).unwrap();
        let range = calendar.stamps(from, 2).unwrap();
        prop_assert_eq!(range[1].to_string(), calendar.stamp(from + 1).unwrap().to_string());
        let origin = calendar.stamp(0).unwrap();
        prop_assert_eq!(origin.position().wall(), start.position().wall());
    }

    #[test]
    fn formatted_stamps_are_parsed_back(
        start in any_start(),
        frequency in calendar_frequency(),
        step in -300_i64..300,
    ) {
        let stamp = Calendar::new(start, frequency).unwrap().stamp(step).unwrap();
        let text = stamp.to_string();
        let parsed = Stamp::parse(&text).unwrap();
        prop_assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn parsing_any_text_does_not_panic(text in "\\PC{0,30}") {
        drop(Stamp::parse(&text));
    }

    #[test]
    fn stamps_are_formatted_as_they_were_parsed(
        text in "2024-0[1-9]-[012][0-9]([T ][01][0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?\
            (Z|[+-]0[1-9]:[0-5]0|[+-]0[1-9][0-5]0|[+-]0[1-9])?)?",
    ) {
        if let Ok(stamp) = Stamp::parse(&text) {
            prop_assert_eq!(stamp.to_string(), text);
        }
    }

    #[test]
    fn aligned_stamps_keep_their_steps(
        start in any_start(),
        frequency in calendar_frequency(),
        gaps in prop::collection::vec(1_usize..4, 0..20),
    ) {
        let calendar = Calendar::new(start, frequency).unwrap();
        let positions: Vec<usize> = std::iter::once(0)
            .chain(gaps.iter().scan(0, |position, gap| {
                *position += gap;
                Some(*position)
            }))
            .collect();
        let all = calendar.stamps(0, 80).unwrap();
        let stamps: Vec<Stamp> = positions.iter().map(|position| all[*position].clone()).collect();
        let (aligned, placed) = Calendar::align(&stamps, Some(frequency), 80).unwrap();
        prop_assert_eq!(placed, positions);
        prop_assert_eq!(formatted(&aligned.stamps(0, 80).unwrap()), formatted(&all));
        prop_assert_eq!(aligned.is_off_anchor(), calendar.is_off_anchor());
    }

    #[test]
    fn inferred_axes_have_the_same_stamps(
        start in any_start(),
        frequency in calendar_frequency(),
        count in 3_usize..40,
    ) {
        let calendar = Calendar::new(start, frequency).unwrap();
        prop_assume!(!starts_between_business_days(&calendar));
        let stamps = calendar.stamps(0, count).unwrap();
        let (inferred, positions) = Calendar::align(&stamps, None, count).unwrap();
        prop_assert_eq!(positions, (0..count).collect::<Vec<_>>(), "{}", inferred.frequency());
        prop_assert_eq!(formatted(&inferred.stamps(0, count).unwrap()), formatted(&stamps));
        prop_assert_eq!(Calendar::infer(&stamps), Ok(inferred.frequency()));
    }

    #[test]
    fn one_gap_does_not_change_the_inferred_frequency(
        start in any_start(),
        frequency in calendar_frequency(),
        gap in 12_usize..20,
    ) {
        let calendar = Calendar::new(start, frequency).unwrap();
        prop_assume!(!starts_between_business_days(&calendar));
        let mut stamps = calendar.stamps(0, 32).unwrap();
        let expected = formatted(&stamps);
        stamps.remove(gap);
        let (inferred, _) = Calendar::align(&stamps, None, 32).unwrap();
        prop_assert_eq!(formatted(&inferred.stamps(0, 32).unwrap()), expected);
    }

    #[test]
    fn month_ends_are_followed_by_month_ends(
        year in 1950_i16..2100,
        month in 1_i8..=12,
        multiple in 1_u64..30,
        step in -200_i64..200,
        is_business in any::<bool>(),
    ) {
        let last = jiff::civil::date(year, month, 1).last_of_month();
        let weekend_days = (last.weekday().to_monday_zero_offset() - 4).max(0);
        let back = if is_business { weekend_days } else { 0 };
        let start = jiff::civil::date(year, month, last.day() - back);
        let edge = if is_business { Edge::BusinessEnd } else { Edge::End };
        let frequency = Frequency::new(multiple, Unit::Month(Some(edge))).unwrap();
        let calendar = Calendar::new(Stamp::parse(&start.to_string()).unwrap(), frequency).unwrap();
        let date = calendar.stamp(step).unwrap().position().wall().unwrap().date();
        let last = date.last_of_month();
        if is_business {
            prop_assert!(date.weekday().to_monday_zero_offset() < 5);
            prop_assert!(last.weekday().to_monday_zero_offset() >= 5 || date == last);
            prop_assert!(last.day() - date.day() <= 2);
        } else {
            prop_assert_eq!(date, last);
        }
    }

    #[test]
    fn business_days_are_weekdays(
        start in any_start(),
        multiple in 1_u64..30,
        step in -500_i64..500,
    ) {
        prop_assume!(step != 0);
        let frequency = Frequency::new(multiple, Unit::BusinessDay).unwrap();
        let stamp = Calendar::new(start, frequency).unwrap().stamp(step).unwrap();
        prop_assert!(stamp.position().wall().unwrap().weekday().to_monday_zero_offset() < 5);
    }

    #[test]
    fn days_in_a_zone_keep_the_wall_time(start in zoned_start(), step in -400_i64..400) {
        let wall = start.position().wall().unwrap();
        let stamp = Calendar::new(start, "D".parse().unwrap()).unwrap().stamp(step).unwrap();
        let reached = stamp.position().wall().unwrap();
        // Both zones change their clocks by an hour, by which a skipped wall time moves.
        let moved = reached.time().duration_since(wall.time()).as_secs();
        prop_assert!(moved == 0 || moved == 3600, "{stamp}");
        prop_assert_eq!(i64::from(reached.date().since(wall.date()).unwrap().get_days()), step);
    }

    #[test]
    fn hours_in_a_zone_are_elapsed_time(start in zoned_start(), from in -400_i64..400) {
        let stamps = Calendar::new(start, "h".parse().unwrap()).unwrap().stamps(from, 2).unwrap();
        prop_assert_eq!(seconds_between(&stamps[0], &stamps[1]), 3600);
        prop_assert!(matches!(stamps[1].position(), StampPosition::Zoned(_)));
    }

    #[test]
    fn wall_times_of_a_zone_are_placed_back_in_it(
        start in zoned_start(),
        half_hours in any::<bool>(),
    ) {
        let frequency = if half_hours { "30min" } else { "h" }.parse().unwrap();
        let zone = match start.position() {
            StampPosition::Zoned(zoned) => zoned.time_zone().iana_name().unwrap().to_owned(),
            _ => unreachable!("the start is in a zone"),
        };
        let zoned = Calendar::new(start, frequency).unwrap().stamps(0, 24 * 8).unwrap();
        let walls: Vec<Stamp> = zoned
            .iter()
            .map(|stamp| stamp.position().wall().unwrap().to_string())
            .map(|text| Stamp::parse(&text).unwrap())
            .collect();
        let placed = Stamp::all_in_zone(walls, &zone).unwrap();
        prop_assert_eq!(&placed, &zoned);
        let (calendar, positions) = Calendar::align(&placed, None, 24 * 8).unwrap();
        prop_assert_eq!(calendar.frequency(), frequency);
        prop_assert_eq!(positions, (0..24 * 8).collect::<Vec<_>>());
    }
}
