//! The verified files of one model version.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::{Digest, Forecaster, Golden, GoldenError, Manifest, ManifestError, golden};

/// The contents of the files of a bundle by name, `manifest.toml` included.
pub type BundleFiles = BTreeMap<String, Cow<'static, [u8]>>;

/// One model version, with files that match the digests of its manifest. The graph has not run yet.
///
/// ```
/// use almanac_model::{Bundle, BundleError, BundleFiles};
///
/// let error = Bundle::verify(BundleFiles::new()).unwrap_err();
/// assert!(matches!(error, BundleError::Missing { file } if file == "manifest.toml"));
/// ```
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The description of the inputs and outputs of the graph.
    pub manifest: Manifest,
    /// The digest of the manifest. The manifest contains the digests of all other files, so this digest
    /// identifies the content of the version.
    pub digest: Digest,
    /// The ONNX graph.
    pub model: Cow<'static, [u8]>,
    /// The other files of the bundle by name, in which the graph may store its weights.
    pub external: BTreeMap<String, Arc<[u8]>>,
    /// The forecasts that the graph must reproduce before it is served. `None` if the manifest was
    /// derived from the graph; such a graph is run on a synthetic series instead.
    pub golden: Option<Golden>,
}

/// The error returned when files are not a valid bundle.
#[derive(Debug, Error)]
pub enum BundleError {
    /// A file is missing.
    #[error("{file} is missing; a bundle contains manifest.toml, model.onnx and golden.json")]
    Missing {
        /// The name of the file.
        file: String,
    },
    /// The manifest has no digest for a file that every bundle contains.
    #[error("manifest.toml: [files] has no digest for {file}")]
    NotPinned {
        /// The name of the file.
        file: &'static str,
    },
    /// The content of a file does not match its digest in the manifest.
    #[error("{file} has digest {actual}, expected {expected} from manifest.toml")]
    Digest {
        /// The name of the file.
        file: String,
        /// The digest in the manifest.
        expected: Digest,
        /// The digest of the content.
        actual: Digest,
    },
    /// The manifest is not UTF-8.
    #[error("manifest.toml is not UTF-8: {0}")]
    NotText(#[from] std::str::Utf8Error),
    /// The manifest is invalid.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The golden forecasts are invalid.
    #[error(transparent)]
    Golden(#[from] GoldenError),
}

const MANIFEST: &str = "manifest.toml";
const MODEL: &str = "model.onnx";
const GOLDEN: &str = "golden.json";

impl Bundle {
    /// Verifies the digests of `files`, and returns them as a bundle.
    ///
    /// # Errors
    /// Returns a [`BundleError`] that names the file and the problem.
    pub fn verify(mut files: BundleFiles) -> Result<Self, BundleError> {
        let manifest_bytes = take(&mut files, MANIFEST)?;
        let manifest = Manifest::parse(std::str::from_utf8(&manifest_bytes)?)?;
        for (file, expected) in &manifest.files {
            let bytes = files
                .get(file)
                .ok_or_else(|| BundleError::Missing { file: file.clone() })?;
            let (expected, actual) = (*expected, Digest::of(bytes));
            if actual != expected {
                return Err(BundleError::Digest {
                    file: file.clone(),
                    expected,
                    actual,
                });
            }
        }
        for file in [MODEL, GOLDEN] {
            if !manifest.files.contains_key(file) {
                return Err(BundleError::NotPinned { file });
            }
        }
        let golden = Golden::parse(&take(&mut files, GOLDEN)?)?;
        let model = take(&mut files, MODEL)?;
        // A file without a digest is not verified, so it is not passed to the graph.
        let external = manifest
            .files
            .keys()
            .filter_map(|file| {
                let bytes = files.remove(file)?;
                Some((file.clone(), bytes.as_ref().into()))
            })
            .collect();
        Ok(Self {
            external,
            manifest,
            digest: Digest::of(&manifest_bytes),
            model,
            golden: Some(golden),
        })
    }

    /// Runs the golden forecasts through `forecaster`, which also warms it up.
    ///
    /// # Errors
    /// Returns the [`GoldenError`] of the first case that fails or differs.
    pub fn check(&self, forecaster: &mut dyn Forecaster) -> Result<(), GoldenError> {
        match &self.golden {
            Some(golden) => golden.check(&self.manifest, forecaster),
            None => golden::check_synthetic(&self.manifest, forecaster),
        }
    }
}

fn take(files: &mut BundleFiles, file: &str) -> Result<Cow<'static, [u8]>, BundleError> {
    files.remove(file).ok_or_else(|| BundleError::Missing {
        file: file.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::MANIFEST;

    const GOLDEN_TEXT: &str = r#"{"tolerance": {"relative": 0.01}, "cases": [{"name": "a",
        "values": [1], "season_length": 1, "horizon": 1, "quantiles": [[1], [1], [1]]}]}"#;

    /// Returns the files of a bundle whose manifest has the digests of `pinned`, by name and content.
    fn files(pinned: &[(&str, &str)]) -> BundleFiles {
        let digests: String = pinned
            .iter()
            .map(|(name, text)| format!("\"{name}\" = \"{}\"\n", Digest::of(text.as_bytes())))
            .collect();
        let manifest = MANIFEST.replace("[files]\n", &format!("[files]\n{digests}"));
        [
            (MANIFEST_NAME, manifest.as_str()),
            (MODEL, "graph"),
            (GOLDEN, GOLDEN_TEXT),
        ]
        .map(|(name, text)| (name.to_owned(), Cow::Owned(text.as_bytes().to_vec())))
        .into()
    }

    const MANIFEST_NAME: &str = super::MANIFEST;
    const BOTH: [(&str, &str); 2] = [(MODEL, "graph"), (GOLDEN, GOLDEN_TEXT)];

    #[track_caller]
    fn check(files: BundleFiles, expected: &str) {
        let error = Bundle::verify(files).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn a_bundle_is_identified_by_the_digest_of_its_manifest() {
        let files = files(&BOTH);
        let digest = Digest::of(&files[MANIFEST_NAME]);
        let bundle = Bundle::verify(files).unwrap();
        assert_eq!(
            (bundle.digest, bundle.model.as_ref()),
            (digest, b"graph".as_slice())
        );
    }

    #[test]
    fn each_file_must_be_present_and_match_its_digest() {
        for (name, _) in BOTH {
            let mut without = files(&BOTH);
            without.remove(name);
            check(without, &format!("{name} is missing"));
        }
        check(BundleFiles::new(), "manifest.toml is missing");
        check(
            files(&BOTH[..1]),
            "manifest.toml: [files] has no digest for golden.json",
        );
        check(
            files(&[BOTH[1]]),
            "manifest.toml: [files] has no digest for model.onnx",
        );
        check(
            files(&[(MODEL, "other"), BOTH[1]]),
            "model.onnx has digest sha256:",
        );
        check(
            files(&[BOTH[0], BOTH[1], ("weights.bin", "x")]),
            "weights.bin is missing",
        );
    }

    #[test]
    fn rejects_a_manifest_that_is_not_utf8() {
        let mut files = files(&BOTH);
        files.insert(MANIFEST_NAME.to_owned(), Cow::Borrowed(b"\xff"));
        check(files, "manifest.toml is not UTF-8");
    }
}
