//! The engine, through bollard's model of its API and connections of our own: a socket, TCP with or without TLS, ssh.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error as ApiError;
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum, ImageSummary};
use bollard::query_parameters::{
    InspectContainerOptions, InspectNetworkOptions, ListContainersOptions, ListImagesOptions, ListNetworksOptions, PruneBuildOptions,
    RemoveContainerOptions, RemoveImageOptions,
};
use bollard::{BollardRequest, ClientVersion, Docker};
use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::inventory::{CacheRecord, Container, Image, Inventory, Network};
use super::policy::Policy;
use crate::build::backend::{self, Place};
use crate::config::BuilderSettings;
use crate::core::Timestamp;
use crate::error::{Error, Result};
use crate::world::World;

/// Removing a large image takes a while; an engine that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// Disk usage with ten thousand records of build cache is some MiB.
const MAX_USAGE: usize = 64 * 1024 * 1024;

/// Questions asked at once.
const AT_ONCE: usize = 8;

/// Networks every engine has.
const PREDEFINED: [&str; 7] = ["bridge", "host", "none", "nat", "ingress", "docker_gwbridge", "podman"];

/// An API version that every engine since docker 20.10 speaks, for the first question.
const FIRST_VERSION: ClientVersion = ClientVersion { major_version: 1, minor_version: 41 };

/// Why something was not removed.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such thing (any more).
    Gone,
    /// Something uses it.
    InUse(String),
    /// The engine says no, or failed.
    Failed(String),
    /// The engine does not answer.
    Unreachable(String),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::DockerResponseServerError { status_code: 404, .. } => Self::Gone,
            // 403 is what networks answer that have endpoints.
            ApiError::DockerResponseServerError { status_code: 403 | 409, message } => Self::InUse(one_line(&message)),
            ApiError::DockerResponseServerError { status_code, message } => {
                Self::Failed(format!("HTTP {status_code}: {}", one_line(&message)))
            }
            ApiError::JsonDataError { message, .. } => Self::Failed(format!("its answer cannot be read: {}", one_line(&message))),
            ApiError::JsonSerdeError { err } => Self::Failed(format!("its answer cannot be read: {err}")),
            other => Self::Unreachable(reason(&other)),
        }
    }
}

impl Refusal {
    fn because(self) -> String {
        match self {
            Self::Gone => "it answers that there is no such thing".to_owned(),
            Self::InUse(why) | Self::Failed(why) | Self::Unreachable(why) => why,
        }
    }
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().chars().take(300).collect()
}

fn reason(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    one_line(&cause.to_string())
}

/// Names of an image.
pub struct Names {
    /// `acme/app:1`.
    pub tags: Vec<String>,
    /// `acme/app@sha256:…`.
    pub digests: Vec<String>,
}

/// An engine that answered.
pub struct Engine {
    docker: Docker,
    world: World,
    place: Place,
    name: String,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({})", self.name)
    }
}

impl Engine {
    /// The engine the environment and the config name, else the usual sockets: docker's, then Podman's.
    pub async fn find(world: &World, settings: &BuilderSettings, cancel: &CancellationToken) -> Result<Self> {
        let answering = backend::engine_of(world, settings, cancel).await.map_err(|why| {
            Error::missing(format!("there is no container engine to clean up: {why}"))
                .hint("start the engine, or set DOCKER_HOST or DOCKER_CONTEXT to where it is")
        })?;
        let place = answering.place;
        let name = format!("{} {} at {}", if answering.podman { "podman" } else { "docker" }, answering.version, place.address);
        let docker = connect(world, &place).map_err(|error| Error::failed(format!("cannot use {name}: {}", reason(&error))))?;
        let docker = docker.negotiate_version().await.map_err(|error| Error::failed(format!("cannot use {name}: {}", reason(&error))))?;
        Ok(Self { docker, world: world.clone(), place, name })
    }

    /// `docker 26.1.5 at unix:///var/run/docker.sock`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything the policy may need to know.
    pub async fn inventory(&self, policy: &Policy) -> Result<Inventory> {
        let failed = |what: &'static str| {
            move |refusal: Refusal| Error::failed(format!("cannot read the {what} of {}: {}", self.name, refusal.because()))
        };
        let containers = self.containers().await.map_err(failed("containers"))?;
        let images = self.images(&containers).await.map_err(failed("images"))?;
        let networks = if policy.networks { self.networks().await.map_err(failed("networks"))? } else { Vec::new() };
        let usage = self.usage().await;
        let layers = usage.as_ref().ok().and_then(Usage::layers);
        let cache = match (policy.cache, usage) {
            (Some(_), Ok(usage)) => usage.records(),
            (Some(_), Err(why)) => return Err(Error::failed(format!("cannot read the build cache of {}: {why}", self.name))),
            (None, _) => Vec::new(),
        };
        Ok(Inventory { containers, images, cache, networks, layers })
    }

    async fn containers(&self) -> std::result::Result<Vec<Container>, Refusal> {
        let all = self.summaries().await?;
        let full = futures_util::stream::iter(all.into_iter().map(|summary| async move {
            let mut container = container(summary);
            if container.ended {
                let options = InspectContainerOptions { size: true };
                match self.docker.inspect_container(&container.id, Some(options)).await.map_err(Refusal::from) {
                    Ok(details) => {
                        container.size = unsigned(details.size_rw);
                        let finished = details.state.and_then(|state| state.finished_at);
                        container.finished = finished.and_then(|text| time(&text));
                    }
                    // Removed meanwhile; a plan without it is right.
                    Err(Refusal::Gone) => container.finished = None,
                    Err(refusal) => return Err(refusal),
                }
            }
            Ok(container)
        }));
        full.buffered(AT_ONCE).try_collect().await
    }

    async fn summaries(&self) -> std::result::Result<Vec<ContainerSummary>, Refusal> {
        let options = ListContainersOptions { all: true, ..ListContainersOptions::default() };
        Ok(self.docker.list_containers(Some(options)).await?)
    }

    async fn images(&self, containers: &[Container]) -> std::result::Result<Vec<Image>, Refusal> {
        let options = ListImagesOptions { all: true, shared_size: true, ..ListImagesOptions::default() };
        let all = self.docker.list_images(Some(options)).await?;
        let full = futures_util::stream::iter(all.into_iter().map(|summary| async move {
            let mut image = image(summary);
            if containers.iter().any(|container| image.is_of(container)) && image.is_unnamed() {
                return Ok(image);
            }
            match self.docker.inspect_image(&image.id).await.map_err(Refusal::from) {
                Ok(details) => image.tagged = details.metadata.and_then(|data| data.last_tag_time).and_then(|text| time(&text)),
                Err(Refusal::Gone) => image.created = None,
                Err(refusal) => return Err(refusal),
            }
            Ok(image)
        }));
        full.buffered(AT_ONCE).try_collect().await
    }

    async fn networks(&self) -> std::result::Result<Vec<Network>, Refusal> {
        let all = self.docker.list_networks(None::<ListNetworksOptions>).await?;
        let full = futures_util::stream::iter(all.into_iter().filter_map(|network| {
            let (id, name) = (network.id?, network.name?);
            let special = PREDEFINED.contains(&name.as_str())
                || network.scope.is_some_and(|scope| scope != "local")
                || network.ingress.unwrap_or(false)
                || network.config_only.unwrap_or(false);
            Some(async move {
                if special {
                    return Ok(Network { id, name, special, endpoints: 0 });
                }
                match self.docker.inspect_network(&id, None::<InspectNetworkOptions>).await.map_err(Refusal::from) {
                    Ok(details) => Ok(Network { id, name, special, endpoints: details.containers.map_or(0, |all| all.len()) }),
                    Err(Refusal::Gone) => Ok(Network { id, name, special: true, endpoints: 0 }),
                    Err(refusal) => Err(refusal),
                }
            })
        }));
        full.buffered(AT_ONCE).try_collect().await
    }

    /// Name of a container that uses the image now.
    pub(super) async fn user_of(&self, image: &Image) -> std::result::Result<Option<String>, Refusal> {
        let all = self.summaries().await?;
        Ok(all.into_iter().map(container).find(|container| image.is_of(container)).map(|container| container.name))
    }

    /// What names the image now.
    pub(super) async fn names_of(&self, id: &str) -> std::result::Result<Names, Refusal> {
        let details = self.docker.inspect_image(id).await?;
        Ok(Names { tags: real(details.repo_tags.unwrap_or_default()), digests: real(details.repo_digests.unwrap_or_default()) })
    }

    /// Id of the image a name stands for; none when it stands for none.
    pub(super) async fn id_of(&self, name: &str) -> std::result::Result<Option<String>, Refusal> {
        match self.docker.inspect_image(name).await.map_err(Refusal::from) {
            Ok(details) => Ok(details.id),
            Err(Refusal::Gone) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// Takes a name away, and with the last name the image. Never by force; nothing else goes with it.
    pub(super) async fn remove_image(&self, name: &str) -> std::result::Result<(), Refusal> {
        let options = RemoveImageOptions { force: false, noprune: true, ..RemoveImageOptions::default() };
        self.docker.remove_image(name, Some(options), None).await?;
        Ok(())
    }

    /// Removes a container that does not run. Its volumes stay.
    pub(super) async fn remove_container(&self, id: &str) -> std::result::Result<(), Refusal> {
        let options = RemoveContainerOptions { v: false, force: false, link: false };
        Ok(self.docker.remove_container(id, Some(options)).await?)
    }

    /// Removes a network without containers.
    pub(super) async fn remove_network(&self, id: &str) -> std::result::Result<(), Refusal> {
        Ok(self.docker.remove_network(id).await?)
    }

    /// Removes one record of the build cache; bytes it freed.
    pub(super) async fn prune_cache(&self, id: &str) -> std::result::Result<u64, Refusal> {
        let filters = HashMap::from([("id".to_owned(), vec![id.to_owned()])]);
        let pruned = self.docker.prune_build(Some(PruneBuildOptions { filters: Some(filters), ..PruneBuildOptions::default() })).await?;
        if pruned.caches_deleted.unwrap_or_default().is_empty() {
            return Err(Refusal::InUse("a build uses it, or what builds on it stays".to_owned()));
        }
        Ok(unsigned(pruned.space_reclaimed))
    }

    /// Bytes all image layers take.
    pub(super) async fn layers(&self) -> Option<u64> {
        self.usage().await.ok()?.layers()
    }

    /// Disk usage, whose form changed with API 1.52 of which bollard knows only the later one.
    async fn usage(&self) -> std::result::Result<Usage, String> {
        let request = Request::builder().uri("/system/df?type=image&type=build-cache&verbose=1").header(header::HOST, "docker");
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
        let response = tokio::time::timeout(PATIENCE, send(&self.world, &self.place, request)).await.map_err(|_| "it does not answer")?;
        let response = response.map_err(|error| reason(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("HTTP {status}"));
        }
        let body = tokio::time::timeout(PATIENCE, Limited::new(response.into_body(), MAX_USAGE).collect()).await;
        let body = body.map_err(|_| "it does not finish its answer")?.map_err(|error| error.to_string())?;
        serde_json::from_slice(&body.to_bytes()).map_err(|error| format!("its answer cannot be read: {error}"))
    }
}

fn connect(world: &World, place: &Place) -> std::result::Result<Docker, ApiError> {
    let (world, place) = (Arc::new(world.clone()), Arc::new(place.clone()));
    let transport = move |request: BollardRequest| {
        let (world, place) = (Arc::clone(&world), Arc::clone(&place));
        async move {
            let (mut parts, body) = request.into_parts();
            // Over a connection of our own only the path is asked for.
            let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
            parts.uri = path.parse().map_err(|_| std::io::Error::other(format!("{path} is not a path")))?;
            parts.headers.insert(header::HOST, header::HeaderValue::from_static("docker"));
            send(&world, &place, Request::from_parts(parts, body)).await
        }
    };
    Docker::connect_with_custom_transport(transport, Some("http://docker"), PATIENCE.as_secs(), &FIRST_VERSION)
}

/// One request on a connection of its own.
async fn send<B>(world: &World, place: &Place, request: Request<B>) -> std::result::Result<Response<Incoming>, ApiError>
where
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = backend::dial(world, &place.address, place.tls.as_ref()).await.map_err(std::io::Error::other)?;
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(requests.send_request(request).await?)
}

/// `0001-01-01T00:00:00Z` means never.
fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).ok().filter(|time| time.unix() > 0)
}

fn unsigned(number: Option<i64>) -> u64 {
    number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
}

/// Without the placeholders for "none".
fn real(names: Vec<String>) -> Vec<String> {
    names.into_iter().filter(|name| !name.contains("<none>")).collect()
}

fn container(summary: ContainerSummary) -> Container {
    let networks = summary.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let id = summary.id.unwrap_or_default();
    let name = summary.names.unwrap_or_default().into_iter().next().map(|name| name.trim_start_matches('/').to_owned());
    Container {
        name: name.unwrap_or_else(|| id.chars().take(12).collect()),
        id,
        image: summary.image_id.unwrap_or_default(),
        reference: summary.image.unwrap_or_default(),
        ended: matches!(summary.state, Some(ContainerSummaryStateEnum::EXITED | ContainerSummaryStateEnum::DEAD)),
        finished: None,
        networks: networks.into_values().filter_map(|network| network.network_id).filter(|id| !id.is_empty()).collect(),
        size: 0,
    }
}

fn image(summary: ImageSummary) -> Image {
    Image {
        id: summary.id,
        parent: summary.parent_id,
        tags: real(summary.repo_tags),
        digests: real(summary.repo_digests),
        created: Some(Timestamp::from_unix(summary.created)).filter(|time| time.unix() > 0),
        tagged: None,
        size: unsigned(Some(summary.size)),
        shared: unsigned(Some(summary.shared_size)),
    }
}

/// `/system/df`, before and since API 1.52.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Usage {
    layers_size: Option<i64>,
    build_cache: Option<Vec<Record>>,
    #[serde(rename = "ImageUsage")]
    images: Option<ImageUsage>,
    #[serde(rename = "BuildCacheUsage")]
    records: Option<CacheUsage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ImageUsage {
    total_size: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CacheUsage {
    items: Option<Vec<Record>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Record {
    #[serde(rename = "ID")]
    id: String,
    /// Docker's own name for it begins with a blank in some versions.
    #[serde(alias = " Parents")]
    parents: Option<Vec<String>>,
    parent: Option<String>,
    r#type: String,
    description: String,
    in_use: bool,
    shared: bool,
    size: i64,
    created_at: Option<String>,
    last_used_at: Option<String>,
}

impl Usage {
    fn layers(&self) -> Option<u64> {
        let told = self.layers_size.or_else(|| self.images.as_ref()?.total_size);
        told.and_then(|bytes| u64::try_from(bytes).ok())
    }

    fn records(self) -> Vec<CacheRecord> {
        let records = self.build_cache.or_else(|| self.records?.items).unwrap_or_default();
        let record = |record: Record| CacheRecord {
            id: record.id,
            parents: record.parents.unwrap_or_default().into_iter().chain(record.parent.filter(|id| !id.is_empty())).collect(),
            kind: record.r#type,
            description: one_line(&record.description),
            in_use: record.in_use,
            shared: record.shared,
            size: unsigned(Some(record.size)),
            used: [record.last_used_at, record.created_at].into_iter().flatten().find_map(|text| time(&text)),
        };
        records.into_iter().filter(|record| !record.id.is_empty()).map(record).collect()
    }
}
