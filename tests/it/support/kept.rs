//! A service whose models come from a [`Shelf`], which the test fills and empties.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use almanac::http::{AccessKey, AdminState, SageMaker, admin_router};
use almanac_engine::EngineConfig;
use almanac_engine::metrics::EngineMetrics;
use almanac_engine::registry::{
    HostCommands, Hosting, Keeper, KeeperConfig, KeeperHandle, KeeperParts, LifecycleMetrics, Load,
    NamedStore, Records, Registry, Sessions, Shadows, TrialLimits,
};
use almanac_model::{Bundle, Digest, Manifest};
use almanac_store::{Place, StoreOptions};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::answer::Answer;
use super::scripted::manifest_text;
use super::shelf::Shelf;
use super::{TestApp, TestAppBuilder, metric};

/// A service, the shelf that holds its models, and the task that loads and unloads them.
pub(crate) struct ManagedService {
    pub(crate) app: TestApp,
    pub(crate) shelf: Shelf,
    pub(crate) keeper: KeeperHandle,
    admin: Router,
    _running: tokio::task::JoinSet<()>,
}

/// Builds a [`ManagedService`].
pub(crate) struct ManagedServiceBuilder {
    pub(crate) config: KeeperConfig,
    pub(crate) key: Option<&'static str>,
    pub(crate) host: Option<HostConfig>,
    shelf: Shelf,
}

/// The configuration of a multi-model endpoint.
pub(crate) struct HostConfig {
    pub(crate) root: PathBuf,
    pub(crate) max_models: usize,
}

impl ManagedServiceBuilder {
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

    /// Adds `versions` to the shelf, each a name, a version and a script.
    pub(crate) fn with_versions(self, versions: &[(&str, &str, &str)]) -> Self {
        for (name, version, script) in versions {
            self.shelf.put(name, version, script);
        }
        self
    }

    /// Makes the shelf unreadable at the start.
    pub(crate) fn down(self) -> Self {
        self.shelf.set_down(true);
        self
    }

    /// Starts the service. The default model is `m`.
    pub(crate) fn start(self) -> ManagedService {
        let metrics = prometheus::Registry::new();
        let life = LifecycleMetrics::new(&metrics).unwrap();
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
        let mut app = TestAppBuilder::new(Arc::clone(&registry))
            .sagemaker(sagemaker)
            .build();
        app.metrics = metrics;
        let admin = admin_router(AdminState {
            registry,
            keeper: handle.clone(),
            key: self.key.map(AccessKey::new),
            request_timeout: limit,
        });
        ManagedService {
            app,
            shelf: self.shelf,
            keeper: handle,
            admin,
            _running: running,
        }
    }

    /// Starts the service, and waits until the default model is ready.
    pub(crate) async fn ready(self) -> ManagedService {
        let service = self.start();
        service
            .wait_until(|registry| registry.resolve(None).is_ok())
            .await;
        service
    }
}

fn hosting(registry: &Arc<Registry>, host: HostConfig) -> (Hosting, HostCommands) {
    let HostConfig { root, max_models } = host;
    let finder =
        move |name: &str, url: &str| Place::open(&root, url, name, &StoreOptions::default());
    Hosting::new(Arc::clone(registry), Arc::new(finder), max_models)
}

/// Returns a loader whose graphs are the scripts on `shelf`.
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
            shelf.record_opened(&script);
            let shelf = shelf.clone();
            let sessions: Arc<Sessions> = Arc::new(move || Ok(shelf.open(&script)?.boxed()));
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

impl ManagedService {
    /// Waits until `condition` is true, which is checked after each change of the registry.
    pub(crate) async fn wait_until(&self, condition: impl Fn(&Registry) -> bool) {
        let mut changes = self.app.registry.changes();
        while !condition(&self.app.registry) {
            changes.changed().await.unwrap();
        }
    }

    /// Lists the shelf, and waits until version `version` of `name` answers.
    pub(crate) async fn wait_until_serving(&self, name: &str, version: &str) {
        self.keeper.poll_sources();
        let is_serving = |registry: &Registry| {
            let live = registry.resolve(Some(name));
            live.is_ok_and(|live| live.version() == version)
        };
        self.wait_until(is_serving).await;
    }

    /// Lists the shelf, and waits until the latest load of `name` is of `version` and has `state`.
    pub(crate) async fn wait_until_latest(&self, name: &str, version: &str, state: &str) {
        self.keeper.poll_sources();
        let is_latest = |registry: &Registry| {
            let records = registry.records().of(name);
            let latest = records.first();
            latest.is_some_and(|latest| {
                (latest.version.as_str(), latest.state.name()) == (version, state)
            })
        };
        self.wait_until(is_latest).await;
    }

    /// Waits until the metric `name` is `value`, and lets other tasks run meanwhile.
    pub(crate) async fn wait_until_metric(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        while (metric(&self.app.metrics, name, labels) - value).abs() > 1e-9 {
            tokio::task::yield_now().await;
        }
    }

    /// Returns the versions of `name` that the API lists, each with its state.
    pub(crate) async fn versions(&self, name: &str) -> Vec<(String, String)> {
        let listed = self.app.get(&format!("/models/{name}/versions")).await.ok();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        listed["versions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|version| (text(&version["version"]), text(&version["state"])))
            .collect()
    }

    /// Requests a forecast of one step after `value`.
    pub(crate) async fn forecast(&self, model: &str, value: f64) -> Answer {
        let body = json!({"values": [1, value], "horizon": 1, "model": model});
        self.app.forecast(&body).await
    }

    /// Returns the version that answers for `model`, and its forecast after the value 1.
    pub(crate) async fn answer_from(&self, model: &str) -> (String, f64) {
        version_and_point(&self.forecast(model, 1.0).await)
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

    /// Requests the overview of the admin API with `key` as the `Authorization` header.
    pub(crate) async fn admin_with(&self, key: &str) -> Answer {
        let request = Request::get("/admin/models").header(header::AUTHORIZATION, key);
        self.send_admin(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn send_admin(&self, request: Request<Body>) -> Answer {
        Answer::of(self.admin.clone().oneshot(request).await.unwrap()).await
    }
}

/// Returns the version that an answer names, and its first median.
#[track_caller]
pub(crate) fn version_and_point(answer: &Answer) -> (String, f64) {
    let body = answer.ok();
    let version = body["model"]["version"].as_str().unwrap().to_owned();
    (version, body["forecasts"][0]["point"][0].as_f64().unwrap())
}

impl fmt::Debug for ManagedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedService")
            .field("shelf", &self.shelf)
            .finish_non_exhaustive()
    }
}
