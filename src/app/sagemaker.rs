//! SageMaker's hosting contract: the settings of its variables, and the models of a multi-model
//! endpoint.

use std::sync::Arc;

use almanac_engine::registry::{HostCommands, Hosting, Registry};
use almanac_store::Place;

use crate::config::{BatchStrategy, BatchTransform, Config};
use crate::http::{SageMaker, Strategy, Transform, preferring};

/// Returns the parts that the routes of the contract need and, on a multi-model endpoint, the commands
/// of the platform for the keeper of the models.
pub(super) fn contract(
    config: &Config,
    registry: &Arc<Registry>,
) -> (SageMaker, Option<HostCommands>) {
    let variables = &config.platform.sagemaker;
    let (hosting, commands) = variables
        .is_multi_model
        .then(|| hosting(config, registry))
        .unzip();
    let sagemaker = SageMaker {
        hosting,
        load_timeout: config.models.fetch_timeout.get(),
        transform: transform(variables.transform),
        accept: variables.accept.as_deref().and_then(preferring),
    };
    (sagemaker, commands)
}

fn hosting(config: &Config, registry: &Arc<Registry>) -> (Hosting, HostCommands) {
    let root = config.sagemaker.models_dir.clone();
    let options = config.store_options();
    let max_models = config.sagemaker.max_models;
    tracing::info!(folder = %root.display(), max_models, "multi-model endpoint");
    let finder = move |name: &str, url: &str| Place::open(&root, url, name, &options);
    Hosting::new(Arc::clone(registry), Arc::new(finder), max_models)
}

fn transform(configured: BatchTransform) -> Transform {
    Transform {
        is_batch: configured.is_batch,
        max_concurrent: configured.max_concurrent,
        strategy: configured.strategy.map(|strategy| match strategy {
            BatchStrategy::SingleRecord => Strategy::SingleRecord,
            BatchStrategy::MultiRecord => Strategy::MultiRecord,
        }),
        max_payload_mib: configured.max_payload_mib,
    }
}
