//! A bucket as a shelf. The host sends a file straight to its key with a signed URL; the signature covers the SHA-256, so
//! the bucket itself refuses other bytes, and what is below `blobs/` is what its name says. Records are conditional puts.

#![expect(clippy::result_large_err, reason = "what the host is told ends the process; one is made in its life")]

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer as _};
use object_store::{ClientOptions, Error, ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload, RetryConfig};

use stagefreight::core::{BoxFuture, Digest};
use stagefreight::event::Events;
use stagefreight::http::{Client, Method, Options, Url, header, is_loopback};
use stagefreight::names;
use stagefreight::remote::adapter::{About, Backend, Piece, Record, Result, Run, Settings, Shelf};
use stagefreight::remote::protocol::{
    AuthMode, Capabilities, CapabilityAuth, CapabilityFeatures, CapabilityLimits, DownloadInfo, ErrorCode, ErrorInfo, REMOTE_ADAPTER,
    RunStatus, UploadInfo, WhoamiIdentity,
};
use stagefreight::store::artifact::Connector;

/// The most S3 takes in one request.
const MAX_PACK: i64 = 5 << 30;

/// How long a signed URL works. A transfer must begin within it, not end.
const SIGNED_FOR: Duration = Duration::from_secs(3600);

/// `x-amz-checksum-sha256`: S3 refuses a body with another hash (Amazon S3 API, PutObject).
const CHECKSUM: &str = "x-amz-checksum-sha256";

/// Variables that say where keys come from, of which one must be there: asking the network for an identity nobody
/// configured takes long and fails puzzlingly.
const IDENTITIES: [&str; 4] = [
    names::env::AWS_ACCESS_KEY_ID,
    names::env::AWS_WEB_IDENTITY_TOKEN_FILE,
    names::env::AWS_CONTAINER_CREDENTIALS_RELATIVE_URI,
    names::env::AWS_CONTAINER_CREDENTIALS_FULL_URI,
];

/// Opens buckets.
#[derive(Debug)]
pub struct Buckets;

/// Keys below one prefix of a bucket.
struct Bucket {
    store: Arc<AmazonS3>,
    prefix: String,
    now: stagefreight::core::Timestamp,
}

impl Backend for Buckets {
    fn about(&self) -> About {
        let features = CapabilityFeatures {
            prepare_finalize: true,
            pull: true,
            runs_sync: true,
            whoami: true,
            idempotent: true,
            sidecars: true,
            ..CapabilityFeatures::default()
        };
        let capabilities = Capabilities {
            name: "s3".to_owned(),
            kind: REMOTE_ADAPTER.to_owned(),
            deploy_protocol_version: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            description: "keeps releases in a bucket of S3".to_owned(),
            features,
            auth: CapabilityAuth { modes: vec![AuthMode::ApiKey.name().to_owned()], token_storage: vec!["env_var".to_owned()] },
            limits: CapabilityLimits { max_pack_bytes: MAX_PACK, max_runs_per_sync: 100, ..CapabilityLimits::default() },
            ..Capabilities::default()
        };
        About { name: "s3", version: env!("CARGO_PKG_VERSION"), capabilities }
    }

    fn open<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<Box<dyn Shelf>>> {
        Box::pin(async move { open(settings).map(|bucket| Box::new(bucket) as Box<dyn Shelf>) })
    }

    fn whoami<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<WhoamiIdentity>> {
        Box::pin(async move {
            if !has_identity(settings) {
                return Ok(WhoamiIdentity::default());
            }
            let bucket = open(settings)?;
            let issuer = Some("AWS Signature Version 4".to_owned());
            match bucket.store.list(Some(&bucket.path("releases"))).try_next().await {
                Ok(_) => Ok(WhoamiIdentity { authenticated: true, issuer, ..WhoamiIdentity::default() }),
                Err(Error::Unauthenticated { .. } | Error::PermissionDenied { .. }) => Ok(WhoamiIdentity::default()),
                Err(error) => Err(failed("ask the bucket", &error)),
            }
        })
    }
}

fn has_identity(settings: &Settings) -> bool {
    IDENTITIES.iter().any(|name| settings.env().get(name).is_some())
}

fn open(settings: &Settings) -> Result<Bucket> {
    settings.only(&["bucket", "prefix", "region", "endpoint"])?;
    let bucket = settings.required("bucket", names::env::REMOTE_S3_BUCKET, "the bucket")?;
    let prefix = settings.text("prefix", names::env::REMOTE_S3_PREFIX)?.unwrap_or_default();
    if !has_identity(settings) {
        let message = "no AWS credentials reach the adapter: name AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the remote's `secrets`";
        return Err(ErrorInfo::new(ErrorCode::AuthRequired, message));
    }
    // Keys, roles and tokens as AWS's own tools name them.
    let mut builder = AmazonS3Builder::new();
    for (name, value) in settings.env().iter().filter(|(name, value)| name.starts_with("AWS_") && !value.is_empty()) {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    // Retries, certificate authorities and proxy are those of the one HTTP client.
    let usable = |error: stagefreight::error::Error| invalid(error.message());
    let options = Options::of_environment(settings.env()).map_err(usable)?;
    let http = Client::new(settings.world(), Events::none(), &options).map_err(usable)?;
    let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
    builder = builder.with_bucket_name(&bucket).with_retry(retry).with_http_connector(Connector(http));
    if let Some(region) = settings.text("region", names::env::AWS_REGION)?.or(settings.text("region", names::env::AWS_DEFAULT_REGION)?) {
        builder = builder.with_region(region);
    }
    let endpoint = match settings.text("endpoint", names::adapter_env::ENDPOINT)? {
        Some(endpoint) => Some(endpoint),
        None => settings.env().get(names::env::AWS_ENDPOINT_URL).map(str::to_owned),
    };
    if let Some(endpoint) = endpoint {
        let url = Url::parse(&endpoint).map_err(|_| invalid("endpoint is no URL"))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {
                builder = builder.with_allow_http(true).with_client_options(ClientOptions::new().with_allow_http(true));
            }
            _ => return Err(invalid("endpoint is neither https nor on this machine")),
        }
        builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
    }
    let store = builder.build().map_err(|error| invalid(&format!("the bucket cannot be used: {}", sentence(&error))))?;
    let prefix = prefix.trim_matches('/').to_owned();
    Ok(Bucket { store: Arc::new(store), prefix, now: settings.world().clock.now() })
}

impl Bucket {
    fn path(&self, key: &str) -> Path {
        if self.prefix.is_empty() { Path::from(key) } else { Path::from(format!("{}/{key}", self.prefix)) }
    }

    fn blob(&self, digest: &Digest) -> Path {
        self.path(&format!("blobs/{}/{}", digest.algorithm().name(), digest.hex()))
    }

    fn place(&self, key: &str) -> Path {
        self.path(&format!("{key}.json"))
    }

    async fn size(&self, path: &Path) -> Result<Option<u64>> {
        match self.store.head(path).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("look at the bucket", &error)),
        }
    }

    async fn bytes(&self, path: &Path) -> Result<Option<Bytes>> {
        match self.store.get(path).await {
            Ok(found) => found.bytes().await.map(Some).map_err(|error| failed("read from the bucket", &error)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("read from the bucket", &error)),
        }
    }

    /// Writes what is not there yet. `false`: it was there.
    async fn write_once(&self, path: &Path, bytes: Vec<u8>) -> Result<bool> {
        match self.store.put_opts(path, PutPayload::from(bytes), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(failed("write to the bucket", &error)),
        }
    }

    async fn sign(&self, method: Method, path: &Path, options: &SignedUrlOptions) -> Result<(String, Option<String>)> {
        let url = self.store.signed_url_opts(method, path, SIGNED_FOR, options).await;
        let url = url.map_err(|error| failed("sign a URL", &error))?;
        let until = i64::try_from(SIGNED_FOR.as_secs()).unwrap_or(0) + self.now.unix();
        Ok((url.into(), Some(stagefreight::core::Timestamp::from_unix(until).to_string())))
    }
}

impl Shelf for Bucket {
    fn admit<'a>(&'a self, piece: &'a Piece) -> BoxFuture<'a, Result<UploadInfo>> {
        Box::pin(async move {
            let path = self.blob(&piece.digest);
            if self.size(&path).await? == Some(piece.size) {
                return Ok(UploadInfo::skip());
            }
            let raw = base16ct::lower::decode_vec(piece.digest.hex()).map_err(|_| invalid("file_digest is no SHA-256"))?;
            let checksum = STANDARD.encode(raw);
            let mut options = SignedUrlOptions::default();
            let value = header::HeaderValue::from_str(&checksum).map_err(|_| invalid("file_digest is no SHA-256"))?;
            options.signed_headers.insert(header::HeaderName::from_static(CHECKSUM), value);
            let (url, expires_at) = self.sign(Method::PUT, &path, &options).await?;
            let headers = [(CHECKSUM.to_owned(), checksum)].into();
            Ok(UploadInfo { method: "PUT".to_owned(), url, headers, expires_at })
        })
    }

    fn settle<'a>(&'a self, piece: &'a Piece) -> BoxFuture<'a, Result<bool>> {
        // The bucket compared the hash on arrival; an object appears whole or not at all.
        Box::pin(async move { Ok(self.size(&self.blob(&piece.digest)).await? == Some(piece.size)) })
    }

    fn keep<'a>(&'a self, key: &'a str, record: &'a Record) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            let bytes = serde_json::to_vec_pretty(record).unwrap_or_default();
            if self.write_once(&self.place(key), bytes).await? { Ok(None) } else { self.read(key).await }
        })
    }

    fn read<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            let Some(bytes) = self.bytes(&self.place(key)).await? else { return Ok(None) };
            let damaged = |_| ErrorInfo::new(ErrorCode::ServerError, format!("{key} is no record: it was damaged"));
            serde_json::from_slice(&bytes).map(Some).map_err(damaged)
        })
    }

    fn first<'a>(&'a self, prefix: &'a str, most: usize) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            let below = self.path(prefix);
            let mut listing = self.store.list(Some(&below));
            let mut keys = Vec::new();
            while keys.len() < most {
                let Some(meta) = listing.try_next().await.map_err(|error| failed("list the bucket", &error))? else { break };
                if let Some(name) = meta.location.filename().and_then(|name| name.strip_suffix(".json")) {
                    keys.push(format!("{prefix}{name}"));
                }
            }
            Ok(keys)
        })
    }

    fn download<'a>(&'a self, digest: &'a Digest, _size: u64) -> BoxFuture<'a, Result<DownloadInfo>> {
        Box::pin(async move {
            let (url, expires_at) = self.sign(Method::GET, &self.blob(digest), &SignedUrlOptions::default()).await?;
            Ok(DownloadInfo { url, expires_at, ..DownloadInfo::default() })
        })
    }

    fn keep_run<'a>(&'a self, run: &'a Run) -> BoxFuture<'a, Result<RunStatus>> {
        Box::pin(async move {
            let path = self.place(&run.key);
            if self.write_once(&path, run.result.clone()).await? {
                return Ok(RunStatus::Accepted);
            }
            let same = self.bytes(&path).await?.is_some_and(|there| there == run.result);
            Ok(if same { RunStatus::Duplicate } else { RunStatus::Rejected })
        })
    }
}

fn invalid(message: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::InvalidRequest, message)
}

fn failed(doing: &str, error: &Error) -> ErrorInfo {
    let code = match error {
        Error::Unauthenticated { .. } => ErrorCode::AuthRequired,
        Error::PermissionDenied { .. } => ErrorCode::Forbidden,
        Error::NotFound { .. } => ErrorCode::NotFound,
        _ => ErrorCode::ServerError,
    };
    ErrorInfo::new(code, format!("cannot {doing}: {}", sentence(error)))
}

/// What went wrong, and the code of the server's answer instead of all of it (Amazon S3 API, "Error responses").
fn sentence(error: &Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default().trim_end_matches("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(code, _)| code);
    format!("{line}{code}").chars().take(300).collect()
}
