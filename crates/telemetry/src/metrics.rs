//! Histogram buckets shared by the metrics of all components.
//!
//! Metrics are named `almanac_<component>_<what>_<unit>`, and counters end in `_total`. Each
//! component has a struct of its metrics, and registers them in the registry that it receives.

/// The upper bounds of durations, in seconds, each about twice the previous one: from 50
/// microseconds, below which a phase is noise, to the longest request timeout in use.
pub const DURATION_BUCKETS: [f64; 20] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0,
    2.0, 5.0, 10.0, 20.0, 30.0, 60.0,
];

/// The upper bounds of counts of series, rows and values: powers of four.
pub const SIZE_BUCKETS: [f64; 10] = [
    1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0,
];

/// The upper bounds of sizes in bytes: powers of four, from 1 KiB to 64 MiB.
pub const BYTE_BUCKETS: [f64; 9] = [
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
