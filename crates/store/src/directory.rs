//! A directory of `NAME/VERSION/` folders, or one bundle, or one graph.

mod files;

pub(super) use files::{read_bounded, stamp};

use std::fs;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::directory::files::{entries, files_of, folders, read_all, revision};
use crate::graph::{Numbered, unchanged};
use crate::{Listing, MANIFEST, Store, StoreError, StoreOptions};
use almanac_model::{BundleFiles, Manifest};

/// A directory that holds bundles, or is one.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    limit: u64,
    /// Whether the root is the folder of one bundle, whatever its name.
    is_bundle: bool,
    /// The version of a graph at the root.
    graph: Numbered,
}

/// What lies at the root, read anew at each look: a directory may be filled while it is watched.
enum Form {
    /// The files of one bundle.
    Bundle,
    /// One graph, which has no manifest.
    Graph(PathBuf),
    /// `NAME/VERSION/` folders.
    Folders(Vec<Listing>),
}

impl Directory {
    /// The directory at `root`, which is looked at when it is asked.
    #[must_use]
    pub const fn new(root: PathBuf, options: &StoreOptions) -> Self {
        Self {
            root,
            limit: options.max_bundle,
            is_bundle: false,
            graph: Numbered::new(options.max_bundle),
        }
    }

    /// The one bundle in the folder `root`, by whatever name it is asked for. Lists nothing.
    #[must_use]
    pub const fn of_bundle(root: PathBuf, options: &StoreOptions) -> Self {
        let mut directory = Self::new(root, options);
        directory.is_bundle = true;
        directory
    }

    /// A manifest at the root makes it a bundle; without one, folders of versions go before a graph.
    fn form(&self) -> Result<Form, StoreError> {
        if self.root.join(MANIFEST).is_file() {
            return Ok(Form::Bundle);
        }
        let listings = self.versions()?;
        if !listings.is_empty() {
            return Ok(Form::Folders(listings));
        }
        let files = files_of(&self.root)?;
        let has_files = !files.is_empty();
        let is_graph = |(name, _): &(String, PathBuf)| name.ends_with(".onnx");
        let mut graphs: Vec<_> = files.into_iter().filter(is_graph).collect();
        match (graphs.pop(), graphs.is_empty()) {
            (Some((_, only)), true) => Ok(Form::Graph(only)),
            (Some(last), false) => {
                graphs.push(last);
                let names: Vec<_> = graphs.into_iter().map(|(name, _)| name).collect();
                let told = names.join(", ");
                let reason = format!(
                    "{told} are several graphs without a manifest.toml; leave one, or put each into a folder NAME/VERSION/"
                );
                Err(self.refused(reason))
            }
            (None, _) => self.nothing(has_files),
        }
    }

    /// Folders may be filled; files that are no model are not what was meant.
    fn nothing(&self, has_files: bool) -> Result<Form, StoreError> {
        if !has_files {
            return Ok(Form::Folders(Vec::new()));
        }
        let found: Vec<_> = entries(&self.root)?
            .into_iter()
            .map(|(name, path)| if path.is_dir() { name + "/" } else { name })
            .take(5)
            .collect();
        let reason = format!(
            "no model is in it, only {}; it may hold a manifest.toml beside model.onnx, one .onnx file, or folders NAME/VERSION/ with a manifest.toml in each",
            found.join(", ")
        );
        Err(self.refused(reason))
    }

    fn versions(&self) -> Result<Vec<Listing>, StoreError> {
        let mut listings = Vec::new();
        for name in folders(&self.root)? {
            let folder = self.root.join(&name);
            for version in folders(&folder)? {
                let bundle = folder.join(&version);
                // The manifest is written last: without it, files may still be on their way.
                if !bundle.join(MANIFEST).is_file() {
                    tracing::debug!(folder = %bundle.display(), "no manifest.toml, so no bundle yet");
                    continue;
                }
                listings.push(Listing {
                    revision: revision(&bundle)?,
                    name: name.clone(),
                    version,
                });
            }
        }
        Ok(listings)
    }

    /// The bundle at the root, called as its manifest says.
    fn bundle(&self) -> Result<Listing, StoreError> {
        let path = self.root.join(MANIFEST);
        let text = read_bounded(&path, self.limit)?;
        let text = String::from_utf8(text)
            .map_err(|error| self.refused(format!("manifest.toml is not UTF-8: {error}")))?;
        let manifest = Manifest::parse(&text).map_err(|error| self.refused(error.to_string()))?;
        Ok(Listing {
            name: manifest.name,
            version: manifest.version,
            revision: revision(&self.root)?,
        })
    }

    /// The graph at the root, called as its file is and numbered by its bytes.
    fn graph(&self, path: &Path) -> Result<Listing, StoreError> {
        let metadata = fs::metadata(path).map_err(StoreError::reading(path))?;
        let stem = path.file_stem().unwrap_or_default();
        Ok(Listing {
            name: stem.to_string_lossy().into_owned(),
            version: self.graph.version(path, &stamp(path, &metadata)?)?,
            // Weights and a description may lie beside it.
            revision: revision(&self.root)?,
        })
    }

    fn refused(&self, reason: String) -> StoreError {
        StoreError::NoModel {
            place: self.root.display().to_string(),
            reason,
        }
    }
}

// Local files are read where they are asked for: whoever asks does so off the request path.
#[async_trait]
impl Store for Directory {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        if self.is_bundle {
            return Ok(Vec::new());
        }
        match self.form()? {
            Form::Bundle => Ok(vec![self.bundle()?]),
            Form::Graph(path) => Ok(vec![self.graph(&path)?]),
            Form::Folders(listings) => Ok(listings),
        }
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        if self.is_bundle {
            return read_all(&self.root, self.limit);
        }
        match self.form()? {
            Form::Bundle => read_all(&self.root, self.limit),
            Form::Graph(path) => {
                let files = read_all(&self.root, self.limit)?;
                unchanged(&path, &files, listing)?;
                Ok(files)
            }
            Form::Folders(_) => {
                let folder = self.root.join(&listing.name).join(&listing.version);
                read_all(&folder, self.limit)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lists_every_version_and_says_when_one_may_have_changed() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["a/1", "a/2", "b/1", "empty", ".hidden/1"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        for bundle in ["a/1", "a/2", "b/1", ".hidden/1"] {
            fs::write(root.path().join(bundle).join(MANIFEST), "x").unwrap();
        }
        fs::create_dir_all(root.path().join("b/half")).unwrap();
        fs::write(root.path().join("b/half/model.onnx"), "x").unwrap();
        let manifest = root.path().join("a/2/manifest.toml");
        let store = Directory::new(root.path().to_owned(), &StoreOptions::default());
        let listings = store.list().await.unwrap();
        let names: Vec<_> = listings
            .iter()
            .map(|listing| (listing.name.as_str(), listing.version.as_str()))
            .collect();
        assert_eq!(names, [("a", "1"), ("a", "2"), ("b", "1")]);
        let files = store.fetch(&listings[1]).await.unwrap();
        assert_eq!(files["manifest.toml"].as_ref(), b"x");

        assert_eq!(store.list().await.unwrap(), listings);
        fs::write(&manifest, "xy").unwrap();
        let changed = store.list().await.unwrap();
        assert_ne!(changed[1].revision, listings[1].revision);
        assert_eq!(changed[0], listings[0]);
    }

    /// What the directory holds: each version, and the names of its files; or why it cannot be told.
    async fn held(store: &Directory) -> Result<Vec<(String, Vec<String>)>, String> {
        let mut held = Vec::new();
        for listing in store.list().await.map_err(|error| error.to_string())? {
            let files = store.fetch(&listing).await.unwrap();
            let name = format!("{}/{}", listing.name, listing.version);
            held.push((name, files.into_keys().collect()));
        }
        Ok(held)
    }

    fn filled(files: &[(&str, &str)]) -> (tempfile::TempDir, Directory) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(root.path().join(name), text).unwrap();
        }
        let store = Directory::new(root.path().to_owned(), &StoreOptions::default());
        (root, store)
    }

    fn version(name: &str, files: &[&str]) -> Vec<(String, Vec<String>)> {
        let files = files.iter().map(|file| (*file).to_owned());
        vec![(name.to_owned(), files.collect())]
    }

    const SEASONAL: &str = include_str!("../../../models/seasonal/1/manifest.toml");

    #[tokio::test]
    async fn a_bundle_at_the_root_is_called_as_its_manifest_says() {
        let (root, store) = filled(&[(MANIFEST, SEASONAL), ("model.onnx", "abc")]);
        let expected = version("seasonal/1", &[MANIFEST, "model.onnx"]);
        assert_eq!(held(&store).await.unwrap(), expected);
        let before = store.list().await.unwrap();
        fs::write(root.path().join("model.onnx"), "abcd").unwrap();
        assert_ne!(store.list().await.unwrap(), before);

        fs::write(root.path().join(MANIFEST), "format = 1").unwrap();
        let told = held(&store).await.unwrap_err();
        let place = root.path().display();
        assert!(
            told.starts_with(&format!("{place}: manifest.toml: ")),
            "{told}"
        );
    }

    #[tokio::test]
    async fn a_graph_at_the_root_is_called_as_its_file_and_numbered_by_its_bytes() {
        let (root, store) = filled(&[("store.onnx", "abc"), ("weights", "x")]);
        let expected = version("store/ba7816bf8f01", &["store.onnx", "weights"]);
        assert_eq!(held(&store).await.unwrap(), expected);
        let listings = store.list().await.unwrap();
        fs::write(root.path().join("store.onnx"), "abcd").unwrap();
        let error = store.fetch(&listings[0]).await.unwrap_err();
        assert!(matches!(error, StoreError::Changed { .. }), "{error}");

        fs::write(root.path().join("other.onnx"), "x").unwrap();
        let told = held(&store).await.unwrap_err();
        assert!(
            told.contains("other.onnx, store.onnx are several graphs"),
            "{told}"
        );
        // Folders of versions are what a directory is for; what lies beside them is not read.
        fs::create_dir_all(root.path().join("a/1")).unwrap();
        fs::write(root.path().join("a/1").join(MANIFEST), "x").unwrap();
        assert_eq!(held(&store).await.unwrap(), version("a/1", &[MANIFEST]));
    }

    #[tokio::test]
    async fn a_folder_of_other_files_is_told_and_one_without_waits() {
        let (root, store) = filled(&[(".hidden", "x")]);
        assert_eq!(held(&store).await.unwrap(), []);
        fs::create_dir(root.path().join("code")).unwrap();
        assert_eq!(held(&store).await.unwrap(), []);
        fs::write(root.path().join("model.pkl"), "x").unwrap();
        let told = held(&store).await.unwrap_err();
        assert!(
            told.contains("no model is in it, only code/, model.pkl;"),
            "{told}"
        );
    }

    #[tokio::test]
    async fn a_bundle_over_the_limit_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/1");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(MANIFEST), "12345").unwrap();
        fs::write(folder.join("model.onnx"), "12345").unwrap();
        let mut options = StoreOptions::default();
        for (limit, fits) in [(10, true), (9, false), (4, false)] {
            options.max_bundle = limit;
            let store = Directory::new(root.path().to_owned(), &options);
            let listings = store.list().await.unwrap();
            assert_eq!(store.fetch(&listings[0]).await.is_ok(), fits, "{limit}");
        }
    }
}
