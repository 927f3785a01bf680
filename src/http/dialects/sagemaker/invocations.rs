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

/// What a batch transform sends, unless it says otherwise itself: nobody waits for its answers.
const BULK: HeaderValue = HeaderValue::from_static("u=5");

/// What SageMaker lets all requests at once hold together, in MiB; one alone may have as much.
const MOST_PAYLOAD: usize = 100;

/// How a batch transform should call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(in crate::http) struct ExecutionParameters {
    /// Requests at once: enough that a worker always has a batch waiting.
    max_concurrent_transforms: usize,
    /// Many records in one request, which go into one batch.
    #[schema(example = "MULTI_RECORD")]
    batch_strategy: &'static str,
    /// Largest request body in MiB.
    #[serde(rename = "MaxPayloadInMB")]
    max_payload_in_mb: usize,
}

/// Forecasts, as `POST /forecast` does
///
/// Where SageMaker sends requests.
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
        (status = "4XX", description = "The request is wrong", content(
            (Problem = "application/problem+json"), (String = "application/jsonlines")
        )),
        (status = "5XX", description = "The server cannot answer now", content(
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

/// Says how a batch transform should call
#[utoipa::path(get, path = "/execution-parameters", tag = "sagemaker", responses(
    (status = 200, description = "How to call", body = ExecutionParameters),
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
    let at_once = transform.max_concurrent.unwrap_or(2 * workers);
    let largest = (state.max_body >> 20).min(MOST_PAYLOAD / at_once.max(1));
    Json(ExecutionParameters {
        max_concurrent_transforms: at_once,
        batch_strategy: match transform.strategy {
            Some(Strategy::SingleRecord) => "SINGLE_RECORD",
            Some(Strategy::MultiRecord) | None => "MULTI_RECORD",
        },
        max_payload_in_mb: transform.max_payload_mib.unwrap_or(largest).max(1),
    })
}

/// The headers of a request, with what SageMaker's variables say of all requests.
///
/// Of those that SageMaker adds none changes an answer: the target model and the target variant are
/// what the endpoint has chosen already, and custom attributes and the inference id are for whoever
/// reads them elsewhere.
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
    fn what_nobody_asked_for_is_as_the_variables_say() {
        let sagemaker = SageMaker {
            transform: Transform {
                is_batch: true,
                ..Transform::default()
            },
            accept: preferring("text/csv"),
            ..SageMaker::default()
        };
        let told = |accept: Option<&str>, priority: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.extend(accept.map(|value| (header::ACCEPT, value.parse().unwrap())));
            let name = header::HeaderName::from_static("priority");
            headers.extend(priority.map(|value| (name, value.parse().unwrap())));
            let headers = adapted(headers, &sagemaker);
            let text = |name: &str| headers[name].to_str().unwrap().to_owned();
            (text("accept"), text("priority"))
        };
        let usual = ("text/csv, */*;q=0.1".to_owned(), "u=5".to_owned());
        assert_eq!(told(None, None), usual);
        assert_eq!(told(Some("*/*"), None), usual);
        let own = ("application/json".to_owned(), "u=1".to_owned());
        assert_eq!(told(Some("application/json"), Some("u=1")), own);
    }
}
