//! `builder`: where BuildKit is and how its builder is made (spec/build.md A, B).

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::Platform;

/// Where BuildKit is and how its builder is made. The default finds out by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuilderSettings {
    /// Which backend; `auto` takes the first that answers.
    pub backend: Backend,
    /// Name of the builder; none = `sf-<hash of the repository>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Driver of the builder; none = what the backend asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// Docker context to use; none = what docker itself would take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// BuildKit daemons of their own for some platforms. With nodes the backend is not looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
}

/// A backend by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The first that answers: `BUILDKIT_HOST`, a docker engine, Podman, a BuildKit socket of this machine.
    #[default]
    Auto,
    /// A BuildKit daemon: `BUILDKIT_HOST`, or the socket of this machine's.
    Buildkitd,
    /// A docker engine: `DOCKER_HOST`, `DOCKER_CONTEXT`, the local socket. `docker` and `dind` mean the same.
    #[serde(alias = "docker")]
    Dind,
    /// Podman's API socket.
    Podman,
    /// Pods of a Kubernetes cluster, made by buildx.
    Kubernetes,
    /// A private BuildKit daemon, started for the run and stopped after it.
    Spawn,
}

impl Backend {
    /// As the config writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Buildkitd => "buildkitd",
            Self::Dind => "dind",
            Self::Podman => "podman",
            Self::Kubernetes => "kubernetes",
            Self::Spawn => "spawn",
        }
    }
}

/// A buildx driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// BuildKit inside the docker engine.
    Docker,
    /// BuildKit in a container that buildx starts.
    DockerContainer,
    /// BuildKit in pods that buildx starts.
    Kubernetes,
    /// A BuildKit daemon somebody else runs.
    Remote,
}

impl Driver {
    /// As buildx calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::DockerContainer => "docker-container",
            Self::Kubernetes => "kubernetes",
            Self::Remote => "remote",
        }
    }
}

/// A BuildKit daemon that serves some platforms natively.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// `tcp://host:1234`, `unix:///run/buildkit/buildkitd.sock`, or the name of a docker context (driver
    /// docker-container).
    pub endpoint: String,
    /// Platforms it serves, at least one. Two nodes never serve the same one.
    #[schemars(with = "Vec<String>")]
    #[serde(with = "platforms")]
    pub platforms: Vec<Platform>,
    /// Options of the driver, such as `cacert`, `cert`, `key`, `servername` (paths below the repository, or absolute).
    #[serde(default, rename = "driver-opt", skip_serializing_if = "IndexMap::is_empty")]
    pub driver_opts: IndexMap<String, String>,
}

mod platforms {
    //! Platforms as the texts people write.

    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use crate::core::Platform;

    pub fn serialize<S: Serializer>(platforms: &[Platform], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(platforms.iter().map(ToString::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Platform>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(de::Error::custom)).collect()
    }
}
