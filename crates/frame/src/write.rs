//! From forecasts to the rows of a table.

use std::fmt::{self, Write as _};
use std::io;

use csv::{ByteRecord, Writer, WriterBuilder};

use crate::Presented;
use almanac_forecast::{CentralLevel, Forecast, QuantileLevel, Stamp};

/// Which columns a table of forecasts has, beside `id`, `timestamp`, `point` and `error`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForecastColumns {
    /// Quantile levels, each a column named by its number.
    pub quantiles: Vec<QuantileLevel>,
    /// Central levels, each a pair of columns such as `lower-80` and `upper-80`.
    pub levels: Vec<CentralLevel>,
}

/// Writes forecasts as CSV, one row for each step of each series.
///
/// The columns are `id`, `timestamp`, `point`, the quantiles, the ends of the levels, and `error`. A
/// series without a calendar has the number of the step, from 1, as its timestamp. A series that
/// failed has one row with its id and its error.
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
    /// A table that begins with its header.
    ///
    /// # Errors
    /// The output's.
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

    /// One row for each step. `stamps` has one for each, or is absent where there is no calendar.
    ///
    /// # Errors
    /// The output's.
    pub fn write_forecast(
        &mut self,
        id: Option<&str>,
        stamps: Option<&[Stamp]>,
        forecast: &Forecast,
    ) -> io::Result<()> {
        let ends = self
            .columns
            .levels
            .iter()
            .flat_map(|level| [level.lower(), level.upper()]);
        let columns: Vec<_> = [QuantileLevel::MEDIAN]
            .into_iter()
            .chain(self.columns.quantiles.iter().copied())
            .chain(ends)
            .map(|level| forecast.quantile(level).unwrap_or_default())
            .collect();
        for step in 0..forecast.steps() {
            self.record.clear();
            self.record.push_field(id.unwrap_or_default().as_bytes());
            match stamps {
                Some(stamps) => self.push(stamps.get(step))?,
                None => self.push(Some(step + 1))?,
            }
            for column in &columns {
                self.push(column.get(step).copied().map(Presented::from))?;
            }
            self.record.push_field(b"");
            self.output.write_byte_record(&self.record)?;
        }
        Ok(())
    }

    /// One row for a series that has no forecast.
    ///
    /// # Errors
    /// The output's.
    pub fn write_failure(&mut self, id: Option<&str>, error: &dyn fmt::Display) -> io::Result<()> {
        let between = 2 + self.columns.quantiles.len() + 2 * self.columns.levels.len();
        self.record.clear();
        self.record.push_field(id.unwrap_or_default().as_bytes());
        for _ in 0..between {
            self.record.push_field(b"");
        }
        self.push(Some(error))?;
        self.output.write_byte_record(&self.record)?;
        Ok(())
    }

    /// Hands every row on to the output.
    ///
    /// # Errors
    /// The output's.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// The output, with every row in it.
    ///
    /// # Errors
    /// The output's.
    pub fn finish(self) -> io::Result<W> {
        self.output
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)
    }

    /// A cell, empty for `None`.
    fn push(&mut self, cell: Option<impl fmt::Display>) -> io::Result<()> {
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
