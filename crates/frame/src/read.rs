//! From the text of a table to drafts of its series.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};

use crate::cell::{self, CellError};
use crate::columns::{self, ColumnChoice, Columns, Layout, Recognised};
use crate::error::FrameError;
use crate::gather::{Cells, Repeats};
use crate::newline::Newlines;
use crate::{Table, TableSeries};
use almanac_forecast::Limits;

/// How much of the text is looked at for the delimiter, at most.
const LONGEST_HEADER: u64 = 1 << 20;

/// The delimiters that are recognised, by the one that the header has most of.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// Reads the series of a CSV table, with at most `limits.series` of them and `limits.values` in each.
///
/// The first line names the columns. In a long table each row is one value: a column of values, and
/// if it has them, one of stamps and one of ids, recognised by the names that forecasting libraries
/// use; rows keep their order within a series, and rows of several series may be mixed. In any other
/// table each column is one series, beside a column of stamps if there is one.
///
/// The text is UTF-8 with comma, semicolon or tab between cells. An empty cell, `NA`, `NaN`, `null`,
/// `None` and `N/A` are missing values. A cell that is no number fails its series only.
///
/// ```
/// use almanac_forecast::Limits;
/// use almanac_frame::{ColumnChoice, read_csv};
///
/// let text = "unique_id,ds,y\nnorth,2024-01-01,112\nsouth,2024-01-01,7\nnorth,2024-02-01,118\n";
/// let limits = Limits { series: 10, values: 100, horizon: 100, levels: 10, covariates: 4 };
/// let table = read_csv(text.as_bytes(), &ColumnChoice::default(), &limits)?;
/// assert_eq!(table.series[0].id.as_deref(), Some("north"));
/// assert_eq!(table.series[0].draft.as_ref().unwrap().values, [112.0, 118.0]);
/// # Ok::<(), almanac_frame::FrameError>(())
/// ```
///
/// # Errors
/// [`FrameError`] when the text is no table, or it is not clear which column is for what.
pub fn read_csv(
    input: impl Read,
    columns: &ColumnChoice,
    limits: &Limits,
) -> Result<Table, FrameError> {
    let mut input = BufReader::new(Newlines::new(input));
    let (start, delimiter) = sniff(&mut input)?;
    // Another line end at the end, so that the position after a row is on the line below it.
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
    let rows = Rows {
        reader,
        headers: &headers,
        limits,
    };
    match columns::recognise(&headers, columns)? {
        Columns::Long { id, time, target } => rows.long(id, time, target),
        Columns::Wide { time } => rows.wide(time),
    }
}

/// Reads the first line that is not blank. Gives what was read, and the delimiter.
fn sniff(input: &mut impl BufRead) -> io::Result<(Vec<u8>, u8)> {
    let mut start = Vec::new();
    let mut input = input.take(LONGEST_HEADER);
    while start.iter().all(u8::is_ascii_whitespace) && input.read_until(b'\n', &mut start)? > 0 {}
    let mut counts = [0; DELIMITERS.len()];
    let mut quoted = false;
    for &byte in start.trim_ascii_start() {
        quoted ^= byte == b'"';
        if let Some(which) = DELIMITERS
            .iter()
            .position(|delimiter| *delimiter == byte && !quoted)
        {
            counts[which] += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let which = counts.iter().position(|count| *count == most).unwrap_or(0);
    Ok((start, DELIMITERS[which]))
}

/// The rows below the header.
struct Rows<'a, R> {
    reader: Reader<R>,
    headers: &'a [String],
    limits: &'a Limits,
}

impl<R: Read> Rows<'_, R> {
    fn long(
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
        let mut repeats = Repeats::watching(time.filter(|_| id.is_none() && !ignored.is_empty()));
        let mut positions: HashMap<String, usize> = HashMap::new();
        let mut series: Vec<(Option<String>, Cells)> = Vec::new();
        let mut record = StringRecord::new();
        while let Some(line) = self.read(&mut record)? {
            repeats.check(line, &record, || ignored.clone())?;
            let key = id.map_or("", |id| &record[id]);
            let position = match positions.get(key) {
                Some(position) => *position,
                None => {
                    self.ensure_series(series.len() + 1)?;
                    positions.insert(key.to_owned(), series.len());
                    series.push((id.map(|_| key.to_owned()), Cells::default()));
                    series.len() - 1
                }
            };
            let value = self.value(line, &record, target);
            let stamp = time.map(|time| Arc::from(&record[time]));
            series[position]
                .1
                .push(value, stamp.as_ref(), self.limits.values);
        }
        if series.is_empty() {
            return Err(FrameError::NoRows {
                headers: self.headers.to_vec(),
            });
        }
        let header = |column: usize| self.headers[column].clone();
        Ok(Table {
            recognised: Recognised {
                layout: Layout::Long,
                id: id.map(header),
                time: time.map(header),
                target: Some(header(target)),
                ignored,
            },
            series: series
                .into_iter()
                .map(|(id, cells)| TableSeries {
                    id,
                    draft: cells.draft(time.is_some(), self.limits.values),
                })
                .collect(),
        })
    }

    fn wide(mut self, time: Option<usize>) -> Result<Table, FrameError> {
        let mut record = StringRecord::new();
        let mut row = self.read(&mut record)?;
        if row.is_none() {
            return Err(FrameError::NoRows {
                headers: self.headers.to_vec(),
            });
        }
        let time = time.or_else(|| columns::is_time(&self.headers[0], &record[0]).then_some(0));
        let (valued, mut ignored): (Vec<_>, Vec<_>) = self
            .columns()
            .filter(|column| Some(*column) != time)
            .partition(|column| !self.headers[*column].is_empty());
        self.ensure_series(valued.len())?;
        let names: Vec<_> = valued
            .iter()
            .map(|column| self.headers[*column].clone())
            .collect();
        let mut repeats = Repeats::watching(time.filter(|_| valued.len() > 1));
        let mut series: Vec<Cells> = Vec::new();
        series.resize_with(valued.len(), Cells::default);
        while let Some(line) = row {
            repeats.check(line, &record, || names.clone())?;
            let stamp = time.map(|time| Arc::from(&record[time]));
            for (cells, &column) in series.iter_mut().zip(&valued) {
                let value = self.value(line, &record, column);
                cells.push(value, stamp.as_ref(), self.limits.values);
            }
            row = self.read(&mut record)?;
        }
        let mut read = Vec::with_capacity(series.len());
        for (cells, &column) in series.into_iter().zip(&valued) {
            match cells.text() {
                // A first column of text is more likely time or ids than a remark.
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
                None => read.push(TableSeries {
                    id: Some(self.headers[column].clone()),
                    draft: cells.draft(time.is_some(), self.limits.values),
                }),
            }
        }
        if read.is_empty() {
            return Err(columns::no_target(self.headers));
        }
        ignored.sort_unstable();
        Ok(Table {
            series: read,
            recognised: Recognised {
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

    /// Reads the next row, and gives its line.
    fn read(&mut self, record: &mut StringRecord) -> Result<Option<u64>, FrameError> {
        let outcome = self.reader.read_record(record);
        // Where a row ends is known; where it begins is not, since blank lines are skipped.
        let last = self.reader.position().line().saturating_sub(1);
        match outcome {
            Ok(true) => {
                let breaks: usize = record.iter().map(|cell| cell.matches('\n').count()).sum();
                Ok(Some(last.saturating_sub(breaks as u64)))
            }
            Ok(false) => Ok(None),
            Err(error) => Err(table_error(error, last)),
        }
    }

    fn columns(&self) -> std::ops::Range<usize> {
        0..self.headers.len()
    }

    fn value(&self, line: u64, record: &StringRecord, column: usize) -> Result<f64, CellError> {
        let text = &record[column];
        cell::parse(text).map_err(|error| error.at(line, &self.label(column), text))
    }

    /// How a column is called in messages, where its header may be empty.
    fn label(&self, column: usize) -> String {
        match self.headers[column].as_str() {
            "" => format!("number {}", column + 1),
            header => header.to_owned(),
        }
    }

    fn ensure_series(&self, count: usize) -> Result<(), FrameError> {
        let limit = self.limits.series;
        if count > limit {
            Err(FrameError::TooManySeries { limit })
        } else {
            Ok(())
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
            found: *len,
        },
        _ => FrameError::Unreadable(error.into()),
    }
}
