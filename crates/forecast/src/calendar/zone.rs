//! IANA time zones from the bundled database; no file of the host is read.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::stamp_error::StampError;

/// The minimum similarity of a suggested name. Zone names are long, so a name with one typing error
/// exceeds it.
const MIN_SIMILARITY: f64 = 0.7;

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Returns the bundled database.
pub(super) fn database() -> &'static TimeZoneDatabase {
    &DATABASE
}

/// Returns the zone with this name, ignoring case.
pub(super) fn find(name: &str) -> Result<TimeZone, StampError> {
    DATABASE.get(name).map_err(|_| StampError::UnknownZone {
        zone: name.to_owned(),
        suggestion: nearest(name),
    })
}

/// Returns the most similar zone name, by edit distance in lower case.
fn nearest(name: &str) -> Option<String> {
    let name = name.to_lowercase();
    DATABASE
        .available()
        .map(|known| {
            let similarity =
                strsim::normalized_damerau_levenshtein(&name, &known.as_str().to_lowercase());
            (similarity, known)
        })
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, known)| known.as_str().to_owned())
}
