//! Checks the covariate inputs of a graph, and that the covariates of a row affect no other row.

use almanac_forecast::{
    Covariate, CovariateValues, Covariates, ForecastRequest, Horizon, QuantileLevels, SeasonChoice,
    Series, StaticValue, Warning,
};
use ndarray::Array3;
use proptest::prelude::*;

use crate::manifest::tests::MANIFEST;
use crate::manifest::{Missing, PadSide};
use crate::precision::narrow;
use crate::{Batch, Forecaster, Manifest, PredictError};

/// Returns a manifest with two steps per run, a roll-out, and inputs for each kind of covariate.
fn manifest(covariates: &str) -> Manifest {
    let text = MANIFEST
        .replace(
            "native = 2\nlongest = 2",
            "native = 2\nlongest = 6\nrollout = \"median\"",
        )
        .replace("scaling = \"mean_abs\"", "scaling = \"none\"\nmultiple = 2")
        .replace("non_negative = true", "");
    let inputs = format!(
        r#"{covariates}
[[inputs]]
name = "past"
type = "float32"
axes = ["batch", "time", "covariate"]
fill = ["load", "price"]
[[inputs]]
name = "ahead"
type = "float32"
axes = ["covariate", "batch", "horizon"]
fill = ["price"]
[[inputs]]
name = "span"
type = "float32"
axes = ["batch", "span"]
fill = ["price"]
[[inputs]]
name = "static"
type = "float32"
axes = ["batch", "covariate"]
fill = ["size", "region"]
"#
    );
    Manifest::parse(&format!("{text}{inputs}")).unwrap()
}

const COVARIATES: &str = r#"
[[covariates]]
name = "load"
kind = "past"
missing = "previous"
pad_value = "first"
[[covariates]]
name = "price"
kind = "future"
missing = "interpolate"
scaling = "min_max"
[[covariates]]
name = "size"
kind = "static"
[[covariates]]
name = "region"
kind = "static"
categories = ["north", "south"]
"#;

fn covariate(name: &str, values: CovariateValues) -> Covariate {
    Covariate {
        name: name.to_owned(),
        values,
    }
}

/// Returns a request with a covariate of each kind, derived from its values or from the step.
fn request(values: &[f64], horizon: usize) -> ForecastRequest {
    let all: Vec<_> = (0..values.len() + horizon)
        .map(|step| 10.0 + (step * step) as f64)
        .collect();
    let list = vec![
        covariate(
            "load",
            CovariateValues::Past(values.iter().map(|v| v * 2.0).collect()),
        ),
        covariate("price", CovariateValues::Future(all)),
        covariate(
            "size",
            CovariateValues::Static(StaticValue::Number(values[0])),
        ),
        covariate(
            "region",
            CovariateValues::Static(StaticValue::Category("south".to_owned())),
        ),
    ];
    ForecastRequest::new(
        Series::new(values.to_vec(), None, 100).unwrap(),
        Horizon::new(horizon as u64, 100).unwrap(),
        QuantileLevels::with_median([]),
        SeasonChoice::Given(1),
    )
    .with_covariates(Covariates::new(list, values.len(), horizon, 9).unwrap())
}

/// A graph that forecasts a weighted sum of all inputs of a row. It records its inputs.
struct WeightedSum {
    manifest: Manifest,
    inputs: Vec<Vec<ndarray::ArrayD<f64>>>,
}

impl WeightedSum {
    fn new(manifest: &Manifest) -> Self {
        Self {
            manifest: manifest.clone(),
            inputs: Vec::new(),
        }
    }

    /// Returns the values of input `input_idx` in run `run_idx`, in order.
    fn numbers(&self, run_idx: usize, input_idx: usize) -> Vec<f64> {
        self.inputs[run_idx][input_idx].iter().copied().collect()
    }
}

impl Forecaster for WeightedSum {
    fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError> {
        let inputs: Vec<_> = self
            .manifest
            .inputs
            .iter()
            .map(|role| batch.input(&self.manifest, role))
            .collect();
        let mut output = Array3::zeros((batch.len(), 3, 2));
        for ((row, _, step), cell) in output.indexed_iter_mut() {
            let context = batch.contexts().row(row);
            let mut sum: f64 = context
                .iter()
                .filter(|v| !v.is_nan())
                .map(|v| f64::from(*v))
                .sum();
            for (input, role) in inputs.iter().zip(&self.manifest.inputs) {
                let batch_axis = usize::from(role.name == "ahead");
                let cells = input.index_axis(ndarray::Axis(batch_axis), row);
                // Weighted from the end, so that padding in front changes no weight.
                let values: Vec<f64> = cells.iter().copied().collect();
                sum += values
                    .iter()
                    .rev()
                    .zip(1_u8..)
                    .take(3)
                    .map(|(value, divisor)| value / f64::from(divisor))
                    .sum::<f64>();
            }
            *cell = narrow(sum + step as f64);
        }
        self.inputs.push(inputs);
        Ok(output)
    }
}

fn run(manifest: &Manifest, requests: &[&ForecastRequest], graph: &mut WeightedSum) -> Array3<f32> {
    for request in requests {
        manifest.fits(request).unwrap();
    }
    Batch::pack(manifest, requests)
        .run(manifest, graph)
        .unwrap()
}

#[test]
fn each_input_has_its_covariates_in_the_order_of_its_role() {
    let manifest = manifest(COVARIATES);
    let mut graph = WeightedSum::new(&manifest);
    run(&manifest, &[&request(&[1.0, 2.0, 3.0], 2)], &mut graph);
    // The padding is the first value of `load`, and zero for `price`. The scale of `price` is that of its
    // past values 10, 11 and 14.
    assert_eq!(
        graph.numbers(0, 0),
        [2.0, 0.0, 2.0, 0.0, 4.0, 0.25, 6.0, 1.0]
    );
    assert_eq!(graph.numbers(0, 1), [9.0 / 4.0, 16.0 / 4.0]);
    assert_eq!(graph.numbers(0, 2), [0.0, 0.0, 0.25, 1.0, 2.25, 4.0]);
    assert_eq!(graph.numbers(0, 3), [1.0, 1.0]);
}

#[test]
fn a_roll_out_advances_through_the_known_future() {
    let manifest = manifest(COVARIATES);
    let mut graph = WeightedSum::new(&manifest);
    run(&manifest, &[&request(&[1.0, 2.0], 4)], &mut graph);
    assert_eq!(graph.inputs.len(), 2);
    let scaled = |steps: std::ops::Range<usize>| -> Vec<f64> {
        steps.map(|step| (step * step) as f64).collect()
    };
    assert_eq!(graph.numbers(1, 1), scaled(4..6));
    assert_eq!(graph.numbers(1, 2), scaled(0..6));
    // The past covariate is unknown after the series, where its rule for missing values fills it.
    let past: Vec<_> = graph.numbers(1, 0).into_iter().step_by(2).collect();
    assert_eq!(past, [2.0, 4.0, 4.0, 4.0]);
}

#[test]
fn steps_beyond_the_known_future_are_filled_with_a_warning() {
    let manifest = manifest(COVARIATES);
    let mut graph = WeightedSum::new(&manifest);
    let one = request(&[1.0, 2.0], 1);
    let output = run(&manifest, &[&one], &mut graph);
    assert_eq!(graph.numbers(0, 1), [4.0, 4.0]);
    let batch = Batch::pack(&manifest, &[&one]);
    let forecasts = batch.forecasts(&manifest, &[&one], &output);
    let warnings = &forecasts[0].as_ref().unwrap().warnings;
    assert_eq!(
        *warnings,
        [Warning::CovariatesExtended { known: 1, seen: 2 }]
    );
}

#[test]
fn covariates_that_the_model_does_not_take_get_a_warning() {
    let plain = Manifest::parse(MANIFEST).unwrap();
    let one = request(&[1.0, 2.0], 1);
    let batch = Batch::pack(&plain, &[&one]);
    let forecasts = batch.forecasts(&plain, &[&one], &Array3::ones((1, 3, 2)));
    let names = ["load", "price", "size", "region"].map(str::to_owned);
    assert_eq!(
        forecasts[0].as_ref().unwrap().warnings,
        [Warning::CovariatesIgnored {
            names: names.to_vec()
        }]
    );
}

/// Checks the error for a series of three values with the covariates in `list`, which replace those of
/// [`request`].
#[track_caller]
fn check_unfit(list: Vec<Covariate>, horizon: usize, expected: &str) {
    let manifest = manifest(COVARIATES.replace("missing = \"interpolate\"", "").as_str());
    let request = request(&[1.0, 2.0, 3.0], horizon);
    let mut all: Vec<_> = request.covariates().iter().cloned().collect();
    for covariate in list {
        all.retain(|other| other.name != covariate.name);
        all.push(covariate);
    }
    let covariates = Covariates::new(all, 3, horizon, 9).unwrap();
    let error = manifest
        .fits(&request.with_covariates(covariates))
        .unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn rejects_covariates_that_do_not_fit_the_model() {
    let region = |value| covariate("region", CovariateValues::Static(value));
    check_unfit(
        vec![region(StaticValue::Category("east".to_owned()))],
        2,
        "static covariate \"region\", required by model small, is \"east\"; send one of north, south",
    );
    check_unfit(
        vec![region(StaticValue::Number(1.0))],
        2,
        "static covariate \"region\", required by model small, is 1; send one of north, south",
    );
    check_unfit(
        vec![covariate("price", CovariateValues::Past(vec![1.0; 3]))],
        2,
        "future covariate \"price\", required by model small, was sent as a past covariate; change its kind",
    );
    check_unfit(
        vec![covariate("price", CovariateValues::Future(vec![1.0; 3]))],
        2,
        "future covariate \"price\", required by model small, has no values for the steps ahead; send 5 values, those of the steps ahead last",
    );
    check_unfit(
        vec![],
        1,
        "future covariate \"price\", required by model small, must be known for 2 steps ahead, but is known only for 1; request a horizon of 2",
    );
    check_unfit(
        vec![covariate("load", CovariateValues::Past(vec![f64::NAN; 3]))],
        2,
        "past covariate \"load\", required by model small, has no value in the last 3 steps, and the model reads no others; send at least one",
    );
    let gap = vec![1.0, f64::NAN, 1.0, 1.0, 1.0];
    check_unfit(
        vec![covariate("price", CovariateValues::Future(gap))],
        2,
        "future covariate \"price\", required by model small, is missing at 1, but the model does not support missing values; fill it",
    );
    let text = StaticValue::Category("big".to_owned());
    check_unfit(
        vec![covariate("size", CovariateValues::Static(text))],
        2,
        "static covariate \"size\", required by model small, is \"big\"; send a number",
    );
}

#[test]
fn rejects_a_request_without_a_required_covariate() {
    let manifest = manifest(COVARIATES);
    let bare = request(&[1.0], 2).with_covariates(Covariates::default());
    assert_eq!(
        manifest.fits(&bare).unwrap_err().to_string(),
        "past covariate \"load\", required by model small, does not exist; send it"
    );
}

proptest! {
    #[test]
    fn the_forecast_of_a_row_does_not_depend_on_the_covariates_of_other_rows(
        series in prop::collection::vec(
            (prop::collection::vec(-9.0..9.0_f64, 1..8), 1..6_usize), 1..6,
        ),
        batch_size in prop::option::of(1..3_usize),
        pad in prop::sample::select(vec!["left", "right"]),
    ) {
        let mut manifest = manifest(COVARIATES);
        manifest.batch_size = batch_size;
        if pad == "right" {
            // A graph that cannot distinguish padding gets rows of one length per run.
            manifest.context.pad = PadSide::Right;
            manifest.context.missing = Missing::Interpolate;
        }
        let requests: Vec<_> =
            series.iter().map(|(values, horizon)| request(values, *horizon)).collect();
        let refs: Vec<_> = requests.iter().collect();
        let together = run(&manifest, &refs, &mut WeightedSum::new(&manifest));
        for (row, request) in requests.iter().enumerate() {
            let alone = run(&manifest, &[request], &mut WeightedSum::new(&manifest));
            let steps = request.horizon().steps();
            let bits = |output: &Array3<f32>, row: usize| -> Vec<u32> {
                let cells = output.slice(ndarray::s![row, .., ..steps]).to_owned();
                cells.iter().map(|cell| cell.to_bits()).collect()
            };
            prop_assert_eq!(bits(&together, row), bits(&alone, 0));
        }
    }
}
