//! Which endpoint of the specification a request is for.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::core::reference::check_path;

/// An endpoint as the specification numbers them ("Endpoints").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "&'static str")]
pub enum EndId {
    /// `GET /v2/`
    End1,
    /// `GET|HEAD …/blobs/<digest>`
    End2,
    /// `GET|HEAD …/manifests/<reference>`
    End3,
    /// `POST …/blobs/uploads/`
    End4a,
    /// `POST …/blobs/uploads/?digest=`
    End4b,
    /// `PATCH …/blobs/uploads/<id>`
    End5,
    /// `PUT …/blobs/uploads/<id>?digest=`
    End6,
    /// `PUT …/manifests/<reference>`
    End7a,
    /// `PUT …/manifests/<digest>?tag=`
    End7b,
    /// `GET …/tags/list`
    End8a,
    /// `GET …/tags/list?n=&last=`
    End8b,
    /// `DELETE …/manifests/<reference>`
    End9,
    /// `DELETE …/blobs/<digest>`
    End10,
    /// `POST …/blobs/uploads/?mount=`
    End11,
    /// `GET …/referrers/<digest>`
    End12a,
    /// `GET …/referrers/<digest>?artifactType=`
    End12b,
    /// `GET …/blobs/uploads/<id>`
    End13,
    /// `DELETE …/blobs/uploads/<id>`
    End14,
}

impl EndId {
    /// Every endpoint in the order of the specification.
    pub const ALL: [Self; 18] = [
        Self::End1,
        Self::End2,
        Self::End3,
        Self::End4a,
        Self::End4b,
        Self::End5,
        Self::End6,
        Self::End7a,
        Self::End7b,
        Self::End8a,
        Self::End8b,
        Self::End9,
        Self::End10,
        Self::End11,
        Self::End12a,
        Self::End12b,
        Self::End13,
        Self::End14,
    ];

    /// The specification's name: `end-4a`.
    pub fn name(self) -> &'static str {
        match self {
            Self::End1 => "end-1",
            Self::End2 => "end-2",
            Self::End3 => "end-3",
            Self::End4a => "end-4a",
            Self::End4b => "end-4b",
            Self::End5 => "end-5",
            Self::End6 => "end-6",
            Self::End7a => "end-7a",
            Self::End7b => "end-7b",
            Self::End8a => "end-8a",
            Self::End8b => "end-8b",
            Self::End9 => "end-9",
            Self::End10 => "end-10",
            Self::End11 => "end-11",
            Self::End12a => "end-12a",
            Self::End12b => "end-12b",
            Self::End13 => "end-13",
            Self::End14 => "end-14",
        }
    }
}

impl From<EndId> for &'static str {
    fn from(end: EndId) -> Self {
        end.name()
    }
}

/// A path taken apart. Names, digests and tags are as sent, decoded, unchecked: the handlers refuse them with the code that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `/v2/`
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `/token`
    Token,
    /// `…/blobs/<digest>`
    Blob {
        /// Repository.
        name: String,
        /// Digest.
        digest: String,
    },
    /// `…/manifests/<reference>`
    Manifest {
        /// Repository.
        name: String,
        /// Tag or digest.
        reference: String,
    },
    /// `…/blobs/uploads/`
    Uploads {
        /// Repository.
        name: String,
    },
    /// `…/blobs/uploads/<id>`
    Upload {
        /// Repository.
        name: String,
        /// Session.
        id: String,
    },
    /// `…/tags/list`
    Tags {
        /// Repository.
        name: String,
    },
    /// `…/referrers/<digest>`
    Referrers {
        /// Repository.
        name: String,
        /// Digest of the subject.
        digest: String,
    },
    /// Nothing of the specification.
    Unknown,
}

impl Route {
    /// Takes a path apart from its end, since a repository may be called `blobs` or `tags`.
    pub fn of(path: &str) -> Self {
        let Ok(path) = percent_decode_str(path).decode_utf8() else { return Self::Unknown };
        match path.as_ref() {
            "/v2" | "/v2/" => return Self::Base,
            "/v2/_catalog" => return Self::Catalog,
            "/token" => return Self::Token,
            _ => {}
        }
        let Some(rest) = path.strip_prefix("/v2/") else { return Self::Unknown };
        let parts: Vec<&str> = rest.split('/').collect();
        let name = |used: usize| parts[..parts.len() - used].join("/");
        let own = |text: &str| text.to_owned();
        match parts.as_slice() {
            [_, .., "blobs", "uploads", ""] => Self::Uploads { name: name(3) },
            [_, .., "blobs", "uploads", id] => Self::Upload { name: name(3), id: own(id) },
            [_, .., "blobs", "uploads"] => Self::Uploads { name: name(2) },
            [_, .., "blobs", digest] => Self::Blob { name: name(2), digest: own(digest) },
            [_, .., "manifests", reference] => Self::Manifest { name: name(2), reference: own(reference) },
            [_, .., "tags", "list"] => Self::Tags { name: name(2) },
            [_, .., "referrers", digest] => Self::Referrers { name: name(2), digest: own(digest) },
            _ => Self::Unknown,
        }
    }

    /// The repository, when the path names one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Blob { name, .. }
            | Self::Manifest { name, .. }
            | Self::Uploads { name }
            | Self::Upload { name, .. }
            | Self::Tags { name }
            | Self::Referrers { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Is the repository's name one the specification allows?
    pub fn has_valid_name(&self) -> bool {
        self.name().is_none_or(|name| check_path(name).is_ok())
    }

    /// Methods the endpoint knows, for `Allow`.
    pub fn methods(&self) -> &'static str {
        match self {
            Self::Blob { .. } => "GET, HEAD, DELETE",
            Self::Manifest { .. } => "GET, HEAD, PUT, DELETE",
            Self::Uploads { .. } => "POST",
            Self::Upload { .. } => "GET, PATCH, PUT, DELETE",
            Self::Token => "GET, POST",
            _ => "GET, HEAD",
        }
    }

    /// The endpoint's number, when method and path are one of the specification.
    pub fn end(&self, method: &str, query: &Query) -> Option<EndId> {
        let has = |key: &str| query.get(key).is_some();
        Some(match (self, method) {
            (Self::Base, "GET" | "HEAD") => EndId::End1,
            (Self::Blob { .. }, "GET" | "HEAD") => EndId::End2,
            (Self::Manifest { .. }, "GET" | "HEAD") => EndId::End3,
            (Self::Uploads { .. }, "POST") if has("mount") => EndId::End11,
            (Self::Uploads { .. }, "POST") if has("digest") => EndId::End4b,
            (Self::Uploads { .. }, "POST") => EndId::End4a,
            (Self::Upload { .. }, "PATCH") => EndId::End5,
            (Self::Upload { .. }, "PUT") => EndId::End6,
            (Self::Manifest { .. }, "PUT") if has("tag") => EndId::End7b,
            (Self::Manifest { .. }, "PUT") => EndId::End7a,
            (Self::Tags { .. }, "GET" | "HEAD") if has("n") || has("last") => EndId::End8b,
            (Self::Tags { .. }, "GET" | "HEAD") => EndId::End8a,
            (Self::Manifest { .. }, "DELETE") => EndId::End9,
            (Self::Blob { .. }, "DELETE") => EndId::End10,
            (Self::Referrers { .. }, "GET" | "HEAD") if has("artifactType") => EndId::End12b,
            (Self::Referrers { .. }, "GET" | "HEAD") => EndId::End12a,
            (Self::Upload { .. }, "GET" | "HEAD") => EndId::End13,
            (Self::Upload { .. }, "DELETE") => EndId::End14,
            _ => return None,
        })
    }
}

/// Query parameters in the order they came.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d`.
    pub fn parse(text: &str) -> Self {
        // A plus sign is a plus sign in tags and media types; clients that mean a space write %20.
        let text: Cow<'_, str> = if text.contains('+') { text.replace('+', "%2B").into() } else { text.into() };
        Self(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// Reads a form (`application/x-www-form-urlencoded`), where a plus sign is a space.
    pub fn form(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The first value of a parameter.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Every value of a parameter.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_paths_apart_from_their_end() {
        let name = || "blobs/tags".to_owned();
        for (path, route) in [
            ("/v2/", Route::Base),
            ("/v2/blobs/tags/tags/list", Route::Tags { name: name() }),
            ("/v2/blobs/tags/blobs/uploads/", Route::Uploads { name: name() }),
            ("/v2/blobs/tags/blobs/uploads/x", Route::Upload { name: name(), id: "x".to_owned() }),
            ("/v2/blobs/tags/blobs/sha256%3Aab", Route::Blob { name: name(), digest: "sha256:ab".to_owned() }),
            ("/v2/blobs/tags/manifests/1", Route::Manifest { name: name(), reference: "1".to_owned() }),
            ("/v2/blobs/tags", Route::Unknown),
            ("/v3/a/tags/list", Route::Unknown),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
        assert!(!Route::of("/v2/..%2f..%2fetc/manifests/1").has_valid_name());
        assert!(!Route::of("/v2/_x/manifests/1").has_valid_name());
    }

    #[test]
    fn numbers_every_endpoint_once() {
        let mut names: Vec<_> = EndId::ALL.iter().map(|end| end.name()).collect();
        names.dedup();
        assert_eq!(names.len(), 18);
        let mount = Query::parse("mount=sha256:x&from=a/b");
        assert_eq!(Route::of("/v2/a/blobs/uploads/").end("POST", &mount), Some(EndId::End11));
        assert_eq!(Query::parse("artifactType=application/x+json").get("artifactType"), Some("application/x+json"));
    }
}
