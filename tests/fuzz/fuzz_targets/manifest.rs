//! Parses manifests.

#![no_main]

use almanac_model::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _invalid = Manifest::parse(text);
});
