//! `almanac models push`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use futures_executor::block_on;
use serde::Serialize;

use crate::cli::models::choice::{Choice, Chosen};
use crate::cli::models::keys::read_key;
use crate::cli::models::opening;
use crate::cli::models::prepare::prepare;
use crate::cli::{Failure, print};
use crate::config::SharedFlags;
use almanac_store::{Listing, MlflowPlace, Pick, Source, StoreOptions};

/// From where to where.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  almanac models push ./my-model s3://bucket/models
  almanac models push ./my-model mlflow:http://localhost:5000/store-sales --alias production
  almanac models push s3://bucket/staging s3://bucket/live --only store-sales/7 --sign-key key")]
pub(in crate::cli) struct PushArgs {
    /// The folder of a bundle, or a source
    #[arg(value_name = "DIR|SOURCE")]
    from: Source,
    /// A directory, a prefix in S3, or mlflow:NAME
    #[arg(value_name = "DEST")]
    to: Source,
    #[command(flatten)]
    choice: Choice,
    /// Call it this there; of one model
    #[arg(long = "as", value_name = "NAME/VERSION")]
    name: Option<String>,
    /// Have this alias name the new version; of MLflow
    #[arg(long, value_name = "ALIAS")]
    alias: Option<String>,
    /// Sign the manifest with the key in this file
    #[arg(long, value_name = "FILE")]
    sign_key: Option<PathBuf>,
    /// Replace a version that is there
    #[arg(long)]
    overwrite: bool,
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
    place: String,
}

/// Runs the subcommand.
pub(super) fn run(args: &PushArgs) -> Result<(), Failure> {
    let (_, options, bar) = opening(&args.shared)?;
    let rows = push(args, &options)?;
    bar.finish();
    print(&if args.json {
        let text = serde_json::to_string_pretty(&rows).context("writing JSON")?;
        format!("{text}\n")
    } else {
        let lines = rows
            .iter()
            .map(|row| format!("{}/{}  {}\n", row.name, row.version, row.place));
        lines.collect()
    });
    Ok(())
}

fn push(args: &PushArgs, options: &StoreOptions) -> anyhow::Result<Vec<Row>> {
    let key = args.sign_key.as_deref().map(read_key).transpose()?;
    let to = destination(args)?;
    // What is signed now need not have been before.
    let reading = StoreOptions {
        public_keys: match key {
            Some(_) => Default::default(),
            None => options.public_keys.clone(),
        },
        ..options.clone()
    };
    let chosen = Chosen::new(&args.from, &args.choice, &reading)?;
    let is_mlflow = matches!(to, Source::Mlflow(_));
    if (args.name.is_some() || is_mlflow) && chosen.listings.len() > 1 {
        bail!(
            "{} holds {} models; choose one with --only",
            chosen.place,
            chosen.listings.len()
        );
    }
    let deposit = to.deposit(options)?;
    let mut rows = Vec::new();
    for listing in &chosen.listings {
        let target = renamed(listing, args.name.as_deref())?;
        if !args.overwrite && !is_mlflow {
            refuse_if_there(&to, &target, options)?;
        }
        let mut files = chosen.fetch(listing)?;
        prepare(&mut files, &target, key.as_ref())
            .with_context(|| format!("{}/{}", listing.name, listing.version))?;
        options
            .progress
            .expect(files.values().map(|bytes| bytes.len() as u64).sum());
        let put = block_on(deposit.put(&target, &files))?;
        rows.push(Row {
            name: put.name,
            version: put.version,
            place: put.place,
        });
    }
    Ok(rows)
}

/// Where to, with the alias that was asked for.
fn destination(args: &PushArgs) -> anyhow::Result<Source> {
    let Some(alias) = &args.alias else {
        return Ok(args.to.clone());
    };
    match &args.to {
        Source::Mlflow(place) => Ok(Source::Mlflow(MlflowPlace {
            pick: Pick::Alias(alias.clone()),
            ..place.clone()
        })),
        other => bail!("--alias is of MLflow, and {other} is not"),
    }
}

fn renamed(listing: &Listing, name: Option<&str>) -> anyhow::Result<Listing> {
    let Some(name) = name else {
        return Ok(listing.clone());
    };
    let parts = name
        .split_once('/')
        .filter(|(_, version)| !version.contains('/'));
    let (name, version) = parts.with_context(|| format!("--as is {name:?}; write NAME/VERSION"))?;
    Ok(Listing {
        name: name.to_owned(),
        version: version.to_owned(),
        ..listing.clone()
    })
}

/// A version that serves must not turn into another under the same name by accident.
fn refuse_if_there(to: &Source, target: &Listing, options: &StoreOptions) -> anyhow::Result<()> {
    let uncached = StoreOptions {
        cache: None,
        ..options.clone()
    };
    if let Source::Directory(path) = to
        && !path.exists()
    {
        return Ok(());
    }
    let there = block_on(to.open(&uncached)?.list())?;
    let Listing { name, version, .. } = target;
    if there
        .iter()
        .any(|other| (&other.name, &other.version) == (name, version))
    {
        bail!(
            "{to} holds {name}/{version} already; give it a new version (--as NAME/VERSION), or --overwrite it"
        );
    }
    Ok(())
}
