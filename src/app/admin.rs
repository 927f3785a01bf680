//! The listener of the admin API.

use std::sync::Arc;
use std::time::Duration;

use almanac_engine::registry::{KeeperHandle, Registry};
use almanac_net::shutdown::Shutdown;
use almanac_net::{Server, ServerConfig, ServerMetrics};
use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::http::{AccessKey, AdminState, admin_router};

/// The maximum number of connections to the admin API: a person and a few scripts.
const MAX_CONNECTIONS: usize = 16;

/// A bound port of the admin API, which does not serve requests yet.
#[derive(Debug)]
pub(super) struct AdminListener {
    listener: TcpListener,
    key: Option<AccessKey>,
    server: ServerConfig,
    request_timeout: Duration,
}

impl AdminListener {
    /// Binds the port that `config` names, if it names one.
    ///
    /// # Errors
    /// If it cannot be bound, or the access key cannot be read.
    pub(super) async fn bind(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(address) = config.admin.listen else {
            return Ok(None);
        };
        let key = config.admin.read_key()?;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("the admin API cannot listen on {address}"))?;
        let address = listener.local_addr().context("reading the bound address")?;
        tracing::info!(%address, has_key = key.is_some(), "admin api listening");
        Ok(Some(Self {
            listener,
            key: key.map(|key| AccessKey::new(key.get())),
            server: ServerConfig {
                max_connections: MAX_CONNECTIONS,
                ..super::server_config(config)
            },
            request_timeout: config.server.request_timeout.get(),
        }))
    }
}

/// Serves the admin API, if there is one, until the process ends.
pub(super) async fn serve_admin(
    admin: Option<AdminListener>,
    registry: Arc<Registry>,
    keeper: KeeperHandle,
    shutdown: Shutdown,
) -> anyhow::Error {
    let Some(admin) = admin else {
        return std::future::pending().await;
    };
    let router = admin_router(AdminState {
        registry,
        keeper,
        key: admin.key,
        request_timeout: admin.request_timeout,
    });
    // The exported metrics of connections are those of the service's own port.
    let metrics = match ServerMetrics::new(&prometheus::Registry::new()) {
        Ok(metrics) => metrics,
        Err(error) => return error.into(),
    };
    let server = Server::new(admin.server, shutdown, metrics);
    server.serve(admin.listener, router).await;
    // The admin API has drained; the service decides when the process ends.
    std::future::pending().await
}
