//! The integration tests: one binary, one module for each subject.
//!
//! Requests go through the real router without a socket. `support` creates the service, with the real
//! embedded models or with models whose behaviour a test defines.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of test functions"
)]

mod admin;
mod backtest;
mod bundles;
mod docs;
mod emf;
mod engine;
mod forecast;
mod formats;
mod health;
mod metrics;
mod problems;
mod routes;
mod sagemaker;
mod support;
mod swap;
mod tidy;
mod traces;
