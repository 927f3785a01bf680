//! A directory of `NAME/VERSION/` folders.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fs;
use std::io;
use std::path::Path;

use crate::model::BundleFiles;
use crate::store::{Found, StoreError};

/// The newest version of every model under `root`, in order of name.
///
/// Versions are compared part by part, numbers as numbers, so 10 is newer than 9.
pub(super) fn newest(root: &Path) -> Result<Vec<Found>, StoreError> {
    let names = folders(root).map_err(|reason| StoreError::List {
        path: root.display().to_string(),
        reason,
    })?;
    Ok(names
        .into_iter()
        .filter_map(|name| newest_of(&root.join(&name), name))
        .collect())
}

fn newest_of(folder: &Path, name: String) -> Option<Found> {
    let version = folders(folder)
        .ok()?
        .into_iter()
        .max_by(|left, right| by_version(left, right))?;
    let files = read(&folder.join(&version)).map_err(|error| error.to_string());
    Some(Found {
        name,
        version,
        files,
    })
}

fn folders(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.path().is_dir()
            && let Ok(name) = entry.file_name().into_string()
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn read(folder: &Path) -> io::Result<BundleFiles> {
    let mut files = BundleFiles::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().is_file()
            && let Ok(name) = entry.file_name().into_string()
        {
            files.insert(name, Cow::Owned(fs::read(entry.path())?));
        }
    }
    Ok(files)
}

fn by_version(left: &str, right: &str) -> Ordering {
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

    #[test]
    fn finds_the_newest_version_of_each_model() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["a/1", "a/2", "b/1", "empty", ".hidden/1"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("a/2/manifest.toml"), "x").unwrap();
        let found = newest(root.path()).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|found| (found.name.as_str(), found.version.as_str()))
            .collect();
        assert_eq!(names, [("a", "2"), ("b", "1")]);
        assert_eq!(
            found[0].files.as_ref().unwrap()["manifest.toml"].as_ref(),
            b"x"
        );
    }
}
