//! `almanac models push`.

use std::path::PathBuf;

use almanac_store::{Listing, MlflowLocation, Source, StoreOptions, VersionSelector};
use anyhow::{Context as _, bail};
use clap::Args;
use futures_executor::block_on;
use serde::Serialize;

use crate::cli::models::choice::{ChosenVersions, VersionChoice};
use crate::cli::models::keys::read_key;
use crate::cli::models::open_options;
use crate::cli::models::prepare::prepare;
use crate::cli::{CliError, print};
use crate::config::SharedFlags;

/// The source and the destination.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  almanac models push ./my-model s3://bucket/models
  almanac models push ./my-model mlflow:http://localhost:5000/store-sales --alias production
  almanac models push s3://bucket/staging s3://bucket/live --only store-sales/7 --sign-key key")]
pub(in crate::cli) struct PushArgs {
    /// Folder of a bundle, or source to copy from
    #[arg(value_name = "DIR|SOURCE")]
    from: Source,
    /// Directory, S3 prefix or mlflow:NAME to copy to
    #[arg(value_name = "DEST")]
    to: Source,
    #[command(flatten)]
    choice: VersionChoice,
    /// Name and version at the destination; for a single model
    #[arg(long = "as", value_name = "NAME/VERSION")]
    name: Option<String>,
    /// Alias to assign to the new version; MLflow only
    #[arg(long, value_name = "ALIAS")]
    alias: Option<String>,
    /// File with the secret key to sign the manifest with
    #[arg(long, value_name = "FILE")]
    sign_key: Option<PathBuf>,
    /// Replace an existing version
    #[arg(long)]
    overwrite: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shared: Box<SharedFlags>,
}

#[derive(Serialize)]
struct PushedRow {
    name: String,
    version: String,
    place: String,
}

/// Runs the subcommand.
pub(super) fn run(args: &PushArgs) -> Result<(), CliError> {
    let (_, options, bar) = open_options(&args.shared)?;
    let rows = push(args, &options)?;
    bar.finish();
    print(&if args.json {
        let text = serde_json::to_string_pretty(&rows).context("writing JSON")?;
        format!("{text}\n")
    } else {
        rows.iter()
            .map(|row| format!("{}/{}  {}\n", row.name, row.version, row.place))
            .collect()
    });
    Ok(())
}

fn push(args: &PushArgs, options: &StoreOptions) -> anyhow::Result<Vec<PushedRow>> {
    let key = args.sign_key.as_deref().map(read_key).transpose()?;
    let to = destination(args)?;
    // A model that is signed now may have no valid signature in the source.
    let source_options = StoreOptions {
        public_keys: match key {
            Some(_) => Default::default(),
            None => options.public_keys.clone(),
        },
        ..options.clone()
    };
    let chosen = ChosenVersions::new(&args.from, &args.choice, &source_options)?;
    let is_mlflow = matches!(to, Source::Mlflow(_));
    if (args.name.is_some() || is_mlflow) && chosen.listings.len() > 1 {
        bail!(
            "{} contains {} models; choose one with --only",
            chosen.place,
            chosen.listings.len()
        );
    }
    let deposit = to.deposit(options)?;
    let mut rows = Vec::new();
    for listing in &chosen.listings {
        let target = renamed(listing, args.name.as_deref())?;
        if !args.overwrite && !is_mlflow {
            check_absent(&to, &target, options)?;
        }
        let mut files = chosen.fetch(listing)?;
        prepare(&mut files, &target, key.as_ref())
            .with_context(|| format!("{}/{}", listing.name, listing.version))?;
        options
            .progress
            .expect(files.values().map(|bytes| bytes.len() as u64).sum());
        let put = block_on(deposit.put(&target, &files))?;
        rows.push(PushedRow {
            name: put.name,
            version: put.version,
            place: put.place,
        });
    }
    Ok(rows)
}

/// Returns the destination, with the alias.
fn destination(args: &PushArgs) -> anyhow::Result<Source> {
    let Some(alias) = &args.alias else {
        return Ok(args.to.clone());
    };
    match &args.to {
        Source::Mlflow(place) => Ok(Source::Mlflow(MlflowLocation {
            pick: VersionSelector::Alias(alias.clone()),
            ..place.clone()
        })),
        other => bail!("--alias is only for MLflow, and {other} is not an MLflow destination"),
    }
}

fn renamed(listing: &Listing, name: Option<&str>) -> anyhow::Result<Listing> {
    let Some(name) = name else {
        return Ok(listing.clone());
    };
    let (name, version) = name
        .split_once('/')
        .filter(|(_, version)| !version.contains('/'))
        .with_context(|| format!("--as is {name:?}; write NAME/VERSION"))?;
    Ok(Listing {
        name: name.to_owned(),
        version: version.to_owned(),
        ..listing.clone()
    })
}

/// Returns an error if the destination already has the version: a version that is served must not be
/// replaced by accident.
fn check_absent(to: &Source, target: &Listing, options: &StoreOptions) -> anyhow::Result<()> {
    let uncached = StoreOptions {
        cache: None,
        ..options.clone()
    };
    if let Source::Directory(path) = to
        && !path.exists()
    {
        return Ok(());
    }
    let existing = block_on(to.open(&uncached)?.list())?;
    let Listing { name, version, .. } = target;
    if existing
        .iter()
        .any(|other| (&other.name, &other.version) == (name, version))
    {
        bail!(
            "{to} already contains {name}/{version}; use another version (--as NAME/VERSION), or --overwrite"
        );
    }
    Ok(())
}
