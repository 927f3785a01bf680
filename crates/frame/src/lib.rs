//! Series and forecasts as CSV tables, for files and for HTTP.
//!
//! [`read_csv`] recognises the layout of a table and converts its series to drafts;
//! [`ForecastWriter`] writes forecasts as rows. [`DisplayValue`] defines how a value is written, here
//! and in JSON. This crate has no access to files, requests or models, and does not validate
//! series: [`SeriesDraft::into_request`] does.

mod cell;
mod columns;
mod error;
mod gather;
mod newline;
mod number;
mod read;
mod scores;
mod write;

use almanac_forecast::{SeasonDraft, SeriesDraft};

pub use crate::cell::CellError;
pub use crate::columns::{ColumnChoice, Layout, RecognisedColumns};
pub use crate::error::{ColumnRole, FrameError};
pub use crate::number::DisplayValue;
pub use crate::read::read_csv;
pub use crate::scores::{
    ScoreOutcome, ScoredId, write_scores, write_series_scores, write_step_scores,
};
pub use crate::write::{ForecastColumns, ForecastWriter};

/// The series of a table, in order of first appearance.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The series.
    pub series: Vec<TableSeries>,
    /// The layout and the columns that were recognised.
    pub recognised: RecognisedColumns,
}

/// One series of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSeries {
    /// The id in the id column, or the header of the series' column; absent in a long table without
    /// ids.
    pub id: Option<String>,
    /// The cells, or the error of the first one that cannot be read.
    pub draft: Result<SeriesDraft, CellError>,
}

/// The settings that a table does not have, the same for each of its series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesSettings {
    /// The step of the calendar.
    pub frequency: Option<String>,
    /// The IANA name of the time zone of stamps without one.
    pub timezone: Option<String>,
    /// The number of steps per season.
    pub season_length: Option<SeasonDraft>,
}

impl Table {
    /// Returns this table with `settings` in the draft of every series.
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
