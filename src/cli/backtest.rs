//! `almanac backtest`.

mod print;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::app;
use crate::backtest::{BacktestOptions, Choice, Progress, backtest, choose};
use crate::cli::bar::Bar;
use crate::cli::table::{TableArgs, shown};
use crate::cli::{EXIT_USAGE, Failure, configure, print, tell};
use crate::config::{Config, Flags, SharedFlags};
use crate::http::{BacktestAnswer, BacktestOutcome, FailedSeries, Problem};
use almanac_engine::registry::Registry;
use almanac_forecast::{CentralLevel, ForecastRequest, Horizon, Measures, Plan, PlanDraft};
use almanac_frame::{Table, TableSeries, write_scores, write_series_scores, write_step_scores};
use almanac_plot::leaderboard_svg;

/// What to compare, on what, and where to.
#[derive(Debug, Args)]
#[command(after_help = "\
Cuts each series at moments of its past, forecasts from what was known then, and compares with what
happened. Prints one row for each model and baseline, the best first; its errors are relative to
seasonal naive, which repeats the last season: under 1 is better. --output DIR writes scores.csv,
series.csv, horizon.csv and leaderboard.svg.

Examples:
  almanac backtest examples/air_passengers.csv --horizon 12 --windows 3
  almanac backtest sales.csv --horizon 8 --windows 6 --step 1 --model seasonal --output backtest
  almanac backtest sales.csv --horizon 8 --windows 9 --calibrate --levels 80,95
  almanac backtest sales.csv --horizon 8 --json | jq '.leaderboard[0].name'")]
pub(super) struct BacktestArgs {
    /// Steps ahead
    #[arg(long, short = 'H', value_name = "STEPS")]
    horizon: u64,
    /// Windows of each series, counted from its end
    #[arg(long, value_name = "N", default_value_t = 3)]
    windows: u64,
    /// Steps between two windows [default: the horizon]
    #[arg(long, value_name = "STEPS")]
    step: Option<u64>,
    /// Model to compare; may be given again [default: all]
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Central intervals in percent whose coverage is counted
    #[arg(
        long,
        value_name = "PERCENT",
        value_delimiter = ',',
        default_value = "80"
    )]
    levels: Vec<f64>,
    /// Calibrate intervals on the earlier windows, and score everybody on the last third
    #[arg(long)]
    calibrate: bool,
    #[command(flatten)]
    table: TableArgs,
    /// Folder for the scores as CSV and as a drawing
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print the scores as JSON, as POST /backtest answers
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shared: SharedFlags,
}

/// Compares models on the series of a file.
pub(super) fn run(args: &BacktestArgs) -> Result<(), Failure> {
    let flags = Flags {
        shared: args.shared.clone(),
        ..Flags::default()
    };
    let config = configure(&flags, true)?;
    let options = options(args, &config).map_err(|error| Failure {
        message: format!("{error:#}"),
        code: EXIT_USAGE,
    })?;
    let table = args.table.read(&config)?;
    let outcome = compare(args, &config, table, &options)?;
    if let Some(folder) = &args.output {
        write(folder, &outcome)?;
    }
    print(&if args.json {
        let answer = serde_json::to_string_pretty(&BacktestAnswer::of(&outcome));
        answer.map_err(anyhow::Error::from)? + "\n"
    } else {
        print::leaderboard(outcome.leaderboard())
    });
    report(&outcome);
    Ok(())
}

fn options(args: &BacktestArgs, config: &Config) -> anyhow::Result<BacktestOptions> {
    let horizon = Horizon::new(args.horizon, config.limits.max_horizon).context("--horizon")?;
    let draft = PlanDraft {
        windows: args.windows,
        step: args.step,
        calibrated: args.calibrate,
    };
    let limits = config.backtest_limits();
    let plan = Plan::new(horizon, draft, limits.windows, config.limits.max_values)?;
    let levels = args.levels.iter().map(|&level| CentralLevel::new(level));
    let levels = levels.collect::<Result<Vec<_>, _>>().context("--levels")?;
    anyhow::ensure!(
        levels.len() <= config.limits.max_levels,
        "{} levels are over the limit of {}",
        levels.len(),
        config.limits.max_levels
    );
    let measures = Measures {
        levels,
        ..Measures::usual()
    };
    Ok(BacktestOptions {
        plan,
        measures,
        deadline: None,
    })
}

fn compare(
    args: &BacktestArgs,
    config: &Config,
    table: Table,
    options: &BacktestOptions,
) -> anyhow::Result<BacktestOutcome> {
    let registry = Registry::new(config.models.default.clone());
    let plan = app::cpu_plan(config);
    app::load_models(config, plan, &prometheus::Registry::new(), &registry)?;
    let names = (!args.model.is_empty()).then_some(&args.model[..]);
    let Choice { models, left_out } = choose(&registry, names, options.plan.horizon())?;
    let mut requests = Vec::with_capacity(table.series.len());
    let series = table.series.into_iter().map(|one| {
        let (id, request) = request(one, config, options)?;
        requests.push(request);
        Ok((id, String::new()))
    });
    let series = series.collect();
    let bar = Bar::new("forecasts");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let report = runtime.block_on(backtest(&models, requests, options, &bar))?;
    bar.finish();
    BacktestOutcome::new(report, series, left_out, options.plan)
        .map_err(|problem| anyhow::Error::msg(problem.detail))
}

fn request(
    TableSeries { id, draft }: TableSeries,
    config: &Config,
    options: &BacktestOptions,
) -> Result<(Option<String>, ForecastRequest), FailedSeries> {
    let request = draft
        .map_err(|error| Problem::from(&error))
        .and_then(|draft| {
            let levels = options.measures.all_levels();
            let horizon = options.plan.horizon();
            let request = draft.into_request(horizon, levels, &config.request_limits());
            request.map_err(|error| Problem::from(&error))
        });
    match request {
        Ok(request) => Ok((id, request)),
        Err(error) => Err(FailedSeries { id, error }),
    }
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
    write_series_scores(create("series.csv")?, board, &outcome.scored_series())?;
    write_step_scores(create("horizon.csv")?, board)?;
    let drawing = folder.join("leaderboard.svg");
    std::fs::write(&drawing, leaderboard_svg(board)).with_context(|| shown(&drawing))
}

/// Says in lines on standard error what was scored, and what should be known of it.
fn report(outcome: &BacktestOutcome) {
    for (_code, detail) in outcome.warnings() {
        tell(&format!("almanac: {detail}"));
    }
    let report = outcome.report();
    let series = outcome.scored_series();
    let scored: Vec<_> = series.iter().filter(|one| one.place.is_ok()).collect();
    let failed = series.len() - scored.len();
    let calibrating = match report.calibrating {
        0 => String::new(),
        windows => format!(", {windows} more to calibrate"),
    };
    let first = series.iter().find_map(|one| one.place.as_ref().err());
    let failed = first.map_or_else(String::new, |reason| {
        format!("; {failed} failed, the first: {reason}")
    });
    tell(&format!(
        "almanac: {} windows of {} series scored{calibrating} in {:.2} s{failed}",
        report.windows,
        scored.len(),
        report.duration.as_secs_f64(),
    ));
}

impl Progress for Bar {
    fn begin(&self, forecasts: usize) {
        self.expect(forecasts);
    }

    fn advance(&self, forecasts: usize) {
        Self::advance(self, forecasts);
    }
}
