//! `almanac healthcheck`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;

use crate::cli::Failure;
use crate::config::Span;

/// What to ask, and where.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  almanac healthcheck
  almanac healthcheck --listen 127.0.0.1:9000 --path /healthz --timeout 1s")]
pub(super) struct HealthcheckArgs {
    /// The address the server listens on; an unspecified one is asked over loopback
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "ALMANAC_LISTEN",
        default_value = "0.0.0.0:8080"
    )]
    listen: SocketAddr,
    /// Endpoint to ask
    #[arg(long, default_value = "/readyz")]
    path: String,
    /// Longest time to wait
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    timeout: Span,
}

/// Succeeds when the server answers 200 in time.
pub(super) fn run(args: &HealthcheckArgs) -> Result<(), Failure> {
    let url = format!("http://{}{}", reachable(args.listen), args.path);
    let failed = |reason: String| Failure {
        message: format!("{url}: {reason}"),
        code: 1,
    };
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(args.timeout.get().max(Duration::from_millis(1))))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let mut response = agent
        .get(&url)
        .call()
        .map_err(|error| failed(error.to_string()))?;
    if response.status() == 200 {
        return Ok(());
    }
    let body = response
        .body_mut()
        .with_config()
        .limit(1_024)
        .read_to_string()
        .unwrap_or_default();
    Err(failed(format!(
        "{} {}",
        response.status().as_u16(),
        body.trim()
    )))
}

fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
