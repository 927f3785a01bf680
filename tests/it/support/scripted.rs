//! Models whose behaviour a test defines.

use std::sync::mpsc;

use almanac_model::{Batch, Forecaster, Manifest, PredictError};
use ndarray::{Array3, s};
use tokio::sync::mpsc as tokio_mpsc;

/// The name of the scripted model.
pub(crate) const NAME: &str = "scripted";

/// A manifest with three levels, whose graph receives unscaled values.
const MANIFEST: &str = r#"
format = 1
name = "scripted"
version = "7"
description = "Does what a test says"
licence = "Apache-2.0"

[files]

[context]
input = "context"
axes = ["batch", "time"]
type = "float32"
min_length = 2
max_length = 64
pad = "left"
missing = "nan"
scaling = "none"

[season_length]
input = "season_length"
type = "int64"
unknown = 1
longest = 24

[horizon]
native = 48
longest = 48

[output]
name = "quantiles"
axes = ["batch", "quantile", "time"]
type = "float32"
levels = [0.1, 0.5, 0.9]
"#;

/// Returns the manifest of a scripted model with another name and version.
pub(crate) fn manifest_text(name: &str, version: &str) -> String {
    MANIFEST
        .replacen("name = \"scripted\"", &format!("name = {name:?}"), 1)
        .replacen("version = \"7\"", &format!("version = {version:?}"), 1)
}

pub(crate) fn manifest() -> Manifest {
    Manifest::parse(MANIFEST).unwrap()
}

/// Returns the manifest with a future covariate and a categorical one.
pub(crate) fn manifest_with_covariates() -> Manifest {
    let covariates = r#"
[[covariates]]
name = "price"
kind = "future"
missing = "interpolate"
[[covariates]]
name = "region"
kind = "static"
categories = ["north", "south"]
[[inputs]]
name = "prices"
type = "float32"
axes = ["batch", "span", "covariate"]
fill = ["price"]
[[inputs]]
name = "regions"
type = "int64"
axes = ["batch"]
fill = ["region"]
"#;
    Manifest::parse(&format!("{MANIFEST}{covariates}")).unwrap()
}

type Script = dyn FnMut(&Batch) -> Result<Array3<f32>, PredictError> + Send;

/// A model whose output is a function of the batch.
pub(crate) struct Scripted(Box<Script>);

/// Controls a gated model, which reports each batch that it starts and waits to be released.
#[derive(Debug)]
pub(crate) struct Gate {
    started: tokio_mpsc::UnboundedReceiver<usize>,
    release: mpsc::Sender<()>,
}

impl Scripted {
    pub(crate) fn new(
        script: impl FnMut(&Batch) -> Result<Array3<f32>, PredictError> + Send + 'static,
    ) -> Self {
        Self(Box::new(script))
    }

    /// Creates a model that repeats the last value of each context: 1 less at level 0.1, and 1 more
    /// at 0.9.
    pub(crate) fn last_value() -> Self {
        Self::new(|batch| Ok(last_values(batch)))
    }

    /// Creates a model that fails every batch.
    pub(crate) fn failing(reason: &'static str) -> Self {
        Self::new(|_| Err(PredictError::Runtime(reason.into())))
    }

    /// Creates a model like [`Scripted::last_value`] that waits at each batch until it is released.
    pub(crate) fn gated() -> (Self, Gate) {
        let (announce, started) = tokio_mpsc::unbounded_channel();
        let (release, released) = mpsc::channel();
        let script = move |batch: &Batch| {
            // The channels are closed once the test has ended, which releases every batch.
            let _test_ended = announce.send(batch.len());
            let _test_ended = released.recv();
            Ok(last_values(batch))
        };
        (Self::new(script), Gate { started, release })
    }

    pub(crate) fn boxed(self) -> Box<dyn Forecaster> {
        Box::new(self)
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Forecaster for Scripted {
    fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError> {
        (self.0)(batch)
    }
}

impl Gate {
    /// Waits until the model starts a batch, and returns its number of rows.
    pub(crate) async fn batch_started(&mut self) -> usize {
        self.started.recv().await.unwrap()
    }

    /// Releases one batch.
    pub(crate) fn release(&self) {
        self.release.send(()).unwrap();
    }
}

/// Returns the last observed value of row `row_idx`.
pub(crate) fn last_value(batch: &Batch, row_idx: usize) -> f32 {
    batch
        .contexts()
        .row(row_idx)
        .into_iter()
        .copied()
        .rfind(|value| !value.is_nan())
        .unwrap()
}

/// Repeats the last value of each context at every step, 1 less at level 0.1 and 1 more at 0.9.
pub(crate) fn last_values(batch: &Batch) -> Array3<f32> {
    let mut output = Array3::zeros((batch.len(), 3, batch.horizon()));
    for row_idx in 0..batch.len() {
        let last = last_value(batch, row_idx);
        for (level_idx, value) in [last - 1.0, last, last + 1.0].into_iter().enumerate() {
            output.slice_mut(s![row_idx, level_idx, ..]).fill(value);
        }
    }
    output
}
