//! `almanac forecast`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::app;
use crate::backtest::learn;
use crate::batch::{BatchOptions, Kept, Progress, Summary, forecast_series};
use crate::cli::bar::Bar;
use crate::cli::table::{TableArgs, shown};
use crate::cli::{EXIT_USAGE, Failure, configure, tell};
use crate::config::{Config, Flags, SharedFlags};
use almanac_engine::registry::{LiveModel, Registry};
use almanac_forecast::{
    Calibration, CentralLevel, Horizon, Plan, PlanDraft, QuantileLevel, QuantileLevels,
};
use almanac_frame::{ForecastColumns, ForecastWriter, Table};
use almanac_plot::{MOST_PANELS, Panel, PlotOptions, svg};

/// The levels of the bands in a drawing.
const DRAWN: [f64; 2] = [80.0, 95.0];

/// Nobody waits for a file as for a request, so only a model that hangs is given up.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(3_600);

/// What to forecast, and where to.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads a long table (unique_id,ds,y; item_id,timestamp,target; and other usual names) or a wide one (a
column of time and one for each series). Writes id, timestamp, point, the quantiles, the ends of the
levels, and error.

Examples:
  almanac forecast examples/air_passengers.csv --horizon 12
  almanac forecast examples/air_passengers.csv --horizon 24 --levels 80,95 --plot forecast.svg
  almanac forecast sales.csv --horizon 8 --levels 80 --calibrate-windows 20
  almanac forecast sales.csv --horizon 8 --frequency W-MON --id-column shop --output forecasts.csv
  cat sales.csv | almanac forecast - --horizon 8 > forecasts.csv")]
pub(super) struct ForecastArgs {
    /// Steps ahead
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
    /// Central intervals in percent
    #[arg(long, value_name = "PERCENT", value_delimiter = ',')]
    levels: Vec<f64>,
    /// Model that forecasts [default: the configured one]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Windows of the past that calibrate the intervals [default: none]
    #[arg(long, value_name = "N")]
    calibrate_windows: Option<u64>,
    #[command(flatten)]
    table: TableArgs,
    /// File for the forecasts; - for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// SVG file for a drawing of the first nine series
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    shared: SharedFlags,
}

/// The levels that were asked for, checked.
struct Asked {
    horizon: Horizon,
    columns: ForecastColumns,
    levels: QuantileLevels,
    calibration: Option<Plan>,
}

/// Forecasts the series of a file and says what became of them.
pub(super) fn run(args: &ForecastArgs) -> Result<(), Failure> {
    let flags = Flags {
        shared: args.shared.clone(),
        ..Flags::default()
    };
    let config = configure(&flags, true)?;
    let asked = asked(args, &config).map_err(|error| Failure {
        message: format!("{error:#}"),
        code: EXIT_USAGE,
    })?;
    let table = args.table.read(&config)?;
    let summary = forecast(args, &config, table, asked)?;
    if let Some(path) = &args.plot {
        draw(path, &summary.kept)?;
    }
    report(&summary)
}

fn asked(args: &ForecastArgs, config: &Config) -> anyhow::Result<Asked> {
    let horizon = Horizon::new(args.horizon, config.limits.max_horizon).context("--horizon")?;
    let quantiles: Result<Vec<_>, _> = args
        .quantiles
        .iter()
        .map(|&level| QuantileLevel::new(level))
        .collect();
    let central: Result<Vec<_>, _> = args
        .levels
        .iter()
        .map(|&level| CentralLevel::new(level))
        .collect();
    let columns = ForecastColumns {
        quantiles: quantiles.context("--quantiles")?,
        levels: central.context("--levels")?,
    };
    let count = columns.quantiles.len() + columns.levels.len();
    if count > config.limits.max_levels {
        bail!(
            "{count} quantiles and levels are over the limit of {}",
            config.limits.max_levels
        );
    }
    let calibration = calibration(args, horizon, config)?;
    let drawn = DRAWN
        .iter()
        .filter_map(|&level| CentralLevel::new(level).ok());
    let drawn: Vec<_> = drawn.filter(|_| args.plot.is_some()).collect();
    let ends = columns
        .levels
        .iter()
        .chain(&drawn)
        .flat_map(|level| [level.lower(), level.upper()]);
    let levels = QuantileLevels::with_median(columns.quantiles.iter().copied().chain(ends));
    Ok(Asked {
        horizon,
        columns,
        levels: match calibration {
            Some(_) => levels.mirrored(),
            None => levels,
        },
        calibration,
    })
}

/// Which windows of the past calibrate, if any.
fn calibration(
    args: &ForecastArgs,
    horizon: Horizon,
    config: &Config,
) -> anyhow::Result<Option<Plan>> {
    let Some(windows) = args.calibrate_windows else {
        return Ok(None);
    };
    let draft = PlanDraft {
        windows,
        step: None,
        calibrated: false,
    };
    let (limit, longest) = (config.backtest_limits().windows, config.limits.max_values);
    let plan = Plan::new(horizon, draft, limit, longest).context("--calibrate-windows")?;
    Ok(Some(plan))
}

fn forecast(
    args: &ForecastArgs,
    config: &Config,
    table: Table,
    asked: Asked,
) -> anyhow::Result<Summary> {
    let registry = Registry::new(config.models.default.clone());
    let plan = app::cpu_plan(config);
    app::load_models(config, plan, &prometheus::Registry::new(), &registry)?;
    let model = registry.resolve(args.model.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let calibration = match asked.calibration {
        Some(calibration) => {
            let learning = learned(&model, &table, (calibration, &asked.levels), config);
            Some(runtime.block_on(learning)?)
        }
        None => None,
    };
    let options = BatchOptions {
        horizon: asked.horizon,
        levels: asked.levels,
        limits: config.request_limits(),
        chunk_steps: (config.engine.batch_steps * plan.workers * 4)
            .min(config.engine.queue_steps / 2),
        chunk_timeout: CHUNK_TIMEOUT,
        calibration,
        keep: if args.plot.is_some() { MOST_PANELS } else { 0 },
    };
    let output: Box<dyn Write> = if args.output == Path::new("-") {
        Box::new(io::stdout().lock())
    } else {
        Box::new(File::create(&args.output).with_context(|| shown(&args.output))?)
    };
    let mut writer = ForecastWriter::new(BufWriter::new(output), asked.columns)?;
    let bar = Bar::new("series");
    bar.expect(table.series.len());
    let run = forecast_series(&model, table.series, &options, &bar, &mut writer);
    let summary = runtime.block_on(run)?;
    bar.finish();
    Ok(summary)
}

/// What the past of the series of `table` says of the intervals of `model`. Those that are none are
/// told of when they are forecast.
async fn learned(
    model: &LiveModel,
    table: &Table,
    (plan, levels): (Plan, &QuantileLevels),
    config: &Config,
) -> anyhow::Result<Calibration> {
    let limits = config.request_limits();
    let requests = table.series.iter().filter_map(|series| {
        let draft = series.draft.as_ref().ok()?.clone();
        draft
            .into_request(plan.horizon(), levels.clone(), &limits)
            .ok()
    });
    let bar = Bar::new("windows to calibrate");
    let learned = learn(
        model,
        requests.collect(),
        (plan, levels.clone()),
        None,
        &bar,
    )
    .await?;
    bar.finish();
    Ok(learned.calibration)
}

fn draw(path: &Path, kept: &[Kept]) -> anyhow::Result<()> {
    if kept.is_empty() {
        bail!("there is no forecast to draw");
    }
    let panels: Vec<_> = kept
        .iter()
        .map(
            |Kept {
                 id,
                 request,
                 forecast,
             }| Panel {
                title: id.as_deref().unwrap_or_default(),
                request,
                forecast,
            },
        )
        .collect();
    std::fs::write(path, svg(&panels, &PlotOptions::default())).with_context(|| shown(path))
}

fn report(summary: &Summary) -> Result<(), Failure> {
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
        return Err(Failure { message, code: 1 });
    }
    tell(&if *failed > 0 {
        format!("almanac: {line}; see the error column")
    } else {
        format!("almanac: {line}")
    });
    Ok(())
}

impl Progress for Bar {
    fn advance(&self, series: usize) {
        Self::advance(self, series);
    }
}
