//! Checks that covariates as extra rows are visible to their own series only.

use almanac_forecast::{
    Covariate, CovariateValues, Covariates, ForecastRequest, Horizon, QuantileLevels, SeasonChoice,
    Series, StaticValue, Warning,
};
use ndarray::Array3;
use proptest::prelude::*;

use crate::manifest::tests::MANIFEST;
use crate::precision::narrow;
use crate::{Batch, Forecaster, Manifest, PredictError};

fn manifest() -> Manifest {
    let text = MANIFEST.replace(
        "scaling = \"mean_abs\"",
        "scaling = \"none\"\ncovariates = \"rows\"",
    );
    let inputs = r#"
[[inputs]]
name = "group_ids"
type = "int64"
axes = ["batch"]
fill = "group"
[[inputs]]
name = "known"
type = "float32"
axes = ["batch", "horizon"]
fill = "ahead"
"#;
    Manifest::parse(&format!("{text}{inputs}")).unwrap()
}

/// A graph that forecasts, for each row, the sum of all values in the rows of its group. It records its
/// inputs.
struct GroupSum {
    manifest: Manifest,
    /// The groups and the known future values of each run.
    inputs: Vec<(Vec<f64>, Vec<f64>)>,
}

impl GroupSum {
    fn new(manifest: &Manifest) -> Self {
        Self {
            manifest: manifest.clone(),
            inputs: Vec::new(),
        }
    }
}

impl Forecaster for GroupSum {
    fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError> {
        let [groups, known] =
            [0, 1].map(|input_idx| batch.input(&self.manifest, &self.manifest.inputs[input_idx]));
        let sums: Vec<f64> = (0..batch.len())
            .map(|row| {
                let context = batch.contexts().row(row).mapv(f64::from);
                let future = known.index_axis(ndarray::Axis(0), row);
                context
                    .iter()
                    .chain(future.iter())
                    .filter(|value| !value.is_nan())
                    .sum()
            })
            .collect();
        let output = Array3::from_shape_fn((batch.len(), 3, 2), |(row, _, step)| {
            let sum: f64 = (0..batch.len())
                .filter(|other| groups[[*other]].total_cmp(&groups[[row]]).is_eq())
                .map(|other| sums[other])
                .sum();
            narrow(sum + step as f64)
        });
        let numbers = |array: ndarray::ArrayD<f64>| array.iter().copied().collect();
        self.inputs.push((numbers(groups), numbers(known)));
        Ok(output)
    }
}

fn request(values: &[f64], horizon: usize, covariates: usize) -> ForecastRequest {
    let list = (0..covariates).map(|index| {
        let is_future = index % 2 == 0;
        let length = values.len() + if is_future { horizon } else { 0 };
        let steps = (0..length)
            .map(|step| (step * (index + 1)) as f64)
            .collect();
        Covariate {
            name: format!("x{index}"),
            values: if is_future {
                CovariateValues::Future(steps)
            } else {
                CovariateValues::Past(steps)
            },
        }
    });
    ForecastRequest::new(
        Series::new(values.to_vec(), None, 100).unwrap(),
        Horizon::new(horizon as u64, 100).unwrap(),
        QuantileLevels::with_median([]),
        SeasonChoice::Given(1),
    )
    .with_covariates(Covariates::new(list.collect(), values.len(), horizon, 9).unwrap())
}

fn run(manifest: &Manifest, requests: &[&ForecastRequest], graph: &mut GroupSum) -> Array3<f32> {
    let batch = Batch::pack(manifest, requests);
    batch.run(manifest, graph).unwrap()
}

#[test]
fn each_covariate_is_a_row_in_the_group_of_its_series() {
    let manifest = manifest();
    let mut graph = GroupSum::new(&manifest);
    let requests = [request(&[1.0, 2.0], 2, 2), request(&[5.0], 1, 0)];
    let output = run(&manifest, &requests.each_ref(), &mut graph);
    let (groups, known) = &graph.inputs[0];
    assert_eq!(*groups, [0.0, 0.0, 0.0, 1.0]);
    let bits =
        |values: &[f64]| -> Vec<u64> { values.iter().map(|value| value.to_bits()).collect() };
    let gap = f64::NAN;
    let expected = [gap, gap, 2.0, 3.0, gap, gap, gap, gap];
    assert_eq!(bits(known), bits(&expected));
    // The sums of the first series and its covariates: 3, then 1 and 5 in the future, then 2.
    assert_eq!(output.dim(), (2, 3, 2));
    assert_eq!(output[[0, 1, 0]].to_bits(), 11.0_f32.to_bits());
    assert_eq!(output[[1, 1, 0]].to_bits(), 5.0_f32.to_bits());
}

#[test]
fn a_static_covariate_is_not_a_row() {
    let manifest = manifest();
    let covariate = Covariate {
        name: "size".to_owned(),
        values: CovariateValues::Static(StaticValue::Number(1.0)),
    };
    let covariates = Covariates::new(vec![covariate], 1, 1, 1).unwrap();
    let request = request(&[1.0], 1, 0).with_covariates(covariates);
    let batch = Batch::pack(&manifest, &[&request]);
    let forecasts = batch.forecasts(&manifest, &[&request], &Array3::ones((1, 3, 2)));
    let names = vec!["size".to_owned()];
    assert_eq!(
        forecasts[0].as_ref().unwrap().warnings,
        [Warning::CovariatesIgnored { names }]
    );
}

proptest! {
    #[test]
    fn the_forecast_of_a_series_does_not_depend_on_rows_of_other_series(
        series in prop::collection::vec(
            (prop::collection::vec(-9.0..9.0_f64, 1..7), 1..3_usize, 0..4_usize), 1..6,
        ),
    ) {
        let manifest = manifest();
        let requests: Vec<_> = series
            .iter()
            .map(|(values, horizon, covariates)| request(values, *horizon, *covariates))
            .collect();
        let refs: Vec<_> = requests.iter().collect();
        let together = run(&manifest, &refs, &mut GroupSum::new(&manifest));
        for (row, request) in requests.iter().enumerate() {
            let alone = run(&manifest, &[request], &mut GroupSum::new(&manifest));
            let steps = request.horizon().steps();
            let cells = ndarray::s![row, .., ..steps];
            prop_assert_eq!(together.slice(cells), alone.slice(ndarray::s![0, .., ..steps]));
        }
    }
}
