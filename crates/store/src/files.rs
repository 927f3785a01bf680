//! The files of a folder: their names, their modification stamps, and bounded reads.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use almanac_model::BundleFiles;

use crate::StoreError;

/// Reads a file of at most `limit` bytes.
pub(super) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(StoreError::reading(path))?;
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(StoreError::reading(path))?;
    if bytes.len() as u64 > limit {
        let location = path.display().to_string();
        return Err(StoreError::TooLarge { location, limit });
    }
    Ok(bytes)
}

/// Reads all files of `folder`, which have at most `limit` bytes in total.
pub(super) fn read_all(folder: &Path, limit: u64) -> Result<BundleFiles, StoreError> {
    let mut files = BundleFiles::new();
    let mut remaining = limit;
    for (name, path) in files_in(folder)? {
        let bytes = read_bounded(&path, remaining).map_err(|error| match error {
            // The limit applies to the folder, of which earlier files have used a part.
            StoreError::TooLarge { .. } => StoreError::TooLarge {
                location: folder.display().to_string(),
                limit,
            },
            other => other,
        })?;
        remaining = remaining.saturating_sub(bytes.len() as u64);
        files.insert(name, Cow::Owned(bytes));
    }
    Ok(files)
}

/// Returns the size and modification time of a file as a text.
pub(super) fn file_stamp(path: &Path, metadata: &fs::Metadata) -> Result<String, StoreError> {
    let modified = metadata.modified().map_err(StoreError::reading(path))?;
    let since_epoch = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{}:{}", metadata.len(), since_epoch.as_nanos()))
}

/// Returns the names and stamps of all files of a bundle as a text.
pub(super) fn revision(folder: &Path) -> Result<String, StoreError> {
    let mut revision = String::new();
    for (name, path) in files_in(folder)? {
        let metadata = fs::metadata(&path).map_err(StoreError::reading(&path))?;
        // Writing to a string cannot fail.
        let _infallible = write!(revision, "{name}:{};", file_stamp(&path, &metadata)?);
    }
    Ok(revision)
}

/// Returns the names of the folders in `path`.
pub(super) fn folders_in(path: &Path) -> Result<Vec<String>, StoreError> {
    Ok(entries(path)?
        .into_iter()
        .filter_map(|(name, path)| path.is_dir().then_some(name))
        .collect())
}

/// Returns the names and paths of the files in `folder`.
pub(super) fn files_in(folder: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    Ok(entries(folder)?
        .into_iter()
        .filter(|(_, path)| path.is_file())
        .collect())
}

/// Returns the names and paths of the entries of a folder, sorted by name, without hidden ones.
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
