//! Signatures of manifests: ed25519 over the bytes of `manifest.toml`, which contains the digests of all
//! other files.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use thiserror::Error;

use crate::BundleFiles;

/// The name of the file that contains the signature of the manifest: the base64 encoding of 64 bytes.
pub const SIGNATURE_FILE: &str = "manifest.sig";

const PREFIX: &str = "ed25519:";
const SECRET_PREFIX: &str = "ed25519-secret:";

/// A key that verifies signatures, in its text form `ed25519:` followed by base64.
///
/// ```
/// use almanac_model::{BundleFiles, PublicKeys, SIGNATURE_FILE, SecretKey};
///
/// let key = SecretKey::generate();
/// let manifest = b"format = 1";
/// let mut files = BundleFiles::new();
/// files.insert("manifest.toml".to_owned(), manifest.into());
/// files.insert(SIGNATURE_FILE.to_owned(), key.sign(manifest).into_bytes().into());
/// assert!(PublicKeys::new(vec![key.public()]).check(&files).is_ok());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A set of keys, one of which must have signed a bundle. An empty set requires no signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

/// A key that signs manifests. Its text form is secret: `ed25519-secret:` followed by base64.
pub struct SecretKey(SigningKey);

/// The error returned when a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The text is not a public key.
    #[error(
        "not a public key; use ed25519: followed by the base64 encoding of 32 bytes, as printed by almanac models keygen"
    )]
    Public,
    /// The text is not a secret key.
    #[error(
        "not a secret key; use ed25519-secret: followed by the base64 encoding of 32 bytes, as written by almanac models keygen"
    )]
    Secret,
}

/// The error returned when a bundle is not signed by a trusted key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The bundle is a bare graph without a manifest that could be signed.
    #[error("manifest.toml is missing; models.public_keys requires a signed manifest")]
    NoManifest,
    /// The manifest contains no digests, so that its signature does not cover the graph.
    #[error(
        "manifest.toml has no digests in [files]; models.public_keys requires a signed manifest with digests"
    )]
    Unpinned,
    /// The signature is missing.
    #[error(
        "manifest.sig is missing; models.public_keys requires it; sign the bundle with almanac models sign"
    )]
    Missing,
    /// The signature is malformed.
    #[error("manifest.sig is not the base64 encoding of 64 bytes")]
    Malformed,
    /// The signature was not made with any of the keys, or not for this manifest.
    #[error(
        "manifest.sig is not a signature of this manifest.toml by any key in models.public_keys"
    )]
    Untrusted,
}

impl PublicKeys {
    /// Creates a set of `keys`.
    #[must_use]
    pub const fn new(keys: Vec<PublicKey>) -> Self {
        Self(keys)
    }

    /// Returns true if the set is empty, so that no signature is required.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that one of the keys signed the manifest among `files`. Accepts any files if the set is
    /// empty.
    ///
    /// # Errors
    /// Returns a [`SignatureError`] if the signature is missing, malformed, or by another key.
    pub fn check(&self, files: &BundleFiles) -> Result<(), SignatureError> {
        if self.is_empty() {
            return Ok(());
        }
        let manifest = files
            .get("manifest.toml")
            .ok_or(SignatureError::NoManifest)?;
        let text = files.get(SIGNATURE_FILE).ok_or(SignatureError::Missing)?;
        let signature = BASE64
            .decode(text.trim_ascii())
            .ok()
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .ok_or(SignatureError::Malformed)?;
        // The strict check rejects keys and signatures of small order, which fit more than one message.
        let is_signed_by = |key: &PublicKey| key.0.verify_strict(manifest, &signature).is_ok();
        if self.0.iter().any(is_signed_by) {
            Ok(())
        } else {
            Err(SignatureError::Untrusted)
        }
    }
}

impl SecretKey {
    /// Generates a random key.
    #[must_use]
    pub fn generate() -> Self {
        Self(SigningKey::from_bytes(&rand::random()))
    }

    /// Returns the public key that verifies the signatures of this key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `manifest`, and returns the content of `manifest.sig`.
    #[must_use]
    pub fn sign(&self, manifest: &[u8]) -> String {
        format!("{}\n", BASE64.encode(self.0.sign(manifest).to_bytes()))
    }

    /// Returns the text form of the key, which is secret.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{SECRET_PREFIX}{}", BASE64.encode(self.0.as_bytes()))
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        text.trim()
            .strip_prefix(PREFIX)
            .and_then(decode_key)
            .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
            .map(Self)
            .ok_or(KeyError::Public)
    }
}

impl FromStr for SecretKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        text.trim()
            .strip_prefix(SECRET_PREFIX)
            .and_then(decode_key)
            .map(|bytes| Self(SigningKey::from_bytes(&bytes)))
            .ok_or(KeyError::Secret)
    }
}

fn decode_key(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", BASE64.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn files(manifest: &'static str, signature: Option<String>) -> BundleFiles {
        let mut files = BundleFiles::new();
        files.insert(
            "manifest.toml".to_owned(),
            Cow::Borrowed(manifest.as_bytes()),
        );
        if let Some(text) = signature {
            files.insert(SIGNATURE_FILE.to_owned(), Cow::Owned(text.into_bytes()));
        }
        files
    }

    #[test]
    fn matches_the_first_test_vector_of_rfc_8032() {
        // RFC 8032, section 7.1, test 1: the empty message.
        let secret = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
        let secret: SecretKey = format!("ed25519-secret:{secret}").parse().unwrap();
        let public = "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        assert_eq!(secret.public().to_string(), public);
        assert_eq!(
            secret.sign(b"").trim(),
            "5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc+bRr0lv18FlbviRlUUFDjnoQCw=="
        );
        assert!(!format!("{secret:?}").contains("nWGx"));
    }

    #[test]
    fn requires_a_signature_of_the_manifest_by_one_of_the_keys() {
        let (ours, other) = (SecretKey::generate(), SecretKey::generate());
        let keys = PublicKeys::new(vec![other.public(), ours.public()]);
        keys.check(&files("a", Some(ours.sign(b"a")))).unwrap();
        PublicKeys::default().check(&files("a", None)).unwrap();

        let stranger = SecretKey::generate();
        for (files, expected) in [
            (files("a", None), SignatureError::Missing),
            (
                files("a", Some("AAAA".to_owned())),
                SignatureError::Malformed,
            ),
            (files("b", Some(ours.sign(b"a"))), SignatureError::Untrusted),
            (
                files("a", Some(stranger.sign(b"a"))),
                SignatureError::Untrusted,
            ),
            (BundleFiles::new(), SignatureError::NoManifest),
        ] {
            assert_eq!(keys.check(&files), Err(expected));
        }
    }

    #[test]
    fn a_key_round_trips_through_its_text_form() {
        let key = SecretKey::generate();
        let again: SecretKey = key.reveal().parse().unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
        for text in ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA"] {
            assert_eq!(text.parse::<PublicKey>(), Err(KeyError::Public));
        }
    }
}
