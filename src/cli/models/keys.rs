//! `almanac models keygen` and `almanac models sign`.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use almanac_model::{SIGNATURE_FILE, SecretKey};
use anyhow::Context as _;
use clap::Args;

use crate::cli::{CliError, print};

/// The file of the new key.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  almanac models keygen almanac.key
  almanac serve --models s3://bucket/models --public-keys ed25519:...")]
pub(in crate::cli) struct KeygenArgs {
    /// File to write the secret key to; must not exist
    file: PathBuf,
}

/// The bundle to sign, and the key.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  almanac models sign ./my-model --sign-key almanac.key")]
pub(in crate::cli) struct SignArgs {
    /// Folder of the bundle, to write manifest.sig to
    folder: PathBuf,
    /// File with the secret key
    #[arg(long, value_name = "FILE")]
    sign_key: PathBuf,
}

/// Runs `keygen`.
pub(super) fn generate(args: &KeygenArgs) -> Result<(), CliError> {
    let key = SecretKey::generate();
    write_secret(&args.file, &key.reveal())?;
    print(&format!("{}\n", key.public()));
    Ok(())
}

/// Runs `sign`.
pub(super) fn sign(args: &SignArgs) -> Result<(), CliError> {
    let key = read_key(&args.sign_key)?;
    let path = args.folder.join("manifest.toml");
    let manifest = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let path = args.folder.join(SIGNATURE_FILE);
    fs::write(&path, key.sign(&manifest))
        .with_context(|| format!("cannot write {}", path.display()))?;
    print(&format!("{}  by {}\n", path.display(), key.public()));
    Ok(())
}

/// Reads the secret key in a file.
pub(super) fn read_key(path: &Path) -> anyhow::Result<SecretKey> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| path.display().to_string())
}

/// Writes a new file that only its owner can read.
fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow::anyhow!(
            "{} already exists; a key in use must not be overwritten, so choose another file",
            path.display()
        ),
        _ => anyhow::Error::from(error).context(format!("cannot write {}", path.display())),
    })?;
    writeln!(file, "{text}").with_context(|| format!("cannot write {}", path.display()))
}
