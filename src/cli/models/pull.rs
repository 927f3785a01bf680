//! `almanac models pull`.

use std::path::PathBuf;

use clap::Args;
use futures_executor::block_on;

use crate::cli::models::choice::{Choice, Chosen};
use crate::cli::models::opening;
use crate::cli::models::prepare::prepare;
use crate::cli::{Failure, print};
use crate::config::SharedFlags;
use almanac_model::{Bundle, SIGNATURE_FILE};
use almanac_store::Source;

/// From where to where.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  almanac models pull s3://bucket/models ./models
  almanac models pull mlflow:store-sales@production ./models
  almanac models pull embedded: ./models --only seasonal/1")]
pub(in crate::cli) struct PullArgs {
    /// The source
    source: Source,
    /// The directory, in which NAME/VERSION/ is written
    directory: PathBuf,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    shared: Box<SharedFlags>,
}

/// Runs the subcommand.
pub(super) fn run(args: &PullArgs) -> Result<(), Failure> {
    let (_, options, bar) = opening(&args.shared)?;
    let chosen = Chosen::new(&args.source, &args.choice, &options)?;
    let directory = Source::Directory(args.directory.clone());
    let deposit = directory.deposit(&options).map_err(anyhow::Error::from)?;
    for listing in &chosen.listings {
        let mut files = chosen.fetch(listing)?;
        let mut note = "";
        if !files.contains_key("manifest.toml") {
            note = "  (without a manifest: almanac models inspect FILE --draft writes one)";
        } else if chosen.names_models() {
            // A folder must be called what its manifest says, and the registry said otherwise.
            if files.remove(SIGNATURE_FILE).is_some() {
                note = "  (renamed, so without its signature)";
            }
            prepare(&mut files, listing, None)?;
        } else {
            Bundle::verify(files.clone()).map_err(anyhow::Error::from)?;
        }
        let put = block_on(deposit.put(listing, &files)).map_err(anyhow::Error::from)?;
        print(&format!(
            "{}/{}  {}{note}\n",
            put.name, put.version, put.place
        ));
    }
    bar.finish();
    Ok(())
}
