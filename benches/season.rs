//! Benchmarks of the detection of a season: `cargo bench --bench season`.
//!
//! 144 values are twelve years of months, 1,024 the window of a request, and 4,096 the maximum that
//! the detection uses.

use std::hint::black_box;

use almanac_forecast::detect_season_length;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

/// Returns numbers between 0 and 1: the top bits of a linear congruential generator (Knuth's MMIX).
fn noise(count: usize) -> impl Iterator<Item = f64> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    })
    .take(count)
}

fn season(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("detect_season_length");
    for (count, longest) in [(144, 336), (1_024, 336), (4_096, 512)] {
        let plain: Vec<f64> = noise(count).collect();
        let seasonal: Vec<f64> = plain
            .iter()
            .enumerate()
            .map(|(step, noise)| noise + (step % 12) as f64 / 4.0)
            .collect();
        let gaps: Vec<f64> = plain
            .iter()
            .enumerate()
            .map(|(step, noise)| if step % 10 == 3 { f64::NAN } else { *noise })
            .collect();
        for (name, values) in [("noise", plain), ("seasonal", seasonal), ("gaps", gaps)] {
            group.bench_with_input(BenchmarkId::new(name, count), &values, |bencher, values| {
                bencher.iter(|| detect_season_length(black_box(values), longest));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, season);
criterion_main!(benches);
