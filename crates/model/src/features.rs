//! The columns of a graph that takes features of the history, such as trees on lags.

use crate::Manifest;
use crate::batch::Known;
use crate::manifest::{CalendarPart, Feature, Statistic};
use crate::scaling::median;
use almanac_forecast::{Calendar, Stamp};

/// What is known of the steps ahead of one row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ahead {
    /// The place of the first step ahead in the series.
    first: usize,
    /// For each step, the features that are not of the history, in their order.
    outside: Vec<f64>,
    /// How many of those there are.
    columns: usize,
}

/// The step of which features are computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// Steps ahead of the series, from 0.
    pub(super) ahead: usize,
    /// Steps ahead of the history, from 0.
    pub(super) within: usize,
}

impl Ahead {
    /// What the features of `manifest` need to know of the `steps` after a series of `length` values.
    pub(super) fn of(
        manifest: &Manifest,
        (length, steps): (usize, usize),
        (calendar, known): (Option<&Calendar>, &Known),
    ) -> Self {
        let features = &manifest.context.features;
        let place = |name: &str| {
            let mut roles = manifest.covariates.iter();
            roles.position(|role| role.name == name)
        };
        let sources: Vec<_> = features
            .iter()
            .filter_map(|feature| match feature {
                Feature::Calendar(part) => Some(Outside::Date(*part)),
                Feature::Covariate { name, lag } => Some(Outside::Covariate(place(name)?, *lag)),
                _ => None,
            })
            .collect();
        let mut outside = Vec::with_capacity(sources.len() * steps);
        let tells_dates = (sources.iter()).any(|source| matches!(source, Outside::Date(_)));
        let calendar = calendar.filter(|_| tells_dates);
        for ahead in 0..steps {
            let stamp = i64::try_from(length + ahead)
                .ok()
                .and_then(|step| calendar?.stamp(step).ok());
            outside.extend(sources.iter().map(|source| match *source {
                Outside::Date(part) => part_of(stamp.as_ref(), part),
                Outside::Covariate(place, lag) => known.ahead(place, ahead, lag),
            }));
        }
        Self {
            first: length,
            outside,
            columns: sources.len(),
        }
    }
}

/// What a feature takes that is not of the history.
enum Outside {
    Date(CalendarPart),
    /// The covariate at this place of the manifest, so many steps before.
    Covariate(usize, usize),
}

/// Appends the features of one step to `row`. A lag before the history is `NaN`, and so are a date and a
/// covariate that are not known.
pub(super) fn extend(
    row: &mut Vec<f64>,
    features: &[Feature],
    history: &[f64],
    (ahead, target): (&Ahead, Target),
) {
    let mut outside = ahead.outside.iter().skip(target.ahead * ahead.columns);
    row.extend(features.iter().map(|feature| match feature {
        Feature::Lag(lag) => lagged(history, *lag),
        Feature::Rolling {
            statistic,
            window,
            lag,
        } => rolling(history, *statistic, (*window, *lag)),
        Feature::Calendar(_) | Feature::Covariate { .. } => {
            outside.next().copied().unwrap_or(f64::NAN)
        }
        Feature::Trend => (ahead.first + target.ahead) as f64,
        Feature::Step => (target.within + 1) as f64,
    }));
}

fn lagged(history: &[f64], lag: usize) -> f64 {
    let place = history.len().checked_sub(lag);
    place.map_or(f64::NAN, |place| history[place])
}

/// The statistic of the `window` values of which the last is `lag` before the end.
fn rolling(history: &[f64], statistic: Statistic, (window, lag): (usize, usize)) -> f64 {
    let end = (history.len() + 1).checked_sub(lag);
    let Some((start, end)) = end.and_then(|end| Some((end.checked_sub(window)?, end))) else {
        return f64::NAN;
    };
    let values = &history[start..end];
    // Comparisons would pass over them.
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

fn part_of(stamp: Option<&Stamp>, part: CalendarPart) -> f64 {
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

    /// A manifest of these features.
    fn of_features(wanted: &[Feature]) -> Manifest {
        let mut manifest = manifest("");
        manifest.context.features = wanted.to_vec();
        manifest
    }

    /// The features of the step `ahead` of `history`, which is monthly from January 2024.
    fn features(wanted: &[Feature], history: &[f64], ahead: usize) -> Vec<f64> {
        let start = Stamp::parse("2024-01-01").unwrap();
        let calendar = Calendar::new(start, "MS".parse().unwrap()).unwrap();
        let manifest = of_features(wanted);
        let outside = (Some(&calendar), &Known::default());
        let known = Ahead::of(&manifest, (history.len(), 12), outside);
        let mut row = Vec::new();
        let target = Target {
            ahead,
            within: ahead,
        };
        extend(&mut row, wanted, history, (&known, target));
        row
    }

    #[track_caller]
    fn check(feature: &Feature, expected: f64) {
        let row = features(std::slice::from_ref(feature), &[1.0, 2.0, 4.0, 9.0], 1);
        assert_eq!(row.len(), 1);
        let same = (row[0] - expected).abs() < 1e-12 || (row[0].is_nan() && expected.is_nan());
        assert!(same, "{feature:?}: {row:?}");
    }

    fn rolling(statistic: Statistic, window: usize, lag: usize) -> Feature {
        Feature::Rolling {
            statistic,
            window,
            lag,
        }
    }

    #[test]
    fn lags_count_from_the_last_value() {
        check(&Feature::Lag(1), 9.0);
        check(&Feature::Lag(4), 1.0);
        check(&Feature::Lag(5), f64::NAN);
    }

    #[test]
    fn windows_end_at_their_lag() {
        check(&rolling(Statistic::Mean, 2, 1), 6.5);
        check(&rolling(Statistic::Sum, 2, 3), 3.0);
        check(&rolling(Statistic::Min, 3, 1), 2.0);
        check(&rolling(Statistic::Max, 3, 2), 4.0);
        check(&rolling(Statistic::Median, 4, 1), 3.0);
        check(&rolling(Statistic::Std, 3, 1), 13.0_f64.sqrt());
        check(&rolling(Statistic::Mean, 4, 2), f64::NAN);
    }

    #[test]
    fn dates_are_of_the_step_that_is_forecast() {
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
    fn a_series_without_dates_has_none_in_its_features() {
        let wanted = [Feature::Calendar(CalendarPart::Month), Feature::Trend];
        let known = Ahead::of(&of_features(&wanted), (3, 1), (None, &Known::default()));
        let mut row = Vec::new();
        let target = Target {
            ahead: 0,
            within: 0,
        };
        extend(&mut row, &wanted, &[1.0; 3], (&known, target));
        assert!(row[0].is_nan());
        assert_eq!(row[1].to_bits(), 3.0_f64.to_bits());
    }
}
