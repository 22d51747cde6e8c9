//! Requests to an S3 bucket in our own words, signed with its identity: for objects whose names people chose. The library
//! holds what it sends in memory, and cannot send much that must not replace anything; our client streams from the disk,
//! and a condition is one header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AwsAuthorizer, AwsCredentialProvider};
use object_store::client::HttpRequest;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::failure::{About, Meaning, error, meaning};
use super::places::{self, Variables};
use crate::core::{Digest, Secret, StorePlace, Timestamp};
use crate::http::header::{self, HeaderName};
use crate::http::{self, Method, Request, Url};
use crate::store::artifact::error::{ArtifactError, ArtifactErrorKind};
use crate::store::artifact::port::Result;

/// Most bytes of one object sent in one request (Amazon S3 API, "PutObject").
pub const LARGEST_OBJECT: u64 = 5 << 30;

/// SHA-256 the server computes of what arrives, compares with what was said, and keeps (Amazon S3 User Guide, "Checking
/// object integrity").
pub const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");

/// Asks for it.
const CHECKSUM_MODE: HeaderName = HeaderName::from_static("x-amz-checksum-mode");

/// Everything but the unreserved characters of RFC 3986: what a signature's canonical path encodes.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Objects of one list that are looked at. More is no directory of versions.
const MOST_OBJECTS: usize = 200_000;

/// An object as a list tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key, below the place's prefix.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it was written.
    pub modified: Timestamp,
}

/// A bucket, and who we are there.
pub struct SignedBucket {
    bucket: AmazonS3,
    prefix: String,
    identity: AwsCredentialProvider,
    region: String,
    root: Url,
    about: About,
}

impl SignedBucket {
    /// Describes it; sends nothing.
    ///
    /// # Errors
    /// `Credentials` when a variable that must be set is not, with its name; `Usage` when the place is not in an S3 bucket.
    pub fn open(place: &StorePlace, credentials: Option<&str>, variables: Variables<'_>, client: http::Client) -> Result<Self> {
        let StorePlace::S3 { bucket, prefix, region, endpoint } = place else {
            return Err(ArtifactError::new(ArtifactErrorKind::Usage, format!("{} is not in an S3 bucket", place.shown())));
        };
        let region = places::region(region.as_deref(), variables);
        let (opened, about) = places::s3(place, credentials, variables, client)?;
        let host = match endpoint {
            Some(endpoint) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
            // A name with dots matches no certificate.
            None if bucket.contains('.') => format!("https://s3.{region}.amazonaws.com/{bucket}"),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com"),
        };
        let below = prefix.as_deref().map_or_else(String::new, |prefix| format!("/{}", utf8_percent_encode(prefix, &RESERVED)));
        let root = Url::parse(&format!("{host}{below}/"))
            .map_err(|_| ArtifactError::new(ArtifactErrorKind::Usage, format!("the endpoint of {} is no address", about.shown)))?;
        let prefix = prefix.clone().unwrap_or_default();
        Ok(Self { identity: std::sync::Arc::clone(opened.credentials()), bucket: opened, prefix, region, root, about })
    }

    /// For people: `s3://acme-releases/app`.
    pub fn shown(&self) -> &str {
        &self.about.shown
    }

    /// The variables that say who we are.
    pub fn variables(&self) -> &str {
        &self.about.variables
    }

    /// Asks for an object, and for its checksum.
    pub async fn ask(&self, method: Method, key: &str) -> Result<Request> {
        self.signed(method, key, &[(CHECKSUM_MODE, "ENABLED")], None).await
    }

    /// Sends an object of these bytes. The server refuses others on arrival, and whatever `conditions` exclude. The body
    /// is still to be set.
    pub async fn put(&self, key: &str, digest: &Digest, media_type: &str, conditions: &[(HeaderName, &str)]) -> Result<Request> {
        let raw = raw(digest)?;
        let checksum = STANDARD.encode(&raw);
        let mut headers = vec![(header::CONTENT_TYPE, media_type), (CHECKSUM, checksum.as_str())];
        headers.extend_from_slice(conditions);
        self.signed(Method::PUT, key, &headers, Some(&raw)).await
    }

    /// Every object below a directory, by its key.
    ///
    /// # Errors
    /// `Rejected` when there are more than are looked at.
    pub async fn list(&self, directory: &str) -> Result<Vec<ListedObject>> {
        let doing = format!("list {directory}");
        let below = self.path(directory)?;
        let skipped = if self.prefix.is_empty() { 0 } else { self.prefix.len() + 1 };
        let mut objects = self.bucket.list(Some(&below));
        let mut found = Vec::new();
        while let Some(object) = objects.next().await {
            let object = object.map_err(|failure| error(&doing, &self.about, &failure))?;
            let Some(key) = object.location.as_ref().get(skipped..) else { continue };
            let modified = Timestamp::from_unix(object.last_modified.timestamp());
            found.push(ListedObject { key: key.to_owned(), size: object.size, modified });
            if found.len() > MOST_OBJECTS {
                let text = format!("{} holds more than {MOST_OBJECTS} objects below {directory}", self.about.shown);
                return Err(ArtifactError::new(ArtifactErrorKind::Rejected, text));
            }
        }
        Ok(found)
    }

    /// Takes an object away. Gone already is a success.
    pub async fn remove(&self, key: &str) -> Result<()> {
        let doing = format!("remove {key}");
        match self.bucket.delete(&self.path(key)?).await {
            Ok(()) => Ok(()),
            Err(failure) => match meaning(&doing, &self.about, &failure) {
                Meaning::NoObject => Ok(()),
                _ => Err(error(&doing, &self.about, &failure)),
            },
        }
    }

    fn path(&self, key: &str) -> Result<Path> {
        let parts = [self.prefix.as_str(), key].into_iter().filter(|part| !part.is_empty());
        let whole = parts.collect::<Vec<_>>().join("/");
        Path::parse(&whole).map_err(|_| self.no_address(key))
    }

    /// What an answer says that is not the one hoped for; `body` is the beginning of it.
    pub fn refused(&self, doing: &str, status: u16, body: &[u8]) -> ArtifactError {
        let said = format!("status code: {status}: {}", String::from_utf8_lossy(body));
        error(doing, &self.about, &object_store::Error::Generic { store: "S3", source: said.into() })
    }

    async fn signed(&self, method: Method, key: &str, headers: &[(HeaderName, &str)], payload: Option<&[u8]>) -> Result<Request> {
        let failed = |failure: object_store::Error| error("sign a request", &self.about, &failure);
        let url = self.address(key)?;
        let identity = self.identity.get_credential().await.map_err(failed)?;
        let mut request = HttpRequest::new(bytes::Bytes::new().into());
        *request.method_mut() = method.clone();
        *request.uri_mut() = url.as_str().parse().map_err(|_| self.no_address(key))?;
        for (name, value) in headers {
            request.headers_mut().insert(name, header::HeaderValue::from_str(value).map_err(|_| self.no_address(key))?);
        }
        AwsAuthorizer::new(&identity, "s3", &self.region).try_authorize(&mut request, payload).map_err(failed)?;
        let mut ours = Request::new(method, url);
        for (name, value) in request.headers() {
            let Ok(value) = value.to_str() else { continue };
            match name.as_str() {
                "authorization" => ours = ours.authorization(Some(Secret::new(value))),
                "x-amz-security-token" => ours = ours.secret_header(name.clone(), Secret::new(value)),
                _ => ours = ours.header(name.clone(), value),
            }
        }
        Ok(ours)
    }

    fn address(&self, key: &str) -> Result<Url> {
        let encoded = utf8_percent_encode(key, &RESERVED).to_string();
        let url = self.root.join(&encoded).map_err(|_| self.no_address(key))?;
        // What leads upwards would be another object than the one that is meant.
        if url.path().strip_prefix(self.root.path()) == Some(encoded.as_str()) { Ok(url) } else { Err(self.no_address(key)) }
    }

    fn no_address(&self, key: &str) -> ArtifactError {
        ArtifactError::new(ArtifactErrorKind::Usage, format!("`{}` cannot be an object of {}", key.escape_debug(), self.about.shown))
    }
}

/// The checksum an answer tells.
pub fn checksum_of(header: Option<&str>) -> Option<Digest> {
    let raw = STANDARD.decode(header?.trim()).ok().filter(|raw| raw.len() == 32)?;
    format!("sha256:{}", base16ct::lower::encode_string(&raw)).parse().ok()
}

fn raw(digest: &Digest) -> Result<Vec<u8>> {
    base16ct::lower::decode_vec(digest.hex())
        .ok()
        .filter(|raw| raw.len() == 32)
        .ok_or_else(|| ArtifactError::new(ArtifactErrorKind::Usage, format!("{digest} is no SHA-256")))
}

impl std::fmt::Debug for SignedBucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedBucket({})", self.about.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Events;
    use crate::world::World;

    fn bucket(name: &str, prefix: Option<&str>, endpoint: Option<&str>) -> SignedBucket {
        let place = StorePlace::S3 {
            bucket: name.to_owned(),
            prefix: prefix.map(str::to_owned),
            region: Some("eu-central-1".to_owned()),
            endpoint: endpoint.map(str::to_owned),
        };
        let set = |name: &str| match name {
            "F_ACCESS_KEY_ID" => Some("AKID".to_owned()),
            "F_SECRET_ACCESS_KEY" | "F_SESSION_TOKEN" => Some("canary-of-a-bucket".to_owned()),
            _ => None,
        };
        let world = World::of_process().expect("world");
        let client = http::Client::new(&world, Events::none(), &http::Options::default()).expect("client");
        SignedBucket::open(&place, Some("f"), &set, client).expect("a bucket")
    }

    #[tokio::test]
    async fn objects_have_the_address_that_is_signed() {
        for (bucket, address) in [
            (bucket("acme", None, None), "https://acme.s3.eu-central-1.amazonaws.com/a/b%2B1%20%C3%BC.gz"),
            (bucket("ac.me", Some("x"), None), "https://s3.eu-central-1.amazonaws.com/ac.me/x/a/b%2B1%20%C3%BC.gz"),
            (bucket("acme", Some("x/y"), Some("http://h:1/s3/")), "http://h:1/s3/acme/x/y/a/b%2B1%20%C3%BC.gz"),
        ] {
            let request = bucket.ask(Method::HEAD, "a/b+1 ü.gz").await.expect("a request");
            assert_eq!(request.url().to_string(), address);
            for bad in ["../x", "a/../../x", "/x", "a//../../../x", "."] {
                assert!(bucket.ask(Method::GET, bad).await.is_err(), "{bad}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_sent_is_promised_and_nothing_secret_is_shown() {
        let digest = Digest::of(b"bytes");
        let request = bucket("acme", None, None).put("a", &digest, "text/plain", &[(header::IF_NONE_MATCH, "*")]).await;
        let shown = format!("{:?}", request.expect("a request"));
        assert!(!shown.contains("canary"), "{shown}");
        assert_eq!(checksum_of(Some(&STANDARD.encode(raw(&digest).expect("raw")))), Some(digest));
        assert_eq!(checksum_of(Some("AAAA-2")), None);
    }
}
