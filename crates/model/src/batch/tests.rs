//! Checks the tensors of a batch, and the forecasts that are made of its output.

use almanac_forecast::{Horizon, QuantileLevel, QuantileLevels, SeasonChoice, Series, Warning};
use proptest::prelude::*;

use super::*;
use crate::manifest::tests::manifest;
use crate::manifest::{ElementType, Fill, InputAxis, InputRole};

fn request(values: &[f64], horizon: u64, season_length: usize) -> ForecastRequest {
    ForecastRequest::new(
        Series::new(values.to_vec(), None, 1_000).unwrap(),
        Horizon::new(horizon, 1_000).unwrap(),
        QuantileLevels::with_median([QuantileLevel::new(0.9).unwrap()]),
        SeasonChoice::Given(season_length),
    )
}

/// Returns the bits of the context at `index`, so that `NaN` equals itself.
fn context_bits(batch: &Batch, index: usize) -> Vec<u32> {
    batch
        .contexts()
        .row(index)
        .iter()
        .map(|value| value.to_bits())
        .collect()
}

#[test]
fn short_contexts_are_padded_on_the_left_and_long_ones_truncated_to_their_tail() {
    let unscaled = manifest("scaling = \"none\"");
    let (long, short) = (
        request(&[9.0, 1.0, 2.0, 3.0, 4.0], 2, 1),
        request(&[5.0, f64::NAN], 1, 1),
    );
    let batch = Batch::pack(&unscaled, &[&long, &short]);
    assert_eq!(
        context_bits(&batch, 0),
        [1.0_f32, 2.0, 3.0, 4.0].map(f32::to_bits)
    );
    assert_eq!(
        context_bits(&batch, 1),
        [f32::NAN, f32::NAN, 5.0, f32::NAN].map(f32::to_bits)
    );
    assert_eq!((batch.len(), batch.horizon()), (2, 2));
}

#[test]
fn an_input_may_be_the_horizon_of_each_row() {
    let manifest = manifest("scaling = \"none\"");
    let requests = [request(&[1.0, 2.0], 2, 1), request(&[3.0], 1, 1)];
    let batch = Batch::pack(&manifest, &requests.each_ref());
    let role = InputRole {
        name: "steps".to_owned(),
        r#type: ElementType::Int64,
        axes: vec![InputAxis::Batch],
        fill: Fill::Horizon,
    };
    let input = batch.input(&manifest, &role);
    assert_eq!(input.iter().copied().collect::<Vec<_>>(), [2.0, 1.0]);
}

#[test]
fn the_season_length_is_passed_only_within_the_limit_of_the_graph() {
    let requests = [1, 12, 24, 25].map(|season_length| request(&[1.0], 1, season_length));
    let batch = Batch::pack(&manifest(""), &requests.each_ref());
    assert_eq!(batch.season_lengths().to_vec(), [-1, 12, 24, -1]);
}

#[test]
fn forecasts_are_in_the_units_of_their_series_and_end_at_their_own_horizon() {
    let manifest = manifest("");
    let (large, small) = (request(&[4_096.0, 4_096.0], 1, 1), request(&[0.25], 2, 30));
    let requests = [&large, &small];
    let batch = Batch::pack(&manifest, &requests);
    assert!(
        batch
            .contexts()
            .iter()
            .all(|value| value.is_nan() || value.to_bits() == 1.0_f32.to_bits())
    );
    let output = Array3::from_elem((2, 3, 2), 1.5);
    let forecasts = batch.forecasts(&manifest, &requests, &output);
    let [large, small] = <[_; 2]>::try_from(forecasts).unwrap().map(Result::unwrap);
    assert_eq!(
        (large.point(), large.context_length),
        ([6_144.0].as_slice(), 2)
    );
    assert_eq!(
        (small.point(), small.season_length),
        ([0.375; 2].as_slice(), 30)
    );
    assert_eq!(
        small.warnings,
        [Warning::SeasonIgnored {
            season_length: 30,
            longest: 24
        }]
    );
}

#[test]
fn only_a_series_without_negative_values_is_clipped_at_zero() {
    let manifest = manifest("");
    let (never, once) = (request(&[0.0, 3.0], 1, 1), request(&[-1.0, 3.0], 1, 1));
    let requests = [&never, &once];
    let batch = Batch::pack(&manifest, &requests);
    let output = Array3::from_elem((2, 3, 1), -1.0);
    let forecasts = batch.forecasts(&manifest, &requests, &output);
    assert_eq!(forecasts[0].as_ref().unwrap().point(), [0.0]);
    assert!(forecasts[1].as_ref().unwrap().point()[0] < 0.0);
}

#[test]
fn only_a_row_with_non_finite_values_within_its_horizon_fails() {
    let manifest = manifest("");
    let (one, two) = (request(&[1.0], 1, 1), request(&[1.0], 2, 1));
    let requests = [&one, &two];
    let batch = Batch::pack(&manifest, &requests);
    let mut output = Array3::ones((2, 3, 2));
    output.slice_mut(s![.., 1, 1]).fill(f32::NAN);
    let forecasts = batch.forecasts(&manifest, &requests, &output);
    assert!(forecasts[0].is_ok());
    assert_eq!(forecasts[1], Err(RowError::NotFinite));
}

#[test]
fn a_series_longer_than_the_context_gets_a_warning() {
    let manifest = manifest("");
    let long = request(&[1.0; 5], 1, 1);
    let batch = Batch::pack(&manifest, &[&long]);
    let forecasts = batch.forecasts(&manifest, &[&long], &Array3::ones((1, 3, 1)));
    let warnings = &forecasts[0].as_ref().unwrap().warnings;
    assert_eq!(*warnings, [Warning::ContextTruncated { given: 5, used: 4 }]);
}

proptest! {
    #[test]
    fn scaling_loses_no_bit_of_an_f32(
        values in prop::collection::vec(prop::num::f32::NORMAL, 1..5),
    ) {
        // The ratio of a value to the mean must stay within the exponents of an f32.
        let values: Vec<f64> =
            values.into_iter().map(f64::from).filter(|value| value.abs() > 1e-25 && value.abs() < 1e25).collect();
        prop_assume!(!values.is_empty());
        let largest = values.iter().fold(0.0_f64, |max, value| max.max(value.abs()));
        prop_assume!(values.iter().all(|value| value.abs() > largest * 1e-30));
        let one = request(&values, 1, 1);
        let batch = Batch::pack(&manifest(""), &[&one]);
        let scale = batch.rows[0].transform.scale.factor;
        for (scaled, value) in batch.contexts().iter().zip(&values) {
            prop_assert_eq!((f64::from(*scaled) * scale).to_bits(), value.to_bits());
        }
    }

    #[test]
    fn a_power_of_two_changes_only_the_scale(
        values in prop::collection::vec(0.5_f64..2.0, 1..5),
        exponent in -900_i32..900,
    ) {
        let factor = f64::from(exponent).exp2();
        let times: Vec<_> = values.iter().map(|value| value * factor).collect();
        let (plain, scaled) = (request(&values, 1, 1), request(&times, 1, 1));
        let pack = |request: &ForecastRequest| Batch::pack(&manifest(""), &[request]);
        let (plain, scaled) = (pack(&plain), pack(&scaled));
        prop_assert_eq!(plain.contexts(), scaled.contexts());
        prop_assert_eq!((plain.rows[0].transform.scale.factor * factor).to_bits(), scaled.rows[0].transform.scale.factor.to_bits());
    }
}

#[test]
fn the_smallest_and_the_largest_floats_are_scaled_to_finite_values() {
    for value in [f64::MAX, f64::MIN_POSITIVE, f64::from_bits(1), 0.0] {
        let one = request(&[value, value], 1, 1);
        let batch = Batch::pack(&manifest(""), &[&one]);
        assert!(
            batch.contexts().iter().all(|value| value.is_finite()),
            "{value:e}"
        );
    }
}
