//! Judging new versions, and taking back those that do worse than the one before.

use std::time::Instant;

use crate::registry::keeper::Keeper;
use crate::registry::keeper::model::{Held, Kept, Trial};
use crate::registry::trial::{Fault, TrialLimits};

impl Keeper {
    /// Judges every version on trial.
    pub(super) fn judge(&mut self) {
        let now = Instant::now();
        let limits = &self.config.trial;
        for (name, kept) in &mut self.models {
            let failed = kept
                .failed_trial(limits, now)
                .or_else(|| kept.failed_canary(limits));
            let Some((failed, fault)) = failed else {
                continue;
            };
            let version = failed.live.version();
            let reason = format!("taken back: {fault}");
            tracing::error!(model = %name, %version, %reason, "version is taken back");
            self.metrics.rolled_back(name);
            kept.fail(&failed, &reason);
        }
    }
}

impl Kept {
    /// Whether a version is to be judged.
    pub(super) fn is_on_trial(&self) -> bool {
        self.trial.is_some() || self.canary().is_some()
    }

    /// The version on probation and what is wrong with it. The one before it answers again.
    fn failed_trial(&mut self, limits: &TrialLimits, now: Instant) -> Option<(Held, Fault)> {
        let Trial { new, old, until } = self.trial.take()?;
        match fault(limits, &new, &old) {
            Some(fault) => {
                self.stable = Some(old.key);
                Some((new, fault))
            }
            None => {
                self.trial = (now < until).then_some(Trial { new, old, until });
                None
            }
        }
    }

    /// The canary and what is wrong with it.
    fn failed_canary(&self, limits: &TrialLimits) -> Option<(Held, Fault)> {
        let (canary, stable) = self.canary()?;
        let fault = fault(limits, canary, stable)?;
        Some((canary.clone(), fault))
    }

    /// The canary in memory and the version that it is measured by.
    fn canary(&self) -> Option<(&Held, &Held)> {
        let canary = self.version(&self.route.canary.as_ref()?.version)?;
        let stable = self.stable()?;
        (canary.key != stable.key).then_some((canary, stable))
    }
}

fn fault(limits: &TrialLimits, new: &Held, old: &Held) -> Option<Fault> {
    limits.fault(&new.live.usage.counts(), &old.live.usage.counts())
}
