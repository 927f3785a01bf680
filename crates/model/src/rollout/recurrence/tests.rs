//! Checks the inputs of each run of a graph with a state, and that each row has its own state.

use almanac_forecast::{ForecastRequest, Horizon, QuantileLevels, SeasonChoice, Series};
use ndarray::{Array3, ArrayD, IxDyn, s};
use proptest::prelude::*;

use crate::manifest::tests::{MANIFEST, with_table};
use crate::precision::narrow;
use crate::{Batch, Forecaster, Manifest, PredictError, Prediction};

/// Returns a manifest with three levels, two steps per run, and one state of two numbers whose second axis
/// is the batch.
fn manifest(context: &str) -> Manifest {
    let text = format!(
        "input = \"context\"\naxes = [\"batch\", \"time\"]\ntype = \"float32\"\nmin_length = 1\nmax_length = 6\nmissing = \"interpolate\"\nscaling = \"none\"\n{context}"
    );
    let text = with_table(MANIFEST, "[context]", &text);
    let horizon = "native = 2\nlongest = 8\nrollout = \"median\"";
    let text = with_table(&text, "[horizon]", horizon);
    let state =
        "[[states]]\ninput = \"h\"\noutput = \"g\"\ntype = \"float32\"\naxes = [2, \"batch\"]\n";
    Manifest::parse(&format!("{text}\n{state}")).unwrap()
}

/// A graph whose state is the number of steps that it has read and their sum, in which each step halves
/// the weight of the earlier ones. It forecasts from the sum.
#[derive(Default)]
struct Counter {
    widths: Vec<usize>,
}

impl Forecaster for Counter {
    fn predict(&mut self, _batch: &Batch) -> Result<Array3<f32>, PredictError> {
        unreachable!("a graph with states runs through predict_with_states")
    }

    fn predict_with_states(&mut self, batch: &Batch) -> Result<Prediction, PredictError> {
        let contexts = batch.contexts();
        self.widths.push(contexts.ncols());
        let mut state: ArrayD<f64> = batch.states()[0].clone();
        let mut output = Array3::zeros((batch.len(), 3, 2));
        for (row, values) in contexts.outer_iter().enumerate() {
            for value in values {
                state[IxDyn(&[0, row])] += 1.0;
                state[IxDyn(&[1, row])] = state[IxDyn(&[1, row])] / 2.0 + f64::from(*value);
            }
            for step in 0..2_u8 {
                let value = state[IxDyn(&[1, row])] + f64::from(step);
                output
                    .slice_mut(s![row, .., usize::from(step)])
                    .fill(narrow(value));
            }
        }
        Ok((output, vec![state]))
    }
}

fn request(values: &[f64], horizon: u64) -> ForecastRequest {
    ForecastRequest::new(
        Series::new(values.to_vec(), None, 100).unwrap(),
        Horizon::new(horizon, 100).unwrap(),
        QuantileLevels::with_median([]),
        SeasonChoice::Given(1),
    )
}

fn run(manifest: &Manifest, requests: &[&ForecastRequest], graph: &mut Counter) -> Array3<f32> {
    let batch = Batch::pack(manifest, requests);
    batch.run(manifest, graph).unwrap()
}

#[test]
fn a_graph_with_a_state_reads_each_step_once() {
    let one = request(&[4.0, 8.0, 2.0], 4);
    let (mut whole, mut stepwise) = (Counter::default(), Counter::default());
    let read = run(&manifest(""), &[&one], &mut whole);
    let stepped = run(&manifest("stepwise = true"), &[&one], &mut stepwise);
    assert_eq!(whole.widths, [3, 2]);
    assert_eq!(stepwise.widths, [1; 5]);
    assert_eq!(read, stepped);
    // (4 / 2 + 8) / 2 + 2 = 7. The next run reads 7 and 8: (7 / 2 + 7) / 2 + 8 = 13.25.
    assert_eq!(read.slice(s![0, 1, ..]).to_vec(), [7.0, 8.0, 13.25, 14.25]);
}

#[test]
fn rejects_settings_that_conflict_with_a_state() {
    for (from, to, expected) in [
        ("native = 2", "native = 9", "horizon.native"),
        (
            "rollout = \"median\"",
            "rollout = \"quantiles\"",
            "horizon.rollout",
        ),
        (
            "max_length = 6",
            "max_length = 6\nmultiple = 2",
            "[[states]] is",
        ),
        ("[2, \"batch\"]", "[2, 3]", "states.axes"),
    ] {
        let text = manifest_text_with_state().replace(from, to);
        let error = Manifest::parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
    let error = Manifest::parse(&MANIFEST.replace("min_length", "stepwise = true\nmin_length"));
    assert!(error.unwrap_err().to_string().contains("context.stepwise"));
}

fn manifest_text_with_state() -> String {
    let horizon = "native = 2\nlongest = 8\nrollout = \"median\"";
    let text =
        with_table(MANIFEST, "[horizon]", horizon).replace("max_length = 4", "max_length = 6");
    format!(
        "{text}\n[[states]]\ninput = \"h\"\noutput = \"g\"\ntype = \"float32\"\naxes = [2, \"batch\"]\n"
    )
}

proptest! {
    #[test]
    fn the_state_of_a_row_does_not_depend_on_the_other_rows(
        series in prop::collection::vec(
            (prop::collection::vec(-9.0..9.0_f64, 1..9), 1..8_u64), 1..6,
        ),
        stepwise in any::<bool>(),
        batch_size in prop::option::of(1..4_usize),
    ) {
        let mut manifest = manifest(if stepwise { "stepwise = true" } else { "" });
        manifest.batch_size = batch_size;
        let requests: Vec<_> =
            series.iter().map(|(values, horizon)| request(values, *horizon)).collect();
        let refs: Vec<_> = requests.iter().collect();
        let together = run(&manifest, &refs, &mut Counter::default());
        for (row, request) in requests.iter().enumerate() {
            let alone = run(&manifest, &[request], &mut Counter::default());
            let steps = request.horizon().steps();
            prop_assert_eq!(together.slice(s![row, .., ..steps]), alone.slice(s![0, .., ..]));
        }
    }
}
