//! Forecasts as the rows of a table.

use std::fmt::{self, Write as _};
use std::io;

use almanac_forecast::{CentralLevel, Forecast, QuantileLevel, Stamp};
use csv::{ByteRecord, Writer, WriterBuilder};

use crate::DisplayValue;

/// The columns of a table of forecasts, in addition to `id`, `timestamp`, `point` and `error`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForecastColumns {
    /// The quantile levels. Each has a column, which is named by its number.
    pub quantiles: Vec<QuantileLevel>,
    /// The central levels. Each has a pair of columns, such as `lower-80` and `upper-80`.
    pub levels: Vec<CentralLevel>,
}

/// A writer of forecasts as CSV, with one row for each step of each series.
///
/// The columns are `id`, `timestamp`, `point`, the quantiles, the bounds of the central levels, and
/// `error`. The timestamp of a series without a calendar is the number of the step, from 1. A
/// series that failed has one row with its id and its error.
///
/// ```
/// use almanac_frame::{ForecastColumns, ForecastWriter};
///
/// let mut writer = ForecastWriter::new(Vec::new(), ForecastColumns::default())?;
/// writer.write_failure(Some("north"), &"all 3 values are missing")?;
/// let text = String::from_utf8(writer.finish()?)?;
/// assert_eq!(text, "id,timestamp,point,error\nnorth,,,all 3 values are missing\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ForecastWriter<W: io::Write> {
    output: Writer<W>,
    columns: ForecastColumns,
    record: ByteRecord,
    text: String,
}

impl<W: io::Write> ForecastWriter<W> {
    /// Creates a writer and writes the header.
    ///
    /// # Errors
    /// Returns the error of the output.
    pub fn new(output: W, columns: ForecastColumns) -> io::Result<Self> {
        let mut output = WriterBuilder::new().from_writer(output);
        let mut header: Vec<String> = ["id", "timestamp", "point"].map(str::to_owned).into();
        header.extend(columns.quantiles.iter().map(ToString::to_string));
        for level in &columns.levels {
            header.extend([format!("lower-{level}"), format!("upper-{level}")]);
        }
        header.push("error".to_owned());
        output.write_record(&header)?;
        Ok(Self {
            output,
            columns,
            record: ByteRecord::new(),
            text: String::new(),
        })
    }

    /// Writes one row for each step. `stamps` has the stamp of each step, or is absent for a series
    /// without a calendar.
    ///
    /// # Errors
    /// Returns the error of the output.
    pub fn write_forecast(
        &mut self,
        id: Option<&str>,
        stamps: Option<&[Stamp]>,
        forecast: &Forecast,
    ) -> io::Result<()> {
        let ForecastColumns { quantiles, levels } = &self.columns;
        let columns: Vec<_> = [QuantileLevel::MEDIAN]
            .into_iter()
            .chain(quantiles.iter().copied())
            .chain(
                levels
                    .iter()
                    .flat_map(|level| [level.lower(), level.upper()]),
            )
            .map(|level| forecast.quantile(level).unwrap_or_default())
            .collect();
        for step in 0..forecast.steps() {
            self.record.clear();
            self.record.push_field(id.unwrap_or_default().as_bytes());
            match stamps {
                Some(stamps) => self.push_cell(stamps.get(step))?,
                None => self.push_cell(Some(step + 1))?,
            }
            for column in &columns {
                self.push_cell(column.get(step).copied().map(DisplayValue::from))?;
            }
            self.record.push_field(b"");
            self.output.write_byte_record(&self.record)?;
        }
        Ok(())
    }

    /// Writes one row for a series without a forecast.
    ///
    /// # Errors
    /// Returns the error of the output.
    pub fn write_failure(&mut self, id: Option<&str>, error: &dyn fmt::Display) -> io::Result<()> {
        let n_empty = 2 + self.columns.quantiles.len() + 2 * self.columns.levels.len();
        self.record.clear();
        self.record.push_field(id.unwrap_or_default().as_bytes());
        for _ in 0..n_empty {
            self.record.push_field(b"");
        }
        self.push_cell(Some(error))?;
        self.output.write_byte_record(&self.record)?;
        Ok(())
    }

    /// Flushes the rows to the output.
    ///
    /// # Errors
    /// Returns the error of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// Flushes the rows and returns the output.
    ///
    /// # Errors
    /// Returns the error of the output.
    pub fn finish(self) -> io::Result<W> {
        self.output
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)
    }

    /// Adds a cell to the record, which is empty for `None`.
    fn push_cell(&mut self, cell: Option<impl fmt::Display>) -> io::Result<()> {
        self.text.clear();
        if let Some(cell) = cell {
            write!(self.text, "{cell}").map_err(io::Error::other)?;
        }
        self.record.push_field(self.text.as_bytes());
        Ok(())
    }
}

impl<W: io::Write> fmt::Debug for ForecastWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForecastWriter")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}
