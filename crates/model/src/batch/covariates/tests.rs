//! What a graph is told beside the history, and that rows keep it to themselves.

use ndarray::Array3;
use proptest::prelude::*;

use crate::manifest::tests::MANIFEST;
use crate::manifest::{Missing, PadSide};
use crate::{Batch, Forecaster, Manifest, PredictError};
use almanac_forecast::{
    Covariate, CovariateValues, Covariates, ForecastRequest, Horizon, QuantileLevels, SeasonChoice,
    Series, StaticValue, Warning,
};

/// Two steps a run, rolled out, with inputs for covariates of each kind.
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

/// A request whose covariates continue its values in their own ways.
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

/// A graph that sums, with weights by place, all that it is given of a row. It keeps its inputs.
struct Sum {
    manifest: Manifest,
    given: Vec<Vec<ndarray::ArrayD<f64>>>,
}

impl Sum {
    fn new(manifest: &Manifest) -> Self {
        Self {
            manifest: manifest.clone(),
            given: Vec::new(),
        }
    }

    /// The numbers of input `input_idx` in run `run_idx`, in order.
    fn numbers(&self, run_idx: usize, input_idx: usize) -> Vec<f64> {
        self.given[run_idx][input_idx].iter().copied().collect()
    }
}

impl Forecaster for Sum {
    fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError> {
        let roles = self.manifest.inputs.iter();
        let inputs: Vec<_> = roles
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
                let own = input.index_axis(ndarray::Axis(batch_axis), row);
                // Counted from the end, so that padding in front changes no weight.
                let mut numbers: Vec<f64> = own.iter().copied().collect();
                numbers.reverse();
                let weights = 1..=numbers.len();
                sum += numbers
                    .iter()
                    .zip(weights)
                    .take(3)
                    .map(|(n, w)| n / w as f64)
                    .sum::<f64>();
            }
            *cell = super::super::narrow(sum + step as f64);
        }
        self.given.push(inputs);
        Ok(output)
    }
}

fn run(manifest: &Manifest, requests: &[&ForecastRequest], graph: &mut Sum) -> Array3<f32> {
    for request in requests {
        manifest.fits(request).unwrap();
    }
    Batch::pack(manifest, requests)
        .run(manifest, graph)
        .unwrap()
}

#[test]
fn each_input_has_its_covariates_in_its_order() {
    let manifest = manifest(COVARIATES);
    let mut graph = Sum::new(&manifest);
    run(&manifest, &[&request(&[1.0, 2.0, 3.0], 2)], &mut graph);
    // Padded to two: its first value, and zero. Scaled by 10, 11, 14 of the past.
    assert_eq!(
        graph.numbers(0, 0),
        [2.0, 0.0, 2.0, 0.0, 4.0, 0.25, 6.0, 1.0]
    );
    assert_eq!(graph.numbers(0, 1), [9.0 / 4.0, 16.0 / 4.0]);
    assert_eq!(graph.numbers(0, 2), [0.0, 0.0, 0.25, 1.0, 2.25, 4.0]);
    assert_eq!(graph.numbers(0, 3), [1.0, 1.0]);
}

#[test]
fn a_roll_out_moves_on_in_what_is_known() {
    let manifest = manifest(COVARIATES);
    let mut graph = Sum::new(&manifest);
    run(&manifest, &[&request(&[1.0, 2.0], 4)], &mut graph);
    assert_eq!(graph.given.len(), 2);
    let scaled = |steps: std::ops::Range<usize>| -> Vec<f64> {
        steps.map(|step| (step * step) as f64).collect()
    };
    assert_eq!(graph.numbers(1, 1), scaled(4..6));
    assert_eq!(graph.numbers(1, 2), scaled(0..6));
    // The past covariate is not known beyond the series: its rule goes on.
    let past: Vec<_> = graph.numbers(1, 0).into_iter().step_by(2).collect();
    assert_eq!(past, [2.0, 4.0, 4.0, 4.0]);
}

#[test]
fn steps_beyond_the_horizon_are_filled_and_that_is_told() {
    let manifest = manifest(COVARIATES);
    let mut graph = Sum::new(&manifest);
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
fn covariates_that_are_not_of_the_model_are_told() {
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

/// Why `manifest` cannot be given `list` beside three values and two steps ahead.
#[track_caller]
fn check_unfit(list: Vec<Covariate>, horizon: usize, expected: &str) {
    let manifest = manifest(COVARIATES.replace("missing = \"interpolate\"", "").as_str());
    let request = request(&[1.0, 2.0, 3.0], horizon);
    let mut all: Vec<_> = request.covariates().iter().cloned().collect();
    for one in list {
        all.retain(|other| other.name != one.name);
        all.push(one);
    }
    let covariates = Covariates::new(all, 3, horizon, 9).unwrap();
    let error = manifest
        .fits(&request.with_covariates(covariates))
        .unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_a_model_cannot_be_given_is_named() {
    let region = |value| covariate("region", CovariateValues::Static(value));
    check_unfit(
        vec![region(StaticValue::Category("east".to_owned()))],
        2,
        "static covariate \"region\", of model small, is \"east\"; send one of north, south",
    );
    check_unfit(
        vec![region(StaticValue::Number(1.0))],
        2,
        "static covariate \"region\", of model small, is 1; send one of north, south",
    );
    check_unfit(
        vec![covariate("price", CovariateValues::Past(vec![1.0; 3]))],
        2,
        "future covariate \"price\", of model small, is needed, and it was sent as a past one",
    );
    check_unfit(
        vec![covariate("price", CovariateValues::Future(vec![1.0; 3]))],
        2,
        "future covariate \"price\", of model small, ends with the series; send 5 values, those of the steps ahead behind the others",
    );
    check_unfit(
        vec![],
        1,
        "future covariate \"price\", of model small, must be known for 2 steps ahead and not only for 1; ask for a horizon of 2",
    );
    check_unfit(
        vec![covariate("load", CovariateValues::Past(vec![f64::NAN; 3]))],
        2,
        "past covariate \"load\", of model small, has no value within the last 3 steps, which are all that the model sees",
    );
    let gap = vec![1.0, f64::NAN, 1.0, 1.0, 1.0];
    check_unfit(
        vec![covariate("price", CovariateValues::Future(gap))],
        2,
        "future covariate \"price\", of model small, is missing at 1, and the model takes no missing values; fill it",
    );
    let text = StaticValue::Category("big".to_owned());
    check_unfit(
        vec![covariate("size", CovariateValues::Static(text))],
        2,
        "static covariate \"size\", of model small, is \"big\"; send a number",
    );
}

#[test]
fn a_covariate_that_is_not_there_is_named() {
    let manifest = manifest(COVARIATES);
    let bare = request(&[1.0], 2).with_covariates(Covariates::default());
    assert_eq!(
        manifest.fits(&bare).unwrap_err().to_string(),
        "past covariate \"load\", of model small, is needed, and the series has none of that name; send it"
    );
}

proptest! {
    #[test]
    fn an_answer_with_covariates_does_not_depend_on_its_neighbours(
        series in prop::collection::vec(
            (prop::collection::vec(-9.0..9.0_f64, 1..8), 1..6_usize), 1..6,
        ),
        batch_size in prop::option::of(1..3_usize),
        pad in prop::sample::select(vec!["left", "right"]),
    ) {
        let mut manifest = manifest(COVARIATES);
        manifest.batch_size = batch_size;
        if pad == "right" {
            // A graph that cannot tell padding is given rows of one length at a time.
            manifest.context.pad = PadSide::Right;
            manifest.context.missing = Missing::Interpolate;
        }
        let requests: Vec<_> =
            series.iter().map(|(values, horizon)| request(values, *horizon)).collect();
        let refs: Vec<_> = requests.iter().collect();
        let together = run(&manifest, &refs, &mut Sum::new(&manifest));
        for (row, request) in requests.iter().enumerate() {
            let alone = run(&manifest, &[request], &mut Sum::new(&manifest));
            let steps = request.horizon().steps();
            let own = |output: &Array3<f32>, row: usize| -> Vec<u32> {
                let cells = output.slice(ndarray::s![row, .., ..steps]).to_owned();
                cells.iter().map(|cell| cell.to_bits()).collect()
            };
            prop_assert_eq!(own(&together, row), own(&alone, 0));
        }
    }
}
