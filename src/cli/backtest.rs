//! `almanac backtest`.

mod print;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use almanac_engine::registry::Registry;
use almanac_forecast::{BacktestLimits, ForecastLimits};
use almanac_frame::{
    ScoreOutcome, ScoredId, Table, write_scores, write_series_scores, write_step_scores,
};
use almanac_plot::leaderboard_svg;
use anyhow::Context as _;
use clap::Args;

use crate::app;
use crate::call::{
    BacktestCall, BacktestOutcome, CallContext, CallError, FailedSeries, ForecastCall, SeriesCall,
};
use crate::cli::bar::Bar;
use crate::cli::table::{TableArgs, shown};
use crate::cli::{CliError, configure, print, report, usage_error};
use crate::config::{Config, SharedFlags};
use crate::http::BacktestAnswer;

/// The models to compare, the series, and the outputs.
#[derive(Debug, Args)]
#[command(after_help = "\
Cuts each series at several past times, forecasts from the values before each cut, and compares the
forecasts with the values after it. Prints one row per model and baseline, the best first. Ratios are
relative to seasonal naive, which repeats the last season: below 1 is better. --output DIR writes
scores.csv, series.csv, horizon.csv and leaderboard.svg.

Examples:
  almanac backtest examples/air_passengers.csv --horizon 12 --windows 3
  almanac backtest sales.csv --horizon 8 --windows 6 --step 1 --model seasonal --output backtest
  almanac backtest sales.csv --horizon 8 --windows 9 --calibrate --levels 80,95
  almanac backtest sales.csv --horizon 8 --json | jq '.leaderboard[0].name'")]
pub(super) struct BacktestArgs {
    /// Number of steps to forecast
    #[arg(long, short = 'H', value_name = "STEPS")]
    horizon: u64,
    /// Number of windows per series, counted from its end
    #[arg(long, value_name = "N", default_value_t = 3)]
    windows: u64,
    /// Number of steps between two windows [default: the horizon]
    #[arg(long, value_name = "STEPS")]
    step: Option<u64>,
    /// Model to compare; may be repeated [default: all]
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Central prediction intervals in percent, to measure the coverage of
    #[arg(
        long,
        value_name = "PERCENT",
        value_delimiter = ',',
        default_value = "80"
    )]
    levels: Vec<f64>,
    /// Calibrate intervals on the earlier windows, and score every model on the last third
    #[arg(long)]
    calibrate: bool,
    #[command(flatten)]
    table: TableArgs,
    /// Output folder of the scores, as CSV files and a plot
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print the scores as JSON, in the format of POST /backtest
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shared: SharedFlags,
}

/// Compares models on the series of a file.
pub(super) fn run(args: &BacktestArgs) -> Result<(), CliError> {
    let config = configure(&args.shared, true)?;
    check(args, &config)?;
    let table = args.table.read(&config)?;
    let outcome = compare(args, &config, table)?;
    if let Some(folder) = &args.output {
        write(folder, &outcome)?;
    }
    print(&if args.json {
        serde_json::to_string_pretty(&BacktestAnswer::of(&outcome)).context("writing JSON")? + "\n"
    } else {
        print::leaderboard(outcome.leaderboard())
    });
    report_outcome(&outcome);
    Ok(())
}

/// Checks the arguments before the file is read and a model is loaded.
fn check(args: &BacktestArgs, config: &Config) -> Result<(), CliError> {
    let call = forecast_call(args, Vec::new());
    let (limits, backtest) = (config.request_limits(), config.backtest_limits());
    call.spec(&limits, backtest)
        .and_then(|spec| backtest_call(args).plan(spec.horizon, &limits, backtest))
        .map(drop)
        .map_err(|error| usage_error(&error))
}

fn forecast_call(args: &BacktestArgs, series: Vec<SeriesCall>) -> ForecastCall {
    ForecastCall {
        horizon: Some(args.horizon),
        quantiles: Some(Vec::new()),
        levels: args.levels.clone(),
        model: None,
        calibrate_windows: None,
        series,
    }
}

fn backtest_call(args: &BacktestArgs) -> BacktestCall {
    BacktestCall {
        windows: Some(args.windows),
        step: args.step,
        models: (!args.model.is_empty()).then(|| args.model.clone()),
        calibrate: Some(args.calibrate),
    }
}

fn compare(args: &BacktestArgs, config: &Config, table: Table) -> anyhow::Result<BacktestOutcome> {
    let registry = Registry::new(config.models.default.clone());
    let plan = app::cpu_plan(config);
    app::load_models(config, plan, &prometheus::Registry::new(), &registry)?;
    // A file may contain more series than a request, and has no client that waits.
    let calls = CallContext {
        registry: Arc::new(registry),
        limits: ForecastLimits {
            series: usize::MAX,
            ..config.request_limits()
        },
        backtest: BacktestLimits {
            forecasts: usize::MAX,
            ..config.backtest_limits()
        },
    };
    let series = table.series.into_iter().map(SeriesCall::from).collect();
    let prepared = calls.prepare_backtest(forecast_call(args, series), backtest_call(args))?;
    let bar = Bar::new("forecasts");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let outcome = runtime.block_on(prepared.run(None, &bar))?;
    bar.finish();
    Ok(outcome)
}

fn write(folder: &Path, outcome: &BacktestOutcome) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| shown(folder))?;
    let board = outcome.leaderboard();
    let create = |name: &str| -> anyhow::Result<_> {
        let path = folder.join(name);
        let file = File::create(&path).with_context(|| shown(&path))?;
        Ok(BufWriter::new(file))
    };
    write_scores(create("scores.csv")?, board)?;
    write_series_scores(create("series.csv")?, board, &scored_ids(outcome))?;
    write_step_scores(create("horizon.csv")?, board)?;
    let plot = folder.join("leaderboard.svg");
    std::fs::write(&plot, leaderboard_svg(board)).with_context(|| shown(&plot))
}

/// Returns each series with the index of its scores, or its error.
fn scored_ids(outcome: &BacktestOutcome) -> Vec<ScoredId<'_>> {
    outcome
        .series()
        .iter()
        .map(|series| match series {
            Ok(series) => ScoredId {
                id: series.id.as_deref(),
                outcome: ScoreOutcome::Scored(series.position),
            },
            Err(failed) => ScoredId {
                id: failed.id.as_deref(),
                outcome: ScoreOutcome::Failed(described(failed)),
            },
        })
        .collect()
}

fn described(failed: &FailedSeries) -> String {
    let CallError { code, detail, .. } = &failed.error;
    format!("{}: {detail}", code.as_str())
}

/// Reports on standard error the number of scored windows, the warnings and the failures.
fn report_outcome(outcome: &BacktestOutcome) {
    for (_code, detail) in outcome.warnings() {
        report(&format!("almanac: {detail}"));
    }
    let counts = outcome.report();
    let failures: Vec<_> = outcome
        .series()
        .iter()
        .filter_map(|series| series.as_ref().err())
        .collect();
    let calibrating = match counts.calibrating {
        0 => String::new(),
        windows => format!(", {windows} more to calibrate"),
    };
    let failed = failures.first().map_or_else(String::new, |first| {
        let count = failures.len();
        format!("; {count} failed, the first: {}", described(first))
    });
    report(&format!(
        "almanac: {} windows of {} series scored{calibrating} in {:.2} s{failed}",
        counts.windows,
        outcome.series().len() - failures.len(),
        counts.duration.as_secs_f64(),
    ));
}
