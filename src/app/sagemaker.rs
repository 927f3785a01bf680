//! SageMaker's contract: what its variables ask for, and who loads the models of a multi-model
//! endpoint.

use std::sync::Arc;

use crate::config::{self, Config};
use crate::http::{SageMaker, Strategy, Transform, preferring};
use almanac_engine::registry::{HostOrders, Hosting, Registry};
use almanac_store::Place;

/// What the routes of the contract need, and what the keeper of the models gets orders from on a
/// multi-model endpoint.
pub(super) fn contract(
    config: &Config,
    registry: &Arc<Registry>,
) -> (SageMaker, Option<HostOrders>) {
    let variables = &config.platform.sagemaker;
    let (hosting, orders) = variables
        .is_multi_model
        .then(|| hosting(config, registry))
        .unzip();
    let accept = variables.accept.as_deref();
    let sagemaker = SageMaker {
        hosting,
        load_timeout: config.models.fetch_timeout.get(),
        transform: transform(variables.transform),
        accept: accept.and_then(preferring),
    };
    (sagemaker, orders)
}

fn hosting(config: &Config, registry: &Arc<Registry>) -> (Hosting, HostOrders) {
    let root = config.sagemaker.models_dir.clone();
    let options = config.store_options();
    tracing::info!(folder = %root.display(), most = config.sagemaker.max_models, "multi-model endpoint");
    let finder = move |name: &str, url: &str| Place::open(&root, url, name, &options);
    let most = config.sagemaker.max_models;
    Hosting::new(Arc::clone(registry), Arc::new(finder), most)
}

fn transform(told: config::Transform) -> Transform {
    Transform {
        is_batch: told.is_batch,
        max_concurrent: told.max_concurrent,
        strategy: told.strategy.map(|strategy| match strategy {
            config::Strategy::SingleRecord => Strategy::SingleRecord,
            config::Strategy::MultiRecord => Strategy::MultiRecord,
        }),
        max_payload_mib: told.max_payload_mib,
    }
}
