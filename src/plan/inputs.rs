//! Everything a plan is computed from.

use std::collections::BTreeMap;

use super::cache::RepositoryId;
use super::types::{BuilderChoice, BuilderKind};
use crate::ci::PipelineContext;
use crate::config::Config;
use crate::core::{Platform, Timestamp};
use crate::git::GitFacts;

/// What the plan is a function of.
pub struct Inputs<'a> {
    /// The checked config.
    pub config: &'a Config,
    /// What the CI says, completed with what git knows ([`super::complete`]).
    pub context: &'a PipelineContext,
    /// What git knows.
    pub git: &'a GitFacts,
    /// What was found around it.
    pub surroundings: &'a Surroundings,
    /// Environment variables, for `{env:NAME}` of names the config allows.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Now, for `{date}` and its relatives. Nothing else depends on it.
    pub now: Timestamp,
}

/// Facts of the workspace and the machine that the plan needs and cannot look up.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Name of the workspace's directory: the project's name where neither the CI nor a remote has one.
    pub directory: String,
    /// What the repository is called by builders and caches.
    pub repository: RepositoryId,
    /// Dockerfiles, those found by detection first and in its order, then those the config names.
    pub dockerfiles: Vec<DockerfileFacts>,
    /// Files where GitLab looks for components, in the order of their paths; read where an entry publishes components.
    pub components: Vec<ComponentFile>,
    /// Which builder makes which build, by build id.
    pub builders: BTreeMap<String, BuilderChoice>,
    /// The builder of builds without an entry.
    pub default_builder: BuilderChoice,
    /// Platform of builds that name none.
    pub host_platform: Platform,
    /// Platforms this run builds, where other runs build the rest of the plan; empty = all. Only caches depend on it.
    pub part: Vec<Platform>,
    /// `SOURCE_DATE_EPOCH`, when it is set: seconds since 1970.
    pub source_date_epoch: Option<i64>,
}

/// What the plan must know of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerfileFacts {
    /// Relative to the workspace, with `/`.
    pub path: String,
    /// Names its ARG instructions declare.
    pub args: Vec<String>,
}

/// A component of a GitLab project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentFile {
    /// Relative to the workspace, with `/`.
    pub path: String,
    /// Its text, or why it cannot be read: a sentence that continues its path.
    pub text: Result<String, String>,
}

impl Surroundings {
    /// Surroundings of a directory with nothing in it.
    pub fn bare(directory: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            repository: RepositoryId::of_directory(std::path::Path::new(directory)),
            dockerfiles: Vec::new(),
            components: Vec::new(),
            builders: BTreeMap::new(),
            default_builder: BuilderChoice { kind: BuilderKind::Embedded, why: "needs no daemon".to_owned() },
            host_platform: Platform::host(),
            part: Vec::new(),
            source_date_epoch: None,
        }
    }
}
