//! The choice of versions to evict when memory is short. Pure.

/// A version in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resident {
    pub(super) size_bytes: usize,
    /// Larger for a version that was used later.
    pub(super) last_used: u64,
    /// If true, the version may be evicted.
    pub(super) is_evictable: bool,
}

/// Returns the indices of the `residents` to evict, the least recently used first, so that the others fit
/// into `budget_bytes`.
///
/// The most recently used evictable version always stays: it would be requested again immediately.
pub(super) fn evictions(residents: &[Resident], budget_bytes: usize) -> Vec<usize> {
    let mut total: usize = residents.iter().map(|resident| resident.size_bytes).sum();
    let mut candidates: Vec<_> = residents
        .iter()
        .enumerate()
        .filter(|(_, resident)| resident.is_evictable)
        .collect();
    candidates.sort_by_key(|(_, resident)| resident.last_used);
    candidates.pop();
    let mut evicted = Vec::new();
    for (index, resident) in candidates {
        if total <= budget_bytes {
            break;
        }
        total -= resident.size_bytes;
        evicted.push(index);
    }
    evicted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resident(size_bytes: usize, last_used: u64, is_evictable: bool) -> Resident {
        Resident {
            size_bytes,
            last_used,
            is_evictable,
        }
    }

    #[test]
    fn the_least_recently_used_are_evicted_until_the_rest_fits() {
        let residents = [
            resident(10, 0, false),
            resident(10, 3, true),
            resident(10, 1, true),
            resident(10, 2, true),
        ];
        assert_eq!(evictions(&residents, 40), [0; 0]);
        assert_eq!(evictions(&residents, 39), [2]);
        assert_eq!(evictions(&residents, 20), [2, 3]);
    }

    #[test]
    fn the_most_recently_used_stays_whatever_the_budget() {
        let residents = [resident(10, 0, false), resident(10, 1, true)];
        assert_eq!(evictions(&residents, 1), [0; 0]);
    }
}
