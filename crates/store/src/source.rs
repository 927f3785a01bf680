//! The syntax of sources in the configuration.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use almanac_model::Digest;
use url::Url;

use crate::StoreError;

/// A location of bundles, as written in the configuration. Its text contains no secret: a source
/// with a user name and password is rejected, and the query of an address is not shown.
///
/// ```
/// use almanac_store::Source;
///
/// let source: Source = "s3://team-models/forecast/".parse()?;
/// assert_eq!(source.to_string(), "s3://team-models/forecast");
/// assert!("gs://team-models".parse::<Source>().is_err());
/// # Ok::<(), almanac_store::StoreError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// The bundles compiled into this program: `embedded:`.
    Embedded,
    /// A directory of `NAME/VERSION/` folders: a path, or `file:` and a path.
    Directory(PathBuf),
    /// One graph without a manifest: a path that ends in `.onnx`.
    Graph(PathBuf),
    /// A prefix or one graph in S3.
    S3(S3Location),
    /// A registered model of MLflow.
    Mlflow(MlflowLocation),
    /// The folder of a bundle, or one graph, on a web server.
    Web(WebLocation),
}

/// A location in S3: `s3://bucket/prefix`, which contains `NAME/VERSION/` folders, or
/// `s3://bucket/folder/NAME.onnx`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Location {
    /// The name of the bucket.
    pub bucket: String,
    /// The prefix without leading and trailing slashes, or the key of a graph.
    pub key: String,
}

/// A registered model of MLflow: `mlflow:NAME@ALIAS`, `mlflow:NAME/VERSION` or `mlflow:NAME`, with
/// `http://host:5000/` before the name if the server is not that of `MLFLOW_TRACKING_URI`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MlflowLocation {
    /// The address of the server without a trailing slash; `None` for that of
    /// `MLFLOW_TRACKING_URI`.
    pub server: Option<String>,
    /// The name of the registered model.
    pub name: String,
    /// The version to use.
    pub pick: VersionSelector,
}

/// The selection of a version of a registered model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionSelector {
    /// The version that this alias points to.
    Alias(String),
    /// The version with this number.
    Version(String),
    /// The newest version.
    Latest,
}

/// A location on a web server: `https://host/NAME/VERSION/`, or
/// `https://host/NAME.onnx#sha256:...`.
#[derive(Clone, PartialEq, Eq)]
pub struct WebLocation {
    /// The address, without its fragment.
    pub url: Url,
    /// The required digest of the graph; `None` for a folder.
    pub digest: Option<Digest>,
}

impl FromStr for Source {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let bad = |rule| StoreError::BadSource {
            text: redacted(text),
            rule,
        };
        if text == "embedded:" {
            return Ok(Self::Embedded);
        }
        if let Some(rest) = text.strip_prefix("s3://") {
            return S3Location::parse(rest).map(Self::S3).map_err(bad);
        }
        if let Some(rest) = text.strip_prefix("mlflow:") {
            return MlflowLocation::parse(rest).map(Self::Mlflow).map_err(bad);
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return WebLocation::parse(text).map(Self::Web).map_err(bad);
        }
        let path = text.strip_prefix("file:").unwrap_or(text);
        // file:///m is /m; a host between the slashes would be another machine.
        let path = path
            .strip_prefix("//")
            .map_or(path, |_| path.trim_start_matches("//"));
        let has_scheme = path
            .split_once(':')
            .is_some_and(|(scheme, _)| !scheme.contains('/'));
        if path.is_empty() || has_scheme {
            return Err(StoreError::UnknownSource {
                text: redacted(text),
            });
        }
        let path = PathBuf::from(path);
        Ok(if is_graph(&path) {
            Self::Graph(path)
        } else {
            Self::Directory(path)
        })
    }
}

/// Returns true if `path` is that of a graph.
fn is_graph(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "onnx")
}

impl S3Location {
    fn parse(rest: &str) -> Result<Self, &'static str> {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        // The ARNs of access points contain colons; the SDK rejects invalid ones.
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
        if bucket.is_empty() || !bucket.bytes().all(is_allowed) {
            return Err("write s3://bucket/prefix");
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.trim_matches('/').to_owned(),
        })
    }

    /// Returns true if the location is one graph.
    #[must_use]
    pub fn is_graph(&self) -> bool {
        is_graph(Path::new(&self.key))
    }
}

impl MlflowLocation {
    fn parse(rest: &str) -> Result<Self, &'static str> {
        const SYNTAX: &str = "write mlflow:NAME@ALIAS, mlflow:NAME/VERSION or mlflow:NAME, \
                              with http://host:5000/ before the name for a server other than \
                              that of MLFLOW_TRACKING_URI";
        let (server, model) = match rest.split_once("://") {
            None => (None, rest),
            Some(("http" | "https", _)) => {
                let (server, model) = split_model(rest).ok_or(SYNTAX)?;
                let url = Url::parse(server).map_err(|_| SYNTAX)?;
                reject_credentials(&url)?;
                (Some(server.to_owned()), model)
            }
            Some(_) => return Err(SYNTAX),
        };
        let (name, pick) = match model.rsplit_once('@') {
            Some((name, alias)) if !alias.is_empty() => {
                (name, VersionSelector::Alias(decoded(alias)))
            }
            Some(_) => return Err(SYNTAX),
            None => match model.rsplit_once('/') {
                Some((name, "latest")) => (name, VersionSelector::Latest),
                Some((name, version)) if is_number(version) => {
                    (name, VersionSelector::Version(version.to_owned()))
                }
                Some(_) => return Err(SYNTAX),
                None => (model, VersionSelector::Latest),
            },
        };
        if name.is_empty() || name.contains(['/', '@', '?', '#']) {
            return Err(SYNTAX);
        }
        let name = decoded(name);
        Ok(Self { server, name, pick })
    }
}

/// Splits a text into the server `http://host/base` and the model `NAME@ALIAS`, `NAME/VERSION` or
/// `NAME`.
fn split_model(text: &str) -> Option<(&str, &str)> {
    let (server, last) = text.rsplit_once('/')?;
    if last == "latest" || is_number(last) {
        let (server, name) = server.rsplit_once('/')?;
        return Some((server, &text[text.len() - last.len() - name.len() - 1..]));
    }
    Some((server, last))
}

/// Returns true if `text` consists of decimal digits.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl WebLocation {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut url = Url::parse(text).map_err(|_| "the address is not a valid URL")?;
        reject_credentials(&url)?;
        let digest = match url.fragment() {
            None => None,
            Some(digest) => {
                let rule = "the text after # must be the digest: sha256: and 64 hexadecimal digits";
                Some(digest.parse().map_err(|_| rule)?)
            }
        };
        url.set_fragment(None);
        let location = Self { url, digest };
        match (location.is_graph(), location.digest) {
            (true, None) => {
                Err("a bare graph needs its digest: add #sha256: and 64 hexadecimal digits")
            }
            (false, Some(_)) => {
                Err("a digest is allowed only for a graph, whose path ends in .onnx")
            }
            (false, None) if location.folder().is_none() => Err(
                "write https://host/NAME/VERSION/ for a bundle, or https://host/NAME.onnx#sha256:...",
            ),
            _ => Ok(location),
        }
    }

    /// Returns true if the location is one graph.
    #[must_use]
    pub fn is_graph(&self) -> bool {
        is_graph(Path::new(self.url.path()))
    }

    /// Returns the name and version in the path of a bundle's folder.
    #[must_use]
    pub fn folder(&self) -> Option<(String, String)> {
        let path = self.url.path().strip_suffix('/')?;
        let mut parts = path.rsplit('/').map(decoded);
        let (version, name) = (parts.next()?, parts.next()?);
        (!version.is_empty() && !name.is_empty()).then_some((name, version))
    }

    /// Returns the file name of a graph without its extension.
    #[must_use]
    pub fn stem(&self) -> String {
        let file = self.url.path().rsplit('/').next().unwrap_or_default();
        decoded(file.strip_suffix(".onnx").unwrap_or(file))
    }
}

/// Returns an error if `url` contains a user name or password, or has no host.
fn reject_credentials(url: &Url) -> Result<(), &'static str> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address must not contain a user name or password");
    }
    url.host_str().map(|_| ()).ok_or("the address has no host")
}

/// Decodes the percent escapes of `text`, unless the result would not be UTF-8.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .map_or_else(|_| text.to_owned(), String::from)
}

/// The characters that must be escaped in the name of an MLflow source.
const ESCAPED_IN_NAME: percent_encoding::AsciiSet = percent_encoding::CONTROLS
    .add(b' ')
    .add(b'%')
    .add(b'/')
    .add(b'@')
    .add(b'?')
    .add(b',')
    .add(b'#');

fn encoded(text: &str) -> impl fmt::Display {
    percent_encoding::utf8_percent_encode(text, &ESCAPED_IN_NAME)
}

/// Returns `text` as error messages may show it: without the user and password before the `@` of an
/// address, and without the query, since both may be secret.
fn redacted(text: &str) -> String {
    let text = text.split_once('?').map_or(text, |(address, _)| address);
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
            Self::S3(S3Location { bucket, key }) if key.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3(S3Location { bucket, key }) => write!(f, "s3://{bucket}/{key}"),
            Self::Mlflow(model) => model.fmt(f),
            Self::Web(location) => location.fmt(f),
        }
    }
}

impl fmt::Display for MlflowLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mlflow:")?;
        if let Some(server) = &self.server {
            write!(f, "{server}/")?;
        }
        encoded(&self.name).fmt(f)?;
        match &self.pick {
            VersionSelector::Alias(alias) => write!(f, "@{}", encoded(alias)),
            VersionSelector::Version(version) => write!(f, "/{version}"),
            // A name that is a number, or the word `latest`, would be parsed as a version.
            VersionSelector::Latest if is_number(&self.name) || self.name == "latest" => {
                f.write_str("/latest")
            }
            VersionSelector::Latest => Ok(()),
        }
    }
}

impl fmt::Display for WebLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(redacted(self.url.as_str()).as_str())?;
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

impl fmt::Debug for WebLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebLocation({self})")
    }
}

#[cfg(test)]
mod tests;
