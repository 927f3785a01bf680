//! Almanac, a forecasting inference server.

pub mod forecast;
pub mod model;
