//! The order of versions.

use std::cmp::Ordering;

/// Compares two versions part by part, and numbers by value, so that 10 is newer than 9.
///
/// ```
/// use almanac_store::compare_versions;
///
/// let mut versions = ["1.10.0", "1.9.3", "2"];
/// versions.sort_by(|left, right| compare_versions(left, right));
/// assert_eq!(versions, ["1.9.3", "1.10.0", "2"]);
/// ```
#[must_use]
pub fn compare_versions(left: &str, right: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(Option<u64>, String)> {
        text.split(['.', '-', '_'])
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
        assert_eq!(compare_versions("10", "9"), Ordering::Greater);
        assert_eq!(compare_versions("1.10.0", "1.9.3"), Ordering::Greater);
        assert_eq!(compare_versions("2026-01", "2025-12"), Ordering::Greater);
    }
}
