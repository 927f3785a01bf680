//! One position on the time axis, as the client wrote it.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::fmt::temporal::{DateTimeParser, Pieces, TimeZoneAnnotationKind};
use jiff::tz::TimeZone;

use super::error::StampError;
use super::format::Format;
use super::position::Position;
use super::zone;

/// No way of writing a stamp is longer; a longer text is refused before it is looked at.
const LONGEST_TEXT: usize = 100;

/// One position on the time axis of a series, and how it was written.
///
/// | written | kind |
/// |---|---|
/// | `5`, `2024` | integer index |
/// | `2024-01-31`, `2024-01` | date |
/// | `2024-01-31T12:00`, `2024-01-31 12:00:00.000` | date-time |
/// | `2024-01-31T12:00:00Z`, `2024-01-31T12:00:00+01:00` | date-time with an offset |
/// | `2024-01-31T12:00:00+01:00[Europe/Berlin]` | date-time in a zone |
///
/// A stamp is written back the way it was read: a date stays a date, the separator, the digits of
/// the second and the spelling of the offset are kept. Other ISO 8601 and RFC 9557 spellings are
/// read too, and written in the nearest of these.
///
/// Two stamps are equal when they name the same position, however it is written. Stamps of
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
    position: Position,
    format: Format,
}

impl Stamp {
    /// Reads a stamp.
    ///
    /// # Errors
    ///
    /// [`StampError`] where the text is no stamp, names an unknown zone or an offset that its zone
    /// does not have then, or is eight digits that may be a date or an index.
    pub fn parse(text: &str) -> Result<Self, StampError> {
        let text = text.trim();
        if text.len() > LONGEST_TEXT {
            return Err(StampError::too_long(text, LONGEST_TEXT));
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
        if let Some(month) = Format::as_whole_month(text) {
            let date = month.parse().map_err(unreadable)?;
            return Ok(Self {
                position: Position::Date(date),
                format: Format::WHOLE_MONTH,
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
                Position::Zoned(zoned.map_err(unreadable)?)
            }
            (None, Some(offset), time) => {
                let wall = pieces.date().to_datetime(time.unwrap_or(Time::midnight()));
                Position::Offset(offset.to_timestamp(wall).map_err(unreadable)?, offset)
            }
            (None, None, Some(time)) => Position::DateTime(pieces.date().to_datetime(time)),
            (None, None, None) => Position::Date(pieces.date()),
        };
        Ok(Self {
            position,
            format: Format::of(text),
        })
    }

    /// A position of an integer index.
    #[must_use]
    pub fn index(index: i64) -> Self {
        Self {
            position: Position::Index(index),
            format: Format::DATE,
        }
    }

    /// Places a stamp in an IANA time zone, so that days and longer steps follow its local
    /// calendar.
    ///
    /// A date stays written as a date. A date-time gains its offset in writing, since in autumn the
    /// wall time alone names two instants; of those the first is meant. A wall time that the zone
    /// skips moves forward by the length of the gap. A stamp with an offset keeps its instant and
    /// its spelling.
    ///
    /// Use [`Stamp::all_in_zone`] for the stamps of a series.
    ///
    /// # Errors
    ///
    /// [`StampError`] for an unknown zone, an integer index, a stamp that is in another zone
    /// already, and a stamp within a day of the ends of the range of years.
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
    /// As [`Stamp::in_zone`], and the two passes of the repeated hour in autumn are told apart by
    /// their order: a wall time that would not come after the one before it is taken from the
    /// second pass.
    ///
    /// # Errors
    ///
    /// As [`Stamp::in_zone`].
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

    /// The date and time of day that a clock on the wall shows; `None` for an integer index. A date is
    /// its midnight.
    #[must_use]
    pub fn wall(&self) -> Option<jiff::civil::DateTime> {
        self.position.wall()
    }

    pub(super) fn new(position: Position, format: Format) -> Self {
        Self { position, format }
    }

    pub(super) fn position(&self) -> &Position {
        &self.position
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    fn placed_in(self, zone: &TimeZone, previous: Option<&Self>) -> Result<Self, StampError> {
        let (zoned, format) = match &self.position {
            Position::Index(index) => return Err(StampError::IndexInZone { index: *index }),
            Position::Zoned(zoned) if zoned.time_zone().iana_name() == zone.iana_name() => {
                return Ok(self);
            }
            Position::Zoned(zoned) => {
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
            Position::Offset(instant, _) => (Ok(instant.to_zoned(zone.clone())), self.format),
            Position::Date(date) => (
                zone.to_zoned(date.to_datetime(Time::midnight())),
                self.format,
            ),
            Position::DateTime(wall) => {
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
                position: Position::Zoned(zoned),
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

// Equality of positions is reflexive: every kind is ordered totally within itself.
impl Eq for Stamp {}

impl PartialOrd for Stamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.position.compare(&other.position)
    }
}

/// The date that eight digits may mean, within the years that people have series for.
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
