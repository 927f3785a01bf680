//! A cache of downloads on the local disk: files by digest, versions by source.
//!
//! Files are written under a temporary name and renamed, and their digest is checked when they are
//! read. A crash, another process or a damaged disk can therefore only remove entries. A cache that
//! cannot be written is disabled.
//!
//! ```text
//! DIR/files/<sha256>                     bytes, shared by all versions that contain them
//! DIR/sources/<source>/listed.json       the last list of the source
//! DIR/sources/<source>/<version>.json    the files of a version; its modification time is its last use
//! ```

mod entry;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use almanac_model::{BundleFiles, Digest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::entry::{CacheEntry, ListedVersions};
use crate::{CacheOptions, Listing};

const LISTED: &str = "listed.json";

/// The cache, as one source uses it.
#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
    /// The maximum size, in bytes.
    size: u64,
    /// The folder of the source.
    source_dir: PathBuf,
    is_disabled: AtomicBool,
}

impl Cache {
    /// Creates a cache in the folder of `options`, for the source at `location`. Does not access
    /// the disk yet.
    pub(super) fn new(options: CacheOptions, location: &str) -> Self {
        let CacheOptions { dir, size } = options;
        let source_dir = dir.join("sources").join(short_digest(location));
        Self {
            dir,
            size,
            source_dir,
            is_disabled: AtomicBool::new(false),
        }
    }

    /// Stores the current list of the source, for the time when it is unreachable.
    pub(super) fn record_listings(&self, listings: &[Listing]) {
        let listed = ListedVersions::new(listings);
        let path = self.source_dir.join(LISTED);
        if read_json::<ListedVersions>(&path).as_ref() != Some(&listed) {
            self.write_with(|| write_json(&self.dir, &path, &listed));
        }
    }

    /// Returns the cached versions that are in the last list of the source; if there is none, the
    /// most recently used version of each model.
    pub(super) fn listings(&self) -> Vec<Listing> {
        let mut entries = self.entries();
        entries.retain(|(entry, _)| {
            entry
                .files
                .values()
                .all(|digest| self.blob_path(*digest).is_file())
        });
        let listed: ListedVersions = read_json(&self.source_dir.join(LISTED)).unwrap_or_default();
        let is_listed = |entry: &CacheEntry| listed.contains(&entry.name, &entry.version);
        if entries.iter().any(|(entry, _)| is_listed(entry)) {
            entries.retain(|(entry, _)| is_listed(entry));
        } else {
            // Entries are sorted by last use, so in reverse the most recent one is inserted last.
            let newest: BTreeMap<_, _> = entries
                .iter()
                .rev()
                .map(|(entry, _)| (entry.name.clone(), entry.version.clone()))
                .collect();
            entries.retain(|(entry, _)| newest.get(&entry.name) == Some(&entry.version));
        }
        entries
            .into_iter()
            .map(|(entry, _)| entry.listing())
            .collect()
    }

    /// Returns the files of a version, if all of them are cached and unchanged.
    pub(super) fn get(&self, listing: &Listing) -> Option<BundleFiles> {
        let path = self.entry_path(listing);
        let entry: CacheEntry = read_json(&path)?;
        if entry.listing() != *listing {
            return None;
        }
        let mut files = BundleFiles::new();
        for (name, digest) in &entry.files {
            files.insert(name.clone(), Cow::Owned(self.file(*digest)?));
        }
        // Writing the entry again updates its last use.
        self.write_with(|| write_json(&self.dir, &path, &entry));
        Some(files)
    }

    /// Returns the file with this digest.
    pub(super) fn file(&self, digest: Digest) -> Option<Vec<u8>> {
        let path = self.blob_path(digest);
        let bytes = fs::read(&path).ok()?;
        if Digest::of(&bytes) == digest {
            return Some(bytes);
        }
        tracing::warn!(path = %path.display(), "a cached file has changed on disk; it is downloaded again");
        self.write_with(|| fs::remove_file(&path));
        None
    }

    /// Stores the files of a version, and evicts the least recently used versions.
    pub(super) fn insert(&self, listing: &Listing, files: &BundleFiles) {
        let size: u64 = files.values().map(|bytes| bytes.len() as u64).sum();
        if size > self.size {
            tracing::debug!(name = %listing.name, size, limit = self.size, "version exceeds models.cache_size and is not cached");
            return;
        }
        let entry = CacheEntry::new(listing, files);
        self.write_with(|| {
            for (name, digest) in &entry.files {
                let path = self.blob_path(*digest);
                if !path.is_file() {
                    write_atomically(&self.dir, &path, &files[name])?;
                }
            }
            write_json(&self.dir, &self.entry_path(listing), &entry)?;
            self.evict()
        });
    }

    /// Removes the least recently used versions that exceed the size, and the files that no
    /// remaining version needs.
    fn evict(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for source_dir in paths_in(&self.dir.join("sources"))? {
            entries.extend(read_entries(&source_dir));
        }
        entries.sort_by_key(|(entry, _)| Reverse(entry.last_used));
        let mut retained = BTreeMap::new();
        let mut is_full = false;
        for (entry, path) in entries {
            let mut with_entry = retained.clone();
            for digest in entry.files.values() {
                let blob = self.blob_path(*digest);
                let size = fs::metadata(&blob).map_or(0, |file| file.len());
                with_entry.insert(blob, size);
            }
            is_full |= with_entry.values().sum::<u64>() > self.size;
            if is_full {
                fs::remove_file(path)?;
            } else {
                retained = with_entry;
            }
        }
        for path in paths_in(&self.dir.join("files"))? {
            if !retained.contains_key(&path) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Returns the entries of this source and their paths, the most recently used first.
    fn entries(&self) -> Vec<(CacheEntry, PathBuf)> {
        let mut entries = read_entries(&self.source_dir);
        entries.sort_by_key(|(entry, _)| Reverse(entry.last_used));
        entries
    }

    fn blob_path(&self, digest: Digest) -> PathBuf {
        let text = digest.to_string();
        let hexadecimal = text.trim_start_matches("sha256:");
        self.dir.join("files").join(hexadecimal)
    }

    fn entry_path(&self, listing: &Listing) -> PathBuf {
        let version = format!("{}\n{}", listing.name, listing.version);
        self.source_dir
            .join(format!("{}.json", short_digest(&version)))
    }

    /// Changes the disk with `write`. The first failure is logged, and disables the cache.
    fn write_with(&self, write: impl FnOnce() -> io::Result<()>) {
        if self.is_disabled.load(Ordering::Relaxed) {
            return;
        }
        let Err(reason) = write() else { return };
        // Another process may have removed a file first.
        if reason.kind() != io::ErrorKind::NotFound {
            self.is_disabled.store(true, Ordering::Relaxed);
            tracing::warn!(
                dir = %self.dir.display(),
                %reason,
                "the cache of models cannot be written and is disabled; set models.cache_dir"
            );
        }
    }
}

/// Returns a digest of `text` that is short enough for a file name.
fn short_digest(text: &str) -> String {
    let digest = Digest::of(text.as_bytes()).to_string();
    digest["sha256:".len()..][..16].to_owned()
}

fn paths_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect()
}

fn read_entries(source_dir: &Path) -> Vec<(CacheEntry, PathBuf)> {
    paths_in(source_dir)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|path| {
            let mut entry: CacheEntry = read_json(&path)?;
            entry.last_used = fs::metadata(&path).and_then(|file| file.modified()).ok();
            Some((entry, path))
        })
        .collect()
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn write_json(dir: &Path, path: &Path, value: &impl Serialize) -> io::Result<()> {
    write_atomically(dir, path, &serde_json::to_vec(value)?)
}

/// Writes a temporary file in `dir` and renames it to `path`.
fn write_atomically(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let partial = dir.join(format!("partial-{}-{number}", std::process::id()));
    fs::create_dir_all(path.parent().unwrap_or(dir))?;
    let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // The temporary file may not exist; the error of the write is the one to report.
        drop(fs::remove_file(&partial));
    }
    written
}

#[cfg(test)]
mod tests;
