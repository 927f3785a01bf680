//! `almanac forecast`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use almanac_engine::registry::{LiveModel, Registry, Routed};
use almanac_forecast::{Calibration, CentralLevel, ForecastLimits};
use almanac_frame::{ForecastColumns, ForecastWriter, Table};
use almanac_plot::{MOST_PANELS, Panel, PlotOptions, svg};
use anyhow::{Context as _, bail};
use clap::Args;

use crate::app;
use crate::batch::{BatchOptions, Summary, forecast_series};
use crate::call::{ForecastCall, ForecastSpec, PreparedForecast, SeriesCall, SeriesForecast};
use crate::cli::bar::Bar;
use crate::cli::table::{TableArgs, shown};
use crate::cli::{CliError, configure, report, usage_error};
use crate::config::{Config, SharedFlags};

/// The levels of the bands in a plot, in percent.
const PLOTTED: [f64; 2] = [80.0, 95.0];

/// The time limit of a chunk. A file has no client that waits, so only a hanging model is aborted.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(3_600);

/// The series to forecast, and the outputs.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads a long table (unique_id,ds,y; item_id,timestamp,target; and other common names) or a wide table
(a time column and one column per series). Writes the columns id, timestamp, point, the quantiles, the
bounds of the levels, and error.

Examples:
  almanac forecast examples/air_passengers.csv --horizon 12
  almanac forecast examples/air_passengers.csv --horizon 24 --levels 80,95 --plot forecast.svg
  almanac forecast sales.csv --horizon 8 --levels 80 --calibrate-windows 20
  almanac forecast sales.csv --horizon 8 --frequency W-MON --id-column shop --output forecasts.csv
  cat sales.csv | almanac forecast - --horizon 8 > forecasts.csv")]
pub(super) struct ForecastArgs {
    /// Number of steps to forecast
    #[arg(long, short = 'H', value_name = "STEPS")]
    horizon: u64,
    /// Quantile levels in (0, 1)
    #[arg(
        long,
        value_name = "LEVELS",
        value_delimiter = ',',
        default_value = "0.1,0.5,0.9"
    )]
    quantiles: Vec<f64>,
    /// Central prediction intervals in percent
    #[arg(long, value_name = "PERCENT", value_delimiter = ',')]
    levels: Vec<f64>,
    /// Model to use [default: the configured model]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Number of past windows to calibrate the intervals on [default: none]
    #[arg(long, value_name = "N")]
    calibrate_windows: Option<u64>,
    #[command(flatten)]
    table: TableArgs,
    /// Output file of the forecasts; - for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// SVG file of a plot of the first nine series
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    shared: SharedFlags,
}

/// Forecasts the series of a file and reports the outcome.
pub(super) fn run(args: &ForecastArgs) -> Result<(), CliError> {
    let config = configure(&args.shared, true)?;
    let spec = spec(args, &config)?;
    let table = args.table.read(&config)?;
    let summary = forecast(args, &config, table, spec)?;
    if let Some(path) = &args.plot {
        plot(path, &summary.kept)?;
    }
    report_summary(&summary)
}

/// Checks the arguments as the server checks a request body.
fn spec(args: &ForecastArgs, config: &Config) -> Result<ForecastSpec, CliError> {
    let call = ForecastCall {
        horizon: Some(args.horizon),
        quantiles: Some(args.quantiles.clone()),
        levels: args.levels.clone(),
        model: args.model.clone(),
        calibrate_windows: args.calibrate_windows,
        series: Vec::new(),
    };
    let mut spec = call
        .spec(&config.request_limits(), config.backtest_limits())
        .map_err(|error| usage_error(&error))?;
    if args.plot.is_some() {
        let plotted = PLOTTED.iter().map(|&level| CentralLevel::new(level));
        spec.plotted = plotted.filter_map(Result::ok).collect();
    }
    Ok(spec)
}

fn forecast(
    args: &ForecastArgs,
    config: &Config,
    table: Table,
    spec: ForecastSpec,
) -> anyhow::Result<Summary> {
    let registry = Registry::new(config.models.default.clone());
    let plan = app::cpu_plan(config);
    app::load_models(config, plan, &prometheus::Registry::new(), &registry)?;
    let model = registry.resolve(args.model.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let columns = ForecastColumns {
        quantiles: spec.quantiles.clone(),
        levels: spec.levels.clone(),
    };
    let limits = config.request_limits();
    let calibration = match spec.calibration {
        Some(_) => runtime.block_on(calibration(&model, &table, spec.clone(), &limits))?,
        None => None,
    };
    let options = BatchOptions {
        spec,
        limits,
        chunk_steps: (config.engine.batch_steps * plan.workers * 4)
            .min(config.engine.queue_steps / 2),
        chunk_timeout: CHUNK_TIMEOUT,
        calibration,
        keep: if args.plot.is_some() { MOST_PANELS } else { 0 },
    };
    let mut writer = ForecastWriter::new(BufWriter::new(output(&args.output)?), columns)?;
    let bar = Bar::new("series");
    let run = forecast_series(&model, table.series, &options, &bar, &mut writer);
    let summary = runtime.block_on(run)?;
    bar.finish();
    Ok(summary)
}

/// Calibrates the intervals of `model` on the past of the series of `table`. An invalid series is
/// skipped here, and reported when it is forecast.
async fn calibration(
    model: &Arc<LiveModel>,
    table: &Table,
    spec: ForecastSpec,
    limits: &ForecastLimits,
) -> anyhow::Result<Option<Calibration>> {
    let routed = Routed {
        model: Arc::clone(model),
        shadow: None,
    };
    let series = table.series.iter().cloned().map(SeriesCall::from);
    let bar = Bar::new("windows to calibrate");
    let calibration = PreparedForecast::new(routed, spec, series, limits)
        .learn_calibration(&bar)
        .await?;
    bar.finish();
    Ok(calibration)
}

fn output(path: &Path) -> anyhow::Result<Box<dyn Write>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdout().lock()));
    }
    Ok(Box::new(File::create(path).with_context(|| shown(path))?))
}

fn plot(path: &Path, forecasts: &[SeriesForecast]) -> anyhow::Result<()> {
    let panels: Vec<_> = forecasts
        .iter()
        .filter_map(|series| {
            Some(Panel {
                title: series.id.as_deref().unwrap_or_default(),
                request: series.request.as_ref()?,
                forecast: &series.forecast,
            })
        })
        .collect();
    if panels.is_empty() {
        bail!("there is no forecast to plot");
    }
    std::fs::write(path, svg(&panels, &PlotOptions::default())).with_context(|| shown(path))
}

fn report_summary(summary: &Summary) -> Result<(), CliError> {
    let Summary {
        series,
        failed,
        warnings,
        duration,
        ..
    } = summary;
    let warned: Vec<_> = warnings
        .iter()
        .map(|(code, count)| format!("{count} {code}"))
        .collect();
    let warned = if warned.is_empty() {
        String::new()
    } else {
        format!(", warnings: {}", warned.join(", "))
    };
    let line = format!(
        "{} of {series} series forecast in {:.2} s{warned}",
        series - failed,
        duration.as_secs_f64()
    );
    if failed == series {
        let message = format!("{line}; see the error column");
        return Err(CliError { message, code: 1 });
    }
    report(&if *failed > 0 {
        format!("almanac: {line}; see the error column")
    } else {
        format!("almanac: {line}")
    });
    Ok(())
}
