//! `POST /invocations` and `GET /execution-parameters`.

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::dialects::sagemaker::{SageMaker, Strategy};
use crate::http::native::forecast;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// The default priority of a batch transform, which has no interactive client.
const BULK: HeaderValue = HeaderValue::from_static("u=5");

/// The maximum total size of the concurrent requests of a batch transform, in MiB; one alone may use all
/// of it.
const MAX_TOTAL_PAYLOAD: usize = 100;

/// The recommended parameters of a batch transform.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(in crate::http) struct ExecutionParameters {
    /// The number of concurrent requests: enough that a worker always has a batch waiting.
    max_concurrent_transforms: usize,
    /// The strategy: many records in one request share a batch.
    #[schema(example = "MULTI_RECORD")]
    batch_strategy: &'static str,
    /// The maximum size of a request body, in MiB.
    #[serde(rename = "MaxPayloadInMB")]
    max_payload_in_mb: usize,
}

/// Forecasts, as `POST /forecast` does
///
/// The endpoint that SageMaker calls.
#[utoipa::path(
    post,
    path = "/invocations",
    tag = "sagemaker",
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
        (status = "4XX", description = "Invalid request", content(
            (Problem = "application/problem+json"), (String = "application/jsonlines")
        )),
        (status = "5XX", description = "The server cannot answer", content(
            (Problem = "application/problem+json"), (String = "application/jsonlines")
        )),
    )
)]
pub(in crate::http) async fn post_invocations(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let (mut head, body) = request.into_parts();
    head.headers = adapted(head.headers, &state.sagemaker);
    forecast::respond(&state, (head, body), None).await
}

/// Recommends the parameters of a batch transform
#[utoipa::path(get, path = "/execution-parameters", tag = "sagemaker", responses(
    (status = 200, description = "The parameters", body = ExecutionParameters),
))]
pub(in crate::http) async fn get_execution_parameters(
    State(state): State<AppState>,
) -> Json<ExecutionParameters> {
    let transform = &state.sagemaker.transform;
    let workers = state
        .calls
        .registry
        .resolve(None)
        .map_or(1, |live| live.engine.workers());
    let concurrent = transform.max_concurrent.unwrap_or(2 * workers);
    let largest = (state.max_body >> 20).min(MAX_TOTAL_PAYLOAD / concurrent.max(1));
    Json(ExecutionParameters {
        max_concurrent_transforms: concurrent,
        batch_strategy: match transform.strategy {
            Some(Strategy::SingleRecord) => "SINGLE_RECORD",
            Some(Strategy::MultiRecord) | None => "MULTI_RECORD",
        },
        max_payload_in_mb: transform.max_payload_mib.unwrap_or(largest).max(1),
    })
}

/// Returns the headers of a request, completed with the defaults that SageMaker's variables set.
///
/// The headers that SageMaker adds do not change the response: the target model and the target variant
/// have been applied by the endpoint, and custom attributes and the inference id are for other readers.
pub(super) fn adapted(mut headers: HeaderMap, sagemaker: &SageMaker) -> HeaderMap {
    let accept = headers.get(header::ACCEPT);
    let is_any = accept.is_none_or(|accept| accept == "*/*");
    if let Some(usual) = sagemaker.accept.as_ref().filter(|_| is_any) {
        headers.insert(header::ACCEPT, usual.clone());
    }
    if sagemaker.transform.is_batch {
        headers.entry("priority").or_insert(BULK);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::dialects::sagemaker::{Transform, preferring};

    #[test]
    fn the_variables_set_the_defaults() {
        let sagemaker = SageMaker {
            transform: Transform {
                is_batch: true,
                ..Transform::default()
            },
            accept: preferring("text/csv"),
            ..SageMaker::default()
        };
        let completed = |accept: Option<&str>, priority: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.extend(accept.map(|value| (header::ACCEPT, value.parse().unwrap())));
            let name = header::HeaderName::from_static("priority");
            headers.extend(priority.map(|value| (name, value.parse().unwrap())));
            let headers = adapted(headers, &sagemaker);
            let text = |name: &str| headers[name].to_str().unwrap().to_owned();
            (text("accept"), text("priority"))
        };
        let usual = ("text/csv, */*;q=0.1".to_owned(), "u=5".to_owned());
        assert_eq!(completed(None, None), usual);
        assert_eq!(completed(Some("*/*"), None), usual);
        let own = ("application/json".to_owned(), "u=1".to_owned());
        assert_eq!(completed(Some("application/json"), Some("u=1")), own);
    }
}
