//! The units of frequencies, and their anchors.

use std::fmt;

use jiff::civil::Weekday;

const WEEKDAY_NAMES: [(&str, Weekday); 7] = [
    ("MON", Weekday::Monday),
    ("TUE", Weekday::Tuesday),
    ("WED", Weekday::Wednesday),
    ("THU", Weekday::Thursday),
    ("FRI", Weekday::Friday),
    ("SAT", Weekday::Saturday),
    ("SUN", Weekday::Sunday),
];

const MONTH_NAMES: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

/// The unit of a frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Unit {
    /// One position of an integer index.
    Step,
    /// A fixed length of elapsed time.
    Clock(ClockUnit),
    /// A local day.
    Day,
    /// A local day from Monday to Friday.
    BusinessDay,
    /// Seven local days, ending on the weekday.
    Week(Weekday),
    /// Half a month. The day is the 15th unless the client sent another one in 1..=27 (2..=27 with
    /// [`Half::Start`]).
    SemiMonth(Half, i8),
    /// A month. Without an edge, all stamps have the day of the month of the start.
    Month(Option<Edge>),
    /// Three months. The month is one in which a quarter starts (start edges) or ends (end edges).
    Quarter(Edge, Month),
    /// Twelve months. The month is the one of all stamps.
    Year(Edge, Month),
}

impl Unit {
    /// Returns true if the unit specifies the days of its stamps.
    pub(crate) fn has_anchor(self) -> bool {
        match self {
            Self::Step | Self::Clock(_) | Self::Day | Self::BusinessDay | Self::Month(None) => {
                false
            }
            Self::Week(_)
            | Self::SemiMonth(..)
            | Self::Month(Some(_))
            | Self::Quarter(..)
            | Self::Year(..) => true,
        }
    }
}

/// A unit of elapsed time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ClockUnit {
    Nanosecond,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
}

impl ClockUnit {
    /// All units, longest first.
    pub(crate) const LONGEST_FIRST: [Self; 6] = [
        Self::Hour,
        Self::Minute,
        Self::Second,
        Self::Millisecond,
        Self::Microsecond,
        Self::Nanosecond,
    ];

    /// Returns the number of nanoseconds in this unit.
    pub(crate) fn nanoseconds(self) -> u128 {
        match self {
            Self::Nanosecond => 1,
            Self::Microsecond => 1_000,
            Self::Millisecond => 1_000_000,
            Self::Second => 1_000_000_000,
            Self::Minute => 60_000_000_000,
            Self::Hour => 3_600_000_000_000,
        }
    }

    pub(super) fn alias(self) -> &'static str {
        match self {
            Self::Nanosecond => "ns",
            Self::Microsecond => "us",
            Self::Millisecond => "ms",
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
        }
    }
}

/// The two days of a month of a semi-monthly frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Half {
    /// The 1st and the given day.
    Start,
    /// The given day and the last.
    End,
}

/// The day of a month, quarter or year on which the stamp lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Edge {
    Start,
    End,
    BusinessStart,
    BusinessEnd,
}

impl Edge {
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Start | Self::End => "",
            Self::BusinessStart | Self::BusinessEnd => "B",
        }
    }

    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Start | Self::BusinessStart => "S",
            Self::End | Self::BusinessEnd => "E",
        }
    }

    /// Returns the month to which pandas anchors a quarter or a year by default.
    pub(super) fn default_month(self) -> Month {
        match self {
            Self::Start | Self::BusinessStart => Month::JANUARY,
            Self::End | Self::BusinessEnd => Month::DECEMBER,
        }
    }
}

/// A month of the year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Month(i8);

impl Month {
    pub(super) const JANUARY: Self = Self(1);
    pub(super) const DECEMBER: Self = Self(12);

    /// Creates a month from its number, 1 for January to 12 for December.
    pub(crate) fn new(number: i8) -> Option<Self> {
        (1..=12).contains(&number).then_some(Self(number))
    }

    pub(crate) fn number(self) -> i8 {
        self.0
    }

    /// Parses the three capital letters of pandas.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        (1..=12)
            .zip(MONTH_NAMES)
            .find(|(_, known)| *known == name)
            .map(|(number, _)| Self(number))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MONTH_NAMES[usize::from(self.0.unsigned_abs()) - 1])
    }
}

pub(super) fn weekday_name(weekday: Weekday) -> &'static str {
    WEEKDAY_NAMES[usize::from(weekday.to_monday_zero_offset().unsigned_abs())].0
}

pub(super) fn weekday_from_name(name: &str) -> Option<Weekday> {
    WEEKDAY_NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, weekday)| *weekday)
}
