//! Almanac, a forecasting inference server.
