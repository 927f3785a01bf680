use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Source {
    text.parse()
        .unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn mlflow(server: Option<&str>, name: &str, pick: VersionSelector) -> Source {
    Source::Mlflow(MlflowLocation {
        server: server.map(str::to_owned),
        name: name.to_owned(),
        pick,
    })
}

#[test]
fn parses_local_sources() {
    assert_eq!(parse("embedded:"), Source::Embedded);
    assert_eq!(parse("./m"), Source::Directory("./m".into()));
    for text in ["file:/m", "file:///m", "/m"] {
        assert_eq!(parse(text), Source::Directory("/m".into()), "{text}");
    }
    assert_eq!(parse("file:/m/a.onnx"), Source::Graph("/m/a.onnx".into()));
}

#[test]
fn parses_s3() {
    let location = |bucket: &str, key: &str| {
        Source::S3(S3Location {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    };
    assert_eq!(parse("s3://bucket"), location("bucket", ""));
    assert_eq!(parse("s3://bucket/a/b/"), location("bucket", "a/b"));
    let Source::S3(graph) = parse("s3://bucket/a/model.onnx") else {
        panic!("not an S3 source")
    };
    assert!(graph.is_graph());
}

#[test]
fn parses_mlflow() {
    let alias = || VersionSelector::Alias("live".to_owned());
    let version = || VersionSelector::Version("3".to_owned());
    let server = Some("http://host:5000");
    for (text, expected) in [
        ("mlflow:m@live", mlflow(None, "m", alias())),
        ("mlflow:m/3", mlflow(None, "m", version())),
        ("mlflow:m", mlflow(None, "m", VersionSelector::Latest)),
        (
            "mlflow:http://host:5000/m@live",
            mlflow(server, "m", alias()),
        ),
        (
            "mlflow:http://host:5000/m/3",
            mlflow(server, "m", version()),
        ),
        (
            "mlflow:http://host:5000/m",
            mlflow(server, "m", VersionSelector::Latest),
        ),
        (
            "mlflow:http://host:5000/m/latest",
            mlflow(server, "m", VersionSelector::Latest),
        ),
        (
            "mlflow:https://host/ml/my%20model@live",
            mlflow(Some("https://host/ml"), "my model", alias()),
        ),
    ] {
        assert_eq!(parse(text), expected, "{text}");
    }
}

#[test]
fn parses_web_addresses() {
    let Source::Web(folder) = parse("https://host/models/store/3/") else {
        panic!("not a web source")
    };
    assert_eq!(folder.folder(), Some(("store".to_owned(), "3".to_owned())));
    let digest = Digest::of(b"");
    let Source::Web(graph) = parse(&format!("https://host/a/net.onnx#{digest}")) else {
        panic!("not a web source")
    };
    assert_eq!((graph.stem().as_str(), graph.digest), ("net", Some(digest)));
}

#[test]
fn rejects_other_texts_and_shows_the_syntax() {
    for (text, expected) in [
        ("", "is not a model source; write embedded:"),
        ("file:", "is not a model source; write embedded:"),
        ("gs://bucket/m", "is not a model source; write embedded:"),
        ("s3://", "write s3://bucket/prefix"),
        ("mlflow:", "write mlflow:NAME@ALIAS"),
        ("mlflow:a/b", "write mlflow:NAME@ALIAS"),
        ("mlflow:http://host", "write mlflow:NAME@ALIAS"),
        ("mlflow:a@", "write mlflow:NAME@ALIAS"),
        ("https://host/NAME/1", "write https://host/NAME/VERSION/"),
        ("https://host/", "write https://host/NAME/VERSION/"),
        ("https://host/a.onnx", "a bare graph needs its digest"),
        (
            "https://host/a.onnx#md5:1",
            "the text after # must be the digest",
        ),
    ] {
        let error = text.parse::<Source>().unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn credentials_are_rejected_and_secrets_never_shown() {
    for text in [
        "https://user:hunter2@host/a/1/",
        "mlflow:http://user:hunter2@host/m",
        "ftp://user:hunter2@host/m",
    ] {
        let error = text.parse::<Source>().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
    let digest = Digest::of(b"");
    let signed = parse(&format!(
        "https://host/a.onnx?X-Amz-Signature=hunter2#{digest}"
    ));
    for shown in [signed.to_string(), format!("{signed:?}")] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

/// Generates names that registries allow.
fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 _.é%@,#?-]{1,12}".prop_filter("names of dots only are folders", |name| {
        !name.bytes().all(|byte| byte == b'.')
    })
}

fn source() -> impl Strategy<Value = Source> {
    let path = "(/[a-z]{1,6}){1,3}(\\.onnx)?";
    let pick = prop_oneof![
        name().prop_map(VersionSelector::Alias),
        "[0-9]{1,4}".prop_map(VersionSelector::Version),
        Just(VersionSelector::Latest),
    ];
    let server = proptest::option::of("https?://[a-z]{1,8}(:[1-9][0-9]{3})?(/[a-z]{1,4})?");
    prop_oneof![
        Just(Source::Embedded),
        path.prop_map(|path| parse(&format!("file:{path}"))),
        ("[a-z0-9.-]{3,12}", "([a-z]{1,6}(/[a-z.]{1,6}[a-z]){0,2})?")
            .prop_map(|(bucket, key)| Source::S3(S3Location { bucket, key })),
        (server, name(), pick).prop_map(|(server, name, pick)| Source::Mlflow(MlflowLocation {
            server,
            name,
            pick
        })),
        "https://[a-z]{1,8}/[a-z]{1,6}/[0-9.]{1,3}[a-z]/".prop_map(|text| parse(&text)),
        any::<[u8; 4]>()
            .prop_map(|bytes| { parse(&format!("https://host/net.onnx#{}", Digest::of(&bytes))) }),
    ]
}

proptest! {
    #[test]
    fn a_source_is_parsed_from_its_own_text(source in source()) {
        prop_assert_eq!(parse(&source.to_string()), source);
    }

    #[test]
    fn no_text_panics(text in ".{0,40}") {
        drop(text.parse::<Source>());
        drop(format!("mlflow:http://h/{text}").parse::<Source>());
        drop(format!("https://h/{text}").parse::<Source>());
    }
}
