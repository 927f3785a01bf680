//! `almanac models verify`.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use almanac_engine::registry::OpenError;
use almanac_model::{Bundle, Manifest};
use almanac_store::{Listing, Source};
use anyhow::Context as _;
use bytesize::ByteSize;
use clap::Args;
use serde::Serialize;

use crate::app::{self, Checks};
use crate::cli::models::choice::{ChosenVersions, VersionChoice};
use crate::cli::models::open_options;
use crate::cli::{CliError, print};
use crate::config::SharedFlags;

/// The models to check.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  almanac models verify ./my-model
  almanac models verify s3://bucket/models --all
  almanac models verify mlflow:store-sales@candidate --json")]
pub(in crate::cli) struct VerifyArgs {
    /// Folder of a bundle, or source
    #[arg(value_name = "DIR|SOURCE")]
    source: Source,
    #[command(flatten)]
    choice: VersionChoice,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shared: Box<SharedFlags>,
}

/// The result of the checks of a version.
#[derive(Serialize)]
struct VerifyReport {
    name: String,
    version: String,
    source: String,
    passed: Vec<CheckResult>,
    failed: Option<CheckResult>,
}

/// A check and its result.
#[derive(Serialize)]
struct CheckResult {
    check: &'static str,
    detail: String,
}

/// Runs the subcommand.
pub(super) fn run(args: &VerifyArgs) -> Result<(), CliError> {
    let (config, options, bar) = open_options(&args.shared)?;
    let chosen = ChosenVersions::new(&args.source, &args.choice, &options)?;
    app::runtime(&config)?;
    let checks = app::checks(&config, app::cpu_plan(&config));
    // Embedded models are trusted like the program, so their signatures are not checked.
    let n_keys = match args.source {
        Source::Embedded => 0,
        _ => config.models.public_keys.len(),
    };
    let mut reports = Vec::new();
    for listing in &chosen.listings {
        let report = verify(&chosen, listing, &checks, n_keys);
        if !args.json {
            print(&report.text());
        }
        reports.push(report);
    }
    bar.finish();
    if args.json {
        let text = serde_json::to_string_pretty(&reports).context("writing JSON")?;
        print(&format!("{text}\n"));
    }
    let n_failed = reports
        .iter()
        .filter(|report| report.failed.is_some())
        .count();
    if n_failed == 0 {
        return Ok(());
    }
    let message = format!(
        "{n_failed} of {} model versions failed a check",
        reports.len()
    );
    Err(CliError { message, code: 1 })
}

fn verify(
    chosen: &ChosenVersions,
    listing: &Listing,
    checks: &Checks,
    n_keys: usize,
) -> VerifyReport {
    let mut passed = Vec::new();
    let failed = run_checks(chosen, listing, checks, n_keys, &mut passed).err();
    VerifyReport {
        name: listing.name.clone(),
        version: listing.version.clone(),
        source: chosen.place.clone(),
        passed,
        failed,
    }
}

fn failed<E: std::fmt::Display>(check: &'static str) -> impl FnOnce(E) -> CheckResult {
    move |reason| CheckResult {
        check,
        detail: format!("{reason:#}"),
    }
}

/// Runs the checks in the order of the server, up to the first that fails.
fn run_checks(
    chosen: &ChosenVersions,
    listing: &Listing,
    checks: &Checks,
    n_keys: usize,
    passed: &mut Vec<CheckResult>,
) -> Result<(), CheckResult> {
    let mut pass = |check, detail| passed.push(CheckResult { check, detail });
    let files = chosen.fetch(listing).map_err(failed("fetched"))?;
    let size: usize = files.values().map(|bytes| bytes.len()).sum();
    pass(
        "fetched",
        format!("{} files, {}", files.len(), ByteSize(size as u64)),
    );
    if n_keys > 0 {
        pass("signature", format!("signed with one of {n_keys} keys"));
    }
    let bundle = (checks.reader)(listing, files).map_err(failed("digests"))?;
    let bundle = Arc::new(bundle);
    pass("digests", bundle.digest.to_string());
    let Manifest { name, version, .. } = &bundle.manifest;
    if !chosen.has_authoritative_names() && (name, version) != (&listing.name, &listing.version) {
        let detail = format!(
            "manifest.toml names {name}/{version}, but the folder is {}/{}",
            listing.name, listing.version
        );
        return Err(CheckResult {
            check: "name",
            detail,
        });
    }
    // A graph comes from elsewhere, and may make the runtime panic.
    let opened = catch_unwind(AssertUnwindSafe(|| open(checks, &bundle)));
    let detail = opened.unwrap_or_else(|_panic| Err(failed("graph")("the model panicked")))?;
    pass("graph", "matches the manifest".to_owned());
    pass("golden", detail);
    Ok(())
}

fn open(checks: &Checks, bundle: &Arc<Bundle>) -> Result<String, CheckResult> {
    let opened = (checks.opener)(bundle).and_then(|sessions| sessions());
    let mut forecaster = opened.map_err(|error: OpenError| failed("graph")(error))?;
    bundle
        .check(forecaster.as_mut())
        .map_err(failed("golden"))?;
    Ok(match bundle.golden {
        Some(_) => "the forecasts match golden.json".to_owned(),
        None => "golden.json is missing; a synthetic series was forecast".to_owned(),
    })
}

impl VerifyReport {
    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _infallible = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{}/{}  {}", self.name, self.version, self.source)?;
        for CheckResult { check, detail } in &self.passed {
            writeln!(out, "  ok      {check:<10} {detail}")?;
        }
        if let Some(CheckResult { check, detail }) = &self.failed {
            writeln!(out, "  FAILED  {check:<10} {detail}")?;
        }
        Ok(())
    }
}
