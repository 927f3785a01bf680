//! Why a text is not a table of series.

use std::fmt;

use thiserror::Error;

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Which series a row belongs to.
    Id,
    /// Where the value lies in time.
    Time,
    /// The value.
    Target,
}

/// Why a text is not a table of series. One bad series is no such error: see
/// [`CellError`](crate::CellError).
#[derive(Debug, Error)]
pub enum FrameError {
    /// The source of the text failed.
    #[error("cannot read the table: {0}")]
    Unreadable(#[from] std::io::Error),
    /// The text is not UTF-8.
    #[error("line {line} is not UTF-8; save the table as UTF-8")]
    NotUtf8 {
        /// Line of the file, from 1.
        line: u64,
    },
    /// There is no text.
    #[error("the table is empty, or its first line is, which names the columns")]
    Empty,
    /// There is no line after the first.
    #[error("the table has no rows after its header, {}", listed(headers))]
    NoRows {
        /// The headers.
        headers: Vec<String>,
    },
    /// The first line holds values.
    #[error(
        "the first line holds values, {}; write the names of the columns there",
        listed(cells)
    )]
    NoHeader {
        /// The cells of the first line.
        cells: Vec<String>,
    },
    /// A line has more or fewer cells than the header.
    #[error("line {line} has {found} cells, not the {expected} of the header")]
    Ragged {
        /// Line of the file, from 1.
        line: u64,
        /// Cells of the header.
        expected: u64,
        /// Cells of the line.
        found: u64,
    },
    /// A column was named that there is not.
    #[error("{} is {name:?}, which is not among the columns {}", role.option(), listed(headers))]
    UnknownColumn {
        /// What it was to be for.
        role: Role,
        /// The name asked for.
        name: String,
        /// The headers.
        headers: Vec<String>,
    },
    /// One column was named for two roles.
    #[error("column {name:?} cannot be both {} and {}", roles[0], roles[1])]
    SameColumn {
        /// The column.
        name: String,
        /// The roles.
        roles: [Role; 2],
    },
    /// Several columns could have a role.
    #[error("columns {} could each be {role}; name it with {}", listed(candidates), role.option())]
    Ambiguous {
        /// The role.
        role: Role,
        /// The columns that could have it.
        candidates: Vec<String>,
    },
    /// No column holds the values.
    #[error("no column holds the values: looked for {} among the columns {}; name it with target_column", looked_for.join(", "), listed(headers))]
    NoTarget {
        /// The names looked for.
        looked_for: Vec<&'static str>,
        /// The headers.
        headers: Vec<String>,
    },
    /// Two columns have one name.
    #[error("two columns are named {name:?}")]
    DuplicateColumn {
        /// The name.
        name: String,
    },
    /// The first column of a wide table holds text that is neither a number nor a stamp.
    #[error(
        "line {line}, column {column}: {value:?} is neither a number nor a timestamp such as 2024-01-31; name the columns of {} with id_column, time_column and target_column",
        listed(headers)
    )]
    TextColumn {
        /// Line of the file, from 1.
        line: u64,
        /// Header of the column.
        column: String,
        /// The cell.
        value: String,
        /// The headers.
        headers: Vec<String>,
    },
    /// The first stamp comes again, so the rows are of several series, and nothing says of which.
    #[error(
        "line {line} repeats the first timestamp, {value:?}; if one of the columns {} names the series, say so with id_column",
        listed(candidates)
    )]
    RepeatedTime {
        /// Line of the file, from 1.
        line: u64,
        /// The stamp.
        value: String,
        /// The columns that may name the series.
        candidates: Vec<String>,
    },
    /// There are more series than the limit.
    #[error("the table has more than {limit} series, the limit; send it in parts")]
    TooManySeries {
        /// The largest number accepted.
        limit: usize,
    },
}

impl Role {
    /// The option that names the column: so spelt in a query, with dashes on the command line.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Self::Id => "id_column",
            Self::Time => "time_column",
            Self::Target => "target_column",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "the id column",
            Self::Time => "the time column",
            Self::Target => "the target column",
        })
    }
}

/// The most names that a message lists.
const MOST_LISTED: usize = 12;

fn listed(names: &[String]) -> String {
    let shown: Vec<_> = names
        .iter()
        .take(MOST_LISTED)
        .map(|name| format!("{name:?}"))
        .collect();
    match names.len().saturating_sub(MOST_LISTED) {
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
