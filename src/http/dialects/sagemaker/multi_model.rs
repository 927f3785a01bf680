//! The models of a multi-model endpoint: SageMaker loads, lists, invokes and unloads them.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::call::CallCode;
use crate::http::body::receive_json;
use crate::http::dialects::sagemaker::invocations::adapted;
use crate::http::native::forecast;
use crate::http::problem::{Code, Problem};
use crate::http::query::{once, unknown};
use crate::http::state::AppState;
use almanac_engine::registry::{HostedModel, Hosting};

/// The number of models in a page of the list.
const PAGE: usize = 100;

/// The model to load. Other fields are ignored, so that SageMaker may add some.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(in crate::http) struct ModelToLoad {
    /// The name of the model.
    #[schema(required, example = "d414526c49aa3ae4cbe1c86e1c4d0b60")]
    model_name: Option<String>,
    /// The folder of the model in the container.
    #[schema(
        required,
        example = "/opt/ml/models/d414526c49aa3ae4cbe1c86e1c4d0b60/model"
    )]
    url: Option<String>,
}

/// A loaded model.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct LoadedModel {
    /// The name of the model.
    model_name: String,
    /// The folder from which it was loaded.
    model_url: String,
}

/// A page of the loaded models.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct LoadedModels {
    /// The models, in order of name.
    models: Vec<LoadedModel>,
    /// The token of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Loads a model
///
/// Responds when the model serves.
#[utoipa::path(post, path = "/models", tag = "sagemaker",
    request_body(content = ModelToLoad, content_type = "application/json"),
    responses(
        (status = 200, description = "The model serves", body = LoadedModel),
        (status = 400, description = "No loadable model", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The model is loaded already", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "No memory left for the model", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The model cannot be loaded", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn post_model(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<LoadedModel>, Problem> {
    let ModelToLoad { model_name, url } = receive_json(&headers, body).await?;
    let name = model_name.ok_or_else(|| missing("model_name", "the name of the model"))?;
    let url = url.ok_or_else(|| missing("url", "the folder of the model"))?;
    let model = HostedModel { name, url };
    let HostedModel { name, url } = model.clone();
    hosting(&state)?.load(name, url).await?;
    Ok(Json(model.into()))
}

/// Lists the loaded models
#[utoipa::path(get, path = "/models", tag = "sagemaker",
    params(("next_page_token" = Option<String>, Query, description = "The `nextPageToken` of the previous page")),
    responses(
        (status = 200, description = "A page of the models", body = LoadedModels),
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn list_models(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Json<LoadedModels>, Problem> {
    let token = page_token(query.as_deref().unwrap_or_default())?;
    let loaded = hosting(&state)?.list().await?;
    Ok(Json(page(loaded, token.as_deref())))
}

/// Describes one loaded model
#[utoipa::path(get, path = "/models/{name}", tag = "sagemaker",
    params(("name" = String, Path, description = "Name of the model")),
    responses(
        (status = 200, description = "The model", body = LoadedModel),
        (status = 404, description = "The model is not loaded", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn get_model(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<LoadedModel>, Problem> {
    Ok(Json(hosting(&state)?.find(&name).await?.into()))
}

/// Unloads a model
///
/// Responds when its pending requests are answered and its memory is free.
#[utoipa::path(delete, path = "/models/{name}", tag = "sagemaker",
    params(("name" = String, Path, description = "Name of the model")),
    responses(
        (status = 200, description = "The model is unloaded"),
        (status = 404, description = "The model is not loaded", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn delete_model(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    hosting(&state)?.unload(name).await?;
    Ok(StatusCode::OK)
}

/// Forecasts with one model, as `POST /forecast` does
///
/// The path names the model; a body that names another one is rejected.
#[utoipa::path(post, path = "/models/{name}/invoke", tag = "sagemaker",
    params(("name" = String, Path, description = "Name of the model")),
    request_body(
        content(
            (forecast::ForecastBody = "application/json"),
            (String = "text/csv", example = "month,passengers\n1949-01-01,112\n1949-02-01,118\n1949-03-01,132\n"),
            (String = "application/jsonlines", example = "{\"values\":[1,2,3],\"horizon\":2}\n{\"values\":[4,5,6],\"horizon\":2}\n")
        )
    ),
    responses(
        (status = 200, description = "Forecasts, at least one", content(
            (forecast::ForecastAnswer<'_> = "application/json"), (String = "text/csv"), (String = "application/jsonlines")
        )),
        (status = 404, description = "The model is not loaded", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Invalid request", content(
            (Problem = "application/problem+json"), (String = "application/jsonlines")
        )),
        (status = "5XX", description = "The server cannot answer", content(
            (Problem = "application/problem+json"), (String = "application/jsonlines")
        )),
    )
)]
pub(in crate::http) async fn post_invoke(
    State(state): State<AppState>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    hosting(&state)?.resolve(&name)?;
    let (mut head, body) = request.into_parts();
    head.headers = adapted(head.headers, &state.sagemaker);
    forecast::respond(&state, (head, body), Some(name.into())).await
}

/// Returns the loader of models, which exists on a multi-model endpoint only.
fn hosting(state: &AppState) -> Result<&Hosting, Problem> {
    let none = || Problem::new(Code::NotFound, "this is not a multi-model endpoint");
    state.sagemaker.hosting.as_ref().ok_or_else(none)
}

fn missing(field: &'static str, what: &str) -> Problem {
    let detail = format!("{field} is required: {what}");
    Problem::new(CallCode::MissingField, detail).at(format!("/{field}"))
}

fn page_token(query: &str) -> Result<Option<String>, Problem> {
    let mut token = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "next_page_token" => once(&mut token, &name, value.into_owned())?,
            _ => return Err(unknown(&name, &["next_page_token"])),
        }
    }
    // Some clients request the first page with an empty token.
    Ok(token.filter(|token| !token.is_empty()))
}

/// Returns the models after the one named `token`, which may have been unloaded in the meantime.
fn page(loaded: Vec<HostedModel>, token: Option<&str>) -> LoadedModels {
    let mut following = loaded
        .into_iter()
        .filter(|model| token.is_none_or(|token| model.name.as_str() > token));
    let models: Vec<LoadedModel> = following.by_ref().take(PAGE).map(Into::into).collect();
    let is_last = following.next().is_none();
    let last = models.last().map(|last| last.model_name.clone());
    LoadedModels {
        models,
        next_page_token: last.filter(|_| !is_last),
    }
}

impl From<HostedModel> for LoadedModel {
    fn from(model: HostedModel) -> Self {
        Self {
            model_name: model.name,
            model_url: model.url,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_every_model_once_even_if_one_is_unloaded_in_between() {
        let model = |number: usize| HostedModel {
            name: format!("m{number:03}"),
            url: String::new(),
        };
        let loaded: Vec<_> = (0..250).map(model).collect();
        let first = page(loaded.clone(), None);
        assert_eq!(first.models.len(), PAGE);
        assert_eq!(first.next_page_token.as_deref(), Some("m099"));
        let without: Vec<_> = loaded
            .into_iter()
            .filter(|one| one.name != "m099")
            .collect();
        let second = page(without.clone(), first.next_page_token.as_deref());
        assert_eq!(second.models[0].model_name, "m100");
        let third = page(without, second.next_page_token.as_deref());
        assert_eq!((third.models.len(), third.next_page_token), (50, None));
        assert_eq!(
            page((0..PAGE).map(model).collect(), None).next_page_token,
            None
        );
        assert_eq!(page(Vec::new(), Some("x")).models.len(), 0);
    }

    #[test]
    fn a_query_names_a_page_and_nothing_else() {
        assert_eq!(page_token("").unwrap(), None);
        assert_eq!(page_token("next_page_token=").unwrap(), None);
        assert_eq!(
            page_token("next_page_token=a%2B").unwrap().as_deref(),
            Some("a+")
        );
        for wrong in ["page=1", "next_page_token=a&next_page_token=b"] {
            assert_eq!(page_token(wrong).unwrap_err().code, Code::InvalidQuery);
        }
    }
}
