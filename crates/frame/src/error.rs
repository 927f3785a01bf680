//! The errors of reading a table.

use std::fmt;

use thiserror::Error;

/// The role of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnRole {
    /// The ids of the series.
    Id,
    /// The time stamps.
    Time,
    /// The values.
    Target,
}

/// The error returned when a table cannot be read. An error in a single series is a
/// [`CellError`](crate::CellError).
#[derive(Debug, Error)]
pub enum FrameError {
    /// The text cannot be read.
    #[error("cannot read the table: {0}")]
    Unreadable(#[from] std::io::Error),
    /// The text is not UTF-8.
    #[error("line {line} is not UTF-8; save the table as UTF-8")]
    NotUtf8 {
        /// The line of the file, from 1.
        line: u64,
    },
    /// The table has no header.
    #[error("the table is empty; its first line must have the names of the columns")]
    Empty,
    /// The table has no rows.
    #[error("the table has no rows after its header, {}", listed(headers))]
    NoRows {
        /// The headers.
        headers: Vec<String>,
    },
    /// The first line has values instead of names.
    #[error(
        "the first line has values, {}; it must have the names of the columns",
        listed(cells)
    )]
    NoHeader {
        /// The cells of the first line.
        cells: Vec<String>,
    },
    /// A line has more or fewer cells than the header.
    #[error("line {line} has {actual} cells, but the header has {expected}")]
    Ragged {
        /// The line of the file, from 1.
        line: u64,
        /// The number of cells of the header.
        expected: u64,
        /// The number of cells of the line.
        actual: u64,
    },
    /// A requested column does not exist.
    #[error("{} is {name:?}, but the columns are {}", role.option(), listed(headers))]
    UnknownColumn {
        /// The role of the column.
        role: ColumnRole,
        /// The requested name.
        name: String,
        /// The headers.
        headers: Vec<String>,
    },
    /// One column was requested for two roles.
    #[error("column {name:?} cannot be both {} and {}", roles[0], roles[1])]
    SameColumn {
        /// The column.
        name: String,
        /// The roles.
        roles: [ColumnRole; 2],
    },
    /// Several columns match a role.
    #[error("each of the columns {} could be {role}; select one with {}", listed(candidates), role.option())]
    Ambiguous {
        /// The role.
        role: ColumnRole,
        /// The columns that match.
        candidates: Vec<String>,
    },
    /// No column matches the role of the target.
    #[error("no target column: none of {} is among the columns {}; select one with target_column", known_names.join(", "), listed(headers))]
    NoTarget {
        /// The names that are recognised.
        known_names: Vec<&'static str>,
        /// The headers.
        headers: Vec<String>,
    },
    /// Two columns have the same name.
    #[error("two columns are named {name:?}")]
    DuplicateColumn {
        /// The name.
        name: String,
    },
    /// The first column of a wide table has text that is neither a number nor a stamp.
    #[error(
        "line {line}, column {column}: {value:?} is neither a number nor a timestamp such as 2024-01-31; select columns among {} with id_column, time_column and target_column",
        listed(headers)
    )]
    TextColumn {
        /// The line of the file, from 1.
        line: u64,
        /// The header of the column.
        column: String,
        /// The cell.
        value: String,
        /// The headers.
        headers: Vec<String>,
    },
    /// The first stamp repeats, so the rows belong to several series, but there is no id column.
    #[error(
        "line {line} repeats the first timestamp, {value:?}; if one of the columns {} has the ids of the series, select it with id_column",
        listed(candidates)
    )]
    RepeatedTime {
        /// The line of the file, from 1.
        line: u64,
        /// The stamp.
        value: String,
        /// The columns that may have the ids.
        candidates: Vec<String>,
    },
    /// The table has more series than the limit.
    #[error("the table has more series than the limit of {limit}; send it in parts")]
    TooManySeries {
        /// The maximum number of series.
        limit: usize,
    },
}

impl ColumnRole {
    /// Returns the option that selects the column, as spelled in a query. On the command line it
    /// has dashes.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Self::Id => "id_column",
            Self::Time => "time_column",
            Self::Target => "target_column",
        }
    }
}

impl fmt::Display for ColumnRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "the id column",
            Self::Time => "the time column",
            Self::Target => "the target column",
        })
    }
}

/// The maximum number of names in a message.
const MAX_LISTED: usize = 12;

/// Returns the names as a list, truncated after [`MAX_LISTED`].
fn listed(names: &[String]) -> String {
    let shown: Vec<_> = names
        .iter()
        .take(MAX_LISTED)
        .map(|name| format!("{name:?}"))
        .collect();
    match names.len().saturating_sub(MAX_LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_the_first_dozen_names() {
        let names: Vec<_> = (0..15).map(|number| format!("c{number}")).collect();
        assert!(listed(&names).ends_with("\"c11\" and 3 more"));
        assert_eq!(listed(&names[..2]), "\"c0\", \"c1\"");
    }
}
