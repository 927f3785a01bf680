//! The ticks of the time axis: years, months, days or times of a calendar, or the numbers of the
//! steps if there is no calendar.

use crate::axis::{Tick, round_step};

/// The parts of a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StampParts {
    year: i64,
    month: i64,
    day: i64,
    minute: i64,
}

/// A unit of the calendar, whose beginnings can have ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CalendarUnit {
    Minutes(i64),
    Days(i64),
    /// A number of weeks, which begin on Monday.
    Weeks(i64),
    Months(i64),
    Years(i64),
}

/// The units, from fine to coarse.
const UNITS: [CalendarUnit; 25] = [
    CalendarUnit::Minutes(1),
    CalendarUnit::Minutes(5),
    CalendarUnit::Minutes(15),
    CalendarUnit::Minutes(30),
    CalendarUnit::Minutes(60),
    CalendarUnit::Minutes(180),
    CalendarUnit::Minutes(360),
    CalendarUnit::Minutes(720),
    CalendarUnit::Days(1),
    CalendarUnit::Days(2),
    CalendarUnit::Days(3),
    CalendarUnit::Days(4),
    CalendarUnit::Weeks(1),
    CalendarUnit::Weeks(2),
    CalendarUnit::Months(1),
    CalendarUnit::Months(2),
    CalendarUnit::Months(3),
    CalendarUnit::Months(6),
    CalendarUnit::Years(1),
    CalendarUnit::Years(2),
    CalendarUnit::Years(5),
    CalendarUnit::Years(10),
    CalendarUnit::Years(20),
    CalendarUnit::Years(50),
    CalendarUnit::Years(100),
];

/// The minimum distance between two labels, in characters.
const LABEL_GAP: usize = 4;

/// The maximum number of labels of an axis.
const MAX_LABELS: usize = 10;

/// Returns ticks for `stamps`, the first of which is at step `first`, on an axis that is
/// `max_chars` wide.
pub(super) fn stamp_ticks(stamps: &[String], first: i64, max_chars: usize) -> Vec<Tick> {
    let parts: Option<Vec<_>> = stamps
        .iter()
        .map(|stamp| StampParts::parse(stamp))
        .collect();
    parts
        .as_deref()
        .and_then(|parts| labels_by_unit(parts, max_chars))
        .unwrap_or_else(|| even_labels(stamps, parts.as_deref(), max_chars))
        .into_iter()
        .map(|(index, label)| Tick {
            at: (first + i64::try_from(index).unwrap_or(0)) as f64,
            label,
        })
        .collect()
}

/// Returns ticks for the numbers of steps: 1 is the first of the forecast, and 0 the last of the
/// history.
pub(super) fn step_ticks(first: i64, last: i64, max_chars: usize) -> Vec<Tick> {
    let (step, _) = round_step(
        (last - first).max(1) as f64,
        max_labels(LABEL_GAP, max_chars),
    );
    let step = step.max(1.0);
    let mut ticks = Vec::new();
    let mut at = (first as f64 / step).ceil() * step;
    while at <= last as f64 {
        ticks.push(Tick {
            at,
            label: format!("{:.0}", at + 0.0).replace('-', "−"),
        });
        at += step;
    }
    ticks
}

/// Returns the maximum number of labels of `length` characters on an axis that is `max_chars` wide.
fn max_labels(length: usize, max_chars: usize) -> usize {
    (max_chars / (length + LABEL_GAP)).clamp(1, MAX_LABELS)
}

fn fits(labelled: &[(usize, String)], max_chars: usize) -> bool {
    let longest = labelled
        .iter()
        .map(|(_, label)| label.chars().count())
        .max()
        .unwrap_or(0);
    labelled.len() <= max_labels(longest, max_chars)
}

/// Returns labels at the beginnings of the finest unit whose labels fit.
fn labels_by_unit(parts: &[StampParts], max_chars: usize) -> Option<Vec<(usize, String)>> {
    UNITS.iter().enumerate().find_map(|(index, unit)| {
        let starts = unit.starts(parts);
        if !(2..=MAX_LABELS).contains(&starts.len()) {
            return None;
        }
        // Stamps at the beginning of months also begin days: the coarsest unit with the same starts
        // determines the labels.
        let coarsest = UNITS[index..]
            .iter()
            .take_while(|unit| unit.starts(parts) == starts)
            .last()?;
        let labelled = coarsest.labels(parts, &starts);
        fits(&labelled, max_chars).then_some(labelled)
    })
}

/// Returns labels for the last stamp and for others at even distances before it.
fn even_labels(
    stamps: &[String],
    parts: Option<&[StampParts]>,
    max_chars: usize,
) -> Vec<(usize, String)> {
    let has_whole_days = parts.is_some_and(|parts| parts.iter().all(|part| part.minute == 0));
    let labels: Vec<_> = stamps
        .iter()
        .map(|stamp| shortened(stamp, has_whole_days))
        .collect();
    let longest = labels
        .iter()
        .map(|label| label.chars().count())
        .max()
        .unwrap_or(0);
    let stride = stamps.len().div_ceil(max_labels(longest, max_chars)).max(1);
    let mut labelled: Vec<_> = labels
        .into_iter()
        .enumerate()
        .rev()
        .step_by(stride)
        .collect();
    labelled.reverse();
    labelled
}

/// Returns `stamp` without seconds, and without the time if all stamps are whole days.
fn shortened(stamp: &str, has_whole_days: bool) -> String {
    let length = if has_whole_days { 10 } else { 16 };
    match stamp.get(..length) {
        Some(short) if StampParts::parse(stamp).is_some() => short.replace('T', " "),
        _ => stamp.to_owned(),
    }
}

impl StampParts {
    /// Parses `2024-01`, `2024-01-31`, and stamps that begin with `2024-01-31T12:00`.
    fn parse(stamp: &str) -> Option<Self> {
        let number = |range: std::ops::Range<usize>| -> Option<i64> {
            let digits = stamp.get(range)?;
            digits
                .bytes()
                .all(|digit| digit.is_ascii_digit())
                .then(|| digits.parse().ok())?
        };
        let has_separator = stamp.get(4..5)? == "-";
        let (year, month) = has_separator.then_some((number(0..4)?, number(5..7)?))?;
        let day = if stamp.len() >= 10 { number(8..10)? } else { 1 };
        let minute = if stamp.len() >= 16 {
            60 * number(11..13)? + number(14..16)?
        } else {
            0
        };
        Some(Self {
            year,
            month,
            day,
            minute,
        })
    }

    /// Returns the days since 1970-01-01. The algorithm is from Howard Hinnant, "chrono-compatible
    /// low-level date algorithms".
    const fn days(self) -> i64 {
        let year = if self.month <= 2 {
            self.year - 1
        } else {
            self.year
        };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }
}

impl CalendarUnit {
    /// Returns the number of the unit that contains the stamp.
    const fn number_of(self, stamp: StampParts) -> i64 {
        match self {
            Self::Minutes(length) => (stamp.days() * 1_440 + stamp.minute).div_euclid(length),
            Self::Days(length) => stamp.days().div_euclid(length),
            // 1970-01-01 was a Thursday.
            Self::Weeks(length) => (stamp.days() + 3).div_euclid(7 * length),
            Self::Months(length) => (stamp.year * 12 + stamp.month - 1).div_euclid(length),
            Self::Years(length) => stamp.year.div_euclid(length),
        }
    }

    /// Returns the indices of the stamps that are in another unit than the previous stamp.
    fn starts(self, parts: &[StampParts]) -> Vec<usize> {
        (1..parts.len())
            .filter(|index| self.number_of(parts[*index]) != self.number_of(parts[*index - 1]))
            .collect()
    }

    /// Returns the labels of the stamps at the indices `starts`.
    fn labels(self, parts: &[StampParts], starts: &[usize]) -> Vec<(usize, String)> {
        let is_yearly = parts.windows(2).all(|pair| pair[0].year < pair[1].year);
        let is_january = starts.iter().all(|index| parts[*index].month == 1);
        let label = |index: &usize| {
            let StampParts {
                year,
                month,
                day,
                minute,
            } = parts[*index];
            let (hour, minute) = (minute / 60, minute % 60);
            let label = match self {
                Self::Minutes(_) if (hour, minute) == (0, 0) => format!("{month:02}-{day:02}"),
                Self::Minutes(_) => format!("{hour:02}:{minute:02}"),
                Self::Days(_) | Self::Weeks(_) => format!("{year:04}-{month:02}-{day:02}"),
                Self::Years(_) if is_yearly || is_january => format!("{year:04}"),
                Self::Months(_) | Self::Years(_) => format!("{year:04}-{month:02}"),
            };
            (*index, label)
        };
        starts.iter().map(label).collect()
    }
}

#[cfg(test)]
mod tests {
    use almanac_forecast::{Calendar, Stamp};

    use super::*;

    #[track_caller]
    fn check(
        start: &str,
        frequency: &str,
        count: usize,
        max_chars: usize,
        expected: &[(f64, &str)],
    ) {
        let calendar =
            Calendar::new(Stamp::parse(start).unwrap(), frequency.parse().unwrap()).unwrap();
        let stamps: Vec<_> = calendar
            .stamps(0, count)
            .unwrap()
            .iter()
            .map(Stamp::to_string)
            .collect();
        let ticks = stamp_ticks(&stamps, 0, max_chars);
        let actual: Vec<_> = ticks
            .iter()
            .map(|tick| (tick.at, tick.label.as_str()))
            .collect();
        assert_eq!(actual, expected);
    }

    #[test]
    fn labels_are_at_the_beginnings_of_years_and_months() {
        let years = [(6.0, "1958"), (18.0, "1959"), (30.0, "1960")];
        check("1957-07-01", "MS", 36, 50, &years);
        check("1957-07-01", "MS", 36, 20, &[(6.0, "1958"), (30.0, "1960")]);
        check(
            "1957-11",
            "MS",
            8,
            60,
            &[(2.0, "1958-01"), (4.0, "1958-03"), (6.0, "1958-05")],
        );
        check(
            "1957-11",
            "MS",
            4,
            60,
            &[(1.0, "1957-12"), (2.0, "1958-01"), (3.0, "1958-02")],
        );
        check(
            "1990-02-28",
            "QE-FEB",
            14,
            40,
            &[(4.0, "1991-02"), (8.0, "1992-02"), (12.0, "1993-02")],
        );
        check(
            "1990-12-31",
            "YE",
            8,
            40,
            &[(2.0, "1992"), (4.0, "1994"), (6.0, "1996")],
        );
    }

    #[test]
    fn labels_are_at_the_beginnings_of_weeks_and_hours() {
        check(
            "2024-01-30",
            "D",
            40,
            80,
            &[
                (6.0, "2024-02-05"),
                (13.0, "2024-02-12"),
                (20.0, "2024-02-19"),
                (27.0, "2024-02-26"),
                (34.0, "2024-03-04"),
            ],
        );
        check(
            "2024-06-01T18:00:00Z",
            "h",
            24,
            50,
            &[(6.0, "06-02"), (12.0, "06:00"), (18.0, "12:00")],
        );
    }

    #[test]
    fn other_stamps_have_labels_at_even_distances() {
        check("2024-01-03", "D", 1, 80, &[(0.0, "2024-01-03")]);
        check(
            "5",
            "10",
            4,
            80,
            &[(0.0, "5"), (1.0, "15"), (2.0, "25"), (3.0, "35")],
        );
        check(
            "2024-01-03T07:30:00",
            "s",
            2,
            80,
            &[(0.0, "2024-01-03 07:30"), (1.0, "2024-01-03 07:30")],
        );
    }

    #[test]
    fn steps_are_counted_from_the_forecast() {
        let labels: Vec<_> = step_ticks(-35, 12, 50)
            .into_iter()
            .map(|tick| tick.label)
            .collect();
        assert_eq!(labels, ["−30", "−20", "−10", "0", "10"]);
    }

    #[test]
    fn days_are_counted_over_leap_years() {
        let days = |text| StampParts::parse(text).unwrap().days();
        assert_eq!(days("1970-01-01"), 0);
        assert_eq!(days("2000-03-01") - days("2000-02-28"), 2);
        assert_eq!(days("1900-03-01") - days("1900-02-28"), 1);
        assert_eq!(days("2024-01-01"), 19_723);
    }
}
