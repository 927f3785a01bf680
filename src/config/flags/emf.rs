//! The settings of metrics that are written for CloudWatch, as flags and as `ALMANAC_` variables.

use clap::Args;

use crate::config::flags::set;
use crate::config::{Config, Span};

/// Metrics on standard output, in CloudWatch's embedded metric format.
#[derive(Clone, Debug, Default, Args)]
pub struct EmfFlags {
    /// Whether metrics are written to standard output, in CloudWatch's embedded format [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        env = "ALMANAC_EMF",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        help_heading = "Metrics"
    )]
    pub emf: Option<bool>,

    /// Time between two lines of metrics [default: 60s]
    #[arg(
        long,
        value_name = "TIME",
        env = "ALMANAC_EMF_INTERVAL",
        help_heading = "Metrics"
    )]
    pub emf_interval: Option<Span>,

    /// Namespace of the metrics in CloudWatch [default: Almanac]
    #[arg(
        long,
        value_name = "NAME",
        env = "ALMANAC_EMF_NAMESPACE",
        help_heading = "Metrics"
    )]
    pub emf_namespace: Option<String>,

    /// Models with metrics of their own; the rest share theirs [default: 20]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_EMF_MAX_MODELS",
        help_heading = "Metrics"
    )]
    pub emf_max_models: Option<usize>,
}

impl EmfFlags {
    /// Overwrites in `config` what was given.
    pub(super) fn apply(&self, config: &mut Config) {
        let emf = &mut config.emf;
        set(&mut emf.enabled, self.emf);
        set(&mut emf.interval, self.emf_interval);
        set(&mut emf.namespace, self.emf_namespace.clone());
        set(&mut emf.max_models, self.emf_max_models);
    }
}
