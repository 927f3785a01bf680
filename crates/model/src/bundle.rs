//! The folder of one model version, verified.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::{Digest, Forecaster, Golden, GoldenError, Manifest, ManifestError, golden};

/// The bytes of a bundle's files by name, `manifest.toml` included, from wherever they come.
pub type BundleFiles = BTreeMap<String, Cow<'static, [u8]>>;

/// One model version whose files are the ones its manifest names. The graph is not yet run.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What the graph wants and gives.
    pub manifest: Manifest,
    /// Digest of the manifest, which holds the digests of all other files: it names this version's
    /// content.
    pub digest: Digest,
    /// The ONNX graph.
    pub model: Cow<'static, [u8]>,
    /// The files beside the graph, by name, in which it may keep its weights.
    pub external: BTreeMap<String, Arc<[u8]>>,
    /// What the graph must answer before it is served; `None` for a graph whose manifest was not
    /// written by hand, which is then tried on a made-up series.
    pub golden: Option<Golden>,
}

/// Why some files are not a bundle.
#[derive(Debug, Error)]
pub enum BundleError {
    /// A file is not there.
    #[error("{file} is missing; a bundle holds manifest.toml, model.onnx and golden.json")]
    Missing {
        /// Its name.
        file: String,
    },
    /// The manifest names no digest for a file that every bundle has.
    #[error("manifest.toml: [files] has no digest for {file}")]
    NotPinned {
        /// Its name.
        file: &'static str,
    },
    /// A file is not the one that the manifest names.
    #[error("{file} has digest {actual}, and manifest.toml says {expected}")]
    Digest {
        /// Its name.
        file: String,
        /// What the manifest says.
        expected: Digest,
        /// What the bytes have.
        actual: Digest,
    },
    /// The manifest is not text.
    #[error("manifest.toml is not UTF-8: {0}")]
    NotText(#[from] std::str::Utf8Error),
    /// The manifest is not one.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The golden forecasts cannot be read.
    #[error(transparent)]
    Golden(#[from] GoldenError),
}

const MANIFEST: &str = "manifest.toml";
const MODEL: &str = "model.onnx";
const GOLDEN: &str = "golden.json";

impl Bundle {
    /// The bundle that `files` are, once every digest agrees.
    ///
    /// # Errors
    /// [`BundleError`] names the file and what is wrong with it.
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
        // What is not pinned is not verified, so the graph does not get it.
        let pinned = manifest.files.keys();
        let external = pinned.filter_map(|file| {
            let bytes = files.remove(file)?;
            Some((file.clone(), bytes.as_ref().into()))
        });
        Ok(Self {
            external: external.collect(),
            manifest,
            digest: Digest::of(&manifest_bytes),
            model,
            golden: Some(golden),
        })
    }

    /// Runs the golden forecasts through `forecaster`, which thereby is warm.
    ///
    /// # Errors
    /// [`GoldenError`] of the first case that differs or fails.
    pub fn check(&self, forecaster: &mut dyn Forecaster) -> Result<(), GoldenError> {
        match &self.golden {
            Some(golden) => golden.check(&self.manifest, forecaster),
            None => golden::try_out(&self.manifest, forecaster),
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

    /// The files of a bundle, with the digests of `pinned` in the manifest.
    fn files(pinned: &[(&str, &str)]) -> BundleFiles {
        let digests = pinned
            .iter()
            .map(|(name, text)| format!("\"{name}\" = \"{}\"\n", Digest::of(text.as_bytes())));
        let manifest = MANIFEST.replace(
            "[files]\n",
            &format!("[files]\n{}", digests.collect::<String>()),
        );
        let files = [
            (MANIFEST_NAME, manifest.as_str()),
            (MODEL, "graph"),
            (GOLDEN, GOLDEN_TEXT),
        ];
        let owned =
            |(name, text): (&str, &str)| (name.to_owned(), Cow::Owned(text.as_bytes().to_vec()));
        files.into_iter().map(owned).collect()
    }

    const MANIFEST_NAME: &str = super::MANIFEST;
    const BOTH: [(&str, &str); 2] = [(MODEL, "graph"), (GOLDEN, GOLDEN_TEXT)];

    #[track_caller]
    fn check(files: BundleFiles, expected: &str) {
        let error = Bundle::verify(files).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn a_bundle_is_named_by_the_digest_of_its_manifest() {
        let files = files(&BOTH);
        let digest = Digest::of(&files[MANIFEST_NAME]);
        let bundle = Bundle::verify(files).unwrap();
        assert_eq!(
            (bundle.digest, bundle.model.as_ref()),
            (digest, b"graph".as_slice())
        );
    }

    #[test]
    fn each_file_must_be_there_pinned_and_the_one_that_was_pinned() {
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
    fn a_manifest_that_is_not_text_is_refused() {
        let mut files = files(&BOTH);
        files.insert(MANIFEST_NAME.to_owned(), Cow::Borrowed(b"\xff"));
        check(files, "manifest.toml is not UTF-8");
    }
}
