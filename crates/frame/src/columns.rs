//! Which column is for what.

use std::fmt;

use crate::cell;
use crate::error::{FrameError, Role};
use almanac_forecast::Stamp;

/// The columns that the user names. Those left out are recognised by their headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnChoice {
    /// Header of the column that says which series a row belongs to.
    pub id: Option<String>,
    /// Header of the column of stamps.
    pub time: Option<String>,
    /// Header of the column of values.
    pub target: Option<String>,
}

/// How a table lays out its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One row for each value of each series.
    Long,
    /// One column for each series.
    Wide,
}

/// How a table was read, to tell the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// How the series are laid out.
    pub layout: Layout,
    /// Header of the id column.
    pub id: Option<String>,
    /// Header of the time column.
    pub time: Option<String>,
    /// Header of the target column; a wide table has none.
    pub target: Option<String>,
    /// Headers of the columns that were not read.
    pub ignored: Vec<String>,
}

/// The columns of a table by position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    Long {
        id: Option<usize>,
        time: Option<usize>,
        target: usize,
    },
    /// The series are the other columns. Without `time`, the first column is looked at.
    Wide { time: Option<usize> },
}

/// Names by role, the most telling first: those of a library before those of everyday use, a stamp
/// before one part of it. Columns of one line compete; the first line that has one wins.
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

/// Which of `headers` is for what.
pub(super) fn recognise(headers: &[String], choice: &ColumnChoice) -> Result<Columns, FrameError> {
    let mut search = Search {
        headers,
        taken: Vec::new(),
    };
    let id = search.named(Role::Id, choice.id.as_deref())?;
    let time = search.named(Role::Time, choice.time.as_deref())?;
    let target = search.named(Role::Target, choice.target.as_deref())?;
    if search.taken.is_empty() && headers.iter().all(|header| is_value(header)) {
        return Err(FrameError::NoHeader {
            cells: headers.to_vec(),
        });
    }
    // The target first: it alone tells a long table, and `y` is nothing else.
    let target = search.known(target, Role::Target, &TARGET_NAMES)?;
    let time = search.known(time, Role::Time, &TIME_NAMES)?;
    let id = search.known(id, Role::Id, &ID_NAMES)?;
    match (target, id) {
        (Some(target), id) => Ok(Columns::Long { id, time, target }),
        (None, Some(id)) => {
            let target = search.only_other().ok_or_else(|| no_target(headers))?;
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

/// Whether the first column of a wide table, whose first cell is `cell`, is time.
///
/// A number is a value of a series, unless its column has no header: so pandas writes an index.
pub(super) fn is_time(header: &str, cell: &str) -> bool {
    Stamp::parse(cell).is_ok() && (header.is_empty() || cell.parse::<f64>().is_err())
}

pub(super) fn no_target(headers: &[String]) -> FrameError {
    let looked_for = TARGET_NAMES.concat();
    FrameError::NoTarget {
        looked_for,
        headers: headers.to_vec(),
    }
}

fn is_value(header: &str) -> bool {
    !header.is_empty() && (cell::parse(header).is_ok() || Stamp::parse(header).is_ok())
}

/// The headers, and which of them have a role already.
struct Search<'a> {
    headers: &'a [String],
    taken: Vec<(usize, Role)>,
}

impl Search<'_> {
    /// The column that the user named for `role`.
    fn named(&mut self, role: Role, name: Option<&str>) -> Result<Option<usize>, FrameError> {
        let Some(name) = name else { return Ok(None) };
        let name = name.trim();
        let exact = self.headers.iter().position(|header| header == name);
        let found = exact.or_else(|| {
            self.headers
                .iter()
                .position(|header| header.eq_ignore_ascii_case(name))
        });
        let Some(found) = found else {
            let (name, headers) = (name.to_owned(), self.headers.to_vec());
            return Err(FrameError::UnknownColumn {
                role,
                name,
                headers,
            });
        };
        if let Some((_, former)) = self.taken.iter().find(|(taken, _)| *taken == found) {
            let name = self.headers[found].clone();
            return Err(FrameError::SameColumn {
                name,
                roles: [*former, role],
            });
        }
        self.taken.push((found, role));
        Ok(Some(found))
    }

    /// `named`, or the column whose header is known for `role`.
    fn known(
        &mut self,
        named: Option<usize>,
        role: Role,
        tiers: &[&[&str]],
    ) -> Result<Option<usize>, FrameError> {
        if named.is_some() {
            return Ok(named);
        }
        for tier in tiers {
            let candidates: Vec<_> = self
                .free()
                .filter(|&column| tier.contains(&normalised(&self.headers[column]).as_str()))
                .collect();
            match candidates[..] {
                [] => {}
                [only] => {
                    self.taken.push((only, role));
                    return Ok(Some(only));
                }
                _ => {
                    let name = |&column: &usize| self.headers[column].clone();
                    let candidates = candidates.iter().map(name).collect();
                    return Err(FrameError::Ambiguous { role, candidates });
                }
            }
        }
        Ok(None)
    }

    /// The column without a role, when there is exactly one.
    fn only_other(&self) -> Option<usize> {
        let mut free = self.free();
        free.next().filter(|_| free.next().is_none())
    }

    fn free(&self) -> impl Iterator<Item = usize> {
        let taken = |column: &usize| self.taken.iter().any(|(taken, _)| taken == column);
        (0..self.headers.len()).filter(move |column| !taken(column))
    }
}

fn normalised(header: &str) -> String {
    header.to_ascii_lowercase().replace([' ', '-'], "_")
}

impl fmt::Display for Recognised {
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
    fn check_refused(line: &str, choice: &ColumnChoice, expected: &str) {
        assert_eq!(
            recognise(&headers(line), choice).unwrap_err().to_string(),
            expected
        );
    }

    fn long(id: Option<usize>, time: Option<usize>, target: usize) -> Columns {
        Columns::Long { id, time, target }
    }

    #[test]
    fn knows_the_columns_of_each_library() {
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
    fn takes_the_only_column_left_for_the_target() {
        check("unique_id,ds,sales", &long(Some(0), Some(1), 2));
        check_refused(
            "unique_id,ds,sales,price",
            &ColumnChoice::default(),
            r#"no column holds the values: looked for y, target, value, values among the columns "unique_id", "ds", "sales", "price"; name it with target_column"#,
        );
    }

    #[test]
    fn other_headers_are_wide() {
        check("month,passengers", &Columns::Wide { time: Some(0) });
        check("north,south", &Columns::Wide { time: None });
        check(",0,1", &Columns::Wide { time: None });
    }

    #[test]
    fn the_user_names_columns() {
        let choice = ColumnChoice {
            id: Some("store".to_owned()),
            time: None,
            target: Some("SALES".to_owned()),
        };
        let columns = recognise(&headers("store,date,sales,y"), &choice).unwrap();
        assert_eq!(columns, long(Some(0), Some(1), 2));
        check_refused(
            "a,b",
            &choice,
            r#"id_column is "store", which is not among the columns "a", "b""#,
        );
        let twice = ColumnChoice {
            target: Some("store".to_owned()),
            ..choice
        };
        check_refused(
            "store,b",
            &twice,
            r#"column "store" cannot be both the id column and the target column"#,
        );
    }

    #[test]
    fn refuses_headers_that_leave_a_doubt() {
        let none = ColumnChoice::default();
        check_refused(
            "year,month,sales",
            &none,
            r#"columns "year", "month" could each be the time column; name it with time_column"#,
        );
        check_refused("a,b,a", &none, r#"two columns are named "a""#);
        check_refused(
            "2024-01-01,112",
            &none,
            r#"the first line holds values, "2024-01-01", "112"; write the names of the columns there"#,
        );
    }
}
