//! The units a frequency counts in, and their anchors.

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

/// What one step is a multiple of.
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
    /// Half a month; the day is the 15th unless the client chose another, and lies in 1..=27
    /// (2..=27 with [`Half::Start`]).
    SemiMonth(Half, i8),
    /// A month; without an edge it keeps the day of the month of the start.
    Month(Option<Edge>),
    /// Three months; the month is one that starts (start edges) or ends (end edges) a quarter.
    Quarter(Edge, Month),
    /// Twelve months; the month is the one the stamps lie in.
    Year(Edge, Month),
}

impl Unit {
    /// Whether the unit names the days that its stamps lie on.
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

/// A length of elapsed time.
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
    /// All of them, longest first.
    pub(crate) const LONGEST_FIRST: [Self; 6] = [
        Self::Hour,
        Self::Minute,
        Self::Second,
        Self::Millisecond,
        Self::Microsecond,
        Self::Nanosecond,
    ];

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

/// Which two days of a month a semi-monthly frequency names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Half {
    /// The 1st and the given day.
    Start,
    /// The given day and the last.
    End,
}

/// Which day of a month, quarter or year carries the stamp.
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

    /// The month pandas anchors a quarter or a year to when none is named.
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

    /// From 1 for January to 12 for December.
    pub(crate) fn new(number: i8) -> Option<Self> {
        (1..=12).contains(&number).then_some(Self(number))
    }

    pub(crate) fn number(self) -> i8 {
        self.0
    }

    /// From the three capital letters pandas writes.
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
