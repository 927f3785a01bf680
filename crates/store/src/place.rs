//! A model on the local disk that is loaded by path while the server runs, under a given name.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use almanac_model::BundleFiles;
use async_trait::async_trait;
use futures_executor::block_on;

use crate::{Listing, Source, Store, StoreError, StoreOptions, compare_versions};

/// One model in a folder, or one graph, under another name than its own.
#[derive(Debug)]
pub struct Place {
    /// The store that contains the model.
    pub store: Arc<dyn Store>,
    /// The model, with the name that it was given.
    pub listing: Listing,
    /// The size of its files, in bytes.
    pub size_bytes: usize,
}

/// A store of one model, which it renames.
#[derive(Debug)]
struct RenamedStore {
    store: Box<dyn Store>,
    name: String,
    /// The model, as `store` lists it.
    original: Listing,
}

impl Place {
    /// Opens the model at `path` under the name `name`. After resolving symbolic links, the path
    /// must be below `root`, and it must contain exactly one model. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] if the path is not below `root`, cannot be read, or contains no model or more
    /// than one.
    pub fn open(
        root: &Path,
        path: &str,
        name: &str,
        options: &StoreOptions,
    ) -> Result<Self, StoreError> {
        let resolved = resolve_below(root, path)?;
        let source = if resolved.is_file() {
            Source::Graph(resolved.clone())
        } else {
            Source::Directory(resolved.clone())
        };
        let store = source.open(options)?;
        let original = newest_version(block_on(store.list())?, path)?;
        let folder = match version_folder(&resolved, &original) {
            Some(folder) if folder.is_dir() => folder,
            _ => resolved,
        };
        let listing = Listing {
            name: name.to_owned(),
            ..original.clone()
        };
        Ok(Self {
            store: Arc::new(RenamedStore {
                store,
                name: name.to_owned(),
                original,
            }),
            listing,
            size_bytes: size_of(&folder)?,
        })
    }
}

#[async_trait]
impl Store for RenamedStore {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        Ok(vec![Listing {
            name: self.name.clone(),
            ..self.original.clone()
        }])
    }

    async fn fetch(&self, _listing: &Listing) -> Result<BundleFiles, StoreError> {
        self.store.fetch(&self.original).await
    }

    fn has_authoritative_names(&self) -> bool {
        true
    }

    fn own(&self, _listing: &Listing) -> Listing {
        self.original.clone()
    }
}

/// Resolves the symbolic links of `path`, which must be below `root` before and after. A path that
/// is not below `root` is rejected without looking it up.
fn resolve_below(root: &Path, path: &str) -> Result<PathBuf, StoreError> {
    let outside = || StoreError::OutsideRoot {
        path: path.to_owned(),
        root: root.display().to_string(),
    };
    let requested = Path::new(path);
    let has_parent_parts = requested
        .components()
        .any(|part| matches!(part, Component::ParentDir));
    if has_parent_parts || !requested.starts_with(root) {
        return Err(outside());
    }
    let real_root = fs::canonicalize(root).map_err(StoreError::reading(root))?;
    let real_path = fs::canonicalize(requested).map_err(StoreError::reading(requested))?;
    if real_path == real_root || !real_path.starts_with(&real_root) {
        return Err(outside());
    }
    Ok(real_path)
}

/// Returns the newest version of the only model in `listings`, which are those of `path`.
fn newest_version(mut listings: Vec<Listing>, path: &str) -> Result<Listing, StoreError> {
    listings.sort_by(|left, right| compare_versions(&left.version, &right.version));
    let no_model = |reason: String| StoreError::NoModel {
        location: path.to_owned(),
        reason,
    };
    let newest = listings
        .pop()
        .ok_or_else(|| no_model("the folder is empty".to_owned()))?;
    match listings.iter().find(|other| other.name != newest.name) {
        Some(other) => Err(no_model(format!(
            "it contains {} and {}; put each model into its own folder",
            other.name, newest.name
        ))),
        None => Ok(newest),
    }
}

/// Returns the `NAME/VERSION/` folder of `listing` in `path`, if `path` is a folder.
fn version_folder(path: &Path, listing: &Listing) -> Option<PathBuf> {
    path.is_dir()
        .then(|| path.join(&listing.name).join(&listing.version))
}

/// Returns the size of a file, or of all files directly in a folder, in bytes.
fn size_of(path: &Path) -> Result<usize, StoreError> {
    let read = || -> std::io::Result<u64> {
        let metadata = fs::metadata(path)?;
        if metadata.is_file() {
            return Ok(metadata.len());
        }
        let mut total = 0;
        for entry in fs::read_dir(path)? {
            let metadata = fs::metadata(entry?.path())?;
            total += if metadata.is_file() {
                metadata.len()
            } else {
                0
            };
        }
        Ok(total)
    };
    let size = read().map_err(StoreError::reading(path))?;
    Ok(usize::try_from(size).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(root: &Path, path: &str) -> Result<Place, StoreError> {
        Place::open(root, path, "hash", &StoreOptions::default())
    }

    fn create_files(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "abc").unwrap();
        }
        root
    }

    #[tokio::test]
    async fn a_model_has_the_name_that_it_is_given() {
        let root = create_files(&[
            "h/model/store.onnx",
            "h/model/weights",
            "f/a/1/manifest.toml",
        ]);
        let path = format!("{}/h/model", root.path().display());
        let place = open(root.path(), &path).unwrap();
        let Listing { name, version, .. } = &place.listing;
        assert_eq!((name.as_str(), version.as_str()), ("hash", "ba7816bf8f01"));
        assert_eq!(place.size_bytes, 6);
        assert_eq!(place.store.own(&place.listing).name, "store");
        assert_eq!(
            place.store.list().await.unwrap(),
            std::slice::from_ref(&place.listing)
        );
        assert_eq!(place.store.fetch(&place.listing).await.unwrap().len(), 2);

        let path = format!("{}/f", root.path().display());
        let place = open(root.path(), &path).unwrap();
        assert_eq!((place.listing.version.as_str(), place.size_bytes), ("1", 3));
        let path = format!("{}/h/model/store.onnx", root.path().display());
        assert_eq!(open(root.path(), &path).unwrap().size_bytes, 3);
    }

    #[test]
    fn a_path_outside_of_the_root_is_rejected() {
        let outside = create_files(&["store.onnx"]);
        let inside = create_files(&["a/store.onnx"]);
        std::os::unix::fs::symlink(outside.path(), inside.path().join("link")).unwrap();
        let at = |path: &str| format!("{}/{path}", inside.path().display());
        let paths = [
            outside.path().display().to_string(),
            at("link"),
            at("a/../../x"),
            at(""),
            "a".to_owned(),
            "s3://bucket/model".to_owned(),
            String::new(),
        ];
        for path in paths {
            let message = open(inside.path(), &path).unwrap_err().to_string();
            assert!(
                message.contains("is not a folder below"),
                "{path}: {message}"
            );
        }
        let message = open(inside.path(), &at("nothing")).unwrap_err().to_string();
        assert!(message.starts_with("cannot read "), "{message}");
    }

    #[test]
    fn a_folder_must_contain_exactly_one_model() {
        let root = create_files(&[
            "two/a/1/manifest.toml",
            "two/b/1/manifest.toml",
            "pickle/model.pkl",
        ]);
        fs::create_dir(root.path().join("empty")).unwrap();
        for (folder, reason) in [
            ("two", "it contains a and b"),
            ("empty", "the folder is empty"),
            ("pickle", "it contains no model, only model.pkl"),
        ] {
            let path = format!("{}/{folder}", root.path().display());
            let message = open(root.path(), &path).unwrap_err().to_string();
            assert!(message.contains(reason), "{folder}: {message}");
        }
    }
}
