use proptest::prelude::*;

use super::unit::{weekday_from_name, weekday_name};
use super::{ClockUnit, Edge, Frequency, FrequencyError, Half, Month, Unit};

/// Asserts that each text, and the canonical spelling itself, is parsed as this frequency.
#[track_caller]
fn check(canonical: &str, spellings: &[&str]) {
    for text in spellings.iter().chain([&canonical]) {
        match text.parse::<Frequency>() {
            Ok(frequency) => assert_eq!(frequency.to_string(), canonical, "from `{text}`"),
            Err(error) => panic!("`{text}` is rejected: {error}"),
        }
    }
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let error = text
        .parse::<Frequency>()
        .expect_err("the frequency is invalid");
    let message = error.to_string();
    let end = message.find("; use one of").unwrap_or(message.len());
    assert_eq!(&message[..end], expected);
}

#[track_caller]
fn check_season(season_length: usize, spellings: &[&str]) {
    for text in spellings {
        let frequency: Frequency = text.parse().unwrap();
        assert_eq!(frequency.season_length(), season_length, "of `{text}`");
    }
}

#[test]
fn parses_pandas_aliases_old_and_new() {
    check("D", &["d", " D "]);
    check("B", &["b", "C"]);
    check("h", &["H", "1h", "1H"]);
    check("min", &["T", "t", "Min", "MIN"]);
    check("s", &["S"]);
    check("ms", &["L", "l"]);
    check("us", &["U", "u", "US"]);
    check("ns", &["N"]);
    check("15min", &["15T", "15 min", "+15min", "015min"]);
    check("W-SUN", &["W"]);
    check("2W-MON", &["2w-mon"]);
    check("SMS-15", &["SMS"]);
    check("SME-15", &["SM", "SME", "SM-15"]);
    check("SMS-10", &["sms-10"]);
    check("MS", &["1MS", "1 MS"]);
    check("ME", &["M", "me"]);
    check("3MS", &[]);
    check("BMS", &["CBMS"]);
    check("BME", &["BM", "CBM", "CBME"]);
    check("QS-JAN", &["QS", "qs"]);
    check("QS-OCT", &["qs-oct"]);
    check("QE-DEC", &["Q", "QE", "Q-DEC"]);
    check("BQS-JAN", &["BQS"]);
    check("BQE-DEC", &["BQ", "BQE"]);
    check("YS-JAN", &["YS", "AS", "AS-JAN"]);
    check("YE-DEC", &["Y", "YE", "A", "A-DEC", "a"]);
    check("BYS-JAN", &["BYS", "BAS"]);
    check("BYE-JUN", &["BY-JUN", "BA-JUN", "BYE-JUN"]);
}

#[test]
fn parses_iso_8601_durations() {
    check("D", &["P1D", "p1d"]);
    check("7D", &["P7D", "P1W", "P0Y7D"]);
    check("P1M", &["P01M"]);
    check("P3M", &[]);
    check("P1Y", &["P12M", "P1Y0M"]);
    check("P18M", &["P1Y6M"]);
    check("h", &["PT1H"]);
    check("15min", &["PT15M"]);
    check("90min", &["PT1H30M"]);
    check("30s", &["PT30S", "pt30s"]);
    check("3661s", &["PT1H1M1S"]);
}

#[test]
fn parses_polars_durations() {
    check("D", &["1d"]);
    check("7D", &["1w", "w"]);
    check("P1M", &["1mo", "mo"]);
    check("P3M", &["1q", "q"]);
    check("P1Y", &["1y", "y"]);
    check("2", &["2i"]);
}

#[test]
fn parses_english() {
    check("s", &["secondly", "every second"]);
    check("min", &["minutely", "1 minute"]);
    check(
        "15min",
        &[
            "15 minutes",
            "every 15 minutes",
            "Every 15 Mins",
            "quarter-hourly",
        ],
    );
    check("30min", &["half hourly"]);
    check("h", &["hourly", "HOUR"]);
    check("D", &["daily", "Day", "every day"]);
    check(
        "B",
        &[
            "business daily",
            "business days",
            "business-day",
            "weekdays",
            "working_days",
        ],
    );
    check("7D", &["weekly", "week"]);
    check("14D", &["2 weeks", "fortnightly"]);
    check("SMS-15", &["semi-monthly", "semimonthly"]);
    check("P1M", &["monthly", "Month", "1 month"]);
    check("MS", &["month start"]);
    check("P3M", &["quarterly", "3 months"]);
    check("P6M", &["half-yearly", "2 quarters"]);
    check(
        "P1Y",
        &["yearly", "annual", "annually", "year", "4 quarters"],
    );
}

#[test]
fn parses_a_bare_number_as_steps_of_an_index() {
    check("1", &["1i", "step"]);
    check("7", &["7 steps"]);
}

#[test]
fn suggests_the_most_similar_spelling() {
    check_error(
        "montly",
        "unknown frequency `montly` (did you mean `monthly`?)",
    );
    check_error(
        "15mints",
        "unknown frequency `15mints` (did you mean `15minute`?)",
    );
    check_error(
        "W-MOON",
        "unknown frequency `W-MOON` (did you mean `W-MON`?)",
    );
    check_error(
        "2 wek",
        "unknown frequency `2 wek` (did you mean `2 week`?)",
    );
}

#[test]
fn rejects_unknown_frequencies() {
    for text in [
        "xyzzy", "", "WOM-2TUE", "QS-ABC", "SME-31", "SMS-1", "MS-JAN", "P1X", "P1D1Y", "P1",
        "1h30min",
    ] {
        assert!(
            matches!(
                text.parse::<Frequency>(),
                Err(FrequencyError::Unknown { .. })
            ),
            "`{text}`"
        );
    }
    let long = "é".repeat(500);
    check_error(&long, &format!("unknown frequency `{}...`", "é".repeat(40)));
}

#[test]
fn the_error_lists_all_supported_frequencies() {
    let error = "xyzzy"
        .parse::<Frequency>()
        .expect_err("the frequency is invalid");
    assert_eq!(
        error.to_string(),
        "unknown frequency `xyzzy`; use one of ns|us|ms, s, min, h, D, B, W[-MON..-SUN], SMS|SME, \
         MS|ME, BMS|BME, \
         QS|QE[-JAN..-DEC], YS|YE[-JAN..-DEC], P1D|PT1H, daily|every 15 minutes, 1, optionally \
         preceded by a number"
    );
}

#[test]
fn rejects_frequencies_with_different_meanings_in_different_libraries() {
    let months = "is ambiguous: it may mean minutes (polars) or months (pandas); write";
    check_error(
        "m",
        &format!("frequency `m` {months} `min` for minutes, `MS` or `ME` for months"),
    );
    check_error(
        "15m",
        &format!("frequency `15m` {months} `15min` for minutes, `15MS` or `15ME` for months"),
    );
    check_error(
        "Ms",
        "frequency `Ms` is ambiguous: it may mean milliseconds or month starts; write `ms` for \
         milliseconds, \
         `MS` for month starts",
    );
}

#[test]
fn rejects_unsupported_frequencies() {
    check_error(
        "bh",
        "frequency `bh` is not supported because business hours differ between places; use \
         `h` with the \
         closed hours as missing values, or no frequency at all",
    );
    check_error(
        "P1M1D",
        "frequency `P1M1D` is not supported because months, days and hours have no common length; \
         use a duration \
         of years and months, of weeks and days, or of hours, minutes and seconds",
    );
}

#[test]
fn rejects_multiples_out_of_range() {
    for text in [
        "0D",
        "-1D",
        "1.5h",
        "P0D",
        "PT0.5S",
        "0",
        "1000000000000001ns",
        "99999999999999999999D",
    ] {
        let expected = format!(
            "the multiple of frequency `{text}` is out of range; use a whole number from 1 to 1000000000000000"
        );
        check_error(text, &expected);
    }
    check("1000000000000000ns", &[]);
}

#[test]
fn season_length_is_the_cycle_divided_by_the_multiple() {
    check_season(3600, &["s", "1000ms"]);
    check_season(120, &["30s"]);
    check_season(1440, &["min", "60s"]);
    check_season(960, &["90s"]);
    check_season(96, &["15min", "900s"]);
    check_season(48, &["30min"]);
    check_season(24, &["h", "60min", "3600s", "SME", "SMS-10"]);
    check_season(12, &["2h", "MS", "ME", "BMS", "P1M", "2SMS"]);
    check_season(7, &["D", "24h", "86400000ms"]);
    check_season(5, &["B"]);
    check_season(52, &["W", "W-MON", "weekly", "7D", "168h"]);
    check_season(26, &["2W", "14D"]);
    check_season(4, &["Q", "QS-FEB", "3MS", "P3M", "13W"]);
    check_season(6, &["2MS"]);
    check_season(2, &["6ME", "2Q"]);
    check_season(
        1,
        &[
            "Y", "YS-APR", "12MS", "ms", "ns", "2D", "5MS", "7h", "7s", "1", "12", "48h", "2B",
        ],
    );
}

#[test]
fn hours_and_finer_units_are_sub_daily() {
    for (text, expected) in [
        ("24h", true),
        ("ns", true),
        ("D", false),
        ("MS", false),
        ("1", false),
    ] {
        assert_eq!(
            text.parse::<Frequency>().unwrap().is_sub_daily(),
            expected,
            "`{text}`"
        );
    }
}

/// Generates any frequency.
pub(crate) fn any_frequency() -> impl Strategy<Value = Frequency> {
    let multiple = prop_oneof![Just(1), 1_u64..=60, 1..=Frequency::MAX_MULTIPLE];
    (multiple, any_unit()).prop_map(|(multiple, unit)| Frequency::new(multiple, unit).unwrap())
}

/// Generates any unit.
pub(crate) fn any_unit() -> impl Strategy<Value = Unit> {
    let edge = || {
        prop::sample::select(vec![
            Edge::Start,
            Edge::End,
            Edge::BusinessStart,
            Edge::BusinessEnd,
        ])
    };
    let month = || (1_i8..=12).prop_map(|number| Month::new(number).unwrap());
    let weekdays = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
        .map(|name| weekday_from_name(name).unwrap());
    prop_oneof![
        Just(Unit::Step),
        prop::sample::select(ClockUnit::LONGEST_FIRST.to_vec()).prop_map(Unit::Clock),
        Just(Unit::Day),
        Just(Unit::BusinessDay),
        prop::sample::select(weekdays.to_vec()).prop_map(Unit::Week),
        (2_i8..=27).prop_map(|day| Unit::SemiMonth(Half::Start, day)),
        (1_i8..=27).prop_map(|day| Unit::SemiMonth(Half::End, day)),
        prop::option::of(edge()).prop_map(Unit::Month),
        (edge(), month()).prop_map(|(edge, month)| Unit::Quarter(edge, month)),
        (edge(), month()).prop_map(|(edge, month)| Unit::Year(edge, month)),
    ]
}

proptest! {
    #[test]
    fn formatted_frequencies_are_parsed_back(frequency in any_frequency()) {
        prop_assert_eq!(frequency.to_string().parse::<Frequency>(), Ok(frequency));
    }

    #[test]
    fn parsing_any_text_does_not_panic(text in "\\PC{0,12}") {
        drop(text.parse::<Frequency>());
    }

    #[test]
    fn parsing_texts_like_frequencies_does_not_panic(
        text in "[-+.0-9]{0,3}[PTWQMSYBHDminsu-]{0,6}[0-9]{0,2}[DMY]?",
    ) {
        if let Ok(frequency) = text.parse::<Frequency>() {
            prop_assert_eq!(frequency.to_string().parse::<Frequency>(), Ok(frequency));
            prop_assert!(frequency.season_length() >= 1);
        }
    }
}

#[test]
fn weekday_names_are_those_of_pandas() {
    for name in ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"] {
        assert_eq!(weekday_from_name(name).map(weekday_name), Some(name));
    }
}
