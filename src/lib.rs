//! Almanac, a forecasting inference server: the program.
//!
//! The crates below `crates/` know nothing of the program. [`call`] is the use case; [`http`], [`batch`] and
//! [`cli`] are its edges. [`config`] reads the settings, [`cpu`] the limits of the machine, and [`app`]
//! assembles the parts. `docs/architecture.md` is the map.

pub mod batch;
pub mod call;
pub mod http;
mod table;

pub mod config;
pub mod cpu;

pub mod app;
pub mod cli;
