//! Almanac, a forecasting inference server: the program.
//!
//! The crates below `crates/` are the parts that know nothing of the program. [`http`] and [`batch`]
//! are edges, [`backtest`] runs what they share, [`config`] and [`cpu`] read the surroundings,
//! [`app`] puts the parts together and [`cli`] is the command line. `docs/architecture.md` is the map.

pub mod batch;
pub mod call;
pub mod http;
mod table;

pub mod config;
pub mod cpu;

pub mod app;
pub mod cli;
