//! Which models are served, and how their versions come and go.

use std::collections::BTreeMap;

use serde::Deserialize;

use std::path::PathBuf;

use crate::config::{Bytes, ConfigError, Span, units};
use almanac_model::PublicKey;
use almanac_store::Source;

/// Which models are served.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Models {
    /// Where models come from; the first source that has a name wins.
    #[serde(deserialize_with = "units::parsed_list")]
    pub sources: Vec<Source>,
    /// The model that answers requests which name none.
    pub default: String,
    /// Bytes in all the files of one version.
    pub max_bundle: Bytes,
    /// Files below one prefix of S3.
    pub max_listed: usize,
    /// Keys of which one must have signed every bundle that is not embedded.
    #[serde(deserialize_with = "units::parsed_list")]
    pub public_keys: Vec<PublicKey>,
    /// Where downloads are kept, instead of the user's cache folder.
    pub cache_dir: Option<PathBuf>,
    /// Bytes of downloads kept; 0 keeps none.
    pub cache_size: Bytes,
    /// Longest time to connect to a source.
    pub connect_timeout: Span,
    /// Longest time to the first byte of a source's answer, and between two pieces of it.
    pub read_timeout: Span,
    /// Longest time to fetch one version.
    pub fetch_timeout: Span,
    /// How often a call to a source is made before it has failed.
    pub attempts: usize,
    /// Size over which a file is downloaded from S3, or uploaded to it, in parts of that size.
    pub part_size: Bytes,
    /// Parts of one file downloaded or uploaded side by side.
    pub parallel_parts: usize,
    /// Whether machines other than this one may be asked over plain http.
    pub allow_http: bool,
    /// Address of S3, when it is not AWS's.
    pub s3_endpoint: Option<String>,
    /// Whether the bucket stands in the path of an S3 address and not in its host.
    pub s3_path_style: bool,
    /// Region of the buckets, instead of the one that the environment names or S3 tells.
    pub s3_region: Option<String>,
    /// Time between two looks at a source; 0 for at the start and when told to.
    pub watch: Span,
    /// Longest time of one look.
    pub list_timeout: Span,
    /// Versions that are verified and opened at the same time.
    pub loads: usize,
    /// Attempts at versions that are remembered of each model.
    pub history: usize,
    /// How long the version before is kept to take over again; 0 for not at all.
    pub probation: Span,
    /// Memory that all versions may take, about.
    pub memory: Option<Bytes>,
    /// Values of series that may wait for a shadow.
    pub shadow_values: usize,
    /// When the version before takes over again.
    pub rollback: Rollback,
    /// Versions by alias, by model.
    pub aliases: BTreeMap<String, BTreeMap<String, String>>,
    /// Aliases that a model may have.
    pub max_aliases: usize,
    /// Which version has which part, by model.
    pub routes: BTreeMap<String, RouteConfig>,
}

/// When a new version does too badly.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rollback {
    /// Requests that it must have had before its errors count.
    pub requests: u64,
    /// The share of its requests that may fail.
    pub error_rate: f64,
    /// How many times the share of the version before that may be.
    pub error_ratio: f64,
    /// Requests that both must have had before their time in the model counts.
    pub latency_requests: u64,
    /// How many times the 99th percentile of the version before its own may be.
    pub latency_ratio: f64,
    /// A 99th percentile that is never too long.
    pub latency_floor: Span,
}

/// Which versions of a model have which part.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteConfig {
    /// The version that answers; the newest, when absent.
    pub stable: Option<String>,
    /// The version that answers a share of the requests in its stead.
    pub canary: Option<Canary>,
    /// The version that is run beside it and compared.
    pub shadow: Option<Shadow>,
}

/// A version that answers a share of the requests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The version.
    pub version: String,
    /// The share, from 0 to 1.
    pub weight: f64,
}

/// A version that is run on a share of what was answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// The version.
    pub version: String,
    /// The share, from 0 to 1.
    pub sample: f64,
}

impl Default for Models {
    fn default() -> Self {
        Self {
            sources: vec![Source::Embedded],
            default: "almanac".to_owned(),
            // Over the largest known forecasting model, under what ONNX's own file format can hold.
            max_bundle: Bytes::mebibytes(2_048),
            max_listed: 100_000,
            public_keys: Vec::new(),
            cache_dir: None,
            cache_size: Bytes::mebibytes(4_096),
            connect_timeout: Span::seconds(5),
            read_timeout: Span::seconds(20),
            // A gigabyte at 2 MB/s.
            fetch_timeout: Span::seconds(600),
            attempts: 3,
            part_size: Bytes::mebibytes(16),
            parallel_parts: 4,
            allow_http: false,
            s3_endpoint: None,
            s3_path_style: false,
            s3_region: None,
            watch: Span::seconds(30),
            list_timeout: Span::seconds(30),
            loads: 1,
            history: 32,
            probation: Span::seconds(60),
            memory: None,
            // 8 MB of values.
            shadow_values: 1_000_000,
            rollback: Rollback::default(),
            aliases: BTreeMap::new(),
            max_aliases: 32,
            routes: BTreeMap::new(),
        }
    }
}

impl Default for Rollback {
    fn default() -> Self {
        Self {
            requests: 20,
            error_rate: 0.05,
            error_ratio: 2.0,
            // The 99th percentile of fewer is the slowest one.
            latency_requests: 100,
            latency_ratio: 3.0,
            // Below it the percentile tells of the machine and not of the model.
            latency_floor: Span::milliseconds(50),
        }
    }
}

impl Models {
    fn check_aliases(&self) -> Result<(), ConfigError> {
        let mut models = self.aliases.values();
        match models.find(|aliases| aliases.len() > self.max_aliases) {
            Some(aliases) => Err(ConfigError::Value {
                setting: "models.aliases",
                value: format!("{} for one model", aliases.len()),
                rule: "it must be at most models.max_aliases for each",
            }),
            None => Ok(()),
        }
    }

    /// Refuses values that have the right type and make no sense.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.check_sources()?;
        self.check_aliases()?;
        let shares = self.routes.values().flat_map(|route| {
            let canary = route.canary.as_ref().map(|canary| canary.weight);
            let shadow = route.shadow.as_ref().map(|shadow| shadow.sample);
            [
                ("models.routes canary.weight", canary),
                ("models.routes shadow.sample", shadow),
            ]
        });
        let rate = ("models.rollback.error_rate", Some(self.rollback.error_rate));
        for (setting, share) in shares.chain([rate]) {
            if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
                return Err(ConfigError::Value {
                    setting,
                    value: share.unwrap_or_default().to_string(),
                    rule: "it must be from 0 to 1",
                });
            }
        }
        let ratios = [
            ("models.rollback.error_ratio", self.rollback.error_ratio),
            ("models.rollback.latency_ratio", self.rollback.latency_ratio),
        ];
        match ratios
            .into_iter()
            .find(|(_, ratio)| !(*ratio >= 1.0 && ratio.is_finite()))
        {
            Some((setting, ratio)) => Err(ConfigError::Value {
                setting,
                value: ratio.to_string(),
                rule: "it must be at least 1",
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn routes_and_aliases_are_tables_by_model() {
        let text = "[models.aliases.airline]\nchampion = \"3\"\n[models.routes.airline]\nstable = \"3\"\n\
                    canary = { version = \"4\", weight = 0.1 }\nshadow = { version = \"5\", sample = 1 }\n";
        let models = toml::from_str::<Config>(text).unwrap().models;
        assert_eq!(models.aliases["airline"]["champion"], "3");
        let route = &models.routes["airline"];
        assert_eq!(route.canary.as_ref().unwrap().version, "4");
        models.check().unwrap();
    }

    #[test]
    fn shares_and_ratios_that_make_no_sense_are_refused() {
        for (text, told) in [
            (
                "[models.routes.a]\ncanary = { version = \"4\", weight = 10.0 }",
                "models.routes canary.weight is 10; it must be from 0 to 1",
            ),
            (
                "[models.rollback]\nerror_rate = -0.1",
                "models.rollback.error_rate is -0.1; it must be from 0 to 1",
            ),
            (
                "[models.rollback]\nlatency_ratio = 0.5",
                "models.rollback.latency_ratio is 0.5; it must be at least 1",
            ),
            (
                "[models]\nmax_aliases = 1\n[models.aliases.m]\na = \"1\"\nb = \"1\"",
                "models.aliases is 2 for one model; it must be at most models.max_aliases for each",
            ),
            (
                "[models]\nsources = []",
                "models.sources is empty; name at least one source",
            ),
        ] {
            let models = toml::from_str::<Config>(text).unwrap().models;
            assert_eq!(models.check().unwrap_err().to_string(), told);
        }
    }
}
