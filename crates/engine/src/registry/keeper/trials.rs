//! The trials of new versions, and the rollback of those that do worse than the previous version.

use std::time::Instant;

use crate::registry::keeper::Keeper;
use crate::registry::keeper::model::{LoadedVersion, ManagedModel, Trial};
use crate::registry::trial::{TrialFailure, TrialLimits};

impl Keeper {
    /// Checks every version on trial, and rolls back those that failed.
    pub(super) fn check_trials(&mut self) {
        let now = Instant::now();
        let limits = &self.config.trial;
        for (name, model) in &mut self.models {
            let failed = model
                .end_trial(limits, now)
                .or_else(|| model.failed_canary(limits));
            let Some((failed, failure)) = failed else {
                continue;
            };
            let version = failed.live.version();
            let reason = format!("rolled back: {failure}");
            tracing::error!(model = %name, %version, %reason, "version rolled back");
            self.metrics.count_rollback(name);
            model.fail(&failed, &reason);
        }
    }
}

impl ManagedModel {
    /// Returns true if a version is on trial.
    pub(super) fn is_on_trial(&self) -> bool {
        self.trial.is_some() || self.canary().is_some()
    }

    /// Returns the version on probation if it failed its trial, and makes the previous version stable again.
    /// Ends the trial if its time is over.
    fn end_trial(
        &mut self,
        limits: &TrialLimits,
        now: Instant,
    ) -> Option<(LoadedVersion, TrialFailure)> {
        let Trial { new, old, until } = self.trial.take()?;
        match failure(limits, &new, &old) {
            Some(failure) => {
                self.stable = Some(old.key);
                Some((new, failure))
            }
            None => {
                self.trial = (now < until).then_some(Trial { new, old, until });
                None
            }
        }
    }

    /// Returns the canary if it does worse than the stable version.
    fn failed_canary(&self, limits: &TrialLimits) -> Option<(LoadedVersion, TrialFailure)> {
        let (canary, stable) = self.canary()?;
        let failure = failure(limits, canary, stable)?;
        Some((canary.clone(), failure))
    }

    /// Returns the loaded canary and the stable version that it is compared with.
    fn canary(&self) -> Option<(&LoadedVersion, &LoadedVersion)> {
        let canary = self.version(&self.route.canary.as_ref()?.version)?;
        let stable = self.stable()?;
        (canary.key != stable.key).then_some((canary, stable))
    }
}

fn failure(limits: &TrialLimits, new: &LoadedVersion, old: &LoadedVersion) -> Option<TrialFailure> {
    limits.failure(&new.live.usage.counts(), &old.live.usage.counts())
}
