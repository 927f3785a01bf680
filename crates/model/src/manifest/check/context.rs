//! The rules for the history, the features of it, and the horizon.

use almanac_forecast::QuantileLevels;

use super::{MAX, ensure, ensure_between, to_toml};
use crate::manifest::{ContextAxis, ManifestDocument, ManifestError, Missing, PadValue, Rollout};

impl ManifestDocument {
    pub(super) fn check_context(&self) -> Result<(), ManifestError> {
        use ContextAxis::{Batch, Feature, Time, Variate};
        let context = &self.context;
        let axes: [&[ContextAxis]; 4] = [
            &[Batch, Time],
            &[Batch, Time, Variate],
            &[Batch, Variate, Time],
            &[Batch, Feature],
        ];
        ensure(
            axes.contains(&context.axes.as_slice()),
            "context.axes",
            &context.axes,
            r#"use ["batch", "time"], optionally with "variate" after either, or ["batch", "feature"]"#,
        )?;
        ensure_between("context.max_length", context.max_length, 1..=MAX)?;
        let max_length = context.max_length;
        ensure(
            (1..=max_length).contains(&context.min_length),
            "context.min_length",
            &context.min_length,
            format_args!("use a number from 1 to context.max_length, which is {max_length}"),
        )?;
        ensure(
            context.multiple > 0 && max_length.is_multiple_of(context.multiple),
            "context.multiple",
            &context.multiple,
            format_args!("use a divisor of context.max_length, which is {max_length}"),
        )?;
        ensure(
            context.scale_floor > 0.0 && context.scale_floor.is_finite(),
            "context.scale_floor",
            &context.scale_floor,
            "use a finite number above 0",
        )?;
        ensure(
            context.pad_value != Some(PadValue::Nan) || context.missing != Missing::Zero,
            "context.pad_value",
            &context.pad_value,
            r#"use "zero", "first" or "mean", because context.missing is "zero""#,
        )?;
        self.check_differences()
    }

    fn check_differences(&self) -> Result<(), ManifestError> {
        let differences = &self.context.differences;
        ensure(
            differences.iter().all(|lag| (1..=MAX).contains(lag)) && differences.len() <= 8,
            "context.differences",
            differences,
            format_args!("use at most 8 lags from 1 to {MAX}"),
        )?;
        ensure(
            differences.is_empty() || self.context.missing.fills(),
            "context.differences",
            differences,
            r#"differences require context.missing = "interpolate", "previous", "mean" or "reject""#,
        )
    }

    pub(super) fn check_features(&self) -> Result<(), ManifestError> {
        let context = &self.context;
        let count = context.features.len();
        let takes_features = context.axes.contains(&ContextAxis::Feature);
        ensure(
            takes_features == (count > 0) && count <= MAX,
            "the number of [[context.features]]",
            &count,
            format_args!(
                r#"use 1 to {MAX} with context.axes = ["batch", "feature"], and none with other axes"#
            ),
        )?;
        let reach = context
            .features
            .iter()
            .map(|feature| feature.lookback())
            .max()
            .unwrap_or(0);
        ensure(
            reach <= context.max_length,
            "context.max_length",
            &context.max_length,
            format_args!("use at least {reach}, the longest lag or window of [[context.features]]"),
        )?;
        let has_conflict = context.fixed_length || self.postprocess.flip || context.multiple != 1;
        ensure(
            !takes_features || !has_conflict,
            "context.axes",
            &context.axes,
            "remove context.fixed_length, context.multiple and postprocess.flip, which features do not support",
        )?;
        ensure(
            !takes_features || matches!(self.horizon.rollout, Rollout::None | Rollout::Median),
            "horizon.rollout",
            &self.horizon.rollout,
            r#"use "median" or "none", the only ones that features support"#,
        )
    }

    pub(super) fn check_horizon(&self) -> Result<(), ManifestError> {
        let horizon = &self.horizon;
        ensure_between("horizon.native", horizon.native, 1..=MAX)?;
        if horizon.rollout == Rollout::None {
            let native = horizon.native;
            ensure(
                (1..=native).contains(&horizon.longest),
                "horizon.longest",
                &horizon.longest,
                format_args!(
                    "use a number from 1 to horizon.native, which is {native}, or set horizon.rollout"
                ),
            )?;
        }
        ensure_between("horizon.longest", horizon.longest, 1..=MAX)?;
        ensure(
            horizon.input.is_some() || horizon.r#type.is_none(),
            "horizon.type",
            &horizon.r#type,
            "remove it, because there is no horizon.input",
        )?;
        ensure(
            horizon.input.is_none() || horizon.r#type.is_some(),
            "horizon.type",
            &horizon.r#type,
            r#"set it to "int64", the type of horizon.input"#,
        )
    }

    /// Checks that the roll-out is possible with the quantile `levels` of the model.
    pub(super) fn check_rollout(&self, levels: &QuantileLevels) -> Result<(), ManifestError> {
        let horizon = &self.horizon;
        match horizon.rollout {
            Rollout::None | Rollout::Median => Ok(()),
            Rollout::Quantiles => ensure(
                levels.as_slice().len() > 1,
                "horizon.rollout",
                &horizon.rollout,
                format_args!(
                    r#"use "median", because output.levels is {}, and this roll-out requires at least two levels"#,
                    to_toml(&self.output.levels)
                ),
            ),
            Rollout::Nan => {
                let appended = horizon.covered(horizon.longest) - horizon.native;
                ensure(
                    self.context.missing == Missing::Nan,
                    "horizon.rollout",
                    &horizon.rollout,
                    r#"it requires context.missing = "nan""#,
                )?;
                ensure(
                    appended < self.context.max_length,
                    "horizon.rollout",
                    &horizon.rollout,
                    format_args!(
                        "its last run for horizon.longest appends {appended} steps, but context.max_length is {}; reduce horizon.longest",
                        self.context.max_length
                    ),
                )
            }
        }
    }
}
