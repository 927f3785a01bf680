//! Reads MLflow's description of a model next to a valid graph.

#![no_main]

use almanac_model::BundleFiles;
use almanac_model::onnx::adopt;
use libfuzzer_sys::fuzz_target;

const GRAPH: &[u8] = include_bytes!("../../../models/seasonal/1/model.onnx");

fuzz_target!(|bytes: &[u8]| {
    let files = BundleFiles::from([
        ("MLmodel".to_owned(), bytes.to_vec().into()),
        ("model.onnx".to_owned(), GRAPH.into()),
    ]);
    let _not_understood = adopt("fuzzed", "1", files);
});
