//! `almanac healthcheck`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;

use crate::cli::CliError;
use crate::config::Span;

/// The endpoint to check.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  almanac healthcheck
  almanac healthcheck --listen 127.0.0.1:9000 --path /healthz --timeout 1s")]
pub(super) struct HealthcheckArgs {
    /// Address the server listens on; for an unspecified address, loopback is used
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "ALMANAC_LISTEN",
        default_value = "0.0.0.0:8080"
    )]
    listen: SocketAddr,
    /// Path of the endpoint
    #[arg(long, default_value = "/readyz")]
    path: String,
    /// Time limit for the response
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    timeout: Span,
}

/// Succeeds if the server responds with 200 within the timeout.
pub(super) fn run(args: &HealthcheckArgs) -> Result<(), CliError> {
    let url = format!("http://{}{}", reachable(args.listen), args.path);
    let failure = |reason: String| CliError {
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
        .map_err(|error| failure(error.to_string()))?;
    if response.status() == 200 {
        return Ok(());
    }
    let body = response
        .body_mut()
        .with_config()
        .limit(1_024)
        .read_to_string()
        .unwrap_or_default();
    Err(failure(format!(
        "{} {}",
        response.status().as_u16(),
        body.trim()
    )))
}

/// Returns the address at which a server that listens on `listen` can be reached.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
