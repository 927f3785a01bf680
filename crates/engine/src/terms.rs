//! The deadline and the priority of a submission.

use std::time::Instant;

use crate::batcher::Priority;

/// The deadline and the priority of a submission.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The time at which the caller stops waiting.
    pub deadline: Instant,
    /// The lane to queue in. `None` decides by size: requests that fill more than one batch are bulk.
    pub priority: Option<Priority>,
}

impl Terms {
    /// Returns true if the submission may wait until its deadline, because the caller declared it as
    /// bulk.
    pub(super) fn is_patient(self) -> bool {
        self.priority == Some(Priority::Bulk)
    }
}
