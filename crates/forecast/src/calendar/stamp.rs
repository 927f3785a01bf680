//! A position on the time axis, with the format in which the client wrote it.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::{DateTimeParser, Pieces, TimeZoneAnnotationKind};
use jiff::tz::TimeZone;

use super::format::StampFormat;
use super::position::StampPosition;
use super::stamp_error::StampError;
use super::zone;

/// The maximum length of a stamp in bytes. Longer texts are rejected before they are parsed.
const MAX_TEXT_LENGTH: usize = 100;

/// A position on the time axis of a series, and the format in which it was written.
///
/// | written | kind |
/// |---|---|
/// | `5`, `2024` | integer index |
/// | `2024-01-31`, `2024-01` | date |
/// | `2024-01-31T12:00`, `2024-01-31 12:00:00.000` | date-time |
/// | `2024-01-31T12:00:00Z`, `2024-01-31T12:00:00+01:00` | date-time with an offset |
/// | `2024-01-31T12:00:00+01:00[Europe/Berlin]` | date-time in a zone |
///
/// A stamp is formatted as it was parsed: a date stays a date, and the separator, the digits of the
/// second and the form of the offset are kept. Other ISO 8601 and RFC 9557 forms are parsed too, and
/// formatted in the closest of these.
///
/// Two stamps are equal if they have the same position, regardless of their format. Stamps of
/// different kinds are neither equal nor ordered.
///
/// # Examples
///
/// ```
/// use almanac_forecast::Stamp;
///
/// let stamp = Stamp::parse("2024-01-31 12:00:00.0+0000")?;
/// assert_eq!(stamp.to_string(), "2024-01-31 12:00:00.0+0000");
/// assert_eq!(stamp, Stamp::parse("2024-01-31T12:00Z")?);
/// assert!(stamp < Stamp::parse("2024-01-31T12:00-01:00")?);
/// # Ok::<(), almanac_forecast::StampError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stamp {
    position: StampPosition,
    format: StampFormat,
}

impl Stamp {
    /// Parses a stamp.
    ///
    /// # Errors
    ///
    /// Returns a [`StampError`] if the text is not a stamp, has an unknown zone or an offset that its zone
    /// does not have at that time, or consists of eight digits that may be a date or an index.
    pub fn parse(text: &str) -> Result<Self, StampError> {
        let text = text.trim();
        if text.len() > MAX_TEXT_LENGTH {
            return Err(StampError::too_long(text, MAX_TEXT_LENGTH));
        }
        if let Ok(index) = text.parse() {
            return match eight_digit_date(text) {
                Some(date) => Err(StampError::DigitsOnly {
                    text: text.to_owned(),
                    date: date.to_string(),
                }),
                None => Ok(Self::index(index)),
            };
        }
        let unreadable = |error: jiff::Error| StampError::Unreadable {
            text: text.to_owned(),
            reason: error.to_string(),
        };
        if let Some(month) = StampFormat::as_whole_month(text) {
            let date = month.parse().map_err(unreadable)?;
            return Ok(Self {
                position: StampPosition::Date(date),
                format: StampFormat::WHOLE_MONTH,
            });
        }
        let pieces = Pieces::parse(text).map_err(unreadable)?;
        let position = match (
            pieces.time_zone_annotation(),
            pieces.to_numeric_offset(),
            pieces.time(),
        ) {
            (Some(annotation), ..) => {
                if let TimeZoneAnnotationKind::Named(name) = annotation.kind() {
                    zone::find(name.as_str())?;
                }
                let zoned = DateTimeParser::new().parse_zoned_with(zone::database(), text);
                StampPosition::Zoned(zoned.map_err(unreadable)?)
            }
            (None, Some(offset), time) => {
                let wall = pieces.date().to_datetime(time.unwrap_or(Time::midnight()));
                StampPosition::Offset(offset.to_timestamp(wall).map_err(unreadable)?, offset)
            }
            (None, None, Some(time)) => StampPosition::DateTime(pieces.date().to_datetime(time)),
            (None, None, None) => StampPosition::Date(pieces.date()),
        };
        Ok(Self {
            position,
            format: StampFormat::of(text),
        })
    }

    /// Creates a stamp of an integer index.
    #[must_use]
    pub fn index(index: i64) -> Self {
        Self {
            position: StampPosition::Index(index),
            format: StampFormat::DATE,
        }
    }

    /// Places a stamp in an IANA time zone, so that days and longer steps follow the local calendar.
    ///
    /// A date is still formatted as a date. A date-time is formatted with its offset, because a wall time
    /// in autumn may mean two instants, of which the first is used. A wall time that the zone skips moves
    /// forward by the length of the gap. A stamp with an offset keeps its instant and its format.
    ///
    /// Use [`Stamp::all_in_zone`] for the stamps of a series.
    ///
    /// # Errors
    ///
    /// Returns a [`StampError`] for an unknown zone, an integer index, a stamp that is already in another
    /// zone, and a stamp within a day of the ends of the range of years.
    ///
    /// # Examples
    ///
    /// ```
    /// use almanac_forecast::Stamp;
    ///
    /// let stamp = Stamp::parse("2024-07-01T12:00")?.in_zone("Europe/Berlin")?;
    /// assert_eq!(stamp.to_string(), "2024-07-01T12:00+02:00");
    /// # Ok::<(), almanac_forecast::StampError>(())
    /// ```
    pub fn in_zone(self, iana: &str) -> Result<Self, StampError> {
        let zone = zone::find(iana)?;
        self.placed_in(&zone, None)
    }

    /// Places the stamps of a series in an IANA time zone.
    ///
    /// This is like [`Stamp::in_zone`], but distinguishes the two passes of the repeated hour in autumn by
    /// the order of the stamps: a wall time that would not be after its predecessor is placed in the second
    /// pass.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Stamp::in_zone`].
    ///
    /// # Examples
    ///
    /// ```
    /// use almanac_forecast::Stamp;
    ///
    /// let wall = ["2024-10-27T02:00", "2024-10-27T02:00", "2024-10-27T03:00"];
    /// let stamps = wall.iter().map(|text| text.parse()).collect::<Result<Vec<Stamp>, _>>()?;
    /// let stamps = Stamp::all_in_zone(stamps, "Europe/Berlin")?;
    /// assert_eq!(stamps[0].to_string(), "2024-10-27T02:00+02:00");
    /// assert_eq!(stamps[1].to_string(), "2024-10-27T02:00+01:00");
    /// # Ok::<(), almanac_forecast::StampError>(())
    /// ```
    pub fn all_in_zone(stamps: Vec<Self>, iana: &str) -> Result<Vec<Self>, StampError> {
        let zone = zone::find(iana)?;
        let mut placed: Vec<Self> = Vec::with_capacity(stamps.len());
        for stamp in stamps {
            let stamp = stamp.placed_in(&zone, placed.last())?;
            placed.push(stamp);
        }
        Ok(placed)
    }

    /// Returns the local date and time, or `None` for an integer index. The time of a date is midnight.
    #[must_use]
    pub fn wall(&self) -> Option<DateTime> {
        self.position.wall()
    }

    pub(super) fn new(position: StampPosition, format: StampFormat) -> Self {
        Self { position, format }
    }

    pub(super) fn position(&self) -> &StampPosition {
        &self.position
    }

    pub(super) fn format(&self) -> StampFormat {
        self.format
    }

    /// Places this stamp in `zone`, after the instant of the `previous` stamp if the wall time allows both.
    fn placed_in(self, zone: &TimeZone, previous: Option<&Self>) -> Result<Self, StampError> {
        let (zoned, format) = match &self.position {
            StampPosition::Index(index) => return Err(StampError::IndexInZone { index: *index }),
            StampPosition::Zoned(zoned) if zoned.time_zone().iana_name() == zone.iana_name() => {
                return Ok(self);
            }
            StampPosition::Zoned(zoned) => {
                return Err(StampError::OtherZone {
                    stamp: self.to_string(),
                    zone: zoned
                        .time_zone()
                        .iana_name()
                        .unwrap_or("a fixed offset")
                        .to_owned(),
                    requested: zone.iana_name().unwrap_or_default().to_owned(),
                });
            }
            StampPosition::Offset(instant, _) => (Ok(instant.to_zoned(zone.clone())), self.format),
            StampPosition::Date(date) => (
                zone.to_zoned(date.to_datetime(Time::midnight())),
                self.format,
            ),
            StampPosition::DateTime(wall) => {
                let first = zone.to_zoned(*wall);
                let last = previous.and_then(|previous| previous.position.instant());
                let zoned = match (first, last) {
                    (Ok(first), Some(last)) if first.timestamp() <= last => {
                        zone.to_ambiguous_zoned(*wall).later().or(Ok(first))
                    }
                    (first, _) => first,
                };
                (zoned, self.format.with_offset())
            }
        };
        match zoned {
            Ok(zoned) => Ok(Self {
                position: StampPosition::Zoned(zoned),
                format,
            }),
            Err(_) => Err(StampError::OutOfRange {
                stamp: self.to_string(),
            }),
        }
    }
}

impl FromStr for Stamp {
    type Err = StampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.format.write(&self.position, formatter)
    }
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

// Equality of positions is reflexive, because every kind is totally ordered.
impl Eq for Stamp {}

impl PartialOrd for Stamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.position.compare(&other.position)
    }
}

/// Parses eight digits as a date, within the years that series usually have.
fn eight_digit_date(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let date = Date::new(
        text[..4].parse().ok()?,
        text[4..6].parse().ok()?,
        text[6..].parse().ok()?,
    )
    .ok()?;
    (1700..2300).contains(&date.year()).then_some(date)
}
