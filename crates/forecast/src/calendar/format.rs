//! The written format of a stamp, so that responses use the format of the request.

use std::fmt;

use jiff::civil::{DateTime, Time};
use jiff::tz::Offset;

use super::position::StampPosition;
use crate::frequency::{Frequency, Unit};

/// The written format of a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StampFormat {
    date: DateForm,
    clock: Option<ClockForm>,
    offset: OffsetForm,
    /// Whether to write the name of the zone in brackets.
    zone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DateForm {
    /// `2024-01`
    Month,
    /// `2024-01-31`
    Day,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ClockForm {
    separator: char,
    /// Whether to write seconds even if they are zero.
    seconds: bool,
    /// The minimum number of fractional digits of the second.
    digits: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OffsetForm {
    None,
    /// `Z`
    Zulu,
    /// `+01:00`
    Colon,
    /// `+0100`
    Basic,
    /// `+01`
    Hours,
}

impl StampFormat {
    pub(super) const DATE: Self = Self {
        date: DateForm::Day,
        clock: None,
        offset: OffsetForm::None,
        zone: false,
    };
    pub(super) const WHOLE_MONTH: Self = Self {
        date: DateForm::Month,
        ..Self::DATE
    };

    /// Returns the format of a text that is a valid date or date-time.
    pub(super) fn of(text: &str) -> Self {
        let (body, zone) = match text.split_once('[') {
            Some((body, _)) => (body, true),
            None => (text, false),
        };
        let Some((date, rest)) = body.split_once(['T', 't', ' ']) else {
            return Self { zone, ..Self::DATE };
        };
        let separator = body[date.len()..].chars().next().unwrap_or('T');
        let clock_end = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
        let (clock, offset) = rest.split_at(clock_end);
        let (whole, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, ""));
        let clock = ClockForm {
            separator,
            seconds: count_digits(whole) > 4,
            digits: count_digits(fraction),
        };
        Self {
            date: DateForm::Day,
            clock: Some(clock),
            offset: OffsetForm::of(offset),
            zone,
        }
    }

    /// Returns the first day of a month that is written in the form `2024-01`, as a date to parse.
    pub(super) fn as_whole_month(text: &str) -> Option<String> {
        let (year, month) = text.split_once('-')?;
        let is_month = year.len() == 4 && month.len() == 2;
        (is_month && count_digits(year) == 4 && count_digits(month) == 2)
            .then(|| format!("{text}-01"))
    }

    pub(super) fn is_whole_month(self) -> bool {
        self.date == DateForm::Month
    }

    /// Returns this format with a written offset.
    pub(super) fn with_offset(self) -> Self {
        Self {
            offset: OffsetForm::Colon,
            ..self
        }
    }

    /// Returns this format extended by the parts that stamps of the frequency need: a day, a time of day,
    /// fractional digits.
    pub(super) fn fitted_to(self, frequency: Frequency, position: &StampPosition) -> Self {
        match frequency.unit() {
            Unit::Step | Unit::Month(_) | Unit::Quarter(..) | Unit::Year(..) => self,
            Unit::Day | Unit::BusinessDay | Unit::Week(_) | Unit::SemiMonth(..) => Self {
                date: DateForm::Day,
                ..self
            },
            Unit::Clock(unit) => {
                let step = u128::from(frequency.multiple()) * unit.nanoseconds();
                let written = self.clock.unwrap_or(ClockForm {
                    separator: 'T',
                    seconds: true,
                    digits: 0,
                });
                let needed = match step {
                    _ if step.is_multiple_of(1_000_000_000) => 0,
                    _ if step.is_multiple_of(1_000_000) => 3,
                    _ if step.is_multiple_of(1_000) => 6,
                    _ => 9,
                };
                let clock = ClockForm {
                    seconds: written.seconds || !step.is_multiple_of(60_000_000_000),
                    digits: written.digits.max(needed),
                    ..written
                };
                let offset = match (position, self.offset) {
                    (StampPosition::Zoned(_), OffsetForm::None) => OffsetForm::Colon,
                    (_, offset) => offset,
                };
                Self {
                    date: DateForm::Day,
                    clock: Some(clock),
                    offset,
                    ..self
                }
            }
        }
    }

    /// Writes a position in this format, and adds omitted parts that are not zero.
    pub(super) fn write(
        self,
        position: &StampPosition,
        formatter: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let is_zulu = self.offset == OffsetForm::Zulu;
        let (wall, offset) = match position {
            StampPosition::Index(index) => return write!(formatter, "{index}"),
            StampPosition::Date(date) => (date.to_datetime(Time::midnight()), Offset::UTC),
            StampPosition::DateTime(wall) => (*wall, Offset::UTC),
            StampPosition::Offset(instant, _) if is_zulu => {
                (Offset::UTC.to_datetime(*instant), Offset::UTC)
            }
            StampPosition::Offset(instant, offset) => (offset.to_datetime(*instant), *offset),
            StampPosition::Zoned(zoned) if is_zulu => {
                (Offset::UTC.to_datetime(zoned.timestamp()), Offset::UTC)
            }
            StampPosition::Zoned(zoned) => (zoned.datetime(), zoned.offset()),
        };
        self.write_date(wall, formatter)?;
        if let Some(clock) = self.clock {
            clock.write(wall.time(), formatter)?;
            self.offset.write(offset, formatter)?;
        }
        match position {
            StampPosition::Zoned(zoned) if self.zone => match zoned.time_zone().iana_name() {
                Some(name) => write!(formatter, "[{name}]"),
                None => Ok(()),
            },
            StampPosition::Index(_)
            | StampPosition::Date(_)
            | StampPosition::DateTime(_)
            | StampPosition::Offset(..)
            | StampPosition::Zoned(_) => Ok(()),
        }
    }

    fn write_date(self, wall: DateTime, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = wall.date();
        if self.is_whole_month() && date.day() == 1 && date.year() >= 0 {
            write!(formatter, "{:04}-{:02}", date.year(), date.month())
        } else {
            write!(formatter, "{date}")
        }
    }
}

impl ClockForm {
    fn write(self, time: Time, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}{:02}:{:02}",
            self.separator,
            time.hour(),
            time.minute()
        )?;
        let nanoseconds = time.subsec_nanosecond();
        if !self.seconds && time.second() == 0 && nanoseconds == 0 {
            return Ok(());
        }
        write!(formatter, ":{:02}", time.second())?;
        if self.digits == 0 && nanoseconds == 0 {
            return Ok(());
        }
        let fraction = format!("{nanoseconds:09}");
        let needed = fraction.trim_end_matches('0').len();
        match self.digits.max(needed).min(fraction.len()) {
            0 => Ok(()),
            digits => write!(formatter, ".{}", &fraction[..digits]),
        }
    }
}

impl OffsetForm {
    fn of(text: &str) -> Self {
        match count_digits(text) {
            0 if text.is_empty() => Self::None,
            0 => Self::Zulu,
            _ if text.contains(':') => Self::Colon,
            1 | 2 => Self::Hours,
            _ => Self::Basic,
        }
    }

    fn write(self, offset: Offset, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = match self {
            Self::None => return Ok(()),
            Self::Zulu => return formatter.write_str("Z"),
            Self::Colon => ":",
            Self::Basic | Self::Hours => "",
        };
        let total = offset.seconds().unsigned_abs();
        let sign = if offset.is_negative() { '-' } else { '+' };
        write!(formatter, "{sign}{:02}", total / 3600)?;
        let (minutes, seconds) = (total / 60 % 60, total % 60);
        if self != Self::Hours || minutes != 0 || seconds != 0 {
            write!(formatter, "{colon}{minutes:02}")?;
        }
        if seconds != 0 {
            write!(formatter, "{colon}{seconds:02}")?;
        }
        Ok(())
    }
}

fn count_digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}
