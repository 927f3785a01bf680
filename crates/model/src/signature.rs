//! Signatures of manifests: ed25519 over the bytes of `manifest.toml`, which hold the digests of all
//! other files.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use thiserror::Error;

use crate::BundleFiles;

/// The file beside the manifest that holds its signature: base64 of 64 bytes.
pub const SIGNATURE_FILE: &str = "manifest.sig";

const PREFIX: &str = "ed25519:";

/// The key that a signature is checked with, written `ed25519:` and base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// The keys of which one must have signed a bundle. Without a key nothing need be signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

/// The key that signs. Its text is a secret: `ed25519-secret:` and base64.
pub struct SecretKey(SigningKey);

/// Why a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// It is not a public key.
    #[error(
        "not a public key; write ed25519: and the base64 of 32 bytes, as almanac models keygen prints it"
    )]
    Public,
    /// It is not a secret key.
    #[error(
        "not a secret key; write ed25519-secret: and the base64 of 32 bytes, as almanac models keygen writes it"
    )]
    Secret,
}

/// Why a bundle is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// There is no manifest to sign: the bundle is a bare graph.
    #[error("there is no manifest.toml, and models.public_keys asks for a signed one")]
    NoManifest,
    /// The manifest pins nothing, so that its signature is of no graph.
    #[error("manifest.toml has no digest in [files], and models.public_keys asks for a signed one")]
    Unpinned,
    /// There is no signature.
    #[error(
        "manifest.sig is missing, and models.public_keys asks for it; sign with almanac models sign"
    )]
    Missing,
    /// The signature is not one.
    #[error("manifest.sig is not the base64 of 64 bytes")]
    Malformed,
    /// No key made this signature of this manifest.
    #[error("manifest.sig is not the signature of this manifest.toml by any of models.public_keys")]
    Untrusted,
}

impl PublicKeys {
    /// These keys.
    #[must_use]
    pub const fn new(keys: Vec<PublicKey>) -> Self {
        Self(keys)
    }

    /// Whether nothing need be signed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that one of the keys signed the manifest among `files`, where there are keys.
    ///
    /// # Errors
    /// [`SignatureError`] says what is missing.
    pub fn check(&self, files: &BundleFiles) -> Result<(), SignatureError> {
        if self.is_empty() {
            return Ok(());
        }
        let manifest = files
            .get("manifest.toml")
            .ok_or(SignatureError::NoManifest)?;
        let text = files.get(SIGNATURE_FILE).ok_or(SignatureError::Missing)?;
        let bytes = BASE64.decode(text.trim_ascii()).ok();
        let signature = bytes
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .ok_or(SignatureError::Malformed)?;
        // Strict: a key or a signature of small order, which fits more than one text, is refused.
        let is_by = |key: &PublicKey| key.0.verify_strict(manifest, &signature).is_ok();
        if self.0.iter().any(is_by) {
            Ok(())
        } else {
            Err(SignatureError::Untrusted)
        }
    }
}

impl SecretKey {
    /// A new key.
    #[must_use]
    pub fn generate() -> Self {
        Self(SigningKey::from_bytes(&rand::random()))
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The text of `manifest.sig` for this manifest.
    #[must_use]
    pub fn sign(&self, manifest: &[u8]) -> String {
        format!("{}\n", BASE64.encode(self.0.sign(manifest).to_bytes()))
    }

    /// Its text, which is a secret.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("ed25519-secret:{}", BASE64.encode(self.0.as_bytes()))
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = text.trim().strip_prefix(PREFIX).and_then(decoded);
        bytes
            .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
            .map(Self)
            .ok_or(KeyError::Public)
    }
}

impl FromStr for SecretKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = text.trim().strip_prefix("ed25519-secret:");
        bytes
            .and_then(decoded)
            .map(|bytes| Self(SigningKey::from_bytes(&bytes)))
            .ok_or(KeyError::Secret)
    }
}

fn decoded(text: &str) -> Option<[u8; 32]> {
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
    fn reads_the_first_key_and_signature_of_rfc_8032() {
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
    fn one_of_the_keys_must_have_signed_this_manifest() {
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
    fn a_key_survives_its_text() {
        let key = SecretKey::generate();
        let again: SecretKey = key.reveal().parse().unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
        for text in ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA"] {
            assert_eq!(text.parse::<PublicKey>(), Err(KeyError::Public));
        }
    }
}
