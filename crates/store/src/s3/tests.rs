use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::*;
use crate::testing::{interrupted, serve, short_timeouts};

fn object(key: &str) -> S3Object {
    S3Object {
        key: key.to_owned(),
        size: 1,
        tag: format!("tag of {key}"),
    }
}

#[test]
fn only_folders_with_a_manifest_are_versions() {
    let keys = [
        "p/a/1/manifest.toml",
        "p/a/1/model.onnx",
        "p/a/2/model.onnx",
        "p/b/10/manifest.toml",
        "p/manifest.toml",
        "p/c/manifest.toml",
        "p/d/1/sub/manifest.toml",
    ];
    let mut objects = keys.map(object).to_vec();
    let found = listings("p/", &objects);
    let names: Vec<_> = found
        .iter()
        .map(|listing| (listing.name.as_str(), listing.version.as_str()))
        .collect();
    assert_eq!(names, [("a", "1"), ("b", "10")]);
    objects[1].tag = "another".to_owned();
    let changed = listings("p/", &objects);
    assert_ne!(changed[0].revision, found[0].revision);
    assert_eq!(changed[1].revision, found[1].revision);
}

/// A bucket on a test server, and the method, path and range of each request.
struct TestBucket {
    bucket: S3Bucket,
    requests: Arc<Mutex<Vec<String>>>,
}

/// Returns the response to a request with this number, counted from 1, and these headers.
type Respond = fn(usize, &HeaderMap) -> Response;

impl TestBucket {
    async fn new(respond: Respond, change: impl FnOnce(&mut StoreOptions)) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&requests);
        let handler = move |request: Request| async move {
            let range = request
                .headers()
                .get("range")
                .map_or("", |range| range.to_str().unwrap());
            let line = format!("{} {} {range}", request.method(), request.uri().path());
            let mut recorded = recorded.lock().unwrap();
            recorded.push(line.trim_end().to_owned());
            let number = recorded.len();
            drop(recorded);
            respond(number, request.headers())
        };
        let server = serve(Router::new().fallback(handler)).await;
        let mut options = short_timeouts();
        options.s3.endpoint = Some(server);
        options.s3.path_style = true;
        options.s3.region = Some("eu-central-1".to_owned());
        change(&mut options);
        let bucket = S3Bucket::new("bucket", &options);
        bucket.set_credentials("AKIDEXAMPLE").await;
        Self { bucket, requests }
    }

    async fn read(&self, size: u64) -> Result<Vec<u8>, StoreError> {
        let object = S3Object {
            key: "m/model.onnx".to_owned(),
            size,
            tag: "\"1\"".to_owned(),
        };
        self.bucket.read(&object, 1_000).await
    }

    fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

const TEXT: &str = "0123456789";

/// Returns the requested range of the text.
fn part(headers: &HeaderMap) -> Response {
    assert_eq!(headers["if-match"], "\"1\"");
    let Some(range) = headers.get("range") else {
        return TEXT.into_response();
    };
    let range = range.to_str().unwrap().trim_start_matches("bytes=");
    let (start, end) = range.split_once('-').unwrap();
    let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
    let range = [("content-range", format!("bytes {start}-{end}/10"))];
    (StatusCode::PARTIAL_CONTENT, range, &TEXT[start..=end]).into_response()
}

fn xml(status: StatusCode, code: &str, message: &str) -> Response {
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    (status, body).into_response()
}

#[tokio::test]
async fn a_large_file_is_read_in_parts_with_one_tag() {
    let test = TestBucket::new(|_, headers| part(headers), |options| options.part_size = 4).await;
    assert_eq!(test.read(10).await.unwrap(), TEXT.as_bytes());
    let mut requests = test.take_requests();
    requests.sort();
    let path = "GET /bucket/m/model.onnx";
    let ranges = ["bytes=0-3", "bytes=4-7", "bytes=8-9"];
    assert_eq!(requests, ranges.map(|range| format!("{path} {range}")));
}

#[tokio::test]
async fn an_interrupted_download_is_resumed() {
    let respond: Respond = |number, headers| {
        if number == 1 {
            Response::new(interrupted(TEXT))
        } else {
            part(headers)
        }
    };
    let test = TestBucket::new(respond, |_| {}).await;
    assert_eq!(test.read(10).await.unwrap(), TEXT.as_bytes());
    let path = "GET /bucket/m/model.onnx";
    assert_eq!(
        test.take_requests(),
        [path.to_owned(), format!("{path} bytes=5-9")]
    );
}

#[tokio::test]
async fn a_download_that_always_fails_or_stalls_returns_the_reason() {
    let test = TestBucket::new(|_, _| Response::new(interrupted("")), |_| {}).await;
    let error = test.read(10).await.unwrap_err();
    assert!(
        error.is_outage() && error.to_string().contains("the download"),
        "{error}"
    );
    let stalls: Respond = |_, _| {
        Response::new(Body::from_stream(futures_util::stream::pending::<
            Result<String, std::io::Error>,
        >()))
    };
    let test = TestBucket::new(stalls, |_| {}).await;
    let error = test.read(10).await.unwrap_err();
    assert!(error.to_string().contains("models.read_timeout"), "{error}");
}

#[tokio::test]
async fn a_file_that_was_overwritten_or_is_too_large_is_an_error() {
    let changed: Respond = |_, _| xml(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", "no");
    let error = TestBucket::new(changed, |_| {})
        .await
        .read(10)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Changed { .. }), "{error}");
    let test = TestBucket::new(|_, _| TEXT.into_response(), |_| {}).await;
    let error = test.read(1_001).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    assert!(test.take_requests().is_empty());
}

#[tokio::test]
async fn errors_name_the_fix() {
    let cases: [(Respond, &str); 6] = [
        (
            |_, _| xml(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", "no"),
            "the secret key does not match the access key",
        ),
        (
            |_, _| xml(StatusCode::FORBIDDEN, "InvalidAccessKeyId", "no"),
            "the service does not know the access key",
        ),
        (
            |_, _| {
                xml(
                    StatusCode::FORBIDDEN,
                    "AccessDenied",
                    "not authorized to perform: kms:Decrypt",
                )
            },
            "allow kms:Decrypt",
        ),
        (
            |_, _| xml(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"),
            "allow s3:ListBucket",
        ),
        (
            |_, _| xml(StatusCode::NOT_FOUND, "NoSuchBucket", "no"),
            "there is no such bucket",
        ),
        (
            |_, _| {
                xml(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "SlowDown",
                    "Reduce your request rate",
                )
            },
            "S3 returned 503 SlowDown",
        ),
    ];
    for (respond, expected) in cases {
        let test = TestBucket::new(respond, |_| {}).await;
        let error = test.bucket.list("m/").await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let attempts = if expected.contains("503") { 2 } else { 1 };
        assert_eq!(test.take_requests().len(), attempts, "{error}");
    }
}

const MOVED: Respond = |_, headers| {
    let signature = headers["authorization"].to_str().unwrap();
    if signature.contains("/eu-west-3/s3/") {
        return "<ListBucketResult></ListBucketResult>".into_response();
    }
    let moved = xml(
        StatusCode::MOVED_PERMANENTLY,
        "PermanentRedirect",
        "use another endpoint",
    );
    ([("x-amz-bucket-region", "eu-west-3")], moved).into_response()
};

#[tokio::test]
async fn the_region_that_s3_reports_is_used_unless_another_is_configured() {
    let test = TestBucket::new(MOVED, |options| options.s3.region = None).await;
    assert_eq!(test.bucket.list("m/").await.unwrap(), []);
    assert_eq!(test.take_requests().len(), 2);
    assert_eq!(test.bucket.list("m/").await.unwrap(), []);
    assert_eq!(test.take_requests().len(), 1, "the region is remembered");

    let test = TestBucket::new(MOVED, |_| {}).await;
    let error = test.bucket.list("m/").await.unwrap_err().to_string();
    assert!(
        error.contains("the bucket is in eu-west-3, and models.s3_region is eu-central-1"),
        "{error}"
    );
}

#[tokio::test]
async fn a_list_is_read_page_by_page_up_to_the_limit() {
    let page: Respond =
        |number, _| {
            let more = number < 3;
            format!(
            "<ListBucketResult><IsTruncated>{more}</IsTruncated>{}<Contents><Key>m/{number}</Key>\
             <ETag>&quot;{number}&quot;</ETag><Size>{number}</Size></Contents></ListBucketResult>",
            if more { "<NextContinuationToken>t</NextContinuationToken>" } else { "" },
        )
        .into_response()
        };
    let test = TestBucket::new(page, |_| {}).await;
    let objects = test.bucket.list("m/").await.unwrap();
    let sizes: Vec<_> = objects.iter().map(|object| object.size).collect();
    assert_eq!(sizes, [1, 2, 3]);
    assert_eq!(objects[0].tag, "\"1\"");
    let test = TestBucket::new(page, |options| options.max_listed = 1).await;
    let error = test.bucket.list("m/").await.unwrap_err();
    assert!(error.to_string().contains("models.max_listed"), "{error}");
}
