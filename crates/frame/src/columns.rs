//! The recognition of the columns of a table by their headers.

use std::fmt;

use almanac_forecast::Stamp;

use crate::cell;
use crate::error::{ColumnRole, FrameError};

/// The columns that the user selects. The other columns are recognised by their headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnChoice {
    /// The header of the column of series ids.
    pub id: Option<String>,
    /// The header of the column of stamps.
    pub time: Option<String>,
    /// The header of the column of values.
    pub target: Option<String>,
}

/// The layout of the series in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Each value of each series has a row.
    Long,
    /// Each series has a column.
    Wide,
}

/// The recognised layout and columns of a table, to be shown to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecognisedColumns {
    /// The layout of the series.
    pub layout: Layout,
    /// The header of the id column.
    pub id: Option<String>,
    /// The header of the time column.
    pub time: Option<String>,
    /// The header of the target column; a wide table has none.
    pub target: Option<String>,
    /// The headers of the columns that were ignored.
    pub ignored: Vec<String>,
}

/// The layout of a table, with the positions of its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    Long {
        id: Option<usize>,
        time: Option<usize>,
        target: usize,
    },
    /// All columns except `time` are series. Without `time`, the first column may be time: see
    /// [`is_time`].
    Wide { time: Option<usize> },
}

// The recognised names of each role, in order of precedence: the names of libraries before everyday
// names, and a full stamp before a part of it. The first group with a match decides; two matches in
// one group are ambiguous.
const ID_NAMES: [&[&str]; 2] = [
    &["unique_id", "item_id"],
    &["id", "series", "series_id", "key"],
];
const TIME_NAMES: [&[&str]; 3] = [
    &["ds", "timestamp"],
    &["time", "date", "datetime", "start"],
    &[
        "period", "index", "year", "quarter", "month", "week", "day", "hour",
    ],
];
const TARGET_NAMES: [&[&str]; 2] = [&["y", "target"], &["value", "values"]];

/// Recognises the role of each of the `headers`.
pub(super) fn recognise(headers: &[String], choice: &ColumnChoice) -> Result<Columns, FrameError> {
    let mut roles = ColumnRoles {
        headers,
        assigned: Vec::new(),
    };
    let id = roles.selected(ColumnRole::Id, choice.id.as_deref())?;
    let time = roles.selected(ColumnRole::Time, choice.time.as_deref())?;
    let target = roles.selected(ColumnRole::Target, choice.target.as_deref())?;
    if roles.assigned.is_empty() && headers.iter().all(|header| is_value(header)) {
        return Err(FrameError::NoHeader {
            cells: headers.to_vec(),
        });
    }
    // The target is searched first: it alone makes a table long, and `y` has no other role.
    let target = roles.selected_or_known(target, ColumnRole::Target, &TARGET_NAMES)?;
    let time = roles.selected_or_known(time, ColumnRole::Time, &TIME_NAMES)?;
    let id = roles.selected_or_known(id, ColumnRole::Id, &ID_NAMES)?;
    match (target, id) {
        (Some(target), id) => Ok(Columns::Long { id, time, target }),
        (None, Some(id)) => {
            let target = roles.only_unassigned().ok_or_else(|| no_target(headers))?;
            Ok(Columns::Long {
                id: Some(id),
                time,
                target,
            })
        }
        (None, None) => {
            let mut names: Vec<_> = headers.iter().filter(|header| !header.is_empty()).collect();
            names.sort_unstable();
            match names.windows(2).find(|pair| pair[0] == pair[1]) {
                Some(pair) => Err(FrameError::DuplicateColumn {
                    name: pair[0].clone(),
                }),
                None => Ok(Columns::Wide { time }),
            }
        }
    }
}

/// Returns true if the first column of a wide table, with `cell` in its first row, is time.
///
/// A number is a value of a series, unless its column has no header, as in an index that pandas
/// writes.
pub(super) fn is_time(header: &str, cell: &str) -> bool {
    Stamp::parse(cell).is_ok() && (header.is_empty() || cell.parse::<f64>().is_err())
}

/// Returns the error of a table without a target column.
pub(super) fn no_target(headers: &[String]) -> FrameError {
    FrameError::NoTarget {
        known_names: TARGET_NAMES.concat(),
        headers: headers.to_vec(),
    }
}

fn is_value(header: &str) -> bool {
    !header.is_empty() && (cell::parse(header).is_ok() || Stamp::parse(header).is_ok())
}

/// The headers, and the roles that are already assigned.
struct ColumnRoles<'a> {
    headers: &'a [String],
    assigned: Vec<(usize, ColumnRole)>,
}

impl ColumnRoles<'_> {
    /// Returns the column that the user selected for `role`, and assigns the role.
    fn selected(
        &mut self,
        role: ColumnRole,
        name: Option<&str>,
    ) -> Result<Option<usize>, FrameError> {
        let Some(name) = name else { return Ok(None) };
        let name = name.trim();
        let exact = self.headers.iter().position(|header| header == name);
        let column = exact
            .or_else(|| {
                self.headers
                    .iter()
                    .position(|header| header.eq_ignore_ascii_case(name))
            })
            .ok_or_else(|| FrameError::UnknownColumn {
                role,
                name: name.to_owned(),
                headers: self.headers.to_vec(),
            })?;
        if let Some((_, previous)) = self.assigned.iter().find(|(other, _)| *other == column) {
            return Err(FrameError::SameColumn {
                name: self.headers[column].clone(),
                roles: [*previous, role],
            });
        }
        self.assigned.push((column, role));
        Ok(Some(column))
    }

    /// Returns `selected`, or the column whose header is a known name of `role`.
    fn selected_or_known(
        &mut self,
        selected: Option<usize>,
        role: ColumnRole,
        known_names: &[&[&str]],
    ) -> Result<Option<usize>, FrameError> {
        if selected.is_some() {
            return Ok(selected);
        }
        for names in known_names {
            let candidates: Vec<_> = self
                .unassigned()
                .filter(|&column| names.contains(&normalised(&self.headers[column]).as_str()))
                .collect();
            match candidates[..] {
                [] => {}
                [only] => {
                    self.assigned.push((only, role));
                    return Ok(Some(only));
                }
                _ => {
                    let candidates = candidates
                        .iter()
                        .map(|&column| self.headers[column].clone())
                        .collect();
                    return Err(FrameError::Ambiguous { role, candidates });
                }
            }
        }
        Ok(None)
    }

    /// Returns the column without a role, if there is exactly one.
    fn only_unassigned(&self) -> Option<usize> {
        let mut columns = self.unassigned();
        columns.next().filter(|_| columns.next().is_none())
    }

    /// Returns the columns without a role.
    fn unassigned(&self) -> impl Iterator<Item = usize> {
        (0..self.headers.len())
            .filter(|column| self.assigned.iter().all(|(assigned, _)| assigned != column))
    }
}

/// Returns the header in lower case, with underscores.
fn normalised(header: &str) -> String {
    header.to_ascii_lowercase().replace([' ', '-'], "_")
}

impl fmt::Display for RecognisedColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.layout {
            Layout::Long => "long table",
            Layout::Wide => "wide table, one series per column",
        })?;
        for (role, name) in [
            ("id", &self.id),
            ("time", &self.time),
            ("target", &self.target),
        ] {
            if let Some(name) = name {
                write!(f, ", {role} in {name:?}")?;
            }
        }
        if !self.ignored.is_empty() {
            write!(f, "; columns ignored: {}", self.ignored.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(line: &str) -> Vec<String> {
        line.split(',').map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(line: &str, expected: &Columns) {
        assert_eq!(
            recognise(&headers(line), &ColumnChoice::default()).unwrap(),
            *expected
        );
    }

    #[track_caller]
    fn check_rejected(line: &str, choice: &ColumnChoice, expected: &str) {
        assert_eq!(
            recognise(&headers(line), choice).unwrap_err().to_string(),
            expected
        );
    }

    fn long(id: Option<usize>, time: Option<usize>, target: usize) -> Columns {
        Columns::Long { id, time, target }
    }

    #[test]
    fn recognises_the_columns_of_each_library() {
        check("unique_id,ds,y", &long(Some(0), Some(1), 2));
        check("ds,y,cap", &long(None, Some(0), 1));
        check("item_id,timestamp,target", &long(Some(0), Some(1), 2));
        check("target,start,item_id", &long(Some(2), Some(1), 0));
        check("Series ID,Date,Value", &long(Some(0), Some(1), 2));
        check("id,values", &long(Some(0), None, 1));
        check("value", &long(None, None, 0));
    }

    #[test]
    fn prefers_a_librarys_name_to_an_everyday_one() {
        check("id,unique_id,date,ds,value,y", &long(Some(1), Some(3), 5));
        check("date,month,value", &long(None, Some(0), 2));
    }

    #[test]
    fn uses_the_only_other_column_as_the_target() {
        check("unique_id,ds,sales", &long(Some(0), Some(1), 2));
        check_rejected(
            "unique_id,ds,sales,price",
            &ColumnChoice::default(),
            r#"no target column: none of y, target, value, values is among the columns "unique_id", "ds", "sales", "price"; select one with target_column"#,
        );
    }

    #[test]
    fn other_headers_are_wide() {
        check("month,passengers", &Columns::Wide { time: Some(0) });
        check("north,south", &Columns::Wide { time: None });
        check(",0,1", &Columns::Wide { time: None });
    }

    #[test]
    fn the_user_selects_columns() {
        let choice = ColumnChoice {
            id: Some("store".to_owned()),
            time: None,
            target: Some("SALES".to_owned()),
        };
        let columns = recognise(&headers("store,date,sales,y"), &choice).unwrap();
        assert_eq!(columns, long(Some(0), Some(1), 2));
        check_rejected(
            "a,b",
            &choice,
            r#"id_column is "store", but the columns are "a", "b""#,
        );
        let twice = ColumnChoice {
            target: Some("store".to_owned()),
            ..choice
        };
        check_rejected(
            "store,b",
            &twice,
            r#"column "store" cannot be both the id column and the target column"#,
        );
    }

    #[test]
    fn rejects_ambiguous_headers() {
        let none = ColumnChoice::default();
        check_rejected(
            "year,month,sales",
            &none,
            r#"each of the columns "year", "month" could be the time column; select one with time_column"#,
        );
        check_rejected("a,b,a", &none, r#"two columns are named "a""#);
        check_rejected(
            "2024-01-01,112",
            &none,
            r#"the first line has values, "2024-01-01", "112"; it must have the names of the columns"#,
        );
    }
}
