//! The columns of a graph that takes features of the history, for example trees on lags.

use almanac_forecast::{Calendar, Stamp};

use crate::Manifest;
use crate::covariates::CovariateColumns;
use crate::manifest::{CalendarPart, Feature, Statistic};
use crate::scaling::median;

/// The features of the future steps of one row that do not depend on its history: parts of dates and
/// covariates.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct FutureFeatures {
    /// The index of the first future step, counted from the start of the series.
    first_step: usize,
    /// The values of each step in turn, in the order of the features.
    values: Vec<f64>,
    /// The number of values per step.
    columns: usize,
}

/// The step whose features are computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct FeatureStep {
    /// The number of steps between the end of the series and this step.
    pub(super) after_series: usize,
    /// The number of steps between the end of the history and this step. The history includes the steps
    /// of earlier runs, so that this is never more than `after_series`.
    pub(super) after_history: usize,
}

/// The source of a feature that does not depend on the history.
enum FeatureSource {
    Date(CalendarPart),
    Covariate {
        /// The index of the covariate in the manifest.
        column_idx: usize,
        lag: usize,
    },
}

impl FutureFeatures {
    /// Computes the features of the `steps` steps after a series of `length` values.
    pub(super) fn compute(
        manifest: &Manifest,
        length: usize,
        steps: usize,
        calendar: Option<&Calendar>,
        covariates: &CovariateColumns,
    ) -> Self {
        let sources = feature_sources(manifest);
        let needs_dates = sources
            .iter()
            .any(|source| matches!(source, FeatureSource::Date(_)));
        let calendar = calendar.filter(|_| needs_dates);
        let mut values = Vec::with_capacity(sources.len() * steps);
        for step in 0..steps {
            let stamp = i64::try_from(length + step)
                .ok()
                .and_then(|index| calendar?.stamp(index).ok());
            values.extend(sources.iter().map(|source| match *source {
                FeatureSource::Date(part) => calendar_part(stamp.as_ref(), part),
                FeatureSource::Covariate { column_idx, lag } => {
                    covariates.lagged_value(column_idx, step, lag)
                }
            }));
        }
        Self {
            first_step: length,
            values,
            columns: sources.len(),
        }
    }

    /// Appends the features of `step` to `row`.
    ///
    /// A lag that reaches beyond the start of `history` is `NaN`, and so is an unknown date or covariate.
    pub(super) fn append_row(
        &self,
        row: &mut Vec<f64>,
        features: &[Feature],
        history: &[f64],
        step: FeatureStep,
    ) {
        let mut values = self.values.iter().skip(step.after_series * self.columns);
        row.extend(features.iter().map(|feature| match feature {
            Feature::Lag(lag) => lagged(history, *lag),
            Feature::Rolling {
                statistic,
                window,
                lag,
            } => rolling(history, *statistic, *window, *lag),
            Feature::Calendar(_) | Feature::Covariate { .. } => {
                values.next().copied().unwrap_or(f64::NAN)
            }
            Feature::Trend => (self.first_step + step.after_series) as f64,
            Feature::Step => (step.after_history + 1) as f64,
        }));
    }
}

/// Returns the sources of the features that do not depend on the history, in their order.
fn feature_sources(manifest: &Manifest) -> Vec<FeatureSource> {
    let position = |name: &str| {
        manifest
            .covariates
            .iter()
            .position(|role| role.name == name)
    };
    manifest
        .context
        .features
        .iter()
        .filter_map(|feature| match feature {
            Feature::Calendar(part) => Some(FeatureSource::Date(*part)),
            Feature::Covariate { name, lag } => Some(FeatureSource::Covariate {
                column_idx: position(name)?,
                lag: *lag,
            }),
            _ => None,
        })
        .collect()
}

fn lagged(history: &[f64], lag: usize) -> f64 {
    let position = history.len().checked_sub(lag);
    position.map_or(f64::NAN, |position| history[position])
}

/// Computes the statistic of `window` values, the last of which is `lag` steps before the forecast step.
fn rolling(history: &[f64], statistic: Statistic, window: usize, lag: usize) -> f64 {
    let end = (history.len() + 1).checked_sub(lag);
    let Some((start, end)) = end.and_then(|end| Some((end.checked_sub(window)?, end))) else {
        return f64::NAN;
    };
    let values = &history[start..end];
    // `f64::min` and `f64::max` ignore `NaN`, and the statistic of a window with a gap is unknown.
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let count = window as f64;
    let sum: f64 = values.iter().sum();
    match statistic {
        Statistic::Mean => sum / count,
        Statistic::Sum => sum,
        Statistic::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
        Statistic::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Statistic::Median => median(values.to_vec()),
        Statistic::Std => {
            let mean = sum / count;
            let squares = values.iter().map(|value| (value - mean).powi(2));
            (squares.sum::<f64>() / (count - 1.0)).sqrt()
        }
    }
}

/// Returns `part` of the date, or `NaN` if there is no date.
fn calendar_part(stamp: Option<&Stamp>, part: CalendarPart) -> f64 {
    let Some(wall) = stamp.and_then(Stamp::wall) else {
        return f64::NAN;
    };
    match part {
        CalendarPart::Month => f64::from(wall.month()),
        CalendarPart::Day => f64::from(wall.day()),
        CalendarPart::Weekday => f64::from(wall.weekday().to_monday_zero_offset()),
        CalendarPart::Hour => f64::from(wall.hour()),
        CalendarPart::Minute => f64::from(wall.minute()),
        CalendarPart::Quarter => f64::from((wall.month() - 1) / 3 + 1),
        CalendarPart::DayOfYear => f64::from(wall.day_of_year()),
        CalendarPart::Year => f64::from(wall.year()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::manifest;

    fn manifest_with_features(features: &[Feature]) -> Manifest {
        let mut manifest = manifest("");
        manifest.context.features = features.to_vec();
        manifest
    }

    /// Returns the features of the step `step` steps after `history`, a monthly series from January 2024.
    fn features_of(features: &[Feature], history: &[f64], step: usize) -> Vec<f64> {
        let start = Stamp::parse("2024-01-01").unwrap();
        let calendar = Calendar::new(start, "MS".parse().unwrap()).unwrap();
        let future = FutureFeatures::compute(
            &manifest_with_features(features),
            history.len(),
            12,
            Some(&calendar),
            &CovariateColumns::default(),
        );
        let mut row = Vec::new();
        let step = FeatureStep {
            after_series: step,
            after_history: step,
        };
        future.append_row(&mut row, features, history, step);
        row
    }

    #[track_caller]
    fn check(feature: &Feature, expected: f64) {
        let row = features_of(std::slice::from_ref(feature), &[1.0, 2.0, 4.0, 9.0], 1);
        assert_eq!(row.len(), 1);
        let is_equal = (row[0] - expected).abs() < 1e-12 || (row[0].is_nan() && expected.is_nan());
        assert!(is_equal, "{feature:?}: {row:?}");
    }

    fn rolling(statistic: Statistic, window: usize, lag: usize) -> Feature {
        Feature::Rolling {
            statistic,
            window,
            lag,
        }
    }

    #[test]
    fn lags_count_back_from_the_forecast_step() {
        check(&Feature::Lag(1), 9.0);
        check(&Feature::Lag(4), 1.0);
        check(&Feature::Lag(5), f64::NAN);
    }

    #[test]
    fn rolling_windows_end_at_their_lag() {
        check(&rolling(Statistic::Mean, 2, 1), 6.5);
        check(&rolling(Statistic::Sum, 2, 3), 3.0);
        check(&rolling(Statistic::Min, 3, 1), 2.0);
        check(&rolling(Statistic::Max, 3, 2), 4.0);
        check(&rolling(Statistic::Median, 4, 1), 3.0);
        check(&rolling(Statistic::Std, 3, 1), 13.0_f64.sqrt());
        check(&rolling(Statistic::Mean, 4, 2), f64::NAN);
    }

    #[test]
    fn calendar_features_are_of_the_forecast_step() {
        // The second step after April 2024.
        for (part, expected) in [
            (CalendarPart::Month, 6.0),
            (CalendarPart::Day, 1.0),
            (CalendarPart::Weekday, 5.0),
            (CalendarPart::Hour, 0.0),
            (CalendarPart::Minute, 0.0),
            (CalendarPart::Quarter, 2.0),
            (CalendarPart::DayOfYear, 153.0),
            (CalendarPart::Year, 2024.0),
        ] {
            check(&Feature::Calendar(part), expected);
        }
        check(&Feature::Trend, 5.0);
        check(&Feature::Step, 2.0);
    }

    #[test]
    fn calendar_features_of_a_series_without_dates_are_nan() {
        let features = [Feature::Calendar(CalendarPart::Month), Feature::Trend];
        let manifest = manifest_with_features(&features);
        let future = FutureFeatures::compute(&manifest, 3, 1, None, &CovariateColumns::default());
        let mut row = Vec::new();
        let step = FeatureStep {
            after_series: 0,
            after_history: 0,
        };
        future.append_row(&mut row, &features, &[1.0; 3], step);
        assert!(row[0].is_nan());
        assert_eq!(row[1].to_bits(), 3.0_f64.to_bits());
    }
}
