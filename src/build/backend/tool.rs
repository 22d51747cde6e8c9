//! Which program drives BuildKit, and where BuildKit is.

use std::fmt;

use crate::names::env;
use crate::process::Child;
use crate::world::World;

use super::session::Session;

/// The program that speaks to BuildKit for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// The docker CLI with its buildx plugin.
    Docker,
    /// The `buildx` binary by itself.
    Standalone,
    /// `buildctl`, which reaches a BuildKit daemon at an address and nothing else.
    Buildctl,
}

impl Tool {
    /// All, in the order they are tried.
    pub const ALL: [Self; 3] = [Self::Docker, Self::Standalone, Self::Buildctl];

    /// The program's name.
    pub fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Standalone => "buildx",
            Self::Buildctl => "buildctl",
        }
    }

    /// A child `buildx …` in a private session. Of our environment it gets what names the engine, and nothing else.
    pub fn buildx(self, world: &World, session: &Session) -> Child {
        let child = self.bare(world, session);
        match self {
            Self::Docker if !session.runs_the_plugin() => child.arg("buildx"),
            Self::Docker | Self::Standalone | Self::Buildctl => child,
        }
    }

    /// A child of the program itself, told where the engine is.
    pub fn bare(self, world: &World, session: &Session) -> Child {
        session
            .child(world, self.program())
            .pass(world, env::SSH_AUTH_SOCK)
            .env(env::DOCKER_CONFIG, session.docker_config().display().to_string())
            .env(env::BUILDX_CONFIG, session.buildx_config().display().to_string())
            // What buildx adds by itself differs between versions; every build says what it wants.
            .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
            .env("DOCKER_CLI_HINTS", "false")
            .env(env::NO_COLOR, "1")
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "docker buildx",
            Self::Standalone => "buildx",
            Self::Buildctl => "buildctl",
        })
    }
}
