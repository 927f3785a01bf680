use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::*;
use crate::StoreOptions;
use crate::testing::{serve, short_timeouts};

const MEBIBYTE: usize = 1_024 * 1_024;

/// Creates a bucket on a server that rejects part `rejected` of an upload. Returns it and the
/// requests of the server, each with the size of its body.
async fn bucket(
    rejected: Option<&'static str>,
    change: impl FnOnce(&mut StoreOptions),
) -> (S3Bucket, Arc<Mutex<Vec<String>>>) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&calls);
    let handler = move |request: Request| async move {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 64 * MEBIBYTE).await.unwrap();
        let query = head.uri.query().unwrap_or_default().to_owned();
        let part = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("partNumber="));
        let length = head
            .headers
            .get("x-amz-decoded-content-length")
            .map_or(body.len(), |text| text.to_str().unwrap().parse().unwrap());
        let (call, response) = respond(&head.method, &query, part, &body);
        let line = format!("{call} {length}");
        recorded.lock().unwrap().push(line);
        match part {
            Some(part) if Some(part) == rejected => StatusCode::FORBIDDEN.into_response(),
            _ => response,
        }
    };
    let server = serve(Router::new().fallback(handler)).await;
    let mut options = short_timeouts();
    options.s3.endpoint = Some(server);
    options.s3.path_style = true;
    options.part_size = 1;
    change(&mut options);
    let bucket = S3Bucket::new("bucket", &options);
    bucket.set_credentials("AKIDEXAMPLE").await;
    (bucket, calls)
}

fn respond(method: &Method, query: &str, part: Option<&str>, body: &[u8]) -> (String, Response) {
    match (method, part) {
        (&Method::PUT, Some(part)) => {
            let tag = [("etag", format!("\"{part}\""))];
            (format!("part {part}"), tag.into_response())
        }
        (&Method::PUT, None) => ("put".to_owned(), ().into_response()),
        (&Method::DELETE, _) => ("abort".to_owned(), StatusCode::NO_CONTENT.into_response()),
        (_, None) if query.contains("uploads") => {
            let text = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
            ("create".to_owned(), text.into_response())
        }
        _ => {
            let text = String::from_utf8_lossy(body);
            let parts: Vec<_> = text
                .split("<PartNumber>")
                .skip(1)
                .map(|part| &part[..1])
                .collect();
            let whole = "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>";
            (
                format!("complete {}", parts.join(",")),
                whole.into_response(),
            )
        }
    }
}

/// Returns the requests that create and complete an upload, and then those of the parts by number.
fn sorted_calls(calls: &Mutex<Vec<String>>) -> Vec<String> {
    let mut calls = std::mem::take(&mut *calls.lock().unwrap());
    // Parts are uploaded in any order.
    calls.sort_by_key(|call| (!call.starts_with("create"), call.starts_with("complete")));
    calls[1..].sort();
    calls
}

#[tokio::test]
async fn a_file_of_one_part_is_written_with_one_request() {
    let (bucket, calls) = bucket(None, |_| {}).await;
    bucket
        .put("m/model.onnx", &vec![7; 5 * MEBIBYTE])
        .await
        .unwrap();
    assert_eq!(*calls.lock().unwrap(), ["put 5242880"]);
}

#[tokio::test]
async fn a_large_file_is_written_in_parts_and_assembled_in_order() {
    let (bucket, calls) = bucket(None, |options| options.part_size = 6 * 1_024 * 1_024).await;
    bucket
        .put("m/model.onnx", &vec![7; 13 * MEBIBYTE])
        .await
        .unwrap();
    let calls = sorted_calls(&calls);
    assert!(calls[0].starts_with("create"), "{calls:?}");
    assert!(calls[1].starts_with("complete 1,2,3 "), "{calls:?}");
    assert_eq!(
        calls[2..],
        ["part 1 6291456", "part 2 6291456", "part 3 1048576"]
    );
}

#[tokio::test]
async fn a_failed_upload_is_aborted() {
    let (bucket, calls) = bucket(Some("2"), |options| options.parallel_parts = 1).await;
    let error = bucket.put("m/model.onnx", &vec![7; 16 * MEBIBYTE]).await;
    let error = error.unwrap_err();
    assert!(matches!(error, StoreError::AccessDenied { .. }), "{error}");
    let calls = calls.lock().unwrap();
    let calls: Vec<_> = calls
        .iter()
        .map(|call| call.split(' ').next().unwrap())
        .collect();
    // The third part was not started, and the upload was not completed.
    assert_eq!(calls, ["create", "part", "part", "abort"]);
}

#[tokio::test]
async fn the_part_size_is_within_the_limits_of_s3() {
    let (bucket, _) = bucket(None, |options| options.part_size = 6 * 1_024 * 1_024).await;
    assert_eq!(bucket.upload_part_size(1), 6 * MEBIBYTE);
    assert_eq!(bucket.upload_part_size(100_000 * MEBIBYTE), 10 * MEBIBYTE);
}
