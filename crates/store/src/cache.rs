//! What was downloaded, on this machine's disk: files by digest, versions by source.
//!
//! Everything is written by rename and read by digest, so a crash, another process or a bad disk can
//! only make the cache forget. A cache that cannot be written is off.
//!
//! ```text
//! DIR/files/<sha256>                     bytes, shared by all versions that have them
//! DIR/sources/<source>/listed.json       what the source listed last
//! DIR/sources/<source>/<version>.json    the files of a version; its time of change is its last use
//! ```

mod entry;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::entry::{Entry, Listed};
use crate::{CacheOptions, Listing};
use almanac_model::{BundleFiles, Digest};

const LISTED: &str = "listed.json";

/// The cache, as one source uses it.
#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
    size: u64,
    /// The folder of the source.
    source: PathBuf,
    is_off: AtomicBool,
}

impl Cache {
    /// The cache in a folder, for the source that `place` names. Touches nothing yet.
    pub(super) fn new(options: CacheOptions, place: &str) -> Self {
        let CacheOptions { dir, size } = options;
        let source = dir.join("sources").join(short(place));
        let is_off = AtomicBool::new(false);
        Self {
            dir,
            size,
            source,
            is_off,
        }
    }

    /// Keeps what the source has now, for when it cannot be asked.
    pub(super) fn remember(&self, listings: &[Listing]) {
        let listed = Listed::of(listings);
        let path = self.source.join(LISTED);
        if read_json::<Listed>(&path).as_ref() != Some(&listed) {
            self.attempt(|| write_json(&self.dir, &path, &listed));
        }
    }

    /// The versions that the source listed last and that are here; or, when none of them is, the one
    /// of each model that was used last.
    pub(super) fn known(&self) -> Vec<Listing> {
        let mut entries = self.entries();
        entries.retain(|(entry, _)| {
            entry
                .files
                .values()
                .all(|digest| self.blob(*digest).is_file())
        });
        let listed: Listed = read_json(&self.source.join(LISTED)).unwrap_or_default();
        let is_listed = |entry: &Entry| listed.has(&entry.name, &entry.version);
        if entries.iter().any(|(entry, _)| is_listed(entry)) {
            entries.retain(|(entry, _)| is_listed(entry));
        } else {
            let newest_first = entries.iter();
            let newest: BTreeMap<_, _> = newest_first
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

    /// The files of a version, if they are here whole and as they were.
    pub(super) fn get(&self, listing: &Listing) -> Option<BundleFiles> {
        let path = self.entry(listing);
        let entry: Entry = read_json(&path)?;
        if entry.listing() != *listing {
            return None;
        }
        let mut files = BundleFiles::new();
        for (name, digest) in &entry.files {
            files.insert(name.clone(), Cow::Owned(self.file(*digest)?));
        }
        // Written anew, it is the one used last.
        self.attempt(|| write_json(&self.dir, &path, &entry));
        Some(files)
    }

    /// The bytes of this digest.
    pub(super) fn file(&self, digest: Digest) -> Option<Vec<u8>> {
        let path = self.blob(digest);
        let bytes = fs::read(&path).ok()?;
        if Digest::of(&bytes) == digest {
            return Some(bytes);
        }
        tracing::warn!(path = %path.display(), "a cached file has changed on disk and is downloaded anew");
        self.attempt(|| fs::remove_file(&path));
        None
    }

    /// Keeps the files of a version, and lets go of those used longest ago.
    pub(super) fn keep(&self, listing: &Listing, files: &BundleFiles) {
        let size: u64 = files.values().map(|bytes| bytes.len() as u64).sum();
        if size > self.size {
            tracing::debug!(name = %listing.name, size, limit = self.size, "over models.cache_size, so not cached");
            return;
        }
        let entry = Entry::of(listing, files);
        self.attempt(|| {
            for (name, digest) in &entry.files {
                let path = self.blob(*digest);
                if !path.is_file() {
                    write(&self.dir, &path, &files[name])?;
                }
            }
            write_json(&self.dir, &self.entry(listing), &entry)?;
            self.trim()
        });
    }

    /// Keeps the versions used last that fit, and the files that they need.
    fn trim(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for source in paths(&self.dir.join("sources"))? {
            entries.extend(read_entries(&source));
        }
        entries.sort_by_key(|(entry, _)| Reverse(entry.used));
        let mut needed = BTreeMap::new();
        let mut is_full = false;
        for (entry, path) in entries {
            let mut with = needed.clone();
            for digest in entry.files.values() {
                let size = fs::metadata(self.blob(*digest)).map_or(0, |file| file.len());
                with.insert(self.blob(*digest), size);
            }
            is_full |= with.values().sum::<u64>() > self.size;
            if is_full {
                fs::remove_file(path)?;
            } else {
                needed = with;
            }
        }
        for path in paths(&self.dir.join("files"))? {
            if !needed.contains_key(&path) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// The versions of this source and their files, the one used last first.
    fn entries(&self) -> Vec<(Entry, PathBuf)> {
        let mut entries = read_entries(&self.source);
        entries.sort_by_key(|(entry, _)| Reverse(entry.used));
        entries
    }

    fn blob(&self, digest: Digest) -> PathBuf {
        let text = digest.to_string();
        let hexadecimal = text.trim_start_matches("sha256:");
        self.dir.join("files").join(hexadecimal)
    }

    fn entry(&self, listing: &Listing) -> PathBuf {
        let version = format!("{}\n{}", listing.name, listing.version);
        self.source.join(format!("{}.json", short(&version)))
    }

    /// Changes the disk. The first failure is told, and ends the attempts.
    fn attempt(&self, change: impl FnOnce() -> io::Result<()>) {
        if self.is_off.load(Ordering::Relaxed) {
            return;
        }
        let Err(reason) = change() else { return };
        // Another process may have removed a file first.
        if reason.kind() != io::ErrorKind::NotFound {
            self.is_off.store(true, Ordering::Relaxed);
            tracing::warn!(
                dir = %self.dir.display(),
                %reason,
                "the cache of models cannot be written, so nothing is kept; set models.cache_dir"
            );
        }
    }
}

/// A file name for any text.
fn short(text: &str) -> String {
    let digest = Digest::of(text.as_bytes()).to_string();
    digest["sha256:".len()..][..16].to_owned()
}

fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect()
}

fn read_entries(source: &Path) -> Vec<(Entry, PathBuf)> {
    let paths = paths(source).unwrap_or_default();
    let entries = paths.into_iter().filter_map(|path| {
        let mut entry: Entry = read_json(&path)?;
        entry.used = fs::metadata(&path).and_then(|file| file.modified()).ok();
        Some((entry, path))
    });
    entries.collect()
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn write_json(dir: &Path, path: &Path, value: &impl Serialize) -> io::Result<()> {
    write(dir, path, &serde_json::to_vec(value)?)
}

/// Writes a file whole or not at all.
fn write(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let partial = dir.join(format!("partial-{}-{number}", std::process::id()));
    fs::create_dir_all(path.parent().unwrap_or(dir))?;
    let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // It may never have been there; why it could not be written is what is told.
        drop(fs::remove_file(&partial));
    }
    written
}

#[cfg(test)]
mod tests;
