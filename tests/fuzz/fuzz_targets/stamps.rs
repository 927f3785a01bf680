//! Parses timestamps, one a line, and infers their frequency.

#![no_main]

use almanac_forecast::{Calendar, Stamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let stamps: Vec<_> = text
        .lines()
        .filter_map(|line| Stamp::parse(line).ok())
        .collect();
    if let Ok(frequency) = Calendar::infer(&stamps)
        && let Some(first) = stamps.first()
        && let Ok(calendar) = Calendar::new(first.clone(), frequency)
    {
        let _out_of_range = calendar.stamps(0, 16);
    }
});
