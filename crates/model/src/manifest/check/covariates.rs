//! The rules for covariates, by their kinds.

use almanac_forecast::CovariateKind;

use super::ensure;
use crate::manifest::{
    ContextCovariates, CovariateRole, Feature, Fill, InputAxis, InputRole, ManifestDocument,
    ManifestError, Missing, Rollout, Scaling,
};

/// The axes of an input of covariates.
const AXES: &str = r#"use "batch" and "covariate" (optional for a single one), and for past covariates "time", for future ones one of "time", "horizon" and "span", for static ones none of these"#;

impl ManifestDocument {
    pub(super) fn check_covariates(&self) -> Result<(), ManifestError> {
        for (role_idx, role) in self.covariates.iter().enumerate() {
            let is_repeated = self.covariates[..role_idx]
                .iter()
                .any(|other| other.name == role.name);
            ensure(
                !is_repeated && !role.name.is_empty(),
                "covariates.name",
                &role.name,
                "use at least one character, and each name once",
            )?;
            check_role(role)?;
            ensure(
                self.uses(&role.name),
                "covariates.name",
                &role.name,
                "no inputs.fill and no feature uses this covariate; add one, or remove the table",
            )?;
        }
        for input in &self.inputs {
            self.check_covariate_input(input)?;
        }
        for feature in &self.context.features {
            self.check_feature(feature)?;
        }
        self.check_rows()
    }

    /// Returns true if an input or a feature holds the covariate `name`.
    fn uses(&self, name: &str) -> bool {
        let is_in_inputs = self
            .inputs
            .iter()
            .flat_map(InputRole::covariates)
            .any(|own| own == name);
        let is_in_features =
            self.context.features.iter().any(
                |feature| matches!(feature, Feature::Covariate { name: own, .. } if own == name),
            );
        is_in_inputs || is_in_features
    }

    /// Returns the kind of the covariate `name`, to which `key` refers.
    fn kind_of(&self, name: &str, key: &str) -> Result<CovariateKind, ManifestError> {
        let role = self.covariates.iter().find(|role| role.name == name);
        ensure(
            role.is_some(),
            key,
            &name,
            "there is no such covariate; add a table to [[covariates]]",
        )?;
        Ok(role.map_or(CovariateKind::Past, |role| role.kind))
    }

    /// Checks that the axes of an input of covariates cover the steps for which these are known.
    fn check_covariate_input(&self, input: &InputRole) -> Result<(), ManifestError> {
        let count = |axis| input.axes.iter().filter(|own| **own == axis).count();
        let key = format_args!("inputs.axes of {:?}", input.name);
        let names = input.covariates();
        let covariate = count(InputAxis::Covariate);
        let Fill::Covariates(_) = input.fill else {
            return ensure(
                covariate == 0,
                key,
                &input.axes,
                r#"remove "covariate", or set inputs.fill to a list of covariates"#,
            );
        };
        ensure(
            !names.is_empty(),
            format_args!("inputs.fill of {:?}", input.name),
            &input.fill,
            "name at least one covariate",
        )?;
        let (time, horizon, span) = (
            count(InputAxis::Time),
            count(InputAxis::Horizon),
            count(InputAxis::Span),
        );
        let has_covariate_axis = covariate == 1 || (covariate == 0 && names.len() == 1);
        let has_axes = count(InputAxis::Batch) == 1 && has_covariate_axis;
        for name in names {
            let has_steps = match self.kind_of(name, "inputs.fill")? {
                CovariateKind::Past => (time, horizon, span) == (1, 0, 0),
                CovariateKind::Future => time + horizon + span == 1,
                CovariateKind::Static => time + horizon + span == 0,
            };
            ensure(has_axes && has_steps, key, &input.axes, AXES)?;
            ensure(
                self.context.features.is_empty(),
                format_args!("inputs.fill of {:?}", input.name),
                &input.fill,
                "move the covariates to [[context.features]], because the graph takes features",
            )?;
        }
        Ok(())
    }

    fn check_feature(&self, feature: &Feature) -> Result<(), ManifestError> {
        let Feature::Covariate { name, lag } = feature else {
            return Ok(());
        };
        let (holds, rule) = match self.kind_of(name, "context.features.covariate")? {
            CovariateKind::Past => (
                *lag > 0,
                "use at least 1, because a past covariate is not known for the steps ahead",
            ),
            CovariateKind::Future => (true, ""),
            CovariateKind::Static => (
                *lag == 0,
                "remove it, because a static covariate has one value",
            ),
        };
        let key = format_args!("context.features.lag of covariate {name:?}");
        ensure(holds, key, lag, rule)
    }

    /// Checks the settings that depend on covariates as rows of the batch.
    fn check_rows(&self) -> Result<(), ManifestError> {
        let takes_rows = self.context.covariates == ContextCovariates::Rows;
        let is_supported = self.covariates.is_empty()
            && self.context.features.is_empty()
            && self.context.differences.is_empty()
            && self.context.missing == Missing::Nan
            && self.batch_size.is_none()
            && self.horizon.rollout == Rollout::None
            && !self.postprocess.flip;
        ensure(
            !takes_rows || is_supported,
            "context.covariates",
            &"rows",
            r#"it requires context.missing = "nan"; remove [[covariates]], [[context.features]], context.differences, batch_size, horizon.rollout and postprocess.flip"#,
        )?;
        for input in &self.inputs {
            let axes = input.axes.as_slice();
            let (has_axes, rule) = match input.fill {
                Fill::Group => (
                    axes == [InputAxis::Batch],
                    r#"it requires inputs.axes = ["batch"] and context.covariates = "rows""#,
                ),
                Fill::Ahead => (
                    axes == [InputAxis::Batch, InputAxis::Horizon],
                    r#"it requires inputs.axes = ["batch", "horizon"] and context.covariates = "rows""#,
                ),
                _ => continue,
            };
            let key = format_args!("inputs.fill of {:?}", input.name);
            ensure(takes_rows && has_axes, key, &input.fill, rule)?;
        }
        Ok(())
    }
}

fn check_role(role: &CovariateRole) -> Result<(), ManifestError> {
    ensure(
        role.scale_floor > 0.0 && role.scale_floor.is_finite(),
        format_args!("covariates.scale_floor of {:?}", role.name),
        &role.scale_floor,
        "use a finite number above 0",
    )?;
    let is_static = role.kind == CovariateKind::Static;
    let is_unprepared = role.scaling == Scaling::None
        && role.missing == Missing::Reject
        && role.pad_value.is_none();
    ensure(
        is_unprepared || !is_static,
        format_args!("covariates.kind of {:?}", role.name),
        &"static",
        "remove missing, pad_value and scaling, which a static covariate does not support",
    )?;
    let Some(categories) = &role.categories else {
        return Ok(());
    };
    let key = format_args!("covariates.categories of {:?}", role.name);
    ensure(
        is_static,
        key,
        categories,
        r#"remove it, or set covariates.kind to "static""#,
    )?;
    let is_repeated = |index: usize| categories[..index].contains(&categories[index]);
    ensure(
        !categories.is_empty() && !(0..categories.len()).any(is_repeated),
        key,
        categories,
        "use at least one category, and each once",
    )
}
