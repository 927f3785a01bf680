//! Almanac, a forecasting inference server.

pub mod forecast;
pub mod model;
pub mod onnx;
pub mod engine;
pub mod registry;
pub mod store;
pub mod batch;
pub mod frame;
pub mod http;
pub mod plot;
pub mod shutdown;
pub mod telemetry;
