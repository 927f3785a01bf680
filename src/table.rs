//! Series of tables as series of a call, for every edge that reads one.

use almanac_frame::{CellError, FrameError, TableSeries};

use crate::call::{CallCode, CallError, SeriesCall};

impl From<TableSeries> for SeriesCall {
    fn from(TableSeries { id, draft }: TableSeries) -> Self {
        Self {
            id,
            draft: draft.map_err(CallError::from),
            path: String::new(),
            shared: Vec::new(),
        }
    }
}

impl From<CellError> for CallError {
    fn from(error: CellError) -> Self {
        let detail = error.to_string();
        match error {
            CellError::NotANumber { value, .. } | CellError::Comma { value, .. } => {
                Self::new(CallCode::InvalidValue, detail).received(value)
            }
            CellError::TooManyRows { rows, limit } => Self::new(CallCode::SeriesTooLong, detail)
                .limit(limit)
                .received(rows),
        }
    }
}

impl From<FrameError> for CallError {
    fn from(error: FrameError) -> Self {
        let code = match error {
            FrameError::TooManySeries { .. } => CallCode::TooManySeries,
            FrameError::Unreadable(_)
            | FrameError::NotUtf8 { .. }
            | FrameError::Empty
            | FrameError::NoRows { .. }
            | FrameError::NoHeader { .. }
            | FrameError::Ragged { .. }
            | FrameError::UnknownColumn { .. }
            | FrameError::SameColumn { .. }
            | FrameError::Ambiguous { .. }
            | FrameError::NoTarget { .. }
            | FrameError::DuplicateColumn { .. }
            | FrameError::TextColumn { .. }
            | FrameError::RepeatedTime { .. } => CallCode::InvalidCsv,
        };
        Self::new(code, error.to_string())
    }
}
