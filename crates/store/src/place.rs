//! One model in a folder that was named while the server runs, under a name of its own.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures_executor::block_on;

use crate::{Listing, Source, Store, StoreError, StoreOptions, by_version};
use almanac_model::BundleFiles;

/// One model in a folder, or a graph, which is called by another name than its own.
#[derive(Debug)]
pub struct Place {
    /// The model.
    pub store: Arc<dyn Store>,
    /// It, by the name that it is called by.
    pub listing: Listing,
    /// Bytes of its files.
    pub size_bytes: usize,
}

/// The model of a place, renamed.
#[derive(Debug)]
struct Renamed {
    store: Box<dyn Store>,
    name: String,
    own: Listing,
}

impl Place {
    /// The model at `path`, which is called `name`. It must lie below `root`, links followed, and
    /// there must be one. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] when it lies elsewhere, cannot be read or holds no model, or more than one.
    pub fn open(
        (root, path): (&Path, &str),
        name: &str,
        options: &StoreOptions,
    ) -> Result<Self, StoreError> {
        let place = within(root, path)?;
        let source: Source = if place.is_file() {
            Source::Graph(place.clone())
        } else {
            Source::Directory(place.clone())
        };
        let store = source.open(options)?;
        let own = only(block_on(store.list())?, path)?;
        let folder = match own_folder(&place, &own) {
            Some(folder) if folder.is_dir() => folder,
            _ => place,
        };
        let listing = Listing {
            name: name.to_owned(),
            ..own.clone()
        };
        let name = name.to_owned();
        Ok(Self {
            store: Arc::new(Renamed { store, name, own }),
            listing,
            size_bytes: size_of(&folder)?,
        })
    }
}

#[async_trait]
impl Store for Renamed {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        Ok(vec![Listing {
            name: self.name.clone(),
            ..self.own.clone()
        }])
    }

    async fn fetch(&self, _listing: &Listing) -> Result<BundleFiles, StoreError> {
        self.store.fetch(&self.own).await
    }

    fn names_models(&self) -> bool {
        true
    }

    fn own(&self, _listing: &Listing) -> Listing {
        self.own.clone()
    }
}

/// `path` without links, when it lies below `root`. What lies elsewhere is not even looked for.
fn within(root: &Path, path: &str) -> Result<PathBuf, StoreError> {
    let outside = || StoreError::Outside {
        place: path.to_owned(),
        root: root.display().to_string(),
    };
    let asked = Path::new(path);
    let climbs = asked
        .components()
        .any(|part| matches!(part, Component::ParentDir));
    if climbs || !asked.starts_with(root) {
        return Err(outside());
    }
    let real_root = fs::canonicalize(root).map_err(StoreError::reading(root))?;
    let real = fs::canonicalize(asked).map_err(StoreError::reading(asked))?;
    if real == real_root || !real.starts_with(&real_root) {
        return Err(outside());
    }
    Ok(real)
}

/// The newest version of the one model that was listed at `path`.
fn only(mut listings: Vec<Listing>, path: &str) -> Result<Listing, StoreError> {
    listings.sort_by(|left, right| by_version(&left.version, &right.version));
    let refused = |reason: String| StoreError::NoModel {
        place: path.to_owned(),
        reason,
    };
    let newest = listings
        .pop()
        .ok_or_else(|| refused("the folder is empty".to_owned()))?;
    match listings.iter().find(|other| other.name != newest.name) {
        Some(other) => Err(refused(format!(
            "it holds {} and {}; put each model into a folder of its own",
            other.name, newest.name
        ))),
        None => Ok(newest),
    }
}

fn own_folder(place: &Path, own: &Listing) -> Option<PathBuf> {
    place
        .is_dir()
        .then(|| place.join(&own.name).join(&own.version))
}

/// Bytes of a file, or of all files of a folder.
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

    fn open(root: &Path, path: &str) -> Result<Place, String> {
        let place = Place::open((root, path), "hash", &StoreOptions::default());
        place.map_err(|error| error.to_string())
    }

    fn root(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "abc").unwrap();
        }
        root
    }

    #[tokio::test]
    async fn a_model_is_called_by_the_name_it_is_given() {
        let root = root(&[
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
    fn what_lies_elsewhere_is_not_read() {
        let outside = root(&["store.onnx"]);
        let inside = root(&["a/store.onnx"]);
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
            let told = open(inside.path(), &path).unwrap_err();
            assert!(told.contains("is not a folder below"), "{path}: {told}");
        }
        let told = open(inside.path(), &at("nothing")).unwrap_err();
        assert!(told.starts_with("cannot read "), "{told}");
    }

    #[test]
    fn a_place_holds_one_model() {
        let root = root(&[
            "two/a/1/manifest.toml",
            "two/b/1/manifest.toml",
            "pickle/model.pkl",
        ]);
        fs::create_dir(root.path().join("empty")).unwrap();
        for (folder, reason) in [
            ("two", "it holds a and b"),
            ("empty", "the folder is empty"),
            ("pickle", "no model is in it, only model.pkl"),
        ] {
            let path = format!("{}/{folder}", root.path().display());
            let told = open(root.path(), &path).unwrap_err();
            assert!(told.contains(reason), "{folder}: {told}");
        }
    }
}
