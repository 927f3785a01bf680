//! The warnings of a forecast that depend on the manifest of the model.

use almanac_forecast::{ForecastRequest, Warning};

use crate::Manifest;
use crate::batch::BatchRow;
use crate::manifest::{Missing, OutputKind, Rollout};

/// Returns the warnings of `request` and those of its forecast by the model of `manifest`.
pub(super) fn collect(
    manifest: &Manifest,
    request: &ForecastRequest,
    row: &BatchRow,
) -> Vec<Warning> {
    let mut warnings = request.warnings().to_vec();
    let given = request.series().values().len();
    if given > row.context_length {
        warnings.push(Warning::ContextTruncated {
            given,
            used: row.context_length,
        });
    }
    let season_length = request.season_length();
    if let Some(role) = &manifest.season_length
        && season_length > role.longest
    {
        warnings.push(Warning::SeasonIgnored {
            season_length,
            longest: role.longest,
        });
    }
    let names: Vec<_> = manifest
        .ignored(request)
        .map(|covariate| covariate.name.clone())
        .collect();
    if !names.is_empty() {
        warnings.push(Warning::CovariatesIgnored { names });
    }
    warnings.extend(extended_covariates(manifest, request));
    let native = manifest.horizon.native;
    if manifest.horizon.rollout == Rollout::Median
        && manifest.output.kind != OutputKind::Point
        && row.horizon > native
    {
        warnings.push(Warning::RolledOut { native });
    }
    warnings
}

/// Returns a warning if a future covariate is known for fewer steps than the model uses. The warning is
/// about the covariate of which the model uses the most steps.
fn extended_covariates(manifest: &Manifest, request: &ForecastRequest) -> Option<Warning> {
    let length = request.series().values().len();
    manifest
        .covariates
        .iter()
        .filter_map(|role| {
            let values = request.covariates().get(&role.name)?.steps();
            let known = values.len().checked_sub(length)?;
            let used = manifest.ahead(role, request.horizon().steps());
            (role.missing != Missing::Nan && used > known).then_some((known, used))
        })
        .max_by_key(|(_, used)| *used)
        .map(|(known, seen)| Warning::CovariatesExtended { known, seen })
}
