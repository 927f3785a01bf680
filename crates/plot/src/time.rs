//! Few and telling labels along the time axis: years where there are years, days where there are
//! days, numbers of steps where there is no calendar.

use crate::axis::{Tick, round_step};

/// A stamp taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    year: i64,
    month: i64,
    day: i64,
    minute: i64,
}

/// A part of the calendar at whose beginning a label can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grain {
    Minutes(i64),
    Days(i64),
    /// Weeks from Monday, so many.
    Weeks(i64),
    Months(i64),
    Years(i64),
}

/// From fine to coarse. Each begins where a reader expects it to.
const GRAINS: [Grain; 25] = [
    Grain::Minutes(1),
    Grain::Minutes(5),
    Grain::Minutes(15),
    Grain::Minutes(30),
    Grain::Minutes(60),
    Grain::Minutes(180),
    Grain::Minutes(360),
    Grain::Minutes(720),
    Grain::Days(1),
    Grain::Days(2),
    Grain::Days(3),
    Grain::Days(4),
    Grain::Weeks(1),
    Grain::Weeks(2),
    Grain::Months(1),
    Grain::Months(2),
    Grain::Months(3),
    Grain::Months(6),
    Grain::Years(1),
    Grain::Years(2),
    Grain::Years(5),
    Grain::Years(10),
    Grain::Years(20),
    Grain::Years(50),
    Grain::Years(100),
];

/// Characters that stand free between two labels, at least.
const APART: usize = 4;

/// The most labels along an axis, however wide.
const MOST: usize = 10;

/// Labels for `stamps`, the first of which lies at `first` and each one further, in an axis of
/// `room` characters.
pub(super) fn stamp_ticks(stamps: &[String], first: i64, room: usize) -> Vec<Tick> {
    let moments: Option<Vec<_>> = stamps.iter().map(|stamp| Moment::parse(stamp)).collect();
    let chosen = moments
        .as_deref()
        .and_then(|moments| by_grain(moments, room));
    let labelled = chosen.unwrap_or_else(|| evenly(stamps, moments.as_deref(), room));
    let at = |place: usize| (first + i64::try_from(place).unwrap_or(0)) as f64;
    labelled
        .into_iter()
        .map(|(place, label)| Tick {
            at: at(place),
            label,
        })
        .collect()
}

/// Labels for steps counted from the forecast: 1 is its first, 0 the last of the history.
pub(super) fn step_ticks(first: i64, last: i64, room: usize) -> Vec<Tick> {
    let (step, _) = round_step((last - first).max(1) as f64, most(APART, room));
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

/// How many labels of `length` characters stand in `room`.
fn most(length: usize, room: usize) -> usize {
    (room / (length + APART)).clamp(1, MOST)
}

fn fits(labelled: &[(usize, String)], room: usize) -> bool {
    let longest = labelled
        .iter()
        .map(|(_, label)| label.chars().count())
        .max()
        .unwrap_or(0);
    labelled.len() <= most(longest, room)
}

/// Labels where parts of the calendar begin: of the finest parts that leave each label its room.
fn by_grain(moments: &[Moment], room: usize) -> Option<Vec<(usize, String)>> {
    GRAINS.iter().enumerate().find_map(|(position, grain)| {
        let places = grain.places(moments);
        if !(2..=MOST).contains(&places.len()) {
            return None;
        }
        // Months begin with days, which says nothing of days: the coarsest of equals is meant.
        let coarser = GRAINS[position..].iter();
        let meant = coarser
            .take_while(|grain| grain.places(moments) == places)
            .last()?;
        let labelled = meant.label(moments, &places);
        fits(&labelled, room).then_some(labelled)
    })
}

/// The last stamp, and others at even distances before it.
fn evenly(stamps: &[String], moments: Option<&[Moment]>, room: usize) -> Vec<(usize, String)> {
    let whole_days = moments.is_some_and(|moments| moments.iter().all(|one| one.minute == 0));
    let labels: Vec<_> = stamps
        .iter()
        .map(|stamp| fallback(stamp, whole_days))
        .collect();
    let longest = labels
        .iter()
        .map(|label| label.chars().count())
        .max()
        .unwrap_or(0);
    let stride = stamps.len().div_ceil(most(longest, room)).max(1);
    let mut labelled: Vec<_> = labels
        .into_iter()
        .enumerate()
        .rev()
        .step_by(stride)
        .collect();
    labelled.reverse();
    labelled
}

/// A stamp that begins no year, month or day: without seconds, and without hours where there are none.
fn fallback(stamp: &str, whole_days: bool) -> String {
    let longest = if whole_days { 10 } else { 16 };
    match stamp.get(..longest) {
        Some(short) if Moment::parse(stamp).is_some() => short.replace('T', " "),
        _ => stamp.to_owned(),
    }
}

impl Moment {
    /// Reads `2024-01`, `2024-01-31` and whatever begins with `2024-01-31T12:00`.
    fn parse(stamp: &str) -> Option<Self> {
        let number = |range: std::ops::Range<usize>| -> Option<i64> {
            let digits = stamp.get(range)?;
            digits
                .bytes()
                .all(|digit| digit.is_ascii_digit())
                .then(|| digits.parse().ok())?
        };
        let separated = stamp.get(4..5)? == "-";
        let (year, month) = separated.then_some((number(0..4)?, number(5..7)?))?;
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

    /// Days since 1970-01-01: Howard Hinnant, "chrono-compatible low-level date algorithms".
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

impl Grain {
    /// Which of these parts `moment` lies in.
    const fn part(self, moment: Moment) -> i64 {
        match self {
            Self::Minutes(length) => (moment.days() * 1_440 + moment.minute).div_euclid(length),
            Self::Days(length) => moment.days().div_euclid(length),
            // 1970-01-01 was a Thursday.
            Self::Weeks(length) => (moment.days() + 3).div_euclid(7 * length),
            Self::Months(length) => (moment.year * 12 + moment.month - 1).div_euclid(length),
            Self::Years(length) => moment.year.div_euclid(length),
        }
    }

    /// Where a part begins, as far as the moments show it.
    fn places(self, moments: &[Moment]) -> Vec<usize> {
        let begins = |place: &usize| self.part(moments[*place]) != self.part(moments[*place - 1]);
        (1..moments.len()).filter(begins).collect()
    }

    fn label(self, moments: &[Moment], places: &[usize]) -> Vec<(usize, String)> {
        let all_yearly = moments.windows(2).all(|pair| pair[0].year < pair[1].year);
        let in_january = places.iter().all(|place| moments[*place].month == 1);
        let write = |place: &usize| {
            let Moment {
                year,
                month,
                day,
                minute,
            } = moments[*place];
            let (hour, minute) = (minute / 60, minute % 60);
            let label = match self {
                Self::Minutes(_) if (hour, minute) == (0, 0) => format!("{month:02}-{day:02}"),
                Self::Minutes(_) => format!("{hour:02}:{minute:02}"),
                Self::Days(_) | Self::Weeks(_) => format!("{year:04}-{month:02}-{day:02}"),
                Self::Years(_) if all_yearly || in_january => format!("{year:04}"),
                Self::Months(_) | Self::Years(_) => format!("{year:04}-{month:02}"),
            };
            (*place, label)
        };
        places.iter().map(write).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use almanac_forecast::{Calendar, Stamp};

    #[track_caller]
    fn check(axis: (&str, &str, usize), room: usize, expected: &[(f64, &str)]) {
        let (start, frequency, count) = axis;
        let calendar =
            Calendar::new(Stamp::parse(start).unwrap(), frequency.parse().unwrap()).unwrap();
        let stamps: Vec<_> = calendar
            .stamps(0, count)
            .unwrap()
            .iter()
            .map(Stamp::to_string)
            .collect();
        let ticks = stamp_ticks(&stamps, 0, room);
        let found: Vec<_> = ticks
            .iter()
            .map(|tick| (tick.at, tick.label.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn labels_stand_where_a_reader_expects_them() {
        let years = [(6.0, "1958"), (18.0, "1959"), (30.0, "1960")];
        check(("1957-07-01", "MS", 36), 50, &years);
        check(
            ("1957-07-01", "MS", 36),
            20,
            &[(6.0, "1958"), (30.0, "1960")],
        );
        check(
            ("1957-11", "MS", 8),
            60,
            &[(2.0, "1958-01"), (4.0, "1958-03"), (6.0, "1958-05")],
        );
        check(
            ("1957-11", "MS", 4),
            60,
            &[(1.0, "1957-12"), (2.0, "1958-01"), (3.0, "1958-02")],
        );
        check(
            ("1990-02-28", "QE-FEB", 14),
            40,
            &[(4.0, "1991-02"), (8.0, "1992-02"), (12.0, "1993-02")],
        );
        check(
            ("1990-12-31", "YE", 8),
            40,
            &[(2.0, "1992"), (4.0, "1994"), (6.0, "1996")],
        );
        check(
            ("2024-01-30", "D", 40),
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
            ("2024-06-01T18:00:00Z", "h", 24),
            50,
            &[(6.0, "06-02"), (12.0, "06:00"), (18.0, "12:00")],
        );
    }

    #[test]
    fn stamps_that_begin_nothing_are_labelled_at_even_distances() {
        check(("2024-01-03", "D", 1), 80, &[(0.0, "2024-01-03")]);
        check(
            ("5", "10", 4),
            80,
            &[(0.0, "5"), (1.0, "15"), (2.0, "25"), (3.0, "35")],
        );
        check(
            ("2024-01-03T07:30:00", "s", 2),
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
        let days = |text| Moment::parse(text).unwrap().days();
        assert_eq!(days("1970-01-01"), 0);
        assert_eq!(days("2000-03-01") - days("2000-02-28"), 2);
        assert_eq!(days("1900-03-01") - days("1900-02-28"), 1);
        assert_eq!(days("2024-01-01"), 19_723);
    }
}
