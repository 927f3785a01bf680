//! Which of two versions is newer.

use std::cmp::Ordering;

/// Compares versions part by part, numbers as numbers, so that 10 is newer than 9.
#[must_use]
pub fn by_version(left: &str, right: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(Option<u64>, String)> {
        let split = text.split(['.', '-', '_']);
        split
            .map(|part| (part.parse().ok(), part.to_owned()))
            .collect()
    };
    parts(left).cmp(&parts(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tenth_version_is_newer_than_the_ninth() {
        assert_eq!(by_version("10", "9"), Ordering::Greater);
        assert_eq!(by_version("1.10.0", "1.9.3"), Ordering::Greater);
        assert_eq!(by_version("2026-01", "2025-12"), Ordering::Greater);
    }
}
