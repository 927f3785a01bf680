//! The files of a folder: what is there, what may have changed, and their bytes within bounds.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::StoreError;
use almanac_model::BundleFiles;

/// The bytes of a file, unless they are over `limit`.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(StoreError::reading(path))?;
    let mut bounded = file.take(limit.saturating_add(1));
    let read = bounded.read_to_end(&mut bytes);
    read.map_err(StoreError::reading(path))?;
    if bytes.len() as u64 > limit {
        let place = path.display().to_string();
        return Err(StoreError::TooLarge { place, limit });
    }
    Ok(bytes)
}

/// The bytes of all files of `folder`, unless they are over `limit` together.
pub(super) fn read_all(folder: &Path, limit: u64) -> Result<BundleFiles, StoreError> {
    let mut files = BundleFiles::new();
    let mut left = limit;
    for (name, path) in files_of(folder)? {
        let bytes = read_bounded(&path, left).map_err(|error| match error {
            // The files before it have used up the rest.
            StoreError::TooLarge { .. } => StoreError::TooLarge {
                place: folder.display().to_string(),
                limit,
            },
            other => other,
        })?;
        left = left.saturating_sub(bytes.len() as u64);
        files.insert(name, Cow::Owned(bytes));
    }
    Ok(files)
}

/// Size and time of change of a file.
pub(crate) fn stamp(path: &Path, metadata: &fs::Metadata) -> Result<String, StoreError> {
    let changed = metadata.modified().map_err(StoreError::reading(path))?;
    let since = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{}:{}", metadata.len(), since.as_nanos()))
}

/// Size and time of change of every file of a bundle.
pub(super) fn revision(folder: &Path) -> Result<String, StoreError> {
    let mut revision = String::new();
    for (name, path) in files_of(folder)? {
        let metadata = fs::metadata(&path).map_err(StoreError::reading(&path))?;
        // Writing to a string cannot fail.
        let _infallible = write!(revision, "{name}:{};", stamp(&path, &metadata)?);
    }
    Ok(revision)
}

/// The names of the folders in `path`.
pub(super) fn folders(path: &Path) -> Result<Vec<String>, StoreError> {
    Ok(entries(path)?
        .into_iter()
        .filter_map(|(name, path)| path.is_dir().then_some(name))
        .collect())
}

/// The files in `folder`, with their names.
pub(super) fn files_of(folder: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    Ok(entries(folder)?
        .into_iter()
        .filter(|(_, path)| path.is_file())
        .collect())
}

/// What a folder holds by name, in order of name, but for what is hidden.
pub(super) fn entries(path: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let read = || -> io::Result<Vec<(String, PathBuf)>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && !name.starts_with('.')
            {
                entries.push((name, entry.path()));
            }
        }
        entries.sort();
        Ok(entries)
    };
    read().map_err(StoreError::reading(path))
}
