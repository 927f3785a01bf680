use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::*;
use crate::testing::{broken, impatient, serve};

fn object(key: &str) -> Object {
    Object {
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

/// A bucket whose server answers as `answer` says, and the requests that came: method, address and
/// range.
struct Scene {
    bucket: Bucket,
    seen: Arc<Mutex<Vec<String>>>,
}

type Answer = fn(usize, &HeaderMap) -> Response;

impl Scene {
    async fn new(answer: Answer, change: impl FnOnce(&mut StoreOptions)) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        let handler = move |request: Request| async move {
            let range = request.headers().get("range");
            let range = range.map_or("", |range| range.to_str().unwrap());
            let line = format!("{} {} {range}", request.method(), request.uri().path());
            let mut seen = told.lock().unwrap();
            seen.push(line.trim_end().to_owned());
            let number = seen.len();
            drop(seen);
            answer(number, request.headers())
        };
        let server = serve(Router::new().fallback(handler)).await;
        let mut options = impatient();
        options.s3.endpoint = Some(server);
        options.s3.path_style = true;
        options.s3.region = Some("eu-central-1".to_owned());
        change(&mut options);
        let bucket = Bucket::new("bucket", &options);
        // Made-up keys: a test must not ask the chain of the machine that it runs on.
        bucket.ask_as("AKIDEXAMPLE").await;
        Self { bucket, seen }
    }

    async fn read(&self, size: u64) -> Result<Vec<u8>, StoreError> {
        let object = Object {
            key: "m/model.onnx".to_owned(),
            size,
            tag: "\"1\"".to_owned(),
        };
        self.bucket.read(&object, 1_000).await
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

const TEXT: &str = "0123456789";

/// The bytes that were asked for.
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
async fn a_large_file_comes_in_parts_of_one_content() {
    let scene = Scene::new(|_, headers| part(headers), |options| options.part_size = 4).await;
    assert_eq!(scene.read(10).await.unwrap(), TEXT.as_bytes());
    let mut seen = scene.seen();
    seen.sort();
    let path = "GET /bucket/m/model.onnx";
    let ranges = ["bytes=0-3", "bytes=4-7", "bytes=8-9"];
    assert_eq!(seen, ranges.map(|range| format!("{path} {range}")));
}

#[tokio::test]
async fn a_download_that_breaks_goes_on_where_it_broke() {
    let answer: Answer = |number, headers| {
        if number == 1 {
            Response::new(broken(TEXT))
        } else {
            part(headers)
        }
    };
    let scene = Scene::new(answer, |_| {}).await;
    assert_eq!(scene.read(10).await.unwrap(), TEXT.as_bytes());
    let path = "GET /bucket/m/model.onnx";
    assert_eq!(scene.seen(), [path.to_owned(), format!("{path} bytes=5-9")]);
}

#[tokio::test]
async fn a_download_that_always_breaks_or_stalls_ends_with_the_reason() {
    let scene = Scene::new(|_, _| Response::new(broken("")), |_| {}).await;
    let error = scene.read(10).await.unwrap_err();
    assert!(
        error.is_outage() && error.to_string().contains("the download"),
        "{error}"
    );
    let stalls: Answer = |_, _| {
        Response::new(Body::from_stream(futures_util::stream::pending::<
            Result<String, std::io::Error>,
        >()))
    };
    let scene = Scene::new(stalls, |_| {}).await;
    let error = scene.read(10).await.unwrap_err();
    assert!(error.to_string().contains("models.read_timeout"), "{error}");
}

#[tokio::test]
async fn a_file_that_was_overwritten_or_is_too_large_is_told() {
    let changed: Answer = |_, _| xml(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", "no");
    let error = Scene::new(changed, |_| {})
        .await
        .read(10)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Changed { .. }), "{error}");
    let scene = Scene::new(|_, _| TEXT.into_response(), |_| {}).await;
    let error = scene.read(1_001).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    assert!(scene.seen().is_empty());
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let cases: [(Answer, &str); 6] = [
        (
            |_, _| xml(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", "no"),
            "the secret key is not that of the access key",
        ),
        (
            |_, _| xml(StatusCode::FORBIDDEN, "InvalidAccessKeyId", "no"),
            "the access key is not known there",
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
            "S3 answered 503 SlowDown",
        ),
    ];
    for (answer, expected) in cases {
        let scene = Scene::new(answer, |_| {}).await;
        let error = scene.bucket.list("m/").await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let attempts = if expected.contains("503") { 2 } else { 1 };
        assert_eq!(scene.seen().len(), attempts, "{error}");
    }
}

const MOVED: Answer = |_, headers| {
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
async fn the_region_that_s3_names_is_asked_unless_another_is_set() {
    let scene = Scene::new(MOVED, |options| options.s3.region = None).await;
    assert_eq!(scene.bucket.list("m/").await.unwrap(), []);
    assert_eq!(scene.seen().len(), 2);
    assert_eq!(scene.bucket.list("m/").await.unwrap(), []);
    assert_eq!(scene.seen().len(), 1, "the region is remembered");

    let scene = Scene::new(MOVED, |_| {}).await;
    let error = scene.bucket.list("m/").await.unwrap_err().to_string();
    assert!(
        error.contains("the bucket is in eu-west-3, and models.s3_region is eu-central-1"),
        "{error}"
    );
}

#[tokio::test]
async fn a_list_has_pages_and_an_end() {
    let page: Answer =
        |number, _| {
            let more = number < 3;
            format!(
            "<ListBucketResult><IsTruncated>{more}</IsTruncated>{}<Contents><Key>m/{number}</Key>\
             <ETag>&quot;{number}&quot;</ETag><Size>{number}</Size></Contents></ListBucketResult>",
            if more { "<NextContinuationToken>t</NextContinuationToken>" } else { "" },
        )
        .into_response()
        };
    let scene = Scene::new(page, |_| {}).await;
    let objects = scene.bucket.list("m/").await.unwrap();
    let sizes: Vec<_> = objects.iter().map(|object| object.size).collect();
    assert_eq!(sizes, [1, 2, 3]);
    assert_eq!(objects[0].tag, "\"1\"");
    let scene = Scene::new(page, |options| options.max_listed = 1).await;
    let error = scene.bucket.list("m/").await.unwrap_err();
    assert!(error.to_string().contains("models.max_listed"), "{error}");
}
