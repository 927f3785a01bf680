//! `almanac models list`.

use std::fmt::Write as _;

use anyhow::Context as _;
use clap::Args;
use futures_executor::block_on;
use serde::Serialize;

use crate::cli::models::opening;
use crate::cli::{Failure, print};
use crate::config::SharedFlags;
use almanac_store::{Listing, Source, by_version};

/// Which sources.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  almanac models list
  almanac models list s3://bucket/models --json
  almanac models list mlflow:store-sales@production")]
pub(in crate::cli) struct ListArgs {
    /// The sources [default: those that the server would use]
    #[arg(value_name = "SOURCE")]
    sources: Vec<Source>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shared: Box<SharedFlags>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    version: String,
    source: String,
}

/// Runs the subcommand.
pub(super) fn run(args: &ListArgs) -> Result<(), Failure> {
    let (config, options, _bar) = opening(&args.shared)?;
    let sources = match args.sources.as_slice() {
        [] => &config.models.sources,
        given => given,
    };
    let mut rows = Vec::new();
    for source in sources {
        let store = source.open(&options).map_err(anyhow::Error::from)?;
        let mut listings = block_on(store.list()).map_err(anyhow::Error::from)?;
        listings.sort_by(|left, right| {
            let newest_first = by_version(&right.version, &left.version);
            left.name.cmp(&right.name).then(newest_first)
        });
        rows.extend(listings.into_iter().map(|listing| {
            let Listing { name, version, .. } = listing;
            let source = source.to_string();
            Row {
                name,
                version,
                source,
            }
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

fn table(rows: &[Row]) -> String {
    let width = |of: fn(&Row) -> &str, title: &str| {
        let cells = rows.iter().map(|row| of(row).chars().count());
        cells.max().unwrap_or(0).max(title.len())
    };
    let (name, version) = (
        width(|row| &row.name, "name"),
        width(|row| &row.version, "version"),
    );
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
