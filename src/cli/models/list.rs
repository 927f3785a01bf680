//! `almanac models list`.

use std::fmt::Write as _;

use almanac_store::{Source, compare_versions};
use anyhow::Context as _;
use clap::Args;
use futures_executor::block_on;
use serde::Serialize;

use crate::cli::models::open_options;
use crate::cli::{CliError, print};
use crate::config::SharedFlags;

/// The sources to list.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  almanac models list
  almanac models list s3://bucket/models --json
  almanac models list mlflow:store-sales@production")]
pub(in crate::cli) struct ListArgs {
    /// Sources to list [default: the sources of the server]
    #[arg(value_name = "SOURCE")]
    sources: Vec<Source>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shared: Box<SharedFlags>,
}

#[derive(Serialize)]
struct ModelRow {
    name: String,
    version: String,
    source: String,
}

/// Runs the subcommand.
pub(super) fn run(args: &ListArgs) -> Result<(), CliError> {
    let (config, options, _bar) = open_options(&args.shared)?;
    let sources = match args.sources.as_slice() {
        [] => &config.models.sources,
        given => given,
    };
    let mut rows = Vec::new();
    for source in sources {
        let store = source.open(&options).map_err(anyhow::Error::from)?;
        let mut listings = block_on(store.list()).map_err(anyhow::Error::from)?;
        listings.sort_by(|left, right| {
            let newest_first = compare_versions(&right.version, &left.version);
            left.name.cmp(&right.name).then(newest_first)
        });
        rows.extend(listings.into_iter().map(|listing| ModelRow {
            name: listing.name,
            version: listing.version,
            source: source.to_string(),
        }));
    }
    print(&if args.json {
        let text = serde_json::to_string_pretty(&rows).context("writing JSON")?;
        format!("{text}\n")
    } else {
        table(&rows)
    });
    Ok(())
}

fn table(rows: &[ModelRow]) -> String {
    let width = |cell: fn(&ModelRow) -> &str, title: &str| {
        rows.iter()
            .map(|row| cell(row).chars().count())
            .chain([title.len()])
            .max()
            .unwrap_or(0)
    };
    let name = width(|row| &row.name, "name");
    let version = width(|row| &row.version, "version");
    let mut text = format!("{:<name$}  {:<version$}  source\n", "name", "version");
    for row in rows {
        // Writing to a string cannot fail.
        let _infallible = writeln!(
            text,
            "{:<name$}  {:<version$}  {}",
            row.name, row.version, row.source
        );
    }
    text
}
