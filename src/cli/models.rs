//! `almanac models`: looking at models, and moving them between sources.

mod choice;
mod inspect;
mod keys;
mod list;
mod prepare;
mod pull;
mod push;
mod verify;

use std::sync::Arc;

use clap::Subcommand;

use crate::cli::bar::Bar;
use crate::cli::{Failure, configure};
use crate::config::{Config, SharedFlags};
use almanac_store::StoreOptions;

/// What to do with models.
#[derive(Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// List what sources hold
    List(list::ListArgs),
    /// Copy models from a source to a directory
    Pull(pull::PullArgs),
    /// Copy models to a directory, S3 or MLflow, with digests in their manifests
    Push(push::PushArgs),
    /// Check models as the server would before it serves them
    Verify(verify::VerifyArgs),
    /// Sign the manifest of a bundle
    Sign(keys::SignArgs),
    /// Make a key that signs, and print the key that checks
    Keygen(keys::KeygenArgs),
    /// Print the inputs, outputs and metadata of an ONNX file, and a draft of its manifest
    Inspect(inspect::InspectArgs),
}

/// Runs the subcommand.
pub(super) fn run(command: &ModelsCommand) -> Result<(), Failure> {
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

/// The configuration under `shared`, and how it opens sources, with a bar that shows bytes.
fn opening(shared: &SharedFlags) -> Result<(Config, StoreOptions, Arc<Bar>), Failure> {
    let config = configure(shared, true)?;
    let bar = Arc::new(Bar::of_bytes());
    let options = StoreOptions {
        progress: Arc::clone(&bar) as _,
        ..config.store_options()
    };
    Ok((config, options, bar))
}
