//! `almanac models pull`.

use std::path::PathBuf;

use almanac_model::{Bundle, SIGNATURE_FILE};
use almanac_store::Source;
use clap::Args;
use futures_executor::block_on;

use crate::cli::models::choice::{ChosenVersions, VersionChoice};
use crate::cli::models::open_options;
use crate::cli::models::prepare::prepare;
use crate::cli::{CliError, print};
use crate::config::SharedFlags;

/// The source and the directory.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  almanac models pull s3://bucket/models ./models
  almanac models pull mlflow:store-sales@production ./models
  almanac models pull embedded: ./models --only seasonal/1")]
pub(in crate::cli) struct PullArgs {
    /// Source to copy from
    source: Source,
    /// Directory to create NAME/VERSION/ in
    directory: PathBuf,
    #[command(flatten)]
    choice: VersionChoice,
    #[command(flatten)]
    shared: Box<SharedFlags>,
}

/// Runs the subcommand.
pub(super) fn run(args: &PullArgs) -> Result<(), CliError> {
    let (_, options, bar) = open_options(&args.shared)?;
    let chosen = ChosenVersions::new(&args.source, &args.choice, &options)?;
    let directory = Source::Directory(args.directory.clone());
    let deposit = directory.deposit(&options).map_err(anyhow::Error::from)?;
    for listing in &chosen.listings {
        let mut files = chosen.fetch(listing)?;
        let mut note = "";
        if !files.contains_key("manifest.toml") {
            note = "  (has no manifest; almanac models inspect FILE --draft writes one)";
        } else if chosen.has_authoritative_names() {
            // A folder has the name of its manifest, and the source gives the model another name.
            if files.remove(SIGNATURE_FILE).is_some() {
                note = "  (renamed, so its signature was removed)";
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
