use super::*;

/// A temporary folder for a cache.
struct CacheFolder {
    dir: tempfile::TempDir,
}

impl CacheFolder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    /// Opens the cache, as another process would.
    fn open(&self, size: u64) -> Cache {
        let dir = self.dir.path().join("cache");
        Cache::new(CacheOptions { dir, size }, "s3://bucket/models")
    }

    fn n_files(&self) -> usize {
        paths_in(&self.dir.path().join("cache/files"))
            .unwrap()
            .len()
    }
}

fn listing(version: &str) -> Listing {
    Listing {
        name: "store".to_owned(),
        version: version.to_owned(),
        revision: format!("etag of {version}"),
    }
}

fn files(graph: &str) -> BundleFiles {
    let file = |name: &str, text: &str| (name.to_owned(), Cow::Owned(text.as_bytes().to_vec()));
    BundleFiles::from([file("manifest.toml", "same"), file("model.onnx", graph)])
}

#[test]
fn a_cached_version_is_available_after_a_restart() {
    let folder = CacheFolder::new();
    let cache = folder.open(1_000);
    assert!(cache.get(&listing("1")).is_none());
    cache.insert(&listing("1"), &files("graph"));
    cache.record_listings(&[listing("1")]);

    let again = folder.open(1_000);
    assert_eq!(again.listings(), [listing("1")]);
    assert_eq!(again.get(&listing("1")), Some(files("graph")));
    assert_eq!(again.file(Digest::of(b"graph")).unwrap(), b"graph");
    let changed = Listing {
        revision: "another".to_owned(),
        ..listing("1")
    };
    assert!(again.get(&changed).is_none(), "of another revision");
    let other = Cache::new(
        CacheOptions {
            dir: again.dir,
            size: 1_000,
        },
        "s3://other",
    );
    assert!(other.listings().is_empty(), "of another source");
}

#[test]
fn a_file_that_changed_on_disk_is_removed() {
    let folder = CacheFolder::new();
    let cache = folder.open(1_000);
    cache.insert(&listing("1"), &files("graph"));
    let path = cache.blob_path(Digest::of(b"graph"));
    fs::write(&path, "grief").unwrap();
    assert!(cache.get(&listing("1")).is_none());
    assert!(!path.exists());
    assert!(cache.listings().is_empty());
    cache.insert(&listing("1"), &files("graph"));
    assert_eq!(cache.get(&listing("1")), Some(files("graph")));
}

/// Sets the last use of a version to `seconds` ago.
fn age(cache: &Cache, version: &str, seconds: u64) {
    let file = fs::File::options()
        .write(true)
        .open(cache.entry_path(&listing(version)))
        .unwrap();
    let now = file.metadata().unwrap().modified().unwrap();
    let then = now - std::time::Duration::from_secs(seconds);
    file.set_modified(then).unwrap();
}

#[test]
fn the_least_recently_used_versions_are_evicted_first() {
    let folder = CacheFolder::new();
    // The size of the shared manifest and two graphs.
    let cache = folder.open(14);
    for (version, graph) in [("1", "one.."), ("2", "two..")] {
        cache.insert(&listing(version), &files(graph));
    }
    assert_eq!(folder.n_files(), 3);
    age(&cache, "1", 20);
    age(&cache, "2", 30);
    cache.insert(&listing("3"), &files("three"));
    assert!(cache.get(&listing("1")).is_some());
    assert!(cache.get(&listing("2")).is_none());
    assert_eq!(folder.n_files(), 3, "the graph of version 2 is gone");

    cache.insert(&listing("4"), &files("larger than all"));
    assert!(cache.get(&listing("4")).is_none());
    assert!(cache.get(&listing("3")).is_some());
}

#[test]
fn lists_the_last_list_of_the_source_or_else_the_most_recently_used_versions() {
    let folder = CacheFolder::new();
    let cache = folder.open(1_000);
    for version in ["1", "2"] {
        cache.insert(&listing(version), &files(version));
    }
    age(&cache, "1", 20);
    cache.record_listings(&[listing("1")]);
    assert_eq!(cache.listings(), [listing("1")]);
    // An alias has moved to a version that could not be fetched.
    cache.record_listings(&[listing("3")]);
    assert_eq!(cache.listings(), [listing("2")]);
}

#[test]
fn a_cache_that_cannot_be_written_is_disabled() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let options = CacheOptions {
        dir: file.join("cache"),
        size: 1_000,
    };
    let cache = Cache::new(options, "s3://bucket");
    cache.insert(&listing("1"), &files("graph"));
    assert!(cache.is_disabled.load(Ordering::Relaxed));
    assert!(cache.get(&listing("1")).is_none());
    assert!(cache.listings().is_empty());
}
