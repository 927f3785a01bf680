//! The reading of a table as drafts of its series.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::ops::Range;
use std::sync::Arc;

use almanac_forecast::ForecastLimits;
use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};

use crate::cell::{self, CellError};
use crate::columns::{self, ColumnChoice, Columns, Layout, RecognisedColumns};
use crate::error::FrameError;
use crate::gather::{LongSeries, RepeatCheck, SeriesCells};
use crate::newline::Newlines;
use crate::{Table, TableSeries};

/// The maximum size of the header that is searched for the delimiter, in bytes.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// The recognised delimiters. The most frequent one in the header is used.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// Reads up to `limits.series` series from a CSV table, with up to `limits.values` values each.
///
/// The first line has the names of the columns. In a long table each row is one value: the table
/// has a column of values, and optionally one of stamps and one of ids, recognised by the names
/// that forecasting libraries use. Rows of several series may be mixed; within a series they keep
/// their order. In any other table each column is one series, except for a column of stamps.
///
/// The text is UTF-8, with commas, semicolons or tabs between cells. An empty cell, `NA`, `NaN`,
/// `null`, `None` and `N/A` are missing values. A cell that is not a number fails only its series.
///
/// ```
/// use almanac_forecast::ForecastLimits;
/// use almanac_frame::{ColumnChoice, read_csv};
///
/// let text = "unique_id,ds,y\nnorth,2024-01-01,112\nsouth,2024-01-01,7\nnorth,2024-02-01,118\n";
/// let limits = ForecastLimits { series: 10, values: 100, horizon: 100, levels: 10, covariates: 4 };
/// let table = read_csv(text.as_bytes(), &ColumnChoice::default(), &limits)?;
/// assert_eq!(table.series[0].id.as_deref(), Some("north"));
/// assert_eq!(table.series[0].draft.as_ref().unwrap().values, [112.0, 118.0]);
/// # Ok::<(), almanac_frame::FrameError>(())
/// ```
///
/// # Errors
/// Returns [`FrameError`] if the text is not a table, or the roles of the columns are ambiguous.
pub fn read_csv(
    input: impl Read,
    columns: &ColumnChoice,
    limits: &ForecastLimits,
) -> Result<Table, FrameError> {
    let mut input = BufReader::new(Newlines::new(input));
    let (start, delimiter) = sniff(&mut input)?;
    // A final line end is added, so that the position after a row is always on the next line.
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .trim(Trim::All)
        .from_reader(Cursor::new(start).chain(input).chain(&b"\n"[..]));
    let headers: Vec<String> = match reader.headers() {
        Ok(headers) => headers.iter().map(str::to_owned).collect(),
        Err(error) => return Err(table_error(error, 1)),
    };
    if headers.iter().all(String::is_empty) {
        return Err(FrameError::Empty);
    }
    let rows = RowReader {
        reader,
        headers: &headers,
        limits,
    };
    match columns::recognise(&headers, columns)? {
        Columns::Long { id, time, target } => rows.read_long(id, time, target),
        Columns::Wide { time } => rows.read_wide(time),
    }
}

/// Reads the first line that is not blank. Returns the text that was read, and the delimiter.
fn sniff(input: &mut impl BufRead) -> io::Result<(Vec<u8>, u8)> {
    let mut start = Vec::new();
    let mut input = input.take(MAX_HEADER_BYTES);
    while start.iter().all(u8::is_ascii_whitespace) && input.read_until(b'\n', &mut start)? > 0 {}
    let mut counts = [0; DELIMITERS.len()];
    let mut is_quoted = false;
    for &byte in start.trim_ascii_start() {
        is_quoted ^= byte == b'"';
        if let Some(index) = DELIMITERS
            .iter()
            .position(|delimiter| *delimiter == byte && !is_quoted)
        {
            counts[index] += 1;
        }
    }
    let max_count = counts.iter().copied().max().unwrap_or(0);
    let index = counts
        .iter()
        .position(|count| *count == max_count)
        .unwrap_or(0);
    Ok((start, DELIMITERS[index]))
}

/// A reader of the rows below the header.
struct RowReader<'a, R> {
    reader: Reader<R>,
    headers: &'a [String],
    limits: &'a ForecastLimits,
}

impl<R: Read> RowReader<'_, R> {
    fn read_long(
        mut self,
        id: Option<usize>,
        time: Option<usize>,
        target: usize,
    ) -> Result<Table, FrameError> {
        let used = [id, time, Some(target)];
        let ignored: Vec<_> = self
            .columns()
            .filter(|column| !used.contains(&Some(*column)))
            .map(|column| self.label(column))
            .collect();
        let may_be_mixed = id.is_none() && !ignored.is_empty();
        let mut repeats = RepeatCheck::new(time.filter(|_| may_be_mixed));
        let mut series = LongSeries::default();
        let mut record = StringRecord::new();
        while let Some(line) = self.read_row(&mut record)? {
            repeats.check(line, &record, || ignored.clone())?;
            let cells = series.cells(id.map(|id| &record[id]), self.limits.series)?;
            let value = self.parse_value(line, &record, target);
            let stamp = time.map(|time| Arc::from(&record[time]));
            cells.push(value, stamp.as_ref(), self.limits.values);
        }
        if series.is_empty() {
            return Err(self.no_rows());
        }
        let header = |column: usize| self.headers[column].clone();
        Ok(Table {
            recognised: RecognisedColumns {
                layout: Layout::Long,
                id: id.map(header),
                time: time.map(header),
                target: Some(header(target)),
                ignored,
            },
            series: series.into_table_series(time.is_some(), self.limits.values),
        })
    }

    fn read_wide(mut self, time: Option<usize>) -> Result<Table, FrameError> {
        let mut record = StringRecord::new();
        let mut row = self.read_row(&mut record)?;
        if row.is_none() {
            return Err(self.no_rows());
        }
        let time = time.or_else(|| columns::is_time(&self.headers[0], &record[0]).then_some(0));
        let (named, unnamed): (Vec<_>, Vec<_>) = self
            .columns()
            .filter(|column| Some(*column) != time)
            .partition(|column| !self.headers[*column].is_empty());
        if named.len() > self.limits.series {
            return Err(FrameError::TooManySeries {
                limit: self.limits.series,
            });
        }
        let names: Vec<_> = named
            .iter()
            .map(|column| self.headers[*column].clone())
            .collect();
        let mut repeats = RepeatCheck::new(time.filter(|_| named.len() > 1));
        let mut series: Vec<_> = named
            .into_iter()
            .map(|column| (column, SeriesCells::default()))
            .collect();
        while let Some(line) = row {
            repeats.check(line, &record, || names.clone())?;
            let stamp = time.map(|time| Arc::from(&record[time]));
            for (column, cells) in &mut series {
                let value = self.parse_value(line, &record, *column);
                cells.push(value, stamp.as_ref(), self.limits.values);
            }
            row = self.read_row(&mut record)?;
        }
        self.wide_table(time, series, unnamed)
    }

    /// Returns the table of the columns in `series`. Columns of text are ignored, as are the
    /// columns in `unnamed`.
    fn wide_table(
        &self,
        time: Option<usize>,
        series: Vec<(usize, SeriesCells)>,
        unnamed: Vec<usize>,
    ) -> Result<Table, FrameError> {
        let mut ignored = unnamed;
        let mut table_series = Vec::with_capacity(series.len());
        for (column, cells) in series {
            match cells.text_error() {
                // Text in the first column is more likely time or ids than a comment.
                Some(CellError::NotANumber {
                    line,
                    column: name,
                    value,
                }) if column == 0 => {
                    return Err(FrameError::TextColumn {
                        line: *line,
                        column: name.clone(),
                        value: value.clone(),
                        headers: self.headers.to_vec(),
                    });
                }
                Some(_) => ignored.push(column),
                None => table_series.push(TableSeries {
                    id: Some(self.headers[column].clone()),
                    draft: cells.into_draft(time.is_some(), self.limits.values),
                }),
            }
        }
        if table_series.is_empty() {
            return Err(columns::no_target(self.headers));
        }
        ignored.sort_unstable();
        Ok(Table {
            series: table_series,
            recognised: RecognisedColumns {
                layout: Layout::Wide,
                id: None,
                time: time.map(|time| self.headers[time].clone()),
                target: None,
                ignored: ignored
                    .into_iter()
                    .map(|column| self.label(column))
                    .collect(),
            },
        })
    }

    /// Reads the next row, and returns its line.
    fn read_row(&mut self, record: &mut StringRecord) -> Result<Option<u64>, FrameError> {
        let result = self.reader.read_record(record);
        // The end of a row is known. Its beginning is not, since blank lines are skipped.
        let last_line = self.reader.position().line().saturating_sub(1);
        match result {
            Ok(true) => {
                let n_breaks: usize = record.iter().map(|cell| cell.matches('\n').count()).sum();
                Ok(Some(last_line.saturating_sub(n_breaks as u64)))
            }
            Ok(false) => Ok(None),
            Err(error) => Err(table_error(error, last_line)),
        }
    }

    fn columns(&self) -> Range<usize> {
        0..self.headers.len()
    }

    fn parse_value(
        &self,
        line: u64,
        record: &StringRecord,
        column: usize,
    ) -> Result<f64, CellError> {
        let text = &record[column];
        cell::parse(text).map_err(|error| error.at(line, &self.label(column), text))
    }

    /// Returns the name of a column in messages, which is its number if its header is empty.
    fn label(&self, column: usize) -> String {
        match self.headers[column].as_str() {
            "" => format!("number {}", column + 1),
            header => header.to_owned(),
        }
    }

    fn no_rows(&self) -> FrameError {
        FrameError::NoRows {
            headers: self.headers.to_vec(),
        }
    }
}

fn table_error(error: csv::Error, line: u64) -> FrameError {
    match error.kind() {
        ErrorKind::Utf8 { .. } => FrameError::NotUtf8 { line },
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => FrameError::Ragged {
            line,
            expected: *expected_len,
            actual: *len,
        },
        _ => FrameError::Unreadable(error.into()),
    }
}
