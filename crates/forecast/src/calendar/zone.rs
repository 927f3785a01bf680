//! IANA time zones, from the database that is compiled in: no file of the host is read.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::error::StampError;

/// How alike a name must be to be suggested; jiff's names are long, so one slip keeps them above
/// it.
const LEAST_SIMILARITY: f64 = 0.7;

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

pub(super) fn database() -> &'static TimeZoneDatabase {
    &DATABASE
}

/// The zone of a name; case does not matter.
pub(super) fn find(name: &str) -> Result<TimeZone, StampError> {
    DATABASE.get(name).map_err(|_| StampError::UnknownZone {
        zone: name.to_owned(),
        suggestion: nearest(name),
    })
}

fn nearest(name: &str) -> Option<String> {
    let name = name.to_lowercase();
    DATABASE
        .available()
        .map(|known| {
            let similarity =
                strsim::normalized_damerau_levenshtein(&name, &known.as_str().to_lowercase());
            (similarity, known)
        })
        .filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, known)| known.as_str().to_owned())
}
