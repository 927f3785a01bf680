//! Decodes each kind of output, with its axes in several orders.

use ndarray::{Array, ArrayD, IxDyn};

use super::*;
use crate::manifest::tests::manifest_with;
use almanac_forecast::{ForecastRequest, Horizon, QuantileLevels, SeasonChoice, Series};

fn batch(manifest: &Manifest, rows: usize, horizon: u64) -> Batch {
    let request = ForecastRequest::new(
        Series::new(vec![1.0, 2.0], None, 10).unwrap(),
        Horizon::new(horizon, 10).unwrap(),
        QuantileLevels::with_median([]),
        SeasonChoice::Given(1),
    );
    Batch::pack(manifest, &vec![&request; rows])
}

/// Returns an array of `shape` with the cells 0, 1, 2 and so on.
fn counting(shape: &[usize]) -> ArrayD<f32> {
    let count = shape.iter().product();
    let cells = (0_u16..).take(count).map(f32::from);
    Array::from_iter(cells)
        .into_shape_with_order(IxDyn(shape))
        .unwrap()
}

#[track_caller]
fn check(output: &str, shape: &[usize], expected: &[[[f32; 2]; 3]]) {
    let manifest = manifest_with("[output]", output);
    let batch = batch(&manifest, expected.len(), 2);
    let decoded = decode(counting(shape).view(), &manifest, &batch).unwrap();
    for (row, expected) in decoded.outer_iter().zip(expected) {
        for (level, expected) in row.outer_iter().zip(expected) {
            assert_eq!(level.to_vec(), expected);
        }
    }
    let wide = counting(shape).mapv(f64::from);
    assert_eq!(decode(wide.view(), &manifest, &batch).unwrap(), decoded);
}

const QUANTILES: &str = "name = \"quantiles\"\ntype = \"float32\"\nlevels = [0.1, 0.5, 0.9]\n";

fn quantiles(rest: &str) -> String {
    format!("{QUANTILES}{rest}")
}

#[test]
fn decodes_quantiles_in_any_order_of_axes() {
    let expected = [[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]];
    check(
        &quantiles("axes = [\"batch\", \"quantile\", \"time\"]"),
        &[1, 3, 2],
        &expected,
    );
    check(
        &quantiles("axes = [\"batch\", \"variate\", \"quantile\", \"time\"]"),
        &[1, 1, 3, 2],
        &expected,
    );
    let transposed = [[[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]];
    check(
        &quantiles("axes = [\"batch\", \"time\", \"quantile\"]"),
        &[1, 2, 3],
        &transposed,
    );
    check(
        &quantiles("axes = [\"batch\", \"time\", \"variate\", \"quantile\"]"),
        &[1, 2, 1, 3],
        &transposed,
    );
}

#[test]
fn columns_select_the_levels() {
    check(
        &quantiles("axes = [\"batch\", \"time\", \"quantile\"]\ncolumns = [1, 3, 2]"),
        &[1, 2, 4],
        &[[[1.0, 5.0], [3.0, 7.0], [2.0, 6.0]]],
    );
}

#[test]
fn drops_the_backcast() {
    // Three steps before the forecast, or two before it and one after it.
    check(
        &quantiles("axes = [\"batch\", \"quantile\", \"time\"]\ntime_from_end = true"),
        &[1, 3, 5],
        &[[[3.0, 4.0], [8.0, 9.0], [13.0, 14.0]]],
    );
    check(
        &quantiles("axes = [\"batch\", \"quantile\", \"time\"]\nskip = 2"),
        &[1, 3, 5],
        &[[[2.0, 3.0], [7.0, 8.0], [12.0, 13.0]]],
    );
}

#[test]
fn decodes_samples_into_their_quantiles() {
    // Five draws at each of two steps: 0, 2, 4, 6, 8 and 1, 3, 5, 7, 9.
    let output = quantiles("kind = \"samples\"\naxes = [\"batch\", \"sample\", \"time\"]");
    check(&output, &[1, 5, 2], &[[[0.8, 1.8], [4.0, 5.0], [7.2, 8.2]]]);
}

#[test]
fn decodes_parameters_into_quantiles_of_their_distribution() {
    let output = quantiles(
        "kind = \"distribution\"\nfamily = \"laplace\"\nparameters = [\"scale\", \"loc\"]\naxes = [\"batch\", \"time\", \"parameter\"]",
    );
    let manifest = manifest_with("[output]", &output);
    let batch = batch(&manifest, 1, 2);
    let decoded = decode((counting(&[1, 2, 2]) + 1.0).view(), &manifest, &batch).unwrap();
    // Location 2 and scale 1, then location 4 and scale 3.
    let width = -(0.2_f32.ln());
    for (level, expected) in [(0, [2.0 - width, 4.0 - 3.0 * width]), (1, [2.0, 4.0])] {
        for (step, expected) in expected.into_iter().enumerate() {
            assert!((decoded[[0, level, step]] - expected).abs() < 1e-5);
        }
    }
}

#[test]
fn decodes_a_point_as_the_median() {
    let point = |axes: &str| {
        manifest_with(
            "[output]",
            &format!("name = \"y\"\ntype = \"float32\"\nkind = \"point\"\naxes = [{axes}]"),
        )
    };
    for (axes, shape) in [
        ("\"batch\", \"time\"", vec![2, 2]),
        ("\"batch\", \"time\", \"variate\"", vec![2, 2, 1]),
        ("\"batch\", \"variate\", \"time\"", vec![2, 1, 2]),
    ] {
        let manifest = point(axes);
        let batch = batch(&manifest, 2, 2);
        let decoded = decode(counting(&shape).view(), &manifest, &batch).unwrap();
        assert_eq!(
            decoded.iter().copied().collect::<Vec<_>>(),
            [0.0, 1.0, 2.0, 3.0]
        );
    }
}

#[test]
fn rejects_a_tensor_of_another_shape() {
    let manifest = manifest_with(
        "[output]",
        &quantiles("axes = [\"batch\", \"variate\", \"quantile\", \"time\"]"),
    );
    let batch = batch(&manifest, 1, 2);
    for shape in [&[1, 3, 2][..], &[1, 2, 3, 2], &[1, 1, 2, 2], &[1, 1, 3, 1]] {
        let error = decode(counting(shape).view(), &manifest, &batch).unwrap_err();
        assert!(
            matches!(error, PredictError::Shape { .. }),
            "{shape:?}: {error}"
        );
    }
}
