//! Times batches of one series through ONNX Runtime, without a server.
//!
//! The session has the settings of the server (one thread, no spinning), and the tensors are packed
//! once. The throughput of a server on the same core is reported as a share of this one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use almanac_forecast::{ForecastRequest, Horizon, QuantileLevels, SeasonChoice, Series};
use almanac_model::onnx::{OnnxForecaster, OnnxModel, Runtime};
use almanac_model::{Batch, Bundle, BundleFiles, Forecaster as _};
use anyhow::Context as _;
use clap::Parser;
use serde::Serialize;

/// Times the bare ONNX Runtime loop of a model, by batch size, on one thread
#[derive(Debug, Parser)]
#[command(
    name = "bare",
    after_help = "\
Examples:
  cargo bench --bench bare
  cargo bench --bench bare -- --bundle models/seasonal/1 --batches 1,16,256 --seconds 5

It prints one JSON object. A program that is started without cargo needs ORT_DISABLE_TELEMETRY=1 in
its environment."
)]
struct Arguments {
    /// Folder of the model version
    #[arg(long, value_name = "DIR", default_value = "models/seasonal/1")]
    bundle: PathBuf,
    /// Number of values of the series
    #[arg(long, default_value_t = 144, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    length: u32,
    /// Number of steps to forecast
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    horizon: u64,
    /// Number of steps per season
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    season_length: u64,
    /// Numbers of series in a batch
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1,2,4,8,16,32,64,128,256",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    batches: Vec<u16>,
    /// Seconds for which each batch size is timed
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    model: String,
    version: String,
    length: u32,
    horizon: u64,
    runtime: &'static str,
    batches: Vec<Measured>,
    best: Measured,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Measured {
    batch: u16,
    runs: usize,
    series_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    /// Processor time divided by wall time, below 1 if another process used the core; only on Linux.
    cpu_share: Option<f64>,
}

/// The warm-up of each batch size, as a share of its time.
const WARM_UP_SHARE: f64 = 0.1;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = Runtime::load(None)?;
    let bundle = Bundle::verify(read(&arguments.bundle)?)?;
    let mut forecaster = OnnxModel::new(runtime.clone(), bundle.clone()).open(1)?;
    let request = request(&arguments)?;
    let batches = arguments
        .batches
        .iter()
        .map(|&size| {
            let batch = Batch::pack(&bundle.manifest, &vec![&request; size.into()]);
            time(&mut forecaster, &batch, size, arguments.seconds)
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let best = batches
        .iter()
        .copied()
        .max_by(|left, right| left.series_per_second.total_cmp(&right.series_per_second))
        .context("--batches names no batch size")?;
    let report = Report {
        model: bundle.manifest.name,
        version: bundle.manifest.version,
        length: arguments.length,
        horizon: arguments.horizon,
        runtime: runtime.build_info(),
        batches,
        best,
    };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &report)?;
    writeln!(out)?;
    Ok(())
}

/// Reads the files of the bundle in `folder`.
fn read(folder: &Path) -> anyhow::Result<BundleFiles> {
    let listed = || format!("cannot read the bundle {}", folder.display());
    let mut files = BundleFiles::new();
    for entry in folder.read_dir().with_context(listed)? {
        let entry = entry.with_context(listed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().with_context(listed)?.is_file() {
            files.insert(
                name,
                std::fs::read(entry.path()).with_context(listed)?.into(),
            );
        }
    }
    Ok(files)
}

/// Returns a request for a rising series with a season.
fn request(arguments: &Arguments) -> anyhow::Result<ForecastRequest> {
    let length = usize::try_from(arguments.length)?;
    let period = f64::from(u32::try_from(arguments.season_length)?);
    let values = (0..arguments.length)
        .map(|step| {
            let angle = f64::from(step) * std::f64::consts::TAU / period;
            (120.0 + 2.0 * f64::from(step)) * (1.0 + 0.2 * angle.sin())
        })
        .collect();
    Ok(ForecastRequest::new(
        Series::new(values, None, length)?,
        Horizon::new(arguments.horizon, usize::MAX)?,
        QuantileLevels::with_median([]),
        SeasonChoice::given(arguments.season_length, usize::MAX)?,
    ))
}

/// Runs `batch` repeatedly for about `seconds`.
fn time(
    forecaster: &mut OnnxForecaster,
    batch: &Batch,
    size: u16,
    seconds: f64,
) -> anyhow::Result<Measured> {
    let span = Duration::try_from_secs_f64(seconds).context("--seconds")?;
    run_for(forecaster, batch, span.mul_f64(WARM_UP_SHARE))?;
    let before = processor_time();
    let mut runs = run_for(forecaster, batch, span)?;
    let used = processor_time().zip(before).map(|(now, then)| now - then);
    let total: Duration = runs.iter().sum();
    runs.sort_unstable();
    Ok(Measured {
        batch: size,
        runs: runs.len(),
        series_per_second: runs.len() as f64 * f64::from(size) / total.as_secs_f64(),
        p50_us: percentile(&runs, 50),
        p99_us: percentile(&runs, 99),
        cpu_share: used.map(|used| used.as_secs_f64() / total.as_secs_f64()),
    })
}

/// Runs `batch` at least once and until `span` is over, and returns the duration of each run.
fn run_for(
    forecaster: &mut OnnxForecaster,
    batch: &Batch,
    span: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let end = Instant::now() + span;
    let mut runs = Vec::new();
    loop {
        let started = Instant::now();
        std::hint::black_box(forecaster.predict(batch)?);
        let finished = Instant::now();
        runs.push(finished - started);
        if finished >= end {
            return Ok(runs);
        }
    }
}

/// Returns the processor time of this thread, on which a session with one thread computes.
fn processor_time() -> Option<Duration> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = statistics.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// Returns the percentile by nearest rank, in microseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1].as_secs_f64() * 1e6
}
