//! What is kept of the rows while they are read.

use std::sync::Arc;

use csv::StringRecord;

use crate::cell::{self, CellError};
use crate::error::FrameError;
use almanac_forecast::SeriesDraft;

/// The cells of one series as they come.
#[derive(Default)]
pub(super) struct Cells {
    values: Vec<f64>,
    stamps: Vec<Arc<str>>,
    rows: usize,
    error: Option<CellError>,
    /// One of the cells is a number.
    observed: bool,
}

impl Cells {
    /// Takes a row, and keeps no more of it than the limit and the first error allow.
    pub(super) fn push(
        &mut self,
        value: Result<f64, CellError>,
        stamp: Option<&Arc<str>>,
        limit: usize,
    ) {
        self.rows += 1;
        self.observed |= value.as_ref().is_ok_and(|value| !value.is_nan());
        match value {
            Err(error) => self.error = self.error.take().or(Some(error)),
            Ok(value) if self.error.is_none() && self.rows <= limit => {
                self.values.push(value);
                self.stamps.extend(stamp.cloned());
            }
            Ok(_) => {}
        }
    }

    /// The first cell of a column that holds text and no number.
    pub(super) fn text(&self) -> Option<&CellError> {
        let of_text = |error: &&CellError| matches!(error, CellError::NotANumber { .. });
        self.error
            .as_ref()
            .filter(|error| !self.observed && of_text(error))
    }

    pub(super) fn draft(self, has_time: bool, limit: usize) -> Result<SeriesDraft, CellError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.rows > limit {
            return Err(CellError::TooManyRows {
                rows: self.rows,
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

/// Looks out for the first stamp coming again, in a table whose rows should be of one series.
pub(super) struct Repeats {
    time: Option<usize>,
    first: Option<String>,
}

impl Repeats {
    pub(super) const fn watching(time: Option<usize>) -> Self {
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
                let (value, candidates) = (cell::shown(stamp), candidates());
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
