//! `almanac models inspect`.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::app;
use crate::cli::{Failure, configure, print};
use crate::config::{Flags, SharedFlags};
use crate::onnx::inspect::TensorDescription;
use crate::onnx::{GraphDescription, describe};

/// Which file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  almanac models inspect models/seasonal/1/model.onnx
  almanac models inspect model.onnx --draft > manifest.toml")]
pub(in crate::cli) struct InspectArgs {
    /// The ONNX file
    file: PathBuf,
    /// Print the draft manifest alone
    #[arg(long)]
    draft: bool,
    #[command(flatten)]
    shared: Box<SharedFlags>,
}

/// Runs the subcommand.
pub(super) fn run(args: &InspectArgs) -> Result<(), Failure> {
    let flags = Flags {
        shared: (*args.shared).clone(),
        ..Flags::default()
    };
    let config = configure(&flags, true)?;
    let bytes = std::fs::read(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let runtime = app::runtime(&config)?;
    let graph = describe(&runtime, &bytes).map_err(anyhow::Error::from)?;
    let draft = graph.draft_manifest();
    print(&if args.draft {
        draft
    } else {
        report(&graph, &draft)
    });
    Ok(())
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
    writeln!(out, "\nmanifest.toml, a draft\n")?;
    for line in draft.lines() {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}
