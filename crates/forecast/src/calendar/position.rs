//! The position of a stamp on the time axis, and arithmetic on it.

use std::cmp::Ordering;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, Zoned};

/// The position of a stamp on the time axis, independent of its format.
#[derive(Clone, Debug)]
pub(super) enum StampPosition {
    Index(i64),
    Date(Date),
    DateTime(DateTime),
    Offset(Timestamp, Offset),
    Zoned(Zoned),
}

impl StampPosition {
    /// Returns the name of the kind, for error messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Index(_) => "an integer index",
            Self::Date(_) => "a date",
            Self::DateTime(_) => "a date-time",
            Self::Offset(..) => "a date-time with an offset",
            Self::Zoned(_) => "a date-time in a zone",
        }
    }

    /// Compares two positions, or returns `None` if they are of different kinds.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Index(left), Self::Index(right)) => Some(left.cmp(right)),
            (Self::Date(left), Self::Date(right)) => Some(left.cmp(right)),
            (Self::DateTime(left), Self::DateTime(right)) => Some(left.cmp(right)),
            (Self::Offset(left, _), Self::Offset(right, _)) => Some(left.cmp(right)),
            (Self::Zoned(left), Self::Zoned(right)) => Some(left.cmp(right)),
            (
                Self::Index(_)
                | Self::Date(_)
                | Self::DateTime(_)
                | Self::Offset(..)
                | Self::Zoned(_),
                _,
            ) => None,
        }
    }

    /// Returns the local date and time, or `None` for an index.
    pub(super) fn wall(&self) -> Option<DateTime> {
        match self {
            Self::Index(_) => None,
            Self::Date(date) => Some(date.to_datetime(Time::midnight())),
            Self::DateTime(wall) => Some(*wall),
            Self::Offset(instant, offset) => Some(offset.to_datetime(*instant)),
            Self::Zoned(zoned) => Some(zoned.datetime()),
        }
    }

    /// Returns the instant, if the position has an offset or a zone.
    pub(super) fn instant(&self) -> Option<Timestamp> {
        match self {
            Self::Index(_) | Self::Date(_) | Self::DateTime(_) => None,
            Self::Offset(instant, _) => Some(*instant),
            Self::Zoned(zoned) => Some(zoned.timestamp()),
        }
    }

    /// Returns the nanoseconds since an epoch, which differs between the kinds, or `None` for an index.
    pub(super) fn nanoseconds(&self) -> Option<i128> {
        match self.instant() {
            Some(instant) => Some(instant.as_nanosecond()),
            None => self
                .wall()
                .map(|wall| wall.duration_since(DateTime::ZERO).as_nanos()),
        }
    }

    /// Returns the index increased by `units`, or `None` if it overflows or this is not an index.
    pub(super) fn plus_index(&self, units: i128) -> Option<Self> {
        match self {
            Self::Index(index) => i64::try_from(i128::from(*index).checked_add(units)?)
                .ok()
                .map(Self::Index),
            Self::Date(_) | Self::DateTime(_) | Self::Offset(..) | Self::Zoned(_) => None,
        }
    }

    /// Returns the position after this elapsed time; a date becomes a date-time.
    pub(super) fn plus_nanoseconds(&self, nanoseconds: i128) -> Option<Self> {
        let later = |instant: Timestamp| {
            let nanosecond = instant.as_nanosecond().checked_add(nanoseconds)?;
            Timestamp::from_nanosecond(nanosecond).ok()
        };
        match self {
            Self::Index(_) => None,
            Self::Date(_) | Self::DateTime(_) => {
                let duration = SignedDuration::try_from_nanos_i128(nanoseconds)?;
                self.wall()?.checked_add(duration).ok().map(Self::DateTime)
            }
            Self::Offset(instant, offset) => Some(Self::Offset(later(*instant)?, *offset)),
            Self::Zoned(zoned) => Some(Self::Zoned(
                later(zoned.timestamp())?.to_zoned(zoned.time_zone().clone()),
            )),
        }
    }

    /// Returns the same wall time on another date. A fixed offset is replaced by `later_offset`, if there is
    /// one.
    pub(super) fn with_date(&self, date: Date, later_offset: Option<Offset>) -> Option<Self> {
        let wall = date.to_datetime(self.wall()?.time());
        match self {
            Self::Index(_) => None,
            Self::Date(_) => Some(Self::Date(date)),
            Self::DateTime(_) => Some(Self::DateTime(wall)),
            Self::Offset(_, offset) => {
                let offset = later_offset.unwrap_or(*offset);
                offset
                    .to_timestamp(wall)
                    .ok()
                    .map(|instant| Self::Offset(instant, offset))
            }
            Self::Zoned(zoned) => zoned.time_zone().to_zoned(wall).ok().map(Self::Zoned),
        }
    }

    /// Returns the same instant. A fixed offset is replaced by `later_offset`, if there is one.
    pub(super) fn with_offset(self, later_offset: Option<Offset>) -> Self {
        match (self, later_offset) {
            (Self::Offset(instant, _), Some(offset)) => Self::Offset(instant, offset),
            (position, _) => position,
        }
    }
}
