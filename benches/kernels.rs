//! Benchmarks of the parts of a request that do no I/O: `cargo bench --bench kernels`.
//!
//! The sizes are those of the targets in `docs/performance.md`: 144 values, 12 steps, three levels.

use std::hint::black_box;

use almanac_engine::batcher::{Batcher, Priority, RowShape, RowStatus};
use almanac_engine::pace::Pace;
use almanac_forecast::{
    Calendar, Forecast, ForecastLimits, ForecastRequest, Horizon, QuantileGrid, QuantileLevel,
    QuantileLevels, SeriesDraft, Stamp,
};
use almanac_model::{Batch, Bundle};
use almanac_store::embedded::Embedded;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const LIMITS: ForecastLimits = ForecastLimits {
    series: 1,
    values: 10_000,
    horizon: 1_024,
    levels: 99,
    covariates: 4,
};

fn draft() -> SeriesDraft {
    SeriesDraft {
        values: (0..144_u32)
            .map(|step| f64::from(100 + step + 20 * (step % 12)))
            .collect(),
        start: Some("2012-01-01".to_owned()),
        frequency: Some("MS".to_owned()),
        ..SeriesDraft::default()
    }
}

fn levels(levels: &[f64]) -> QuantileLevels {
    QuantileLevels::with_median(
        levels
            .iter()
            .map(|level| QuantileLevel::new(*level).expect("a level")),
    )
}

fn request() -> ForecastRequest {
    let horizon = Horizon::new(12, LIMITS.horizon).expect("a horizon");
    draft()
        .into_request(horizon, levels(&[0.1, 0.9]), &LIMITS)
        .expect("a series")
}

fn domain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("domain");
    group.bench_function("a request of a draft", |bencher| {
        let horizon = Horizon::new(12, LIMITS.horizon).expect("a horizon");
        let levels = levels(&[0.1, 0.9]);
        let into_request =
            |draft: SeriesDraft| draft.into_request(horizon, levels.clone(), &LIMITS);
        bencher.iter_batched(draft, into_request, BatchSize::SmallInput);
    });
    group.bench_function("twelve months as text", |bencher| {
        let start = Stamp::parse("2012-01-01").expect("a date");
        let frequency = "MS".parse().expect("a frequency");
        let calendar = Calendar::new(start, frequency).expect("a calendar");
        bencher.iter(|| {
            calendar
                .stamps(black_box(144), 12)
                .expect("the years are in range")
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        });
    });
    group.bench_function("a forecast of a grid", |bencher| {
        let own = levels(&[0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]);
        let values: Vec<f64> = (0..9 * 12_u32).map(f64::from).collect();
        let requested = levels(&[0.1, 0.25, 0.9]);
        bencher.iter(|| {
            let grid = QuantileGrid::new(own.clone(), black_box(values.clone()));
            Forecast::from_grid(&grid.expect("a grid"), &requested, Some(0.0))
        });
    });
    group.finish();
}

fn tensors(criterion: &mut Criterion) {
    let files = Embedded::files("almanac", "1").expect("the bundled model");
    let bundle = Bundle::verify(files).expect("a bundle");
    let request = request();
    let mut group = criterion.benchmark_group("tensors");
    for rows in [1, 64] {
        let requests = vec![&request; rows];
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(format!("pack {rows}"), |bencher| {
            bencher.iter(|| Batch::pack(&bundle.manifest, black_box(&requests)));
        });
        let batch = Batch::pack(&bundle.manifest, &requests);
        let levels = bundle.manifest.levels().as_slice().len();
        let output =
            ndarray::Array3::from_shape_fn((rows, levels, 12), |(_, level, _)| level as f32);
        group.bench_function(format!("unpack {rows}"), |bencher| {
            bencher.iter(|| batch.forecasts(&bundle.manifest, &requests, black_box(&output)));
        });
    }
    group.finish();
}

fn engine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine");
    let rows = 64;
    group.throughput(Throughput::Elements(rows));
    for (name, shapes) in [("like", 1), ("mixed", 16)] {
        group.bench_function(format!("batch {rows} rows of {name} shapes"), |bencher| {
            let mut batcher = Batcher::new();
            bencher.iter(|| {
                for row in 0..rows {
                    let shape = RowShape {
                        context_length: 100 << (row % shapes % 5),
                        horizon: 12,
                    };
                    batcher.push(Priority::Interactive, shape, row);
                }
                while !batcher.is_empty() {
                    black_box(batcher.take(16_384, |_| RowStatus::Run));
                }
            });
        });
    }
    group.bench_function("expected wait", |bencher| {
        let mut pace = Pace::new();
        pace.record(10_000, std::time::Duration::from_millis(20));
        bencher.iter(|| pace.time_for(black_box(50_000), 16_384, 2));
    });
    group.finish();
}

criterion_group!(benches, domain, tensors, engine);
criterion_main!(benches);
