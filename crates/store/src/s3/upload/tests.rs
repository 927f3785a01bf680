use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::*;
use crate::StoreOptions;
use crate::testing::{impatient, serve};

const MEBIBYTE: usize = 1_024 * 1_024;

/// A bucket whose server takes uploads but for part `refused`, and the calls that came: what each was,
/// with its bytes.
async fn bucket(
    refused: Option<&'static str>,
    change: impl FnOnce(&mut StoreOptions),
) -> (Bucket, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let handler = move |request: Request| async move {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 64 * MEBIBYTE).await.unwrap();
        let query = head.uri.query().unwrap_or_default().to_owned();
        let part = query
            .split('&')
            .find_map(|one| one.strip_prefix("partNumber="));
        let length = head.headers.get("x-amz-decoded-content-length");
        let length = length.map_or(body.len(), |text| text.to_str().unwrap().parse().unwrap());
        let (call, answer) = answer(&head.method, &query, part, &body);
        let line = format!("{call} {length}");
        told.lock().unwrap().push(line);
        match part {
            Some(part) if Some(part) == refused => StatusCode::FORBIDDEN.into_response(),
            _ => answer,
        }
    };
    let server = serve(Router::new().fallback(handler)).await;
    let mut options = impatient();
    options.s3.endpoint = Some(server);
    options.s3.path_style = true;
    options.part_size = 1;
    change(&mut options);
    let bucket = Bucket::new("bucket", &options);
    bucket.ask_as("AKIDEXAMPLE").await;
    (bucket, seen)
}

fn answer(method: &Method, query: &str, part: Option<&str>, body: &[u8]) -> (String, Response) {
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
                .map(|one| &one[..1])
                .collect();
            let whole = "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>";
            (
                format!("complete {}", parts.join(",")),
                whole.into_response(),
            )
        }
    }
}

fn calls(seen: &Mutex<Vec<String>>) -> Vec<String> {
    let mut calls = std::mem::take(&mut *seen.lock().unwrap());
    // Parts come in no order.
    calls.sort_by_key(|call| (!call.starts_with("create"), call.starts_with("complete")));
    calls[1..].sort();
    calls
}

#[tokio::test]
async fn a_file_of_one_part_is_put_whole() {
    let (bucket, seen) = bucket(None, |_| {}).await;
    bucket
        .put("m/model.onnx", &vec![7; 5 * MEBIBYTE])
        .await
        .unwrap();
    assert_eq!(*seen.lock().unwrap(), ["put 5242880"]);
}

#[tokio::test]
async fn a_large_file_goes_in_parts_and_is_put_together_in_order() {
    let (bucket, seen) = bucket(None, |options| options.part_size = 6 * 1_024 * 1_024).await;
    bucket
        .put("m/model.onnx", &vec![7; 13 * MEBIBYTE])
        .await
        .unwrap();
    let calls = calls(&seen);
    assert!(calls[0].starts_with("create"), "{calls:?}");
    assert!(calls[1].starts_with("complete 1,2,3 "), "{calls:?}");
    assert_eq!(
        calls[2..],
        ["part 1 6291456", "part 2 6291456", "part 3 1048576"]
    );
}

#[tokio::test]
async fn nothing_is_left_of_an_upload_that_fails() {
    let (bucket, seen) = bucket(Some("2"), |options| options.parallel_parts = 1).await;
    let error = bucket.put("m/model.onnx", &vec![7; 16 * MEBIBYTE]).await;
    let error = error.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    let seen = seen.lock().unwrap();
    let calls: Vec<_> = seen
        .iter()
        .map(|call| call.split(' ').next().unwrap())
        .collect();
    // The third part was not begun, and nothing was put together.
    assert_eq!(calls, ["create", "part", "part", "abort"]);
}

#[tokio::test]
async fn parts_are_as_large_as_they_must_be() {
    let (bucket, _) = bucket(None, |options| options.part_size = 6 * 1_024 * 1_024).await;
    assert_eq!(bucket.upload_part_size(1), 6 * MEBIBYTE);
    assert_eq!(bucket.upload_part_size(100_000 * MEBIBYTE), 10 * MEBIBYTE);
}
