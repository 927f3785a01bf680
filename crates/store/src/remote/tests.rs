use std::sync::Mutex;

use super::*;
use crate::CacheOptions;

/// A protocol with files and failures that a test sets.
#[derive(Clone, Debug, Default)]
struct FakeRemote(Arc<Mutex<FakeState>>);

#[derive(Debug, Default)]
struct FakeState {
    files: BTreeMap<String, Vec<u8>>,
    is_down: bool,
    hangs: bool,
    reads: Vec<String>,
}

impl FakeRemote {
    fn with(files: &[(&str, &str)]) -> Self {
        let fake = Self::default();
        for (name, text) in files {
            fake.put(name, text);
        }
        fake
    }

    fn put(&self, name: &str, text: &str) {
        let bytes = text.as_bytes().to_vec();
        self.0.lock().unwrap().files.insert(name.to_owned(), bytes);
    }

    fn fail(&self) {
        self.0.lock().unwrap().is_down = true;
    }

    /// Returns the names of the files that were read since the last call.
    fn take_reads(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().reads)
    }
}

#[async_trait]
impl RemoteProtocol for FakeRemote {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        if self.0.lock().unwrap().is_down {
            return Err(StoreError::Unreachable {
                location: "fake".to_owned(),
                reason: "it is down".to_owned(),
            });
        }
        Ok(vec![self.listing()])
    }

    async fn files(&self, _listing: &Listing) -> Result<Option<Vec<RemoteFile>>, StoreError> {
        let hangs = self.0.lock().unwrap().hangs;
        if hangs {
            std::future::pending::<()>().await;
        }
        let files = self.0.lock().unwrap().files.clone();
        let files = files
            .into_iter()
            .map(|(name, bytes)| RemoteFile {
                size: Some(bytes.len() as u64),
                ..self.file(&name)
            })
            .collect();
        Ok(Some(files))
    }

    async fn read(&self, file: &RemoteFile, _limit: u64) -> Result<Vec<u8>, StoreError> {
        let mut state = self.0.lock().unwrap();
        state.reads.push(file.name.clone());
        Ok(state.files[&file.name].clone())
    }
}

impl FakeRemote {
    /// Returns the version with its current revision.
    fn listing(&self) -> Listing {
        Listing {
            name: "m".to_owned(),
            version: "1".to_owned(),
            revision: format!("{:?}", self.0.lock().unwrap().files),
        }
    }
}

fn manifest(files: &[(&str, &str)]) -> String {
    let digests = files.iter().map(|(name, content)| {
        let digest = Digest::of(content.as_bytes());
        format!("\"{name}\" = \"{digest}\"\n")
    });
    format!("name = \"m\"\n[files]\n{}", digests.collect::<String>())
}

fn store(fake: &FakeRemote, options: &StoreOptions) -> RemoteStore {
    let cache = options
        .cache
        .clone()
        .map(|cache| Cache::new(cache, "fake:"));
    RemoteStore::new("fake:".to_owned(), fake.clone(), cache, options)
}

fn options_with_cache() -> (tempfile::TempDir, StoreOptions) {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        cache: Some(CacheOptions {
            dir: dir.path().to_owned(),
            size: 1_000_000,
        }),
        ..StoreOptions::default()
    };
    (dir, options)
}

#[tokio::test]
async fn reads_the_files_in_the_manifest_and_its_signature() {
    let text = manifest(&[("model.onnx", "graph")]);
    let fake = FakeRemote::with(&[
        (MANIFEST, &text),
        ("model.onnx", "graph"),
        ("notes.txt", "large"),
        (SIGNATURE_FILE, "signature"),
    ]);
    let store = store(&fake, &StoreOptions::default());
    let files = store.fetch(&fake.listing()).await.unwrap();
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(names, [SIGNATURE_FILE, MANIFEST, "model.onnx"]);
    assert_eq!(fake.take_reads(), [MANIFEST, "model.onnx", SIGNATURE_FILE]);
}

#[tokio::test]
async fn reads_all_files_without_a_manifest() {
    let fake = FakeRemote::with(&[("MLmodel", "yaml"), ("model.onnx", "graph")]);
    let store = store(&fake, &StoreOptions::default());
    let files = store.fetch(&fake.listing()).await.unwrap();
    assert_eq!(files.len(), 2);
}

#[tokio::test]
async fn a_file_with_another_digest_is_rejected_and_not_cached() {
    let text = manifest(&[("model.onnx", "graph")]);
    let fake = FakeRemote::with(&[(MANIFEST, &text), ("model.onnx", "grief")]);
    let (_dir, options) = options_with_cache();
    let store = store(&fake, &options);
    let error = store.fetch(&fake.listing()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("fake:: model.onnx has digest"),
        "{error}"
    );
    fake.fail();
    assert!(store.list().await.is_err(), "nothing was cached");
}

#[tokio::test]
async fn a_bundle_larger_than_the_limit_is_rejected_before_it_is_read() {
    let text = manifest(&[("model.onnx", "graph")]);
    let fake = FakeRemote::with(&[(MANIFEST, &text), ("model.onnx", "graph")]);
    let mut options = StoreOptions::default();
    for (limit, fits) in [(5, true), (4, false)] {
        options.max_bundle = limit;
        let fetched = store(&fake, &options).fetch(&fake.listing()).await;
        assert_eq!(fetched.is_ok(), fits, "{limit}");
        assert_eq!(fake.take_reads().contains(&"model.onnx".to_owned()), fits);
    }
}

#[tokio::test]
async fn cached_files_are_not_read_again() {
    let (golden, graph) = (("golden.json", "same"), ("model.onnx", "one"));
    let fake = FakeRemote::with(&[(MANIFEST, &manifest(&[golden, graph])), golden, graph]);
    let (_dir, options) = options_with_cache();
    store(&fake, &options).fetch(&fake.listing()).await.unwrap();
    fake.take_reads();
    store(&fake, &options).fetch(&fake.listing()).await.unwrap();
    assert!(fake.take_reads().is_empty(), "all files are cached");

    let graph = ("model.onnx", "two");
    fake.put(MANIFEST, &manifest(&[golden, graph]));
    fake.put(graph.0, graph.1);
    let files = store(&fake, &options).fetch(&fake.listing()).await.unwrap();
    assert_eq!(files["model.onnx"].as_ref(), b"two");
    assert_eq!(fake.take_reads(), [MANIFEST, "model.onnx"]);
}

#[tokio::test]
async fn the_cache_replaces_an_unreachable_source() {
    let graph = ("model.onnx", "graph");
    let fake = FakeRemote::with(&[(MANIFEST, &manifest(&[graph])), graph]);
    let (_dir, mut options) = options_with_cache();
    let registry = prometheus::Registry::new();
    options.metrics = crate::StoreMetrics::new(&registry).unwrap();
    let is_from_cache = || {
        registry
            .gather()
            .iter()
            .find(|family| family.name() == "almanac_source_from_cache")
            .is_some_and(|family| family.get_metric()[0].get_gauge().get_value() > 0.5)
    };
    let before = store(&fake, &options);
    let listings = before.list().await.unwrap();
    before.fetch(&listings[0]).await.unwrap();
    assert!(!is_from_cache());

    fake.fail();
    let after_restart = store(&fake, &options);
    assert_eq!(after_restart.list().await.unwrap(), listings);
    assert!(is_from_cache());
    let files = after_restart.fetch(&listings[0]).await.unwrap();
    assert_eq!(files["model.onnx"].as_ref(), b"graph");

    options.cache = None;
    let error = store(&fake, &options).list().await.unwrap_err();
    assert_eq!(error.to_string(), "fake cannot be reached: it is down");
}

#[tokio::test]
async fn a_fetch_that_hangs_times_out() {
    let fake = FakeRemote::with(&[]);
    fake.0.lock().unwrap().hangs = true;
    let options = StoreOptions {
        fetch_timeout: Duration::from_millis(20),
        ..StoreOptions::default()
    };
    let error = store(&fake, &options)
        .fetch(&fake.listing())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("models.fetch_timeout"),
        "{error}"
    );
}

#[test]
fn names_outside_of_the_folder_are_not_plain() {
    for name in ["model.onnx", "weights/0.bin", "..data"] {
        assert!(is_plain(name), "{name}");
    }
    for name in [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "a\\b",
        "c:x",
        ".",
    ] {
        assert!(!is_plain(name), "{name}");
    }
}
