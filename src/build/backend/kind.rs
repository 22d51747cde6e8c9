//! The kinds of backend, what each can do, and the drivers that reach it.

use std::fmt;

use super::engine::Engine;
use super::need::Capability;
use crate::config::Driver;

/// What a backend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BackendKind {
    /// A BuildKit daemon.
    Buildkitd,
    /// A docker engine, of this machine or another.
    Dind,
    /// Podman behind docker's API; BuildKit runs in a container on it.
    Podman,
    /// A Kubernetes cluster; BuildKit runs in its pods.
    Kubernetes,
    /// A BuildKit daemon that we start.
    Spawn,
}

impl BackendKind {
    /// As the config writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Buildkitd => "buildkitd",
            Self::Dind => "dind",
            Self::Podman => "podman",
            Self::Kubernetes => "kubernetes",
            Self::Spawn => "spawn",
        }
    }

    /// Drivers that reach it, the usual one first.
    pub fn drivers(self) -> &'static [Driver] {
        match self {
            Self::Buildkitd | Self::Spawn => &[Driver::Remote],
            Self::Dind => &[Driver::Docker, Driver::DockerContainer],
            Self::Podman => &[Driver::DockerContainer],
            Self::Kubernetes => &[Driver::Kubernetes],
        }
    }

    /// The driver to use: the configured one, else the first that exports OCI layouts.
    pub(super) fn driver(self, configured: Option<Driver>, engine: Option<&Engine>) -> Driver {
        match (configured, self) {
            (Some(driver), _) => driver,
            // The engine's own BuildKit exports layouts only from containerd's image store.
            (None, Self::Dind) if engine.is_some_and(|engine| !engine.containerd || engine.buildkit.is_none()) => Driver::DockerContainer,
            (None, kind) => kind.drivers()[0],
        }
    }

    /// What it can do with that driver.
    pub(super) fn capabilities(self, driver: Driver, engine: Option<&Engine>, local: bool) -> Vec<Capability> {
        use Capability as C;
        let own = driver == Driver::Docker;
        let buildkit = !own || engine.is_some_and(|engine| engine.buildkit.is_some());
        let layouts = buildkit && (!own || engine.is_some_and(|engine| engine.containerd));
        let can = |capability: &C| match capability {
            C::Build | C::Push => buildkit,
            C::Run => matches!(self, Self::Dind | Self::Podman),
            C::Filesystem => local || self == Self::Spawn,
            C::OciLayout | C::Platforms => layouts,
        };
        C::ALL.into_iter().filter(can).collect()
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::backend::control::Daemon;

    #[test]
    fn capabilities_tell_backends_apart() {
        let engine = |containerd| Engine { containerd, buildkit: Some(Daemon::default()), ..Engine::default() };
        let shown = |kind: BackendKind, configured, engine: Option<&Engine>, local| {
            let driver = kind.driver(configured, engine);
            let names: Vec<_> = kind.capabilities(driver, engine, local).iter().map(|c| c.name()).collect();
            format!("{}: {}", driver.name(), names.join(" "))
        };
        assert_eq!(shown(BackendKind::Dind, None, Some(&engine(true)), true), "docker: build run push filesystem oci-layout platforms");
        assert_eq!(
            shown(BackendKind::Dind, None, Some(&engine(false)), true),
            "docker-container: build run push filesystem oci-layout platforms"
        );
        assert_eq!(shown(BackendKind::Dind, Some(Driver::Docker), Some(&engine(false)), false), "docker: build run push");
        assert_eq!(shown(BackendKind::Buildkitd, None, None, false), "remote: build push oci-layout platforms");
        assert_eq!(shown(BackendKind::Spawn, None, None, true), "remote: build push filesystem oci-layout platforms");
        let without = Engine { containerd: true, ..Engine::default() };
        assert_eq!(shown(BackendKind::Dind, Some(Driver::Docker), Some(&without), true), "docker: run filesystem");
    }
}
