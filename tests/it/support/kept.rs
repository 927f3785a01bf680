//! A service whose models come from a shelf that a test fills and empties.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use almanac::http::{AccessKey, AdminState, SageMaker, admin_router};
use almanac_engine::EngineConfig;
use almanac_engine::metrics::EngineMetrics;
use almanac_engine::registry::{
    HostOrders, Hosting, Keeper, KeeperConfig, KeeperHandle, KeeperParts, LifeMetrics, Load,
    NamedStore, OpenError, Records, Registry, Sessions, Shadows, TrialLimits,
};
use almanac_model::{Bundle, BundleFiles, Digest, Manifest};
use almanac_store::{Listing, Place, Store, StoreError, StoreOptions};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt as _;

use super::answer::Answer;
use super::scripted::{Scripted, last_values, manifest_text};
use super::{TestApp, TestAppBuilder, metric};

/// A service, the shelf it takes its models from, and what keeps them.
pub(crate) struct Kept {
    pub(crate) app: TestApp,
    pub(crate) shelf: Shelf,
    pub(crate) keeper: KeeperHandle,
    admin: Router,
    _running: tokio::task::JoinSet<()>,
}

/// A source whose content a test decides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<Content>>, Arc<Hold>);

/// Holds the model with the script `wait`, until it is released, once it is asked for [`FATAL`].
#[derive(Debug, Default)]
struct Hold {
    begun: Notify,
    is_released: Mutex<bool>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct Content {
    /// Each version's listing, and its script.
    versions: Vec<(Listing, String)>,
    is_down: bool,
    /// Scripts of the graphs that were opened.
    opened: Vec<String>,
    revision: usize,
}

/// A service before it is made.
pub(crate) struct KeptBuilder {
    pub(crate) config: KeeperConfig,
    pub(crate) key: Option<&'static str>,
    /// The folder of a multi-model endpoint, and how many models it may load.
    pub(crate) host: Option<(PathBuf, usize)>,
    shelf: Shelf,
}

/// What a model does with the last value of a series: `add N` to it, or `fail` on it; `refuse` cannot
/// even be opened. `wait` is [`Shelf::waiting`].
fn scripted(script: &str) -> Result<Scripted, OpenError> {
    if let Some(number) = script.strip_prefix("add ") {
        let number: f32 = number.parse()?;
        return Ok(Scripted::new(move |batch| Ok(last_values(batch) + number)));
    }
    match script {
        // Not on the series that every model without golden forecasts is tried on.
        "fail" => Ok(Scripted::new(|batch| {
            let values = last_values(batch);
            if values.iter().any(|value| *value > 1e6) {
                return Err(almanac_model::PredictError::Runtime(
                    "it is out of range".into(),
                ));
            }
            Ok(values)
        })),
        _ => Err("no such operator".into()),
    }
}

/// A value that a model with the script `fail` fails on.
pub(crate) const FATAL: f64 = 2e6;

impl Shelf {
    /// Puts version `version` of `name` there, in place of what it was.
    pub(crate) fn put(&self, name: &str, version: &str, script: &str) {
        let mut content = self.0.lock().unwrap();
        content.revision += 1;
        let listing = Listing {
            name: name.to_owned(),
            version: version.to_owned(),
            revision: content.revision.to_string(),
        };
        content
            .versions
            .retain(|(held, _)| (&held.name, &held.version) != (&listing.name, &listing.version));
        content.versions.push((listing, script.to_owned()));
    }

    pub(crate) fn take(&self, name: &str, version: &str) {
        let mut content = self.0.lock().unwrap();
        content
            .versions
            .retain(|(held, _)| (held.name.as_str(), held.version.as_str()) != (name, version));
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.0.lock().unwrap().is_down = is_down;
    }

    /// Waits until the model that waits has begun.
    pub(crate) async fn begun(&self) {
        self.1.begun.notified().await;
    }

    /// Lets the model go that waits.
    pub(crate) fn release(&self) {
        *self.1.is_released.lock().unwrap() = true;
        self.1.released.notify_all();
    }

    fn waiting(&self) -> Scripted {
        let hold = Arc::clone(&self.1);
        Scripted::new(move |batch| {
            let values = last_values(batch);
            if values.iter().any(|value| *value > 1e6) {
                hold.begun.notify_one();
                let is_released = hold.is_released.lock().unwrap();
                let _released = hold.released.wait_while(is_released, |is| !*is).unwrap();
            }
            Ok(values)
        })
    }

    /// How often a graph with `script` was read.
    pub(crate) fn opened(&self, script: &str) -> usize {
        let content = self.0.lock().unwrap();
        content
            .opened
            .iter()
            .filter(|opened| *opened == script)
            .count()
    }
}

fn down() -> StoreError {
    StoreError::Unreadable {
        verb: "list",
        path: "the shelf".to_owned(),
        reason: std::io::Error::other("it is closed"),
    }
}

#[async_trait]
impl Store for Shelf {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let content = self.0.lock().unwrap();
        if content.is_down {
            return Err(down());
        }
        Ok(content
            .versions
            .iter()
            .map(|(listing, _)| listing.clone())
            .collect())
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        let content = self.0.lock().unwrap();
        if content.is_down {
            return Err(down());
        }
        let held = content.versions.iter().find(|(held, _)| held == listing);
        let (_, script) = held.ok_or_else(|| StoreError::NoSuchVersion {
            name: listing.name.clone(),
            version: listing.version.clone(),
        })?;
        let bytes = Cow::Owned(script.clone().into_bytes());
        Ok(BundleFiles::from([("model.onnx".to_owned(), bytes)]))
    }
}

impl KeptBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: KeeperConfig {
                watch: None,
                list_limit: Duration::from_secs(60),
                fetch_limit: Duration::from_secs(60),
                loads: 1,
                probation: Duration::ZERO,
                trial: TrialLimits {
                    requests: 20,
                    error_rate: 0.05,
                    error_ratio: 2.0,
                    latency_requests: u64::MAX,
                    latency_ratio: 3.0,
                    latency_floor: Duration::from_secs(60),
                },
                memory_bytes: None,
                routes: BTreeMap::new(),
                aliases: BTreeMap::new(),
                max_aliases: 32,
            },
            key: None,
            host: None,
            shelf: Shelf::default(),
        }
    }

    /// With these versions: name, version, script.
    pub(crate) fn holding(self, versions: &[(&str, &str, &str)]) -> Self {
        for (name, version, script) in versions {
            self.shelf.put(name, version, script);
        }
        self
    }

    /// With a shelf that cannot be read yet.
    pub(crate) fn down(self) -> Self {
        self.shelf.set_down(true);
        self
    }

    /// Starts it. The default model is `m`.
    pub(crate) fn start(self) -> Kept {
        let metrics = prometheus::Registry::new();
        let life = LifeMetrics::new(&metrics).unwrap();
        let limit = Duration::from_secs(60);
        let registry = Registry::new("m".to_owned())
            .with_records(Records::new(32, Some(life.clone())))
            .with_shadows(Shadows::start(1_000, limit, life.clone()));
        let registry = Arc::new(registry);
        let (hosting, host) = self.host.map(|host| hosting(&registry, host)).unzip();
        let keeper = Keeper::new(KeeperParts {
            registry: Arc::clone(&registry),
            load: load(self.shelf.clone(), &metrics),
            sources: vec![NamedStore {
                name: "shelf:".to_owned(),
                store: Arc::new(self.shelf.clone()),
            }],
            host,
            config: self.config,
            metrics: life,
        });
        let handle = keeper.handle();
        let mut running = tokio::task::JoinSet::new();
        running.spawn(async move { match keeper.run().await {} });
        let sagemaker = SageMaker {
            hosting,
            load_timeout: limit,
            ..SageMaker::default()
        };
        let app = TestAppBuilder::new(Arc::clone(&registry)).sagemaker(sagemaker);
        let mut app = app.build();
        app.metrics = metrics;
        let admin = admin_router(AdminState {
            registry,
            keeper: handle.clone(),
            key: self.key.map(AccessKey::new),
            request_timeout: limit,
        });
        Kept {
            app,
            shelf: self.shelf,
            keeper: handle,
            admin,
            _running: running,
        }
    }

    /// Starts it, and waits until the default model serves.
    pub(crate) async fn ready(self) -> Kept {
        let kept = self.start();
        kept.until(|registry| registry.resolve(None).is_ok()).await;
        kept
    }
}

fn hosting(registry: &Arc<Registry>, (root, most): (PathBuf, usize)) -> (Hosting, HostOrders) {
    let finder =
        move |name: &str, url: &str| Place::open(&root, url, name, &StoreOptions::default());
    Hosting::new(Arc::clone(registry), Arc::new(finder), most)
}

fn load(shelf: Shelf, metrics: &prometheus::Registry) -> Load {
    Load {
        reader: Box::new(|listing, files| {
            let script = files["model.onnx"].clone();
            Ok(Bundle {
                manifest: Manifest::parse(&manifest_text(&listing.name, &listing.version))?,
                digest: Digest::of(&script),
                model: script,
                external: BTreeMap::new(),
                golden: None,
            })
        }),
        opener: Box::new(move |bundle| {
            let script = String::from_utf8(bundle.model.to_vec())?;
            shelf.0.lock().unwrap().opened.push(script.clone());
            let shelf = shelf.clone();
            let sessions: Arc<Sessions> = Arc::new(move || {
                Ok(match script.as_str() {
                    "wait" => shelf.waiting(),
                    script => scripted(script)?,
                }
                .boxed())
            });
            Ok(sessions)
        }),
        workers: 1,
        has_session_threads: false,
        engine: EngineConfig {
            queue_steps: 100_000,
            batch_steps: 1_000,
            max_wait: Duration::from_secs(60),
        },
        metrics: EngineMetrics::new(metrics).unwrap(),
    }
}

impl Kept {
    /// Waits until `holds`, asked again after each change of what requests look up.
    pub(crate) async fn until(&self, holds: impl Fn(&Registry) -> bool) {
        let mut changes = self.app.registry.changes();
        while !holds(&self.app.registry) {
            changes.changed().await.unwrap();
        }
    }

    /// Looks at the shelf, and waits until version `version` of `name` answers.
    pub(crate) async fn until_answers(&self, name: &str, version: &str) {
        self.keeper.look();
        let answers = |registry: &Registry| {
            let live = registry.resolve(Some(name));
            live.is_ok_and(|live| live.version() == version)
        };
        self.until(answers).await;
    }

    /// Looks at the shelf, and waits until the latest attempt at `name` has `state`.
    pub(crate) async fn until_latest(&self, name: &str, version: &str, state: &str) {
        self.keeper.look();
        let stands = |registry: &Registry| {
            let records = registry.records().of(name);
            let latest = records.first();
            latest.is_some_and(|latest| {
                (latest.version.as_str(), latest.state.name()) == (version, state)
            })
        };
        self.until(stands).await;
    }

    /// The versions of `name` as the API lists them: each with its state.
    pub(crate) async fn versions(&self, name: &str) -> Vec<(String, String)> {
        let listed = self.app.get(&format!("/models/{name}/versions")).await.ok();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let versions = listed["versions"].as_array().unwrap().iter();
        versions
            .map(|one| (text(&one["version"]), text(&one["state"])))
            .collect()
    }

    /// Forecasts one step after `value`: the version that answered, and its median.
    pub(crate) async fn ask(&self, model: &str, value: f64) -> Answer {
        let body = json!({"values": [1, value], "horizon": 1, "model": model});
        self.app.forecast(&body).await
    }

    /// The version that answers for `model`, and what it makes of the value 1.
    pub(crate) async fn answered(&self, model: &str) -> (String, f64) {
        told(&self.ask(model, 1.0).await)
    }

    /// Sends a request to the admin API.
    pub(crate) async fn admin(&self, method: &str, uri: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => Body::empty(),
            body => Body::from(body.to_string()),
        };
        let request = Request::builder().method(method).uri(uri).body(body);
        self.send_admin(request.unwrap()).await
    }

    /// Sends `request` to the admin API with an access key.
    pub(crate) async fn admin_with(&self, key: &str) -> Answer {
        let request = Request::get("/admin/models").header(header::AUTHORIZATION, key);
        self.send_admin(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn send_admin(&self, request: Request<Body>) -> Answer {
        Answer::of(self.admin.clone().oneshot(request).await.unwrap()).await
    }

    /// Waits until the metric `name` is `value`, while other tasks go on.
    pub(crate) async fn until_metric(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        while (metric(&self.app.metrics, name, labels) - value).abs() > 1e-9 {
            tokio::task::yield_now().await;
        }
    }
}

/// The version that an answer names, and its first median.
#[track_caller]
pub(crate) fn told(answer: &Answer) -> (String, f64) {
    let body = answer.ok();
    let version = body["model"]["version"].as_str().unwrap().to_owned();
    (version, body["forecasts"][0]["point"][0].as_f64().unwrap())
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("shelf", &self.shelf)
            .finish_non_exhaustive()
    }
}
