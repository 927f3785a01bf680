//! Which models leave memory when there is too little of it.
//!
//! Pure: sizes and last uses in, a choice out.

/// A version in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resident {
    pub(super) size_bytes: usize,
    /// Larger for what was used later.
    pub(super) last_used: u64,
    /// Whether it may leave.
    pub(super) is_idle: bool,
}

/// Places of the `residents` that leave, the longest unused first, so that the others are within
/// `budget_bytes`. The one that was used last stays in any case: it would be asked for at once.
pub(super) fn leaving(residents: &[Resident], budget_bytes: usize) -> Vec<usize> {
    let mut total: usize = residents.iter().map(|resident| resident.size_bytes).sum();
    let idle = residents
        .iter()
        .enumerate()
        .filter(|(_, resident)| resident.is_idle);
    let mut idle: Vec<_> = idle.collect();
    idle.sort_by_key(|(_, resident)| resident.last_used);
    idle.pop();
    let mut leaving = Vec::new();
    for (index, resident) in idle {
        if total <= budget_bytes {
            break;
        }
        total -= resident.size_bytes;
        leaving.push(index);
    }
    leaving
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resident(size_bytes: usize, last_used: u64, is_idle: bool) -> Resident {
        Resident {
            size_bytes,
            last_used,
            is_idle,
        }
    }

    #[test]
    fn the_longest_unused_leave_until_the_rest_fits() {
        let residents = [
            resident(10, 0, false),
            resident(10, 3, true),
            resident(10, 1, true),
            resident(10, 2, true),
        ];
        assert_eq!(leaving(&residents, 40), [0; 0]);
        assert_eq!(leaving(&residents, 39), [2]);
        assert_eq!(leaving(&residents, 20), [2, 3]);
    }

    #[test]
    fn the_last_used_and_those_in_use_stay_whatever_the_budget() {
        let residents = [resident(10, 0, false), resident(10, 1, true)];
        assert_eq!(leaving(&residents, 1), [0; 0]);
    }
}
