//! Whether covariates are described, and used, as their kinds allow.

use super::ensure;
use crate::manifest::{
    ContextCovariates, CovariateRole, Document, Feature, Fill, InputAxis, InputRole, ManifestError,
    Missing, Rollout, Scaling,
};
use almanac_forecast::CovariateKind;

impl Document {
    pub(super) fn check_covariates(&self) -> Result<(), ManifestError> {
        for (place, role) in self.covariates.iter().enumerate() {
            let again = self.covariates[..place]
                .iter()
                .any(|other| other.name == role.name);
            ensure(
                !again && !role.name.is_empty(),
                "covariates.name",
                &role.name,
                "each stands once, and has one character or more",
            )?;
            check_role(role)?;
            ensure(
                self.uses(&role.name),
                "covariates.name",
                &role.name,
                "the fill of an input or a feature names it, or else it is left out",
            )?;
        }
        for input in &self.inputs {
            self.check_fill(input)?;
        }
        for feature in &self.context.features {
            self.check_feature(feature)?;
        }
        self.check_rows()
    }

    fn uses(&self, name: &str) -> bool {
        let mut inputs = self.inputs.iter();
        let mut features = self.context.features.iter();
        inputs.any(|input| input.covariates().iter().any(|own| own == name))
            || features.any(
                |feature| matches!(feature, Feature::Covariate { name: own, .. } if own == name),
            )
    }

    fn kind_of(&self, name: &str, key: &'static str) -> Result<CovariateKind, ManifestError> {
        let role = self.covariates.iter().find(|role| role.name == name);
        ensure(
            role.is_some(),
            key,
            &format_args!("{name:?}"),
            "a covariate has a table in [[covariates]]",
        )?;
        Ok(role.map_or(CovariateKind::Past, |role| role.kind))
    }

    /// The axes of an input of covariates, by the steps over which these are known.
    fn check_fill(&self, input: &InputRole) -> Result<(), ManifestError> {
        let count = |axis| input.axes.iter().filter(|own| **own == axis).count();
        let names = input.covariates();
        let along = count(InputAxis::Covariate);
        let Fill::Covariates(_) = input.fill else {
            return ensure(
                along == 0,
                "inputs.axes",
                &format_args!("{:?} of {}", input.axes, input.name),
                "\"covariate\" is an axis of an input whose fill is a list of covariates",
            );
        };
        let (time, horizon, span) = (
            count(InputAxis::Time),
            count(InputAxis::Horizon),
            count(InputAxis::Span),
        );
        let shaped = count(InputAxis::Batch) == 1
            && (along == 1 || (along == 0 && names.len() == 1))
            && !names.is_empty();
        for name in names {
            let fits = match self.kind_of(name, "inputs.fill")? {
                CovariateKind::Past => (time, horizon, span) == (1, 0, 0),
                CovariateKind::Future => time + horizon + span == 1,
                CovariateKind::Static => time + horizon + span == 0,
            };
            ensure(
                shaped && fits && self.context.features.is_empty(),
                "inputs.axes",
                &format_args!("{:?} of {}", input.axes, input.name),
                "covariates have \"batch\" and \"covariate\" (but for one alone); past ones \"time\", future ones \"time\", \"horizon\" or \"span\", static ones none of these; a graph that takes features has them among those",
            )?;
        }
        ensure(
            shaped,
            "inputs.fill",
            &format_args!("{names:?} of {}", input.name),
            "a list of covariates names one or more, along an axis \"covariate\"",
        )
    }

    fn check_feature(&self, feature: &Feature) -> Result<(), ManifestError> {
        let Feature::Covariate { name, lag } = feature else {
            return Ok(());
        };
        let fits = match self.kind_of(name, "context.features.covariate")? {
            CovariateKind::Past => *lag > 0,
            CovariateKind::Future => true,
            CovariateKind::Static => *lag == 0,
        };
        ensure(
            fits,
            "context.features.lag",
            &format_args!("{lag} of {name}"),
            "that of a past covariate is 1 or more, for it is not known ahead, and a static one has none",
        )
    }

    /// What goes with covariates that are rows.
    fn check_rows(&self) -> Result<(), ManifestError> {
        let takes_rows = self.context.covariates == ContextCovariates::Rows;
        let fits = self.covariates.is_empty()
            && self.context.features.is_empty()
            && self.context.differences.is_empty()
            && self.context.missing == Missing::Nan
            && self.batch_size.is_none()
            && self.horizon.rollout == Rollout::None
            && !self.postprocess.flip;
        ensure(
            !takes_rows || fits,
            "context.covariates",
            &"rows",
            "it goes with context.missing = \"nan\", and without [[covariates]], features, differences, batch_size, rollout and flip",
        )?;
        for input in &self.inputs {
            let axes = input.axes.as_slice();
            let fits = match input.fill {
                Fill::Group => takes_rows && axes == [InputAxis::Batch],
                Fill::Ahead => takes_rows && axes == [InputAxis::Batch, InputAxis::Horizon],
                _ => true,
            };
            ensure(
                fits,
                "inputs.fill",
                &format_args!("{:?} of {}", input.fill, input.name),
                "\"group\" has the axis \"batch\", \"ahead\" the axes \"batch\" and \"horizon\", and both go with context.covariates = \"rows\"",
            )?;
        }
        Ok(())
    }
}

fn check_role(role: &CovariateRole) -> Result<(), ManifestError> {
    ensure(
        role.scale_floor > 0.0 && role.scale_floor.is_finite(),
        "covariates.scale_floor",
        &role.scale_floor,
        "it is a number above 0",
    )?;
    let is_static = role.kind == CovariateKind::Static;
    let plain = role.scaling == Scaling::None
        && role.missing == Missing::Reject
        && role.pad_value.is_none();
    ensure(
        plain || !is_static,
        "covariates.kind",
        &format_args!("static of {}", role.name),
        "a static covariate has no missing, pad_value or scaling: it is given as it is",
    )?;
    let fits = role.categories.as_ref().is_none_or(|categories| {
        let once = |(place, one): (usize, &String)| !categories[..place].contains(one);
        is_static && !categories.is_empty() && categories.iter().enumerate().all(once)
    });
    ensure(
        fits,
        "covariates.categories",
        &format_args!("{:?} of {}", role.categories, role.name),
        "a static covariate may have some, each once",
    )
}
