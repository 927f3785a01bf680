//! Series and forecasts as tables of text, for files and for HTTP alike.
//!
//! [`read_csv`] recognises how a table lays out its series and turns them into drafts;
//! [`ForecastWriter`] writes forecasts as rows. [`Presented`] is how a value is written, here and in
//! JSON. Nothing here knows files, requests or models, and nothing decides whether a series is
//! valid: that is the work of [`SeriesDraft::into_request`].

mod cell;
mod columns;
mod error;
mod gather;
mod newline;
mod number;
mod read;
mod scores;
mod write;

pub use cell::CellError;
pub use columns::{ColumnChoice, Layout, Recognised};
pub use error::{FrameError, Role};
pub use number::Presented;
pub use read::read_csv;
pub use scores::{ScoredId, write_scores, write_series_scores, write_step_scores};
pub use write::{ForecastColumns, ForecastWriter};

use almanac_forecast::{SeasonDraft, SeriesDraft};

/// The series of a table, in order of first appearance.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The series.
    pub series: Vec<TableSeries>,
    /// How the table was read.
    pub recognised: Recognised,
}

/// One series of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSeries {
    /// Its id in the id column, or the header of its column; absent in a long table without ids.
    pub id: Option<String>,
    /// Its cells, or the first of them that cannot be read.
    pub draft: Result<SeriesDraft, CellError>,
}

/// What a table does not say of its series, the same for each of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesSettings {
    /// The step of the calendar.
    pub frequency: Option<String>,
    /// IANA name of the zone in which stamps without one are meant.
    pub timezone: Option<String>,
    /// Steps per season.
    pub season_length: Option<SeasonDraft>,
}

impl Table {
    /// This table with `settings` in the draft of every series.
    #[must_use]
    pub fn with_settings(mut self, settings: &SeriesSettings) -> Self {
        for draft in self
            .series
            .iter_mut()
            .filter_map(|series| series.draft.as_mut().ok())
        {
            draft.frequency.clone_from(&settings.frequency);
            draft.timezone.clone_from(&settings.timezone);
            draft.season_length = settings.season_length;
        }
        self
    }
}

#[cfg(test)]
mod tests;
