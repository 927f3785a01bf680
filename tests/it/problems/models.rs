//! Requests that provoke each code that depends on a model.

use almanac::call::CallCode;
use almanac::http::Code;
use almanac_engine::registry::ModelState;
use almanac_model::Manifest;
use almanac_model::manifest::{Missing, Scaling};
use ndarray::Array3;
use serde_json::{Value, json};

use super::provoke::{Provocation, provoke, series};
use crate::support::endpoint::Endpoint;
use crate::support::kept::ManagedServiceBuilder;
use crate::support::scripted::{Scripted, manifest, manifest_with_covariates};
use crate::support::{TestApp, TestAppBuilder};

/// Sends requests that end in `code`, most of them to a service of their own.
pub(super) async fn provocations(app: &TestApp, code: Code) -> Vec<Provocation> {
    match code {
        Code::Call(CallCode::UnknownModel) => {
            let mut provocations =
                series(app, [json!({"values": [1, 2], "model": "prophet"})]).await;
            provocations.push(provoke("GET /models/prophet", app.get("/models/prophet")).await);
            provocations
        }
        Code::Call(CallCode::UnknownVersion) => {
            series(app, [json!({"values": [1, 2], "model": "scripted/8"})]).await
        }
        Code::ModelInUse => {
            let service = ManagedServiceBuilder::new()
                .with_versions(&[("m", "1", "add 1")])
                .ready()
                .await;
            let refused = service.admin("DELETE", "/admin/models/m", &Value::Null);
            vec![provoke("DELETE /admin/models/m", refused).await]
        }
        Code::TooManyAliases => {
            let mut builder = ManagedServiceBuilder::new().with_versions(&[("m", "1", "add 1")]);
            builder.config.max_aliases = 0;
            let service = builder.ready().await;
            let uri = "/admin/models/m/aliases/champion";
            let body = json!({"version": "1"});
            let refused = service.admin("PUT", uri, &body);
            vec![provoke("PUT /admin/models/m/aliases/champion", refused).await]
        }
        Code::InvalidModelName | Code::InvalidModel | Code::ModelLoaded | Code::NoRoom => {
            hosted(code).await
        }
        Code::Unauthorized => {
            let mut builder = ManagedServiceBuilder::new().with_versions(&[("m", "1", "add 1")]);
            builder.key = Some("0123456789abcdef");
            let service = builder.ready().await;
            let refused = service.admin("POST", "/admin/reload", &Value::Null);
            vec![provoke("POST /admin/reload", refused).await]
        }
        Code::Call(CallCode::ModelLoading) => {
            series(&TestApp::loading("late"), [json!({"values": [1, 2]})]).await
        }
        Code::Call(CallCode::ModelFailed) => {
            let app = TestApp::loading("broken");
            let reason = "model.onnx is missing".to_owned();
            app.registry.set("broken", ModelState::Failed { reason });
            series(&app, [json!({"values": [1, 2]})]).await
        }
        // A model that accepts no missing values, and one that takes logarithms.
        Code::Call(CallCode::UnfitValue) => {
            let mut complete = manifest();
            complete.context.missing = Missing::Reject;
            let mut provocations = unfit(complete, json!([1, null, 2])).await;
            let mut logarithms = manifest();
            logarithms.context.scaling = Scaling::Log1p;
            provocations.extend(unfit(logarithms, json!([1, -1, 2])).await);
            provocations
        }
        Code::Call(CallCode::MissingCovariate) => {
            covariates([json!({}), json!({"static": {"region": "south"}})]).await
        }
        Code::Call(CallCode::UnfitCovariate) => {
            let region = json!({"region": "south"});
            covariates([
                json!({"past": {"price": [1, 2]}, "static": region}),
                json!({"future": {"price": [1, 2]}, "static": region}),
                json!({"future": {"price": [1, 2, 3, 4]}, "static": {"region": "east"}}),
            ])
            .await
        }
        Code::Call(CallCode::ForecastNotFinite) => {
            scripted(Scripted::new(|batch| {
                Ok(Array3::from_elem(
                    (batch.len(), 3, batch.horizon()),
                    f32::NAN,
                ))
            }))
            .await
        }
        // An error of the model, a panic, and an output of the wrong shape.
        Code::Call(CallCode::ModelError) => {
            let mut provocations = scripted(Scripted::failing("out of memory")).await;
            provocations.extend(scripted(Scripted::new(|_| panic!("a panic for a test"))).await);
            let narrow = |batch: &_| Ok(Array3::zeros((almanac_model::Batch::len(batch), 2, 2)));
            provocations.extend(scripted(Scripted::new(narrow)).await);
            provocations
        }
        other => unreachable!("{other:?} is not about models"),
    }
}

/// Sends requests of the platform to a multi-model endpoint for at most one model.
async fn hosted(code: Code) -> Vec<Provocation> {
    let endpoint = Endpoint::new(1, None);
    let url = endpoint.put("a", "add 1");
    let broken = endpoint.put("broken", "refuse");
    let load = async |name: &str, url: &str| {
        let request = format!("POST /models {name}");
        provoke(request, endpoint.load(name, url)).await
    };
    match code {
        Code::InvalidModelName => vec![load("a/1", &url).await],
        Code::InvalidModel => vec![load("broken", &broken).await],
        _ => {
            endpoint.load("a", &url).await.ok();
            match code {
                Code::ModelLoaded => vec![load("a", &url).await],
                _ => vec![load("b", &url).await],
            }
        }
    }
}

/// Sends a request to a service with `forecaster` as its model.
async fn scripted(forecaster: Scripted) -> Vec<Provocation> {
    series(&TestApp::scripted(forecaster), [json!({"values": [1, 2]})]).await
}

/// Sends a series with each of `covariates` to a model that needs two.
async fn covariates<const N: usize>(covariates: [Value; N]) -> Vec<Provocation> {
    let manifest = manifest_with_covariates();
    let app = TestAppBuilder::scripted().workers_of(manifest, vec![Scripted::last_value()]);
    let bodies = covariates.map(|covariates| json!({"values": [1, 2], "covariates": covariates}));
    series(&app.build(), bodies).await
}

/// Sends a series of `values` to a model with `manifest`.
async fn unfit(manifest: Manifest, values: Value) -> Vec<Provocation> {
    let app = TestAppBuilder::scripted().workers_of(manifest, vec![Scripted::last_value()]);
    series(&app.build(), [json!({"values": values})]).await
}
