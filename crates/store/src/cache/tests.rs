use super::*;

struct Kept {
    dir: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    /// The cache as another process would find it.
    fn open(&self, size: u64) -> Cache {
        let dir = self.dir.path().join("cache");
        Cache::new(CacheOptions { dir, size }, "s3://bucket/models")
    }

    fn n_files(&self) -> usize {
        paths(&self.dir.path().join("cache/files")).unwrap().len()
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
fn what_was_kept_is_there_after_a_restart() {
    let kept = Kept::new();
    let cache = kept.open(1_000);
    assert!(cache.get(&listing("1")).is_none());
    cache.keep(&listing("1"), &files("graph"));
    cache.remember(&[listing("1")]);

    let again = kept.open(1_000);
    assert_eq!(again.known(), [listing("1")]);
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
    assert!(other.known().is_empty(), "of another source");
}

#[test]
fn a_file_that_changed_on_disk_is_forgotten() {
    let kept = Kept::new();
    let cache = kept.open(1_000);
    cache.keep(&listing("1"), &files("graph"));
    let path = cache.blob(Digest::of(b"graph"));
    fs::write(&path, "grief").unwrap();
    assert!(cache.get(&listing("1")).is_none());
    assert!(!path.exists());
    assert!(cache.known().is_empty());
    cache.keep(&listing("1"), &files("graph"));
    assert_eq!(cache.get(&listing("1")), Some(files("graph")));
}

/// Marks a version as used so long ago.
fn age(cache: &Cache, version: &str, seconds: u64) {
    let file = fs::File::options()
        .write(true)
        .open(cache.entry(&listing(version)))
        .unwrap();
    let now = file.metadata().unwrap().modified().unwrap();
    let then = now - std::time::Duration::from_secs(seconds);
    file.set_modified(then).unwrap();
}

#[test]
fn the_versions_used_longest_ago_leave_first() {
    let kept = Kept::new();
    // Room for the manifest they share and two graphs.
    let cache = kept.open(14);
    for (version, graph) in [("1", "one.."), ("2", "two..")] {
        cache.keep(&listing(version), &files(graph));
    }
    assert_eq!(kept.n_files(), 3);
    age(&cache, "1", 20);
    age(&cache, "2", 30);
    cache.keep(&listing("3"), &files("three"));
    assert!(cache.get(&listing("1")).is_some());
    assert!(cache.get(&listing("2")).is_none());
    assert_eq!(kept.n_files(), 3, "the graph of version 2 is gone");

    cache.keep(&listing("4"), &files("larger than all"));
    assert!(cache.get(&listing("4")).is_none());
    assert!(cache.get(&listing("3")).is_some());
}

#[test]
fn knows_what_was_listed_last_or_else_what_was_used_last() {
    let kept = Kept::new();
    let cache = kept.open(1_000);
    for version in ["1", "2"] {
        cache.keep(&listing(version), &files(version));
    }
    age(&cache, "1", 20);
    cache.remember(&[listing("1")]);
    assert_eq!(cache.known(), [listing("1")]);
    // An alias moved to a version that could not be fetched.
    cache.remember(&[listing("3")]);
    assert_eq!(cache.known(), [listing("2")]);
}

#[test]
fn a_cache_that_cannot_be_written_is_off() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let options = CacheOptions {
        dir: file.join("cache"),
        size: 1_000,
    };
    let cache = Cache::new(options, "s3://bucket");
    cache.keep(&listing("1"), &files("graph"));
    assert!(cache.is_off.load(Ordering::Relaxed));
    assert!(cache.get(&listing("1")).is_none());
    assert!(cache.known().is_empty());
}
