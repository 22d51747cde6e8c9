//! Asks a container engine who it is, through docker's API, which Podman speaks too. Its BuildKit, if it has one, is
//! behind the same door.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::address::Address;
use super::control::{Control, Daemon};
use super::dial::dial;
use crate::build::lifecycle::NodeTls;
use crate::world::World;

/// `/info` of an engine with many plugins is some ten KiB.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// What an engine says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Engine {
    /// Its version, `26.1.5`.
    pub version: String,
    /// It is Podman behind docker's API: it has no BuildKit of its own.
    pub podman: bool,
    /// Its image store is containerd's, the only one that exports OCI layouts.
    pub containerd: bool,
    /// It runs without root.
    pub rootless: bool,
    /// The BuildKit inside it, when there is one.
    pub buildkit: Option<Daemon>,
}

/// A connection for a few requests.
pub(crate) struct Api {
    requests: SendRequest<Empty<Bytes>>,
}

impl Api {
    pub(crate) async fn connect(world: &World, address: &Address, tls: Option<&NodeTls>) -> Result<Self, String> {
        let stream = dial(world, address, tls).await?;
        let (requests, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| not_an_engine(&error, address))?;
        tokio::spawn(connection.with_upgrades());
        Ok(Self { requests })
    }

    /// Status and body of a GET.
    pub(crate) async fn get(&mut self, path: &str, address: &Address) -> Result<(StatusCode, Bytes), String> {
        let request = Request::builder().uri(path).header(header::HOST, "docker").body(Empty::new()).map_err(|error| error.to_string())?;
        self.requests.ready().await.map_err(|error| not_an_engine(&error, address))?;
        let response = self.requests.send_request(request).await.map_err(|error| not_an_engine(&error, address))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
        Ok((status, body.to_bytes()))
    }

    /// The engine's own BuildKit: the connection becomes one to its Control service.
    pub(crate) async fn buildkit(mut self, address: &Address) -> Result<Control, String> {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/grpc")
            .header(header::HOST, "docker")
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "h2c")
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let response = self.requests.send_request(request).await.map_err(|error| not_an_engine(&error, address))?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err("it has no BuildKit of its own".to_owned());
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(|error| error.to_string())?;
        Control::over(TokioIo::new(upgraded)).await
    }
}

/// Asks everything at once, over two connections.
pub(crate) async fn ask(world: &World, address: &Address, tls: Option<&NodeTls>) -> Result<Engine, String> {
    let (said, buildkit) = tokio::join!(facts(world, address, tls), buildkit(world, address, tls));
    let (version, info) = said?;
    let podman = version.is_podman();
    Ok(Engine {
        version: version.version,
        podman,
        containerd: info.driver_status.iter().flatten().flatten().any(|text| text.contains("io.containerd.snapshotter")),
        rootless: info.security_options.iter().flatten().any(|option| option == "name=rootless"),
        buildkit: buildkit.ok().filter(|_| !podman),
    })
}

/// Its version, and whether it is Podman: one question, for those who do not want to build.
pub(super) async fn version(world: &World, address: &Address, tls: Option<&NodeTls>) -> Result<(String, bool), String> {
    let answer = Api::connect(world, address, tls).await?.get("/version", address).await?;
    let version: Version = read(&answer, "/version")?;
    Ok((version.version.clone(), version.is_podman()))
}

async fn facts(world: &World, address: &Address, tls: Option<&NodeTls>) -> Result<(Version, Info), String> {
    let mut api = Api::connect(world, address, tls).await?;
    let version: Version = read(&api.get("/version", address).await?, "/version")?;
    // Podman thinks about it for a second, and says nothing that we need.
    if version.is_podman() {
        return Ok((version, Info::default()));
    }
    let info = read(&api.get("/info", address).await?, "/info")?;
    Ok((version, info))
}

async fn buildkit(world: &World, address: &Address, tls: Option<&NodeTls>) -> Result<Daemon, String> {
    Api::connect(world, address, tls).await?.buildkit(address).await?.daemon().await
}

fn read<T: DeserializeOwned>((status, body): &(StatusCode, Bytes), path: &str) -> Result<T, String> {
    if !status.is_success() {
        return Err(format!("it answers {path} with HTTP {status}"));
    }
    serde_json::from_slice(body).map_err(|_| format!("its answer to {path} is not a container engine's"))
}

fn not_an_engine(error: &hyper::Error, address: &Address) -> String {
    if let Address::Ssh { host, .. } = address {
        return format!("ssh ended without an answer; try `ssh {host} docker version`");
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let text = cause.to_string();
    if text.contains("alert") || text.contains("ertificate") {
        return format!("TLS: {text}");
    }
    format!("it does not speak docker's API ({text})")
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: String,
    #[serde(default)]
    components: Vec<Component>,
}

impl Version {
    fn is_podman(&self) -> bool {
        self.components.iter().any(|component| component.name.contains("Podman"))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Info {
    // Null for drivers without any.
    driver_status: Option<Vec<Vec<String>>>,
    security_options: Option<Vec<String>>,
}
