//! Checks the inputs of each run, and the forecasts that are made of the outputs.

use almanac_forecast::{ForecastRequest, Horizon, QuantileLevels, SeasonChoice, Series};
use proptest::prelude::*;

use super::*;
use crate::distribution::empirical;
use crate::manifest::tests::{MANIFEST, manifest, manifest_with, with_table};
use crate::precision::narrow;

/// A graph with three levels and `native` steps: the median is the last value, and the outer levels move
/// away from it by one per step. It records its contexts.
struct Walk {
    native: usize,
    contexts: Vec<Vec<Vec<f32>>>,
}

impl Walk {
    const fn new(native: usize) -> Self {
        Self {
            native,
            contexts: Vec::new(),
        }
    }
}

impl Forecaster for Walk {
    fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError> {
        let rows: Vec<_> = batch
            .contexts()
            .outer_iter()
            .map(|row| row.to_vec())
            .collect();
        let mut output = Array3::zeros((rows.len(), 3, self.native));
        for ((row, level, step), cell) in output.indexed_iter_mut() {
            let width = u16::try_from(step + 1).map(f32::from).unwrap();
            let last = rows[row].iter().rfind(|value| !value.is_nan());
            *cell = last.unwrap_or(&0.0) + [-width, 0.0, width][level];
        }
        self.contexts.push(rows);
        Ok(output)
    }
}

fn request(values: &[f64], horizon: u64) -> ForecastRequest {
    ForecastRequest::new(
        Series::new(values.to_vec(), None, 1_000).unwrap(),
        Horizon::new(horizon, 1_000).unwrap(),
        QuantileLevels::with_median([]),
        SeasonChoice::Given(1),
    )
}

/// Returns an unscaled manifest with two steps per run, and with `context` and `horizon` added to these
/// tables.
fn rollout_manifest(context: &str, horizon: &str) -> Manifest {
    let text = format!(
        "input = \"context\"\naxes = [\"batch\", \"time\"]\ntype = \"float32\"\nmin_length = 1\nmax_length = 6\nmissing = \"nan\"\nscaling = \"none\"\n{context}"
    );
    let base = with_table(MANIFEST, "[context]", &text);
    let horizon = format!("native = 2\nlongest = 5\n{horizon}");
    Manifest::parse(&with_table(&base, "[horizon]", &horizon)).unwrap()
}

fn run(manifest: &Manifest, requests: &[&ForecastRequest], graph: &mut Walk) -> Array3<f32> {
    Batch::pack(manifest, requests)
        .run(manifest, graph)
        .unwrap()
}

/// Returns the bits of the contexts of run `run_idx`, so that `NaN` equals itself.
fn bits(graph: &Walk, run_idx: usize) -> Vec<Vec<u32>> {
    let to_bits = |row: &Vec<f32>| row.iter().map(|value| value.to_bits()).collect();
    graph.contexts[run_idx].iter().map(to_bits).collect()
}

#[test]
fn the_median_continues_from_its_own_values() {
    let manifest = rollout_manifest("", "rollout = \"median\"");
    let mut graph = Walk::new(2);
    let (long, short) = (request(&[5.0, 6.0, 7.0], 5), request(&[1.0], 1));
    let output = run(&manifest, &[&long, &short], &mut graph);
    assert_eq!(graph.contexts.len(), 3);
    // The row that has reached its horizon is not run again, and the context stays within its length.
    assert_eq!(graph.contexts[1], [[5.0, 6.0, 7.0, 7.0, 7.0]]);
    assert_eq!(graph.contexts[2], [[6.0, 7.0, 7.0, 7.0, 7.0, 7.0]]);
    assert_eq!(output.slice(s![0, 1, ..]).to_vec(), [7.0; 5]);
    assert_eq!(
        output.slice(s![0, 2, ..]).to_vec(),
        [8.0, 9.0, 8.0, 9.0, 8.0]
    );
}

#[test]
fn a_graph_that_fills_missing_values_gets_them_after_the_history() {
    let manifest = rollout_manifest("", "rollout = \"nan\"");
    let mut graph = Walk::new(2);
    let series = request(&[5.0, 6.0], 3);
    run(&manifest, &[&series], &mut graph);
    assert_eq!(
        bits(&graph, 1),
        [[5.0, 6.0, f32::NAN, f32::NAN].map(f32::to_bits)]
    );
}

#[test]
fn quantile_paths_continue_in_copies_and_are_pooled() {
    let manifest = rollout_manifest("", "rollout = \"quantiles\"");
    let mut graph = Walk::new(2);
    let (one, two) = (request(&[10.0], 4), request(&[20.0], 3));
    let output = run(&manifest, &[&one, &two], &mut graph);
    assert_eq!(graph.contexts[1].len(), 6);
    assert_eq!(graph.contexts[1][0][..], [10.0, 9.0, 8.0]);
    assert_eq!(graph.contexts[1][5][..], [20.0, 21.0, 22.0]);
    // At the third step the copies return 7, 8, 9 and 9, 10, 11 and 11, 12, 13.
    let draws = [7.0, 8.0, 9.0, 9.0, 10.0, 11.0, 11.0, 12.0, 13.0];
    for (level_idx, level) in [0.1, 0.5, 0.9].into_iter().enumerate() {
        let expected = narrow(empirical(&draws, level));
        assert_eq!(output[[0, level_idx, 2]].to_bits(), expected.to_bits());
    }
    assert_eq!(output[[1, 1, 2]].to_bits(), 20.0_f32.to_bits());
}

#[test]
fn a_graph_that_cannot_tell_padding_gets_rows_of_one_length_at_a_time() {
    let manifest = rollout_manifest("pad_value = \"zero\"\nmultiple = 2", "rollout = \"median\"");
    let mut graph = Walk::new(2);
    let requests = [
        request(&[1.0, 2.0, 3.0], 1),
        request(&[4.0], 1),
        request(&[5.0, 6.0], 1),
    ];
    let output = run(&manifest, &requests.each_ref(), &mut graph);
    assert_eq!(graph.contexts[0], [[0.0, 4.0], [5.0, 6.0]]);
    assert_eq!(graph.contexts[1], [[0.0, 1.0, 2.0, 3.0]]);
    let medians: Vec<_> = output.slice(s![.., 1, 0]).to_vec();
    assert_eq!(medians, [3.0, 4.0, 6.0]);
}

#[test]
fn a_fixed_number_of_rows_is_filled_up_with_the_last_row() {
    let mut manifest = manifest("scaling = \"none\"");
    manifest.batch_size = Some(2);
    let mut graph = Walk::new(2);
    let requests = [request(&[1.0], 1), request(&[2.0], 1), request(&[3.0], 2)];
    let output = run(&manifest, &requests.each_ref(), &mut graph);
    assert_eq!(graph.contexts, [[[1.0], [2.0]], [[3.0], [3.0]]]);
    assert_eq!(output.slice(s![.., 1, 0]).to_vec(), [1.0, 2.0, 3.0]);
}

#[test]
fn flipping_makes_the_forecast_antisymmetric() {
    let flip = "non_negative = false\nflip = true";
    let manifest = manifest_with("[postprocess]", flip);
    let forecast = |sign: f64| {
        let request = request(&[sign * 3.0, sign * 4.0], 2);
        let batch = Batch::pack(&manifest, &[&request]);
        batch.run(&manifest, &mut Skewed).unwrap()
    };
    let mirrored = -forecast(-1.0).slice(s![.., ..;-1, ..]).to_owned();
    assert_eq!(forecast(1.0), mirrored);
}

/// A graph that returns 1, 2 and 5 at its three levels for any series.
struct Skewed;

impl Forecaster for Skewed {
    fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError> {
        Ok(Array3::from_shape_fn(
            (batch.len(), 3, 2),
            |(_, level, _)| [1.0, 2.0, 5.0][level],
        ))
    }
}

proptest! {
    #[test]
    fn the_forecast_of_a_row_does_not_depend_on_the_other_rows(
        series in prop::collection::vec((prop::collection::vec(-9.0..9.0_f64, 1..7), 1..6_u64), 1..5),
        rollout in prop::sample::select(vec!["median", "quantiles", "nan"]),
    ) {
        let manifest = rollout_manifest("multiple = 2", &format!("rollout = \"{rollout}\""));
        let requests: Vec<_> =
            series.iter().map(|(values, horizon)| request(values, *horizon)).collect();
        let refs: Vec<_> = requests.iter().collect();
        let together = run(&manifest, &refs, &mut Walk::new(2));
        for (row, request) in requests.iter().enumerate() {
            let alone = run(&manifest, &[request], &mut Walk::new(2));
            let steps = request.horizon().steps();
            prop_assert_eq!(together.slice(s![row, .., ..steps]), alone.slice(s![0, .., ..]));
        }
    }
}
