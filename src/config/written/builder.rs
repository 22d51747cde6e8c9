//! `builder`: where BuildKit is.

use schemars::JsonSchema;

use super::written;
use crate::config::decode::{Cx, Decode, NameMap, Scalar};
use crate::config::node::Node;
use crate::config::span::{Spanned, Text};

written! {
    /// Where BuildKit is and how its builder is made. Without it, the first backend that answers is taken.
    BuilderSection {
        /// auto, buildkitd, dind (or docker), podman, kubernetes, spawn. Default auto.
        backend: Option<Spanned<BackendWord>>,
        /// Name of the builder. Default: `sf-` and a hash of the repository.
        name: Option<Text>,
        /// docker, docker-container, kubernetes, remote. Default: what the backend asks for.
        driver: Option<Spanned<DriverWord>>,
        /// Docker context. Default: the one docker itself would take.
        context: Option<Text>,
        /// BuildKit daemons of their own for some platforms.
        nodes: Option<Vec<BuilderNode>>,
    }
}

super::words! {
    /// A backend.
    BackendWord "backend" {
        /// The first that answers.
        Auto = "auto",
        /// A BuildKit daemon.
        Buildkitd = "buildkitd",
        /// A docker engine.
        Dind = "dind",
        /// The same.
        Docker = "docker",
        /// Podman.
        Podman = "podman",
        /// Pods that buildx makes.
        Kubernetes = "kubernetes",
        /// A daemon of our own for the run.
        Spawn = "spawn",
    }
}

super::words! {
    /// A buildx driver.
    DriverWord "driver" {
        /// In the engine.
        Docker = "docker",
        /// In a container.
        DockerContainer = "docker-container",
        /// In pods.
        Kubernetes = "kubernetes",
        /// Somebody else's daemon.
        Remote = "remote",
    }
}

/// One BuildKit daemon. Read by hand because of the hyphen in `driver-opt`.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct BuilderNode {
    /// `tcp://host:1234`, `unix:///run/buildkit/buildkitd.sock`, `ssh://user@host`, or a docker context for driver
    /// docker-container.
    pub endpoint: Text,
    /// Platforms it serves.
    pub platforms: Spanned<Vec<Text>>,
    /// Options of the driver: `cacert`, `cert`, `key`, `servername`, …
    #[schemars(rename = "driver-opt")]
    pub driver_opts: Option<NameMap<Spanned<Scalar>>>,
}

impl Decode for BuilderNode {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        let entries = cx.map(node)?;
        cx.known_keys(entries, &["endpoint", "platforms", "driver-opt"]);
        let endpoint = cx.field(node, entries, "endpoint");
        let platforms = cx.field(node, entries, "platforms");
        let driver_opts = cx.field(node, entries, "driver-opt");
        Some(Self { endpoint: endpoint?, platforms: platforms?, driver_opts: driver_opts? })
    }
}
