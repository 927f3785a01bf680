//! The bundles compiled into the program.

use std::borrow::Cow;

use crate::store::Found;

/// The bundle in `models/$name/$version/`, its files by name.
macro_rules! bundle {
    ($name:literal, $version:literal) => {
        Found {
            name: $name.to_owned(),
            version: $version.to_owned(),
            files: Ok(["manifest.toml", "model.onnx", "golden.json"]
                .into_iter()
                .map(str::to_owned)
                .zip([
                    Cow::Borrowed(bundle!(@bytes $name, $version, "manifest.toml")),
                    Cow::Borrowed(bundle!(@bytes $name, $version, "model.onnx")),
                    Cow::Borrowed(bundle!(@bytes $name, $version, "golden.json")),
                ])
                .collect()),
        }
    };
    (@bytes $name:literal, $version:literal, $file:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/models/", $name, "/", $version, "/", $file
        ))
        .as_slice()
    };
}

/// Every embedded bundle.
#[must_use]
pub fn bundles() -> Vec<Found> {
    vec![bundle!("almanac", "1"), bundle!("seasonal", "1")]
}
