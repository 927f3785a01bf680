//! `almanac models inspect`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use almanac_model::onnx::{GraphDescription, TensorDescription, describe, external_files};
use almanac_store::is_plain;
use anyhow::{Context as _, bail};
use clap::Args;

use crate::app;
use crate::cli::{CliError, configure, print};
use crate::config::SharedFlags;

/// The file to inspect.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  almanac models inspect models/seasonal/1/model.onnx
  almanac models inspect model.onnx --draft > manifest.toml")]
pub(in crate::cli) struct InspectArgs {
    /// ONNX file
    file: PathBuf,
    /// Print only the draft of the manifest
    #[arg(long)]
    draft: bool,
    #[command(flatten)]
    shared: Box<SharedFlags>,
}

/// Runs the subcommand.
pub(super) fn run(args: &InspectArgs) -> Result<(), CliError> {
    let config = configure(&args.shared, true)?;
    let bytes = std::fs::read(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let files = weights(&args.file, &bytes, config.models.max_bundle.get())?;
    let runtime = app::runtime(&config)?;
    let graph = describe(&runtime, &bytes, &files).map_err(anyhow::Error::from)?;
    let draft = graph.draft_manifest();
    print(&if args.draft {
        draft
    } else {
        report(&graph, &draft)
    });
    Ok(())
}

/// Reads the files in the folder of the graph in `path` that contain its weights, up to `limit`
/// bytes.
fn weights(path: &Path, graph: &[u8], limit: usize) -> anyhow::Result<BTreeMap<String, Arc<[u8]>>> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut files = BTreeMap::new();
    let mut remaining = limit;
    for name in external_files(graph) {
        let file = folder.join(&name);
        // A graph from elsewhere must not make the program read any file of this machine.
        if !is_plain(&name) {
            bail!(
                "{} keeps weights in {name:?}, outside its folder",
                path.display()
            );
        }
        let context = || format!("{} keeps weights in {}", path.display(), file.display());
        let size = std::fs::metadata(&file).with_context(context)?.len();
        remaining = usize::try_from(size)
            .ok()
            .and_then(|size| remaining.checked_sub(size))
            .with_context(|| {
                format!("the weights of {} exceed models.max_bundle", path.display())
            })?;
        let bytes = std::fs::read(&file).with_context(context)?;
        files.insert(name, Arc::from(bytes));
    }
    Ok(files)
}

fn report(graph: &GraphDescription, draft: &str) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _infallible = write_report(&mut text, graph, draft);
    text
}

fn write_report(out: &mut String, graph: &GraphDescription, draft: &str) -> std::fmt::Result {
    writeln!(out, "digest    {}", graph.digest)?;
    for (title, tensors) in [("inputs", &graph.inputs), ("outputs", &graph.outputs)] {
        writeln!(out, "\n{title}")?;
        for TensorDescription {
            name,
            element,
            axes,
        } in tensors
        {
            writeln!(out, "  {name:<20} {element:<5} [{}]", axes.join(", "))?;
        }
    }
    writeln!(out, "\nmetadata")?;
    for (key, value) in &graph.metadata {
        writeln!(out, "  {key:<20} {value}")?;
    }
    writeln!(out, "\ndraft of manifest.toml\n")?;
    for line in draft.lines() {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}
