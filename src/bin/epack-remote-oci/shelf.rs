//! A repository as a shelf. Files are blobs; a record is the config of a small manifest that lists the files as layers, so
//! that the registry keeps them, under a tag made of its key. Registries verify every blob on arrival.

#![expect(clippy::result_large_err, reason = "what the host is told ends the process; one is made in its life")]

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use stagefreight::core::oci::{Descriptor, Manifest, media_type};
use stagefreight::core::{self, BoxFuture, Digest};
use stagefreight::event::Events;
use stagefreight::http::Body;
use stagefreight::names;
use stagefreight::registry::{Access, Client, HostSpec, Registries, RegistryError, RegistryErrorKind, push_blobs};
use stagefreight::remote::adapter::{About, Backend, Kept, Piece, Record, Result, Settings, Shelf};
use stagefreight::remote::protocol::{
    AuthMode, Capabilities, CapabilityAuth, CapabilityFeatures, DownloadInfo, ErrorCode, ErrorInfo, REMOTE_ADAPTER, UploadInfo,
};

/// What the manifest of a release is (`artifactType`).
const RELEASE_TYPE: &str = "application/vnd.stagefreight.remote.release.v1";

/// What its config is.
const RECORD_TYPE: &str = "application/vnd.stagefreight.remote.record.v1+json";

/// Annotation with a file's name (OCI image specification, annotations).
const TITLE: &str = "org.opencontainers.image.title";

/// The most a record may weigh.
const MAX_RECORD: u64 = 4 * 1024 * 1024;

/// Opens repositories.
#[derive(Debug)]
pub struct Repositories;

/// One repository.
struct Repository {
    registries: Registries,
    client: std::sync::Arc<Client>,
    path: String,
    cancel: CancellationToken,
}

impl Backend for Repositories {
    fn about(&self) -> About {
        let features = CapabilityFeatures {
            prepare_finalize: true,
            direct_upload: false,
            pull: true,
            idempotent: true,
            sidecars: true,
            ..CapabilityFeatures::default()
        };
        let capabilities = Capabilities {
            name: "oci".to_owned(),
            kind: REMOTE_ADAPTER.to_owned(),
            deploy_protocol_version: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            description: "keeps releases in a repository of an OCI registry".to_owned(),
            features,
            auth: CapabilityAuth { modes: vec![AuthMode::ApiKey.name().to_owned()], token_storage: vec!["env_var".to_owned()] },
            ..Capabilities::default()
        };
        About { name: "oci", version: env!("CARGO_PKG_VERSION"), capabilities }
    }

    fn open<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<Box<dyn Shelf>>> {
        Box::pin(async move {
            settings.only(&["repository", "credentials", "plain_http"])?;
            let text = settings.required("repository", names::env::REMOTE_OCI_REPOSITORY, "the repository")?;
            let (host, path) = text.split_once('/').ok_or_else(|| invalid("repository is not `host/path`"))?;
            let place = core::Repository::new(host, path).map_err(|error| invalid(&format!("repository: {error}")))?;
            let spec = HostSpec {
                host: place.host,
                plain_http: settings.switch("plain_http", names::env::REMOTE_OCI_PLAIN_HTTP)?,
                credentials: settings.text("credentials", "")?,
                ..HostSpec::default()
            };
            let usable = |error: stagefreight::error::Error| invalid(error.message());
            let registries = Registries::new(settings.world(), Events::none()).map_err(usable)?;
            let client = registries.client_of(&spec).map_err(usable)?;
            let repository = Repository { registries, client, path: place.path, cancel: CancellationToken::new() };
            Ok(Box::new(repository) as Box<dyn Shelf>)
        })
    }
}

impl Shelf for Repository {
    fn admit<'a>(&'a self, piece: &'a Piece) -> BoxFuture<'a, Result<UploadInfo>> {
        Box::pin(async move {
            let path = piece.path.clone().ok_or_else(|| invalid("the file is not on this machine"))?;
            let body = Body::File { path: path.clone(), offset: 0, len: piece.size, digest: None };
            match stagefreight::fs::open_regular(&path) {
                Ok((_, size)) if size == piece.size => {}
                Ok((_, size)) => return Err(invalid(&format!("{} has {size} bytes instead of {}", piece.name, piece.size))),
                Err(error) => return Err(invalid(&error.to_string())),
            }
            self.send(BTreeMap::from([(piece.digest.clone(), body)])).await?;
            Ok(UploadInfo::skip())
        })
    }

    fn settle<'a>(&'a self, piece: &'a Piece) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { self.client.has_blob(&self.path, &piece.digest, Access::Push, &self.cancel).await.map_err(failed) })
    }

    fn keep<'a>(&'a self, key: &'a str, record: &'a Record) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            // Registries cannot write on condition: between looking and writing somebody else may write the same release.
            if let Some(there) = self.read(key).await? {
                return Ok(Some(there));
            }
            let config = serde_json::to_vec(record).unwrap_or_default();
            let manifest = manifest_of(record, &config)?;
            self.send(BTreeMap::from([(Digest::of(&config), Body::Bytes(config.into()))])).await?;
            let (tag, digest) = (tag_of(key), manifest.digest());
            match self.client.put_manifest(&self.path, &tag, &manifest, &digest, &self.cancel).await {
                Ok(_) => Ok(None),
                Err(error) if error.kind == RegistryErrorKind::Ambiguous => {
                    let there = self.client.head_manifest(&self.path, &tag, Access::Push, &self.cancel).await.map_err(failed)?;
                    if there == Some(digest) { Ok(None) } else { Err(failed(error)) }
                }
                Err(error) => Err(failed(error)),
            }
        })
    }

    fn read<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            let found = self.client.get_manifest(&self.path, &tag_of(key), Access::Pull, &self.cancel).await.map_err(failed)?;
            let Some(found) = found else { return Ok(None) };
            let damaged = || ErrorInfo::new(ErrorCode::ServerError, format!("the tag {} is no release of ours", tag_of(key)));
            let config = found.manifest.config.filter(|config| config.media_type == RECORD_TYPE).ok_or_else(damaged)?;
            let bytes = self.client.get_small_blob(&self.path, &config, MAX_RECORD, &self.cancel).await.map_err(failed)?;
            serde_json::from_slice(&bytes).map(Some).map_err(|_| damaged())
        })
    }

    fn first<'a>(&'a self, prefix: &'a str, most: usize) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            let tags = self.client.tags(&self.path, &self.cancel).await.map_err(failed)?;
            let begin = tag_of(prefix);
            let mut names: Vec<&str> = tags.iter().filter_map(|tag| tag.strip_prefix(&begin)).filter(|name| !name.contains('.')).collect();
            names.sort_unstable();
            Ok(names.into_iter().take(most).map(|name| format!("{prefix}{name}")).collect())
        })
    }

    fn download<'a>(&'a self, digest: &'a Digest, _size: u64) -> BoxFuture<'a, Result<DownloadInfo>> {
        Box::pin(async move {
            let found = self.client.blob_address(&self.path, digest, &self.cancel).await.map_err(failed)?;
            let missing = || ErrorInfo::new(ErrorCode::NotFound, "the registry lost the file of the release");
            let (url, authorization) = found.ok_or_else(missing)?;
            let headers = authorization.map(|value| ("Authorization".to_owned(), value.expose().to_owned())).into_iter().collect();
            Ok(DownloadInfo { url: url.into(), headers, ..DownloadInfo::default() })
        })
    }
}

impl Repository {
    async fn send(&self, blobs: BTreeMap<Digest, Body>) -> Result<()> {
        let work = self.registries.work();
        push_blobs(&self.client, work, &self.path, &blobs, &self.cancel).await.map(|_| ()).map_err(failed)
    }
}

/// Keys are parts joined by `/`, tags may not hold one.
fn tag_of(key: &str) -> String {
    key.replace('/', ".")
}

fn manifest_of(record: &Record, config: &[u8]) -> Result<Manifest> {
    let layer = |kept: &Kept| {
        let annotations = BTreeMap::from([(TITLE.to_owned(), kept.name.clone())]);
        Descriptor { annotations, ..Descriptor::new(media_type::OCTETS, kept.digest.clone(), kept.size) }
    };
    let layers: Vec<Descriptor> = std::iter::once(&record.file).chain(&record.sidecars).map(layer).collect();
    let document = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "artifactType": RELEASE_TYPE,
        "config": Descriptor::of(RECORD_TYPE, config),
        "layers": layers,
    });
    let bytes = serde_json::to_vec(&document).unwrap_or_default();
    Manifest::parse(bytes).map_err(|error| invalid(&format!("the release cannot be written as a manifest: {error}")))
}

fn invalid(message: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::InvalidRequest, message)
}

fn failed(error: RegistryError) -> ErrorInfo {
    use RegistryErrorKind as K;
    let code = match error.kind {
        K::Missing | K::Unauthorized => ErrorCode::AuthRequired,
        K::Denied => ErrorCode::Forbidden,
        K::NotFound => ErrorCode::NotFound,
        K::RateLimited => ErrorCode::RateLimited,
        K::Unavailable | K::Ambiguous | K::Cancelled => ErrorCode::NetworkError,
        K::Source | K::Mismatch => ErrorCode::InvalidRequest,
        K::Rejected | K::Protocol => ErrorCode::ServerError,
    };
    let retryable = matches!(error.kind, K::RateLimited | K::Unavailable | K::Ambiguous);
    ErrorInfo { retryable, ..ErrorInfo::new(code, error.message) }
}
