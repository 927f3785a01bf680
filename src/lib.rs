//! Almanac, a forecasting inference server.
//!
//! The modules in reading order, from the inside out: [`forecast`] is the domain, [`model`] what a
//! model is, [`onnx`] the runtime that computes it, [`engine`] the queue and the workers, [`store`]
//! where bundles come from, [`registry`] which models are live, [`backtest`] how they compare;
//! [`frame`], [`plot`], [`http`] and [`batch`] are the edges; [`config`], [`cpu`], [`telemetry`] and
//! [`shutdown`] run the process; [`app`] puts the parts together and [`cli`] is what a person types.
//! `docs/architecture.md` is the map.

pub mod forecast;
pub mod model;
pub mod onnx;

pub mod backtest;
pub mod engine;
pub mod registry;
pub mod store;

pub mod batch;
pub mod frame;
pub mod http;
pub mod plot;

pub mod config;
pub mod cpu;
pub mod shutdown;
pub mod telemetry;

pub mod app;
pub mod cli;
