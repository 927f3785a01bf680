//! The preparation of a bundle for its destination: name, digests and signature.

use std::borrow::Cow;

use almanac_model::{Bundle, BundleFiles, Digest, SIGNATURE_FILE, SecretKey};
use almanac_store::Listing;
use anyhow::{Context as _, bail};
use toml_edit::{DocumentMut, Item, Table, value};

const MANIFEST: &str = "manifest.toml";

/// Writes the name of the bundle and the digests of its files into the manifest, keeping its
/// comments; signs it if there is a key; and checks that the result is a valid bundle.
pub(super) fn prepare(
    files: &mut BundleFiles,
    listing: &Listing,
    key: Option<&SecretKey>,
) -> anyhow::Result<()> {
    let before = files
        .get(MANIFEST)
        .context("manifest.toml is missing; almanac models inspect FILE --draft writes one")?;
    let text = std::str::from_utf8(before).context("manifest.toml")?;
    let mut manifest: DocumentMut = text.parse().context("manifest.toml")?;
    set(&mut manifest, "name", &listing.name);
    set(&mut manifest, "version", &listing.version);
    let table = manifest.entry("files").or_insert(Item::Table(Table::new()));
    let table = table
        .as_table_like_mut()
        .context("manifest.toml: files is not a table")?;
    for (name, bytes) in files.iter() {
        if name == MANIFEST || name == SIGNATURE_FILE {
            continue;
        }
        let digest = Digest::of(bytes).to_string();
        if table.get(name).and_then(Item::as_str) != Some(&digest) {
            table.insert(name, value(digest));
        }
    }
    let after = manifest.to_string().into_bytes();
    let has_changed = after != **before;
    if let Some(key) = key {
        let signature = key.sign(&after).into_bytes();
        files.insert(SIGNATURE_FILE.to_owned(), Cow::Owned(signature));
    } else if has_changed && files.contains_key(SIGNATURE_FILE) {
        bail!(
            "the manifest has changed, so manifest.sig is no longer valid; sign it with --sign-key"
        );
    }
    files.insert(MANIFEST.to_owned(), Cow::Owned(after));
    Bundle::verify(files.clone())?;
    Ok(())
}

fn set(manifest: &mut DocumentMut, key: &str, text: &str) {
    if manifest.get(key).and_then(Item::as_str) != Some(text) {
        manifest[key] = value(text);
    }
}

#[cfg(test)]
mod tests {
    use almanac_model::PublicKeys;
    use almanac_store::embedded::Embedded;

    use super::*;

    fn seasonal(name: &str) -> (BundleFiles, Listing) {
        let mut files = Embedded::files("seasonal", "1").unwrap();
        let text = String::from_utf8(files[MANIFEST].to_vec()).unwrap();
        let text = format!("# Kept.\n{text}");
        files.insert(MANIFEST.to_owned(), Cow::Owned(text.into_bytes()));
        let listing = Listing {
            name: name.to_owned(),
            version: "1".to_owned(),
            revision: String::new(),
        };
        (files, listing)
    }

    #[test]
    fn a_prepared_bundle_is_not_changed() {
        let (mut files, listing) = seasonal("seasonal");
        let before = files.clone();
        prepare(&mut files, &listing, None).unwrap();
        assert_eq!(files, before);
    }

    #[test]
    fn a_new_name_and_a_changed_file_are_written_and_comments_are_kept() {
        let (mut files, listing) = seasonal("other");
        files.insert("notes.txt".to_owned(), Cow::Borrowed(b"new"));
        prepare(&mut files, &listing, None).unwrap();
        let text = String::from_utf8(files[MANIFEST].to_vec()).unwrap();
        assert!(text.starts_with("# Kept.\n"), "{text}");
        let bundle = Bundle::verify(files).unwrap();
        assert_eq!(bundle.manifest.name, "other");
        assert_eq!(bundle.manifest.files["notes.txt"], Digest::of(b"new"));
    }

    #[test]
    fn an_invalid_signature_is_replaced_or_rejected() {
        let key = SecretKey::generate();
        let keys = PublicKeys::new(vec![key.public()]);
        let (mut files, listing) = seasonal("seasonal");
        prepare(&mut files, &listing, Some(&key)).unwrap();
        keys.check(&files).unwrap();
        let (_, renamed) = seasonal("other");
        let error = prepare(&mut files, &renamed, None).unwrap_err();
        assert!(error.to_string().contains("--sign-key"), "{error}");
        prepare(&mut files, &renamed, Some(&key)).unwrap();
        keys.check(&files).unwrap();
    }

    #[test]
    fn a_graph_without_a_manifest_is_rejected() {
        let (mut files, listing) = seasonal("seasonal");
        files.remove(MANIFEST);
        let error = prepare(&mut files, &listing, None).unwrap_err();
        assert!(
            error.to_string().contains("inspect FILE --draft"),
            "{error}"
        );
    }
}
