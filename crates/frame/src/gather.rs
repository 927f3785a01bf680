//! The state of the series while the rows of a table are read.

use std::collections::HashMap;
use std::sync::Arc;

use almanac_forecast::SeriesDraft;
use csv::StringRecord;

use crate::TableSeries;
use crate::cell::{self, CellError};
use crate::error::FrameError;

/// The cells of one series that were read so far.
#[derive(Default)]
pub(super) struct SeriesCells {
    values: Vec<f64>,
    stamps: Vec<Arc<str>>,
    n_rows: usize,
    /// The first error.
    error: Option<CellError>,
    /// True if one of the cells is a number.
    has_number: bool,
}

impl SeriesCells {
    /// Adds a row. After the first error, and over the limit, rows are only counted.
    pub(super) fn push(
        &mut self,
        value: Result<f64, CellError>,
        stamp: Option<&Arc<str>>,
        limit: usize,
    ) {
        self.n_rows += 1;
        self.has_number |= value.as_ref().is_ok_and(|value| !value.is_nan());
        match value {
            Err(error) => self.error = self.error.take().or(Some(error)),
            Ok(value) if self.error.is_none() && self.n_rows <= limit => {
                self.values.push(value);
                self.stamps.extend(stamp.cloned());
            }
            Ok(_) => {}
        }
    }

    /// Returns the error of the first text cell, if the column has no number.
    pub(super) fn text_error(&self) -> Option<&CellError> {
        self.error
            .as_ref()
            .filter(|error| !self.has_number && matches!(error, CellError::NotANumber { .. }))
    }

    /// Converts the cells to a draft.
    pub(super) fn into_draft(self, has_time: bool, limit: usize) -> Result<SeriesDraft, CellError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.n_rows > limit {
            return Err(CellError::TooManyRows {
                rows: self.n_rows,
                limit,
            });
        }
        let timestamps = has_time.then_some(self.stamps);
        Ok(SeriesDraft {
            values: self.values,
            timestamps,
            ..SeriesDraft::default()
        })
    }
}

/// The series of a long table, in order of their first row.
#[derive(Default)]
pub(super) struct LongSeries {
    positions: HashMap<String, usize>,
    series: Vec<(Option<String>, SeriesCells)>,
}

impl LongSeries {
    /// Returns the cells of the series with `id`, and adds a new series for a new id.
    ///
    /// # Errors
    /// Returns [`FrameError::TooManySeries`] if there are already `limit` series.
    pub(super) fn cells(
        &mut self,
        id: Option<&str>,
        limit: usize,
    ) -> Result<&mut SeriesCells, FrameError> {
        let key = id.unwrap_or_default();
        let position = match self.positions.get(key) {
            Some(position) => *position,
            None if self.series.len() >= limit => return Err(FrameError::TooManySeries { limit }),
            None => {
                self.positions.insert(key.to_owned(), self.series.len());
                self.series
                    .push((id.map(str::to_owned), SeriesCells::default()));
                self.series.len() - 1
            }
        };
        Ok(&mut self.series[position].1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Converts the series to drafts.
    pub(super) fn into_table_series(self, has_time: bool, limit: usize) -> Vec<TableSeries> {
        self.series
            .into_iter()
            .map(|(id, cells)| TableSeries {
                id,
                draft: cells.into_draft(has_time, limit),
            })
            .collect()
    }
}

/// A check that the first stamp does not repeat, in a table whose rows should belong to one series.
pub(super) struct RepeatCheck {
    time: Option<usize>,
    first: Option<String>,
}

impl RepeatCheck {
    /// Creates a check of the column `time`; without a column nothing is checked.
    pub(super) const fn new(time: Option<usize>) -> Self {
        Self { time, first: None }
    }

    pub(super) fn check(
        &mut self,
        line: u64,
        record: &StringRecord,
        candidates: impl Fn() -> Vec<String>,
    ) -> Result<(), FrameError> {
        let Some(time) = self.time else { return Ok(()) };
        let stamp = &record[time];
        match &self.first {
            None => self.first = Some(stamp.to_owned()),
            Some(first) if first == stamp && !cell::is_missing(stamp) => {
                let (value, candidates) = (cell::truncated(stamp), candidates());
                return Err(FrameError::RepeatedTime {
                    line,
                    value,
                    candidates,
                });
            }
            Some(_) => {}
        }
        Ok(())
    }
}
