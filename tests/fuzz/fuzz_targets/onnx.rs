//! Reads ONNX graphs without a manifest: which inputs and outputs they have, and what they mean.

#![no_main]

use almanac_model::BundleFiles;
use almanac_model::onnx::adopt;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let files = BundleFiles::from([("model.onnx".to_owned(), bytes.to_vec().into())]);
    let _not_understood = adopt("fuzzed", "1", files);
});
