//! `almanac models`: listing, checking, inspecting, copying and signing models.

mod choice;
mod inspect;
mod keys;
mod list;
mod prepare;
mod pull;
mod push;
mod verify;

use std::sync::Arc;

use almanac_store::StoreOptions;
use clap::Subcommand;

use crate::cli::bar::Bar;
use crate::cli::{CliError, configure};
use crate::config::{Config, SharedFlags};

/// The subcommands of `almanac models`.
#[derive(Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// List the models of sources
    List(list::ListArgs),
    /// Copy models from a source to a directory
    Pull(pull::PullArgs),
    /// Copy models to a directory, S3 or MLflow, with digests in their manifests
    Push(push::PushArgs),
    /// Check models as the server does before it serves them
    Verify(verify::VerifyArgs),
    /// Sign the manifest of a bundle
    Sign(keys::SignArgs),
    /// Generate a secret key, and print its public key
    Keygen(keys::KeygenArgs),
    /// Print the inputs, outputs and metadata of an ONNX file, and a draft of a manifest
    Inspect(inspect::InspectArgs),
}

/// Runs the subcommand.
pub(super) fn run(command: &ModelsCommand) -> Result<(), CliError> {
    match command {
        ModelsCommand::List(args) => list::run(args),
        ModelsCommand::Pull(args) => pull::run(args),
        ModelsCommand::Push(args) => push::run(args),
        ModelsCommand::Verify(args) => verify::run(args),
        ModelsCommand::Sign(args) => keys::sign(args),
        ModelsCommand::Keygen(args) => keys::generate(args),
        ModelsCommand::Inspect(args) => inspect::run(args),
    }
}

/// Loads the configuration, and returns it with the options of its sources, and a bar that shows the
/// bytes that are transferred.
fn open_options(shared: &SharedFlags) -> Result<(Config, StoreOptions, Arc<Bar>), CliError> {
    let config = configure(shared, true)?;
    let bar = Arc::new(Bar::of_bytes());
    let options = StoreOptions {
        progress: Arc::clone(&bar) as _,
        ..config.store_options()
    };
    Ok((config, options, bar))
}
