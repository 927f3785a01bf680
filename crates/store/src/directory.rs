//! A directory of `NAME/VERSION/` folders, of one bundle, or of one graph.

use std::fs;
use std::path::{Path, PathBuf};

use almanac_model::{BundleFiles, Manifest};
use async_trait::async_trait;

use crate::files::{entries, file_stamp, files_in, folders_in, read_all, read_bounded, revision};
use crate::graph::{GraphVersions, check_unchanged};
use crate::{Listing, MANIFEST, Store, StoreError, StoreOptions};

/// The store of the bundles in a directory, or of the one bundle or graph that it is.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    /// The maximum size of the files of one version, in bytes.
    limit: u64,
    /// If true, the root is the folder of one bundle with any name.
    is_bundle: bool,
    /// The version of a graph at the root.
    graph_versions: GraphVersions,
}

/// The layout of the root. It is determined at each poll, since a directory may be filled while it
/// is watched.
enum DirectoryLayout {
    /// The files of one bundle.
    Bundle,
    /// One graph without a manifest.
    Graph(PathBuf),
    /// `NAME/VERSION/` folders.
    Folders(Vec<Listing>),
}

impl Directory {
    /// Creates a store of the directory at `root`, which is read at each call.
    #[must_use]
    pub const fn new(root: PathBuf, options: &StoreOptions) -> Self {
        Self {
            root,
            limit: options.max_bundle,
            is_bundle: false,
            graph_versions: GraphVersions::new(options.max_bundle),
        }
    }

    /// Creates a store of the one bundle in the folder `root`, which is fetched under any name. Its
    /// list is empty.
    #[must_use]
    pub const fn single_bundle(root: PathBuf, options: &StoreOptions) -> Self {
        let mut directory = Self::new(root, options);
        directory.is_bundle = true;
        directory
    }

    /// Determines the layout: a manifest at the root makes it a bundle; otherwise, folders of
    /// versions take precedence over a graph.
    fn layout(&self) -> Result<DirectoryLayout, StoreError> {
        if self.root.join(MANIFEST).is_file() {
            return Ok(DirectoryLayout::Bundle);
        }
        let listings = self.versions()?;
        if !listings.is_empty() {
            return Ok(DirectoryLayout::Folders(listings));
        }
        let files = files_in(&self.root)?;
        let has_files = !files.is_empty();
        let mut graphs: Vec<_> = files
            .into_iter()
            .filter(|(name, _)| name.ends_with(".onnx"))
            .collect();
        match (graphs.pop(), graphs.is_empty()) {
            (Some((_, only)), true) => Ok(DirectoryLayout::Graph(only)),
            (Some(last), false) => {
                graphs.push(last);
                let names: Vec<_> = graphs.into_iter().map(|(name, _)| name).collect();
                let names = names.join(", ");
                Err(self.no_model(format!(
                    "{names} are several graphs without a manifest.toml; keep one, or put each into a folder NAME/VERSION/"
                )))
            }
            (None, _) => self.layout_without_models(has_files),
        }
    }

    /// Returns no versions if the root has no files, since its folders may still be filled. Files
    /// that are not a model are an error.
    fn layout_without_models(&self, has_files: bool) -> Result<DirectoryLayout, StoreError> {
        if !has_files {
            return Ok(DirectoryLayout::Folders(Vec::new()));
        }
        let names: Vec<_> = entries(&self.root)?
            .into_iter()
            .map(|(name, path)| if path.is_dir() { name + "/" } else { name })
            .take(5)
            .collect();
        Err(self.no_model(format!(
            "it contains no model, only {}; it may contain a manifest.toml and its model.onnx, one .onnx file, or folders NAME/VERSION/ with a manifest.toml in each",
            names.join(", ")
        )))
    }

    /// Returns the versions in the `NAME/VERSION/` folders.
    fn versions(&self) -> Result<Vec<Listing>, StoreError> {
        let mut listings = Vec::new();
        for name in folders_in(&self.root)? {
            let folder = self.root.join(&name);
            for version in folders_in(&folder)? {
                let bundle = folder.join(&version);
                // The manifest is written last: without it, files may still be missing.
                if !bundle.join(MANIFEST).is_file() {
                    tracing::debug!(folder = %bundle.display(), "folder without manifest.toml skipped");
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

    /// Returns the bundle at the root, with the name and version of its manifest.
    fn bundle(&self) -> Result<Listing, StoreError> {
        let path = self.root.join(MANIFEST);
        let text = read_bounded(&path, self.limit)?;
        let text = String::from_utf8(text)
            .map_err(|error| self.no_model(format!("manifest.toml is not UTF-8: {error}")))?;
        let manifest = Manifest::parse(&text).map_err(|error| self.no_model(error.to_string()))?;
        Ok(Listing {
            name: manifest.name,
            version: manifest.version,
            revision: revision(&self.root)?,
        })
    }

    /// Returns the graph at the root: its file name is the name, and its digest the version.
    fn graph(&self, path: &Path) -> Result<Listing, StoreError> {
        let metadata = fs::metadata(path).map_err(StoreError::reading(path))?;
        let stem = path.file_stem().unwrap_or_default();
        Ok(Listing {
            name: stem.to_string_lossy().into_owned(),
            version: self
                .graph_versions
                .version(path, &file_stamp(path, &metadata)?)?,
            // The directory may also contain weights and a description.
            revision: revision(&self.root)?,
        })
    }

    fn no_model(&self, reason: String) -> StoreError {
        StoreError::NoModel {
            location: self.root.display().to_string(),
            reason,
        }
    }
}

// Local files are read synchronously: the callers are not on the path of requests.
#[async_trait]
impl Store for Directory {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        if self.is_bundle {
            return Ok(Vec::new());
        }
        match self.layout()? {
            DirectoryLayout::Bundle => Ok(vec![self.bundle()?]),
            DirectoryLayout::Graph(path) => Ok(vec![self.graph(&path)?]),
            DirectoryLayout::Folders(listings) => Ok(listings),
        }
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        if self.is_bundle {
            return read_all(&self.root, self.limit);
        }
        match self.layout()? {
            DirectoryLayout::Bundle => read_all(&self.root, self.limit),
            DirectoryLayout::Graph(path) => {
                let files = read_all(&self.root, self.limit)?;
                check_unchanged(&path, &files, listing)?;
                Ok(files)
            }
            DirectoryLayout::Folders(_) => {
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
    async fn lists_every_version_and_changes_the_revision_of_a_changed_one() {
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

    /// Returns each version in the directory, with the names of its files.
    async fn contents(store: &Directory) -> Result<Vec<(String, Vec<String>)>, StoreError> {
        let mut contents = Vec::new();
        for listing in store.list().await? {
            let files = store.fetch(&listing).await.unwrap();
            let name = format!("{}/{}", listing.name, listing.version);
            contents.push((name, files.into_keys().collect()));
        }
        Ok(contents)
    }

    async fn error_message(store: &Directory) -> String {
        contents(store).await.unwrap_err().to_string()
    }

    fn directory_with(files: &[(&str, &str)]) -> (tempfile::TempDir, Directory) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(root.path().join(name), text).unwrap();
        }
        let store = Directory::new(root.path().to_owned(), &StoreOptions::default());
        (root, store)
    }

    fn version(name: &str, files: &[&str]) -> Vec<(String, Vec<String>)> {
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        vec![(name.to_owned(), files)]
    }

    const SEASONAL: &str = include_str!("../../../models/seasonal/1/manifest.toml");

    #[tokio::test]
    async fn a_bundle_at_the_root_has_the_name_of_its_manifest() {
        let (root, store) = directory_with(&[(MANIFEST, SEASONAL), ("model.onnx", "abc")]);
        let expected = version("seasonal/1", &[MANIFEST, "model.onnx"]);
        assert_eq!(contents(&store).await.unwrap(), expected);
        let before = store.list().await.unwrap();
        fs::write(root.path().join("model.onnx"), "abcd").unwrap();
        assert_ne!(store.list().await.unwrap(), before);

        fs::write(root.path().join(MANIFEST), "format = 1").unwrap();
        let message = error_message(&store).await;
        let place = root.path().display();
        assert!(
            message.starts_with(&format!("{place}: manifest.toml: ")),
            "{message}"
        );
    }

    #[tokio::test]
    async fn a_graph_at_the_root_has_the_name_of_its_file_and_a_version_from_its_digest() {
        let (root, store) = directory_with(&[("store.onnx", "abc"), ("weights", "x")]);
        let expected = version("store/ba7816bf8f01", &["store.onnx", "weights"]);
        assert_eq!(contents(&store).await.unwrap(), expected);
        let listings = store.list().await.unwrap();
        fs::write(root.path().join("store.onnx"), "abcd").unwrap();
        let error = store.fetch(&listings[0]).await.unwrap_err();
        assert!(matches!(error, StoreError::Changed { .. }), "{error}");

        fs::write(root.path().join("other.onnx"), "x").unwrap();
        let message = error_message(&store).await;
        assert!(
            message.contains("other.onnx, store.onnx are several graphs"),
            "{message}"
        );
        // Folders of versions take precedence; other files are not read.
        fs::create_dir_all(root.path().join("a/1")).unwrap();
        fs::write(root.path().join("a/1").join(MANIFEST), "x").unwrap();
        assert_eq!(contents(&store).await.unwrap(), version("a/1", &[MANIFEST]));
    }

    #[tokio::test]
    async fn a_directory_of_other_files_is_an_error_and_one_without_files_is_empty() {
        let (root, store) = directory_with(&[(".hidden", "x")]);
        assert_eq!(contents(&store).await.unwrap(), []);
        fs::create_dir(root.path().join("code")).unwrap();
        assert_eq!(contents(&store).await.unwrap(), []);
        fs::write(root.path().join("model.pkl"), "x").unwrap();
        let message = error_message(&store).await;
        assert!(
            message.contains("it contains no model, only code/, model.pkl;"),
            "{message}"
        );
    }

    #[tokio::test]
    async fn a_bundle_larger_than_the_limit_is_not_read() {
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
