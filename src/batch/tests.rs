use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::Array3;
use prometheus::Registry;

use almanac_engine::metrics::EngineMetrics;
use almanac_engine::{Engine, EngineConfig};
use almanac_forecast::Horizon;
use almanac_frame::{ColumnChoice, ForecastColumns, read_csv};
use almanac_model::{Batch, Digest, Forecaster, Manifest, PredictError};

use super::*;

const LIMITS: ForecastLimits = ForecastLimits {
    series: 1_000,
    values: 100,
    horizon: 10,
    levels: 10,
    covariates: 4,
};

/// Answers with the last value of each context, and fails on a series that ends in 13.
struct Last;

impl Forecaster for Last {
    fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError> {
        let contexts = batch.contexts();
        let last = contexts.ncols() - 1;
        Ok(Array3::from_shape_fn(
            (batch.len(), 3, batch.horizon()),
            |(row, level, _)| {
                let value = contexts[(row, last)];
                let offset = [-1.0, 0.0, 1.0][level];
                if (value - 13.0).abs() < 0.5 {
                    f32::NAN
                } else {
                    value + offset
                }
            },
        ))
    }
}

fn live(queue_steps: usize) -> Arc<LiveModel> {
    let manifest = Manifest::parse(
        r#"
        format = 1
        name = "last"
        version = "1"
        description = "the last value"
        licence = "Apache-2.0"
        [files]
        [context]
        input = "context"
        axes = ["batch", "time"]
        type = "float32"
        min_length = 1
        max_length = 4
        pad = "left"
        missing = "nan"
        scaling = "none"
        [horizon]
        native = 8
        longest = 8
        [output]
        name = "quantiles"
        axes = ["batch", "quantile", "time"]
        type = "float32"
        levels = [0.1, 0.5, 0.9]
        "#,
    )
    .unwrap();
    let metrics = EngineMetrics::new(&Registry::new()).unwrap().of("last");
    let config = EngineConfig {
        queue_steps,
        batch_steps: 64,
        max_wait: Duration::MAX,
    };
    let engine = Engine::start(Arc::new(manifest), vec![Box::new(Last)], config, metrics).unwrap();
    Arc::new(LiveModel::new(engine, Digest::of(b""), "here"))
}

fn options(chunk_steps: usize) -> BatchOptions {
    BatchOptions {
        spec: ForecastSpec {
            horizon: Horizon::new(2, LIMITS.horizon).unwrap(),
            quantiles: Vec::new(),
            levels: Vec::new(),
            plotted: Vec::new(),
            calibration: None,
        },
        limits: LIMITS,
        chunk_steps,
        chunk_timeout: Duration::from_secs(60),
        calibration: None,
        keep: 2,
    }
}

async fn run(
    model: &Arc<LiveModel>,
    text: &str,
    options: &BatchOptions,
    progress: &dyn Progress,
) -> (Result<Summary, BatchError>, String) {
    let table = read_csv(text.as_bytes(), &ColumnChoice::default(), &LIMITS).unwrap();
    let mut writer = ForecastWriter::new(Vec::new(), ForecastColumns::default()).unwrap();
    let outcome = forecast_series(model, table.series, options, progress, &mut writer).await;
    (
        outcome,
        String::from_utf8(writer.finish().unwrap()).unwrap(),
    )
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Progress for Count {
    fn advance(&self, series: usize) {
        self.0.fetch_add(series, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn rows_come_in_order_and_failures_in_their_place() {
    let text = "id,ds,y\n\
        a,2024-01-29,1\na,2024-01-30,NA\na,2024-01-31,2\n\
        b,2024-01-30,x\n\
        c,2024-01-29,1\nc,2024-01-30,3\nc,2024-01-31,13\n\
        d,2024-01-29,\nd,2024-01-30,\nd,2024-01-31,\n";
    let progress = Count::default();
    let (summary, written) = run(&live(1_000), text, &options(8), &progress).await;
    insta::assert_snapshot!(written, @r#"
    id,timestamp,point,error
    a,2024-02-01,2.0,
    a,2024-02-02,2.0,
    b,,,"line 5, column y: ""x"" is not a number; leave a missing value empty"
    c,,,the model returned non-finite values for this series
    d,,,all 3 values are missing; send at least 1 observed value
    "#);
    let summary = summary.unwrap();
    assert_eq!(
        (
            summary.series,
            summary.failed,
            progress.0.load(Ordering::Relaxed)
        ),
        (4, 3, 4)
    );
    assert_eq!(summary.kept.len(), 1);
}

#[tokio::test]
async fn the_answer_does_not_depend_on_the_chunks() {
    let rows = (0..60).flat_map(|series| {
        let length = 1 + series % 7;
        (0..length).map(move |step| format!("s{series},{}\n", 20 + series + step))
    });
    let text = format!("id,value\n{}", rows.collect::<String>());
    let (_, expected) = run(&live(100_000), &text, &options(100_000), &()).await;
    // The bounds of the engine are below, at and above what two chunks hold.
    for (queue_steps, chunk_steps) in [(1, 1), (10, 10), (60, 40), (200, 40), (40, 200)] {
        let progress = Count::default();
        let (summary, written) =
            run(&live(queue_steps), &text, &options(chunk_steps), &progress).await;
        let summary = summary.unwrap();
        assert_eq!(
            written, expected,
            "queue of {queue_steps}, chunks of {chunk_steps}"
        );
        assert_eq!(
            (
                summary.series,
                summary.failed,
                progress.0.load(Ordering::Relaxed)
            ),
            (60, 0, 60)
        );
        assert_eq!(summary.warnings["context_truncated"], 24);
        let kept: Vec<_> = summary.kept.iter().map(|kept| kept.id.as_deref()).collect();
        assert_eq!(kept, [Some("s0"), Some("s1")]);
    }
}

#[tokio::test]
async fn a_chunk_that_takes_too_long_ends_the_run_after_the_rows_before_it() {
    let options = BatchOptions {
        chunk_timeout: Duration::ZERO,
        ..options(3)
    };
    let (outcome, written) = run(&live(1_000), "id,value\na,x\nb,1\n", &options, &()).await;
    assert!(matches!(
        outcome,
        Err(BatchError::Call(CallError {
            code: CallCode::RequestTimeout,
            ..
        }))
    ));
    insta::assert_snapshot!(written, @r#"
    id,timestamp,point,error
    a,,,"line 2, column value: ""x"" is not a number; leave a missing value empty"
    "#);
}

#[tokio::test]
async fn no_series_is_an_empty_table() {
    let model = live(10);
    let mut writer = ForecastWriter::new(Vec::new(), ForecastColumns::default()).unwrap();
    let summary = forecast_series(&model, Vec::new(), &options(10), &(), &mut writer)
        .await
        .unwrap();
    assert_eq!(summary.series, 0);
    assert_eq!(writer.finish().unwrap(), b"id,timestamp,point,error\n");
}
