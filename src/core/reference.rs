//! Names of images: repositories, tags and references.
//!
//! Grammar: OCI distribution specification 1.1, "Pulling manifests" (`<name>`, `<reference>`), with the Docker Hub
//! short forms people type.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// The longest tag a registry accepts (distribution specification: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`).
pub const MAX_TAG_LEN: usize = 128;

/// The longest repository path we send: registries limit host and path together to 255 characters.
pub const MAX_PATH_LEN: usize = 255;

/// Why a text is not a reference, repository or tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The repository path breaks the name grammar.
    #[error(
        "`{0}` is not a repository path: lower-case letters, digits, and single `.`, `_`, `__` or dashes between them, parts joined by `/`"
    )]
    Path(String),
    /// The host is empty or holds characters a host cannot have.
    #[error("`{0}` is not a registry host: expected `host` or `host:port`, without a scheme")]
    Host(String),
    /// The tag breaks the tag grammar.
    #[error("`{0}` is not a tag: at most 128 of letters, digits, `_`, `.`, `-`, not starting with `.` or `-`")]
    Tag(String),
    /// The part after `@` is not a digest.
    #[error(transparent)]
    Digest(#[from] super::digest::DigestError),
}

/// A repository at a registry: `ghcr.io` + `acme/app`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Repository {
    /// Registry host, with a port when there is one; never a scheme.
    pub host: String,
    /// Path inside the registry, `<name>` of the distribution specification.
    pub path: String,
}

impl Repository {
    /// Checks both parts.
    pub fn new(host: &str, path: &str) -> Result<Self, ReferenceError> {
        check_host(host)?;
        check_path(path)?;
        Ok(Self { host: host.to_owned(), path: path.to_owned() })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

/// A tag that satisfies the distribution specification.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

impl Tag {
    /// The tag's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let head = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let tail = |b: u8| head(b) || b == b'.' || b == b'-';
        let bytes = text.as_bytes();
        let well_formed = matches!(bytes.first(), Some(b) if head(*b)) && bytes.len() <= MAX_TAG_LEN && bytes.iter().all(|b| tail(*b));
        if well_formed { Ok(Self(text.to_owned())) } else { Err(ReferenceError::Tag(clip(text))) }
    }
}

impl TryFrom<String> for Tag {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository with a tag, a digest or both: `ghcr.io/acme/app:1.2.3@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Where.
    pub repository: Repository,
    /// The tag, when the text had one. With neither tag nor digest it is `latest`.
    pub tag: Option<Tag>,
    /// The digest, when the text had one; it wins over the tag.
    pub digest: Option<Digest>,
}

impl Reference {
    /// The last part of a manifest URL: the digest when known, else the tag.
    pub fn selector(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.to_string(),
            (None, None) => "latest".to_owned(),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// Reads what people type: `alpine`, `acme/app:1`, `host:5000/x@sha256:…`. Names without a host are Docker Hub's.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse()?)),
            None => (text, None),
        };
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.parse()?)),
            _ => (name, None),
        };
        let (host, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path.to_owned()),
            Some(_) => ("docker.io", name.to_owned()),
            None => ("docker.io", format!("library/{name}")),
        };
        let tag = if tag.is_none() && digest.is_none() { Some(Tag("latest".to_owned())) } else { tag };
        Ok(Self { repository: Repository::new(host, &path)?, tag, digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Checks a registry host: `name`, `name:port` or `[v6]:port`; no scheme, no userinfo, no path.
pub fn check_host(host: &str) -> Result<(), ReferenceError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    if host.is_empty() || host.len() > 255 || !host.bytes().all(plain) {
        return Err(ReferenceError::Host(clip(host)));
    }
    Ok(())
}

/// Checks a repository path against the distribution specification's `<name>` grammar.
pub fn check_path(path: &str) -> Result<(), ReferenceError> {
    let fine = !path.is_empty() && path.len() <= MAX_PATH_LEN && path.split('/').all(is_path_component);
    if fine { Ok(()) } else { Err(ReferenceError::Path(clip(path))) }
}

// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(part: &str) -> bool {
    let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = part.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    if !alnum(*first) || !alnum(*last) {
        return false;
    }
    let mut rest = bytes;
    while let Some(start) = rest.iter().position(|b| !alnum(*b)) {
        let run = rest[start..].iter().take_while(|b| !alnum(**b)).count();
        let separator = &rest[start..start + run];
        let legal = matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-');
        if !legal {
            return false;
        }
        rest = &rest[start + run..];
    }
    true
}

fn clip(text: &str) -> String {
    text.chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type() {
        for (text, whole) in [
            ("alpine", "docker.io/library/alpine:latest"),
            ("acme/app:1", "docker.io/acme/app:1"),
            ("host:5000/x", "host:5000/x:latest"),
            ("localhost/x/y:v1", "localhost/x/y:v1"),
        ] {
            assert_eq!(text.parse::<Reference>().map(|r| r.to_string()), Ok(whole.to_owned()));
        }
    }

    #[test]
    fn refuses_names_a_registry_would_refuse() {
        for bad in ["UP/x", "a//b", "a/", "-a", "a___b", "a.-b", "x/../y", ""] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
        for good in ["a", "a/b-c", "a__b/c.d", "a--b"] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        for bad in ["", ".x", "-x", "a/b", "a b", &"x".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
        for bad in ["https://x", "user@x", "x/y", ""] {
            assert!(check_host(bad).is_err(), "{bad}");
        }
    }
}
