//! How configuration names a source.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

use crate::StoreError;
use almanac_model::Digest;

/// A place that holds bundles, as configuration writes it. Its text holds no secret: a source with a
/// user and password in it is refused, and a query is not shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// The bundles compiled into this program: `embedded:`.
    Embedded,
    /// A directory of `NAME/VERSION/` folders: a path, or `file:` and a path.
    Directory(PathBuf),
    /// One graph without a manifest: a path that ends in `.onnx`.
    Graph(PathBuf),
    /// Folders or one graph in S3.
    S3(S3Place),
    /// A registered model of MLflow.
    Mlflow(MlflowPlace),
    /// A bundle's folder or one graph behind a web server.
    Web(WebPlace),
}

/// `s3://bucket/prefix`, which holds `NAME/VERSION/` folders, or `s3://bucket/folder/NAME.onnx`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Place {
    /// The bucket.
    pub bucket: String,
    /// The prefix without slashes at its ends, or the key of a graph.
    pub key: String,
}

/// `mlflow:NAME@ALIAS`, `mlflow:NAME/VERSION` or `mlflow:NAME`, with `http://host:5000/` before the
/// name where the server is not that of `MLFLOW_TRACKING_URI`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MlflowPlace {
    /// The server, when it is named; without a slash at its end.
    pub server: Option<String>,
    /// The registered model.
    pub name: String,
    /// Which of its versions.
    pub pick: Pick,
}

/// Which version of a registered model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The one that an alias names.
    Alias(String),
    /// This one.
    Version(String),
    /// The newest.
    Latest,
}

/// `https://host/NAME/VERSION/`, or `https://host/NAME.onnx#sha256:...`.
#[derive(Clone, PartialEq, Eq)]
pub struct WebPlace {
    /// The address, without its fragment.
    pub url: Url,
    /// What the graph must be; `None` for a folder.
    pub digest: Option<Digest>,
}

impl FromStr for Source {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let bad = |rule| StoreError::BadSource {
            text: shown(text),
            rule,
        };
        if text == "embedded:" {
            return Ok(Self::Embedded);
        }
        if let Some(rest) = text.strip_prefix("s3://") {
            return S3Place::parse(rest).map(Self::S3).map_err(bad);
        }
        if let Some(rest) = text.strip_prefix("mlflow:") {
            return MlflowPlace::parse(rest).map(Self::Mlflow).map_err(bad);
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return WebPlace::parse(text).map(Self::Web).map_err(bad);
        }
        let path = text.strip_prefix("file:").unwrap_or(text);
        // file:///m is /m; a host between the slashes is of another machine.
        let path = path
            .strip_prefix("//")
            .map_or(path, |_| path.trim_start_matches("//"));
        let scheme = path
            .split_once(':')
            .is_some_and(|(scheme, _)| !scheme.contains('/'));
        if path.is_empty() || scheme {
            return Err(StoreError::UnknownSource { text: shown(text) });
        }
        let path = PathBuf::from(path);
        Ok(if is_graph(&path) {
            Self::Graph(path)
        } else {
            Self::Directory(path)
        })
    }
}

fn is_graph(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "onnx")
}

impl S3Place {
    fn parse(rest: &str) -> Result<Self, &'static str> {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        // Access point ARNs have colons; they are refused by the SDK where they are wrong.
        let is_bucket = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
        if bucket.is_empty() || !bucket.bytes().all(is_bucket) {
            return Err("write s3://bucket/prefix");
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.trim_matches('/').to_owned(),
        })
    }

    /// Whether it is one graph.
    #[must_use]
    pub fn is_graph(&self) -> bool {
        is_graph(Path::new(&self.key))
    }
}

impl MlflowPlace {
    fn parse(rest: &str) -> Result<Self, &'static str> {
        const FORM: &str = "write mlflow:NAME@ALIAS, mlflow:NAME/VERSION or mlflow:NAME, \
                            with http://host:5000/ before the name where MLFLOW_TRACKING_URI is not meant";
        let (server, model) = match rest.split_once("://") {
            None => (None, rest),
            Some(("http" | "https", _)) => {
                let (server, model) = split_model(rest).ok_or(FORM)?;
                let url = Url::parse(server).map_err(|_| FORM)?;
                no_secret(&url)?;
                (Some(server.to_owned()), model)
            }
            Some(_) => return Err(FORM),
        };
        let (name, pick) = match model.rsplit_once('@') {
            Some((name, alias)) if !alias.is_empty() => (name, Pick::Alias(decoded(alias))),
            Some(_) => return Err(FORM),
            None => match model.rsplit_once('/') {
                Some((name, "latest")) => (name, Pick::Latest),
                Some((name, version)) if is_number(version) => {
                    (name, Pick::Version(version.to_owned()))
                }
                Some(_) => return Err(FORM),
                None => (model, Pick::Latest),
            },
        };
        if name.is_empty() || name.contains(['/', '@', '?', '#']) {
            return Err(FORM);
        }
        let name = decoded(name);
        Ok(Self { server, name, pick })
    }
}

/// `http://host/base` and `NAME@ALIAS`, `NAME/VERSION` or `NAME`.
fn split_model(text: &str) -> Option<(&str, &str)> {
    let (before, last) = text.rsplit_once('/')?;
    if last == "latest" || is_number(last) {
        let (server, name) = before.rsplit_once('/')?;
        return Some((server, &text[text.len() - last.len() - name.len() - 1..]));
    }
    Some((before, last))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl WebPlace {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut url = Url::parse(text).map_err(|_| "the address is not one")?;
        no_secret(&url)?;
        let digest = match url.fragment() {
            None => None,
            Some(digest) => {
                let rule = "after # stands the digest, sha256: and 64 hexadecimal digits";
                Some(digest.parse().map_err(|_| rule)?)
            }
        };
        url.set_fragment(None);
        let place = Self { url, digest };
        match (place.is_graph(), place.digest) {
            (true, None) => {
                Err("a bare graph needs its digest: add #sha256: and 64 hexadecimal digits")
            }
            (false, Some(_)) => Err("only a graph, a path that ends in .onnx, has a digest"),
            (false, None) if place.folder().is_none() => Err(
                "write https://host/NAME/VERSION/ for a bundle, or https://host/NAME.onnx#sha256:...",
            ),
            _ => Ok(place),
        }
    }

    /// Whether it is one graph.
    #[must_use]
    pub fn is_graph(&self) -> bool {
        is_graph(Path::new(self.url.path()))
    }

    /// Name and version in the path of a bundle's folder.
    #[must_use]
    pub fn folder(&self) -> Option<(String, String)> {
        let path = self.url.path().strip_suffix('/')?;
        let mut parts = path.rsplit('/').map(decoded);
        let (version, name) = (parts.next()?, parts.next()?);
        (!version.is_empty() && !name.is_empty()).then_some((name, version))
    }

    /// The name of the file, without its extension.
    #[must_use]
    pub fn stem(&self) -> String {
        let file = self.url.path().rsplit('/').next().unwrap_or_default();
        decoded(file.strip_suffix(".onnx").unwrap_or(file))
    }
}

fn no_secret(url: &Url) -> Result<(), &'static str> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address must not hold a user or a password");
    }
    url.host_str().map(|_| ()).ok_or("the address has no host")
}

/// `text` without percent escapes, where they make sense.
fn decoded(text: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map_or_else(|_| text.to_owned(), String::from)
}

/// The characters of a name that would be read as something else in an MLflow source.
const IN_NAME: percent_encoding::AsciiSet = percent_encoding::CONTROLS
    .add(b' ')
    .add(b'%')
    .add(b'/')
    .add(b'@')
    .add(b'?')
    .add(b',')
    .add(b'#');

fn encoded(text: &str) -> impl fmt::Display {
    percent_encoding::utf8_percent_encode(text, &IN_NAME)
}

/// `text` as an error may repeat it: what stands before an `@` of an address, or after a `?`, may be
/// a secret.
fn shown(text: &str) -> String {
    let text = text.split_once('?').map_or(text, |(before, _)| before);
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://...@{host}/{path}"),
        None => text.to_owned(),
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded:"),
            Self::Directory(path) | Self::Graph(path) => write!(f, "file:{}", path.display()),
            Self::S3(S3Place { bucket, key }) if key.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3(S3Place { bucket, key }) => write!(f, "s3://{bucket}/{key}"),
            Self::Mlflow(place) => place.fmt(f),
            Self::Web(place) => place.fmt(f),
        }
    }
}

impl fmt::Display for MlflowPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mlflow:")?;
        if let Some(server) = &self.server {
            write!(f, "{server}/")?;
        }
        encoded(&self.name).fmt(f)?;
        match &self.pick {
            Pick::Alias(alias) => write!(f, "@{}", encoded(alias)),
            Pick::Version(version) => write!(f, "/{version}"),
            // A name that is a number, or the word, would be read as a version.
            Pick::Latest if is_number(&self.name) || self.name == "latest" => {
                f.write_str("/latest")
            }
            Pick::Latest => Ok(()),
        }
    }
}

impl fmt::Display for WebPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(shown(self.url.as_str()).as_str())?;
        match self.digest {
            Some(digest) => write!(f, "#{digest}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

impl fmt::Debug for WebPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebPlace({self})")
    }
}

#[cfg(test)]
mod tests;
