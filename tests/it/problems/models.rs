//! For every code that depends on a model, requests that end in it.

use almanac::call::CallCode;
use almanac::http::Code;
use almanac_engine::registry::ModelState;
use almanac_model::Manifest;
use almanac_model::manifest::{Missing, Scaling};
use ndarray::Array3;
use serde_json::{Value, json};

use super::provoke::{Provocation, series, told};
use crate::support::endpoint::Endpoint;
use crate::support::kept::KeptBuilder;
use crate::support::scripted::{Scripted, manifest, manifest_with_covariates};
use crate::support::{TestApp, TestAppBuilder};

/// Requests, most of them to models of their own, that end in `code`.
pub(super) async fn provocations(app: &TestApp, code: Code) -> Vec<Provocation> {
    match code {
        Code::Call(CallCode::UnknownModel) => {
            let mut provoked = series(app, [json!({"values": [1, 2], "model": "prophet"})]).await;
            provoked.push(told("GET /models/prophet", app.get("/models/prophet")).await);
            provoked
        }
        Code::Call(CallCode::UnknownVersion) => {
            series(app, [json!({"values": [1, 2], "model": "scripted/8"})]).await
        }
        Code::ModelInUse => {
            let kept = KeptBuilder::new()
                .holding(&[("m", "1", "add 1")])
                .ready()
                .await;
            let refused = kept.admin("DELETE", "/admin/models/m", &Value::Null);
            vec![told("DELETE /admin/models/m", refused).await]
        }
        Code::TooManyAliases => {
            let mut builder = KeptBuilder::new().holding(&[("m", "1", "add 1")]);
            builder.config.max_aliases = 0;
            let kept = builder.ready().await;
            let uri = "/admin/models/m/aliases/champion";
            let body = json!({"version": "1"});
            let refused = kept.admin("PUT", uri, &body);
            vec![told("PUT /admin/models/m/aliases/champion", refused).await]
        }
        Code::InvalidModelName | Code::InvalidModel | Code::ModelLoaded | Code::NoRoom => {
            hosted(code).await
        }
        Code::Unauthorized => {
            let mut builder = KeptBuilder::new().holding(&[("m", "1", "add 1")]);
            builder.key = Some("0123456789abcdef");
            let kept = builder.ready().await;
            let refused = kept.admin("POST", "/admin/reload", &Value::Null);
            vec![told("POST /admin/reload", refused).await]
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
        // A model that takes no missing values, and one that takes logarithms.
        Code::Call(CallCode::UnfitValue) => {
            let mut complete = manifest();
            complete.context.missing = Missing::Reject;
            let mut provoked = unfit(complete, json!([1, null, 2])).await;
            let mut logarithms = manifest();
            logarithms.context.scaling = Scaling::Log1p;
            provoked.extend(unfit(logarithms, json!([1, -1, 2])).await);
            provoked
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
        // A failure that it reports, a panic, and an answer of the wrong shape.
        Code::Call(CallCode::ModelError) => {
            let mut provoked = scripted(Scripted::failing("out of memory")).await;
            provoked.extend(scripted(Scripted::new(|_| panic!("a panic for a test"))).await);
            let narrow = |batch: &_| Ok(Array3::zeros((almanac_model::Batch::len(batch), 2, 2)));
            provoked.extend(scripted(Scripted::new(narrow)).await);
            provoked
        }
        other => unreachable!("{other:?} is not about models"),
    }
}

/// Orders of the host of a multi-model endpoint, which has room for one model.
async fn hosted(code: Code) -> Vec<Provocation> {
    let endpoint = Endpoint::new(1, None);
    let url = endpoint.put("a", "add 1");
    let broken = endpoint.put("broken", "refuse");
    let load = async |name: &str, url: &str| {
        let request = format!("POST /models {name}");
        told(request, endpoint.load(name, url)).await
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

/// The same request to a model of its own.
async fn scripted(forecaster: Scripted) -> Vec<Provocation> {
    series(&TestApp::scripted(forecaster), [json!({"values": [1, 2]})]).await
}

/// Series with each of `covariates`, for a model that needs two.
async fn covariates<const N: usize>(covariates: [Value; N]) -> Vec<Provocation> {
    let manifest = manifest_with_covariates();
    let app = TestAppBuilder::scripted().workers_of(manifest, vec![Scripted::last_value()]);
    let sent = covariates.map(|covariates| json!({"values": [1, 2], "covariates": covariates}));
    series(&app.build(), sent).await
}

/// A series of `values`, for a model of `manifest`.
async fn unfit(manifest: Manifest, values: Value) -> Vec<Provocation> {
    let app = TestAppBuilder::scripted().workers_of(manifest, vec![Scripted::last_value()]);
    series(&app.build(), [json!({"values": values})]).await
}
