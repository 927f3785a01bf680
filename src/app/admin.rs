//! The admin API's listener.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::http::{AccessKey, AdminState, admin_router};
use almanac_engine::registry::{KeeperHandle, Registry};
use almanac_net::shutdown::Shutdown;
use almanac_net::{Server, ServerConfig, ServerMetrics};

/// Connections to the admin API: a person and a few scripts.
const CONNECTIONS: usize = 16;

/// A listener that nobody is answered on yet.
#[derive(Debug)]
pub(super) struct Admin {
    listener: TcpListener,
    key: Option<AccessKey>,
    server: ServerConfig,
    request_timeout: Duration,
}

impl Admin {
    /// Binds the port that `config` names, if it names one.
    ///
    /// # Errors
    /// When it cannot be bound, or the access key cannot be read.
    pub(super) async fn listen(config: &Config) -> anyhow::Result<Option<Self>> {
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
                max_connections: CONNECTIONS,
                ..super::server_config(config)
            },
            request_timeout: config.server.request_timeout.get(),
        }))
    }
}

/// Serves the admin API, if there is one, until the process ends.
pub(super) async fn serve_admin(
    admin: Option<Admin>,
    (registry, keeper): (Arc<Registry>, KeeperHandle),
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
    // The metrics of connections are those of the service's own port.
    let metrics = match ServerMetrics::new(&prometheus::Registry::new()) {
        Ok(metrics) => metrics,
        Err(error) => return error.into(),
    };
    let server = Server::new(admin.server, shutdown, metrics);
    server.serve(admin.listener, router).await;
    // Drained; the service itself says when the process may end.
    std::future::pending().await
}
