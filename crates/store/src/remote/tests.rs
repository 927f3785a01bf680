use std::sync::Mutex;

use super::*;
use crate::CacheOptions;

/// A protocol whose files and failures a test sets.
#[derive(Clone, Debug, Default)]
struct Fake(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    is_down: bool,
    hangs: bool,
    reads: Vec<String>,
}

impl Fake {
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

    /// What was read since this was asked last.
    fn reads(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().reads)
    }
}

#[async_trait]
impl Remote for Fake {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        if self.0.lock().unwrap().is_down {
            return Err(StoreError::Unreachable {
                place: "fake".to_owned(),
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
        let file = |(name, bytes): (String, Vec<u8>)| RemoteFile {
            size: Some(bytes.len() as u64),
            ..self.file(&name)
        };
        Ok(Some(files.into_iter().map(file).collect()))
    }

    async fn read(&self, file: &RemoteFile, _limit: u64) -> Result<Vec<u8>, StoreError> {
        let mut state = self.0.lock().unwrap();
        state.reads.push(file.name.clone());
        Ok(state.files[&file.name].clone())
    }
}

impl Fake {
    /// The version as it is now.
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

fn store(fake: &Fake, options: &StoreOptions) -> RemoteStore {
    let cache = options.cache.clone().map(|kept| Cache::new(kept, "fake:"));
    RemoteStore::new("fake:".to_owned(), fake.clone(), cache, options)
}

fn cached() -> (tempfile::TempDir, StoreOptions) {
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
async fn only_what_the_manifest_lists_is_read_and_its_signature() {
    let text = manifest(&[("model.onnx", "graph")]);
    let fake = Fake::with(&[
        (MANIFEST, &text),
        ("model.onnx", "graph"),
        ("notes.txt", "large"),
        (SIGNATURE_FILE, "signature"),
    ]);
    let store = store(&fake, &StoreOptions::default());
    let files = store.fetch(&fake.listing()).await.unwrap();
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(names, [SIGNATURE_FILE, MANIFEST, "model.onnx"]);
    assert_eq!(fake.reads(), [MANIFEST, "model.onnx", SIGNATURE_FILE]);
}

#[tokio::test]
async fn without_a_manifest_all_files_are_given() {
    let fake = Fake::with(&[("MLmodel", "yaml"), ("model.onnx", "graph")]);
    let store = store(&fake, &StoreOptions::default());
    let files = store.fetch(&fake.listing()).await.unwrap();
    assert_eq!(files.len(), 2);
}

#[tokio::test]
async fn a_file_of_another_digest_is_refused_and_not_kept() {
    let text = manifest(&[("model.onnx", "graph")]);
    let fake = Fake::with(&[(MANIFEST, &text), ("model.onnx", "grief")]);
    let (_dir, options) = cached();
    let store = store(&fake, &options);
    let error = store.fetch(&fake.listing()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("fake:: model.onnx has digest"),
        "{error}"
    );
    fake.fail();
    assert!(store.list().await.is_err(), "nothing was kept of it");
}

#[tokio::test]
async fn a_bundle_over_the_limit_is_refused_before_it_is_read() {
    let text = manifest(&[("model.onnx", "graph")]);
    let fake = Fake::with(&[(MANIFEST, &text), ("model.onnx", "graph")]);
    let mut options = StoreOptions::default();
    for (limit, fits) in [(5, true), (4, false)] {
        options.max_bundle = limit;
        let fetched = store(&fake, &options).fetch(&fake.listing()).await;
        assert_eq!(fetched.is_ok(), fits, "{limit}");
        assert_eq!(fake.reads().contains(&"model.onnx".to_owned()), fits);
    }
}

#[tokio::test]
async fn what_the_cache_has_is_not_read_again() {
    let (golden, graph) = (("golden.json", "same"), ("model.onnx", "one"));
    let fake = Fake::with(&[(MANIFEST, &manifest(&[golden, graph])), golden, graph]);
    let (_dir, options) = cached();
    store(&fake, &options).fetch(&fake.listing()).await.unwrap();
    fake.reads();
    store(&fake, &options).fetch(&fake.listing()).await.unwrap();
    assert!(fake.reads().is_empty(), "all of it is there");

    let graph = ("model.onnx", "two");
    fake.put(MANIFEST, &manifest(&[golden, graph]));
    fake.put(graph.0, graph.1);
    let files = store(&fake, &options).fetch(&fake.listing()).await.unwrap();
    assert_eq!(files["model.onnx"].as_ref(), b"two");
    assert_eq!(fake.reads(), [MANIFEST, "model.onnx"]);
}

#[tokio::test]
async fn the_cache_answers_for_a_source_that_is_down() {
    let graph = ("model.onnx", "graph");
    let fake = Fake::with(&[(MANIFEST, &manifest(&[graph])), graph]);
    let (_dir, mut options) = cached();
    let registry = prometheus::Registry::new();
    options.metrics = crate::StoreMetrics::new(&registry).unwrap();
    let is_from_cache = || {
        let families = registry.gather();
        let mut families = families.iter();
        let family = families.find(|family| family.name() == "almanac_source_from_cache");
        family.is_some_and(|family| family.get_metric()[0].get_gauge().get_value() > 0.5)
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
async fn a_fetch_that_hangs_is_given_up() {
    let fake = Fake::with(&[]);
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
fn names_that_lead_out_of_the_folder_are_not_plain() {
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
