//! What an embedded GitLab is started with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::core::Secret;
use crate::rehearse::api;
use crate::rehearse::request::Request;

/// Everything that can be chosen.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address, faults, latency, observer, recorder.
    pub server: api::Options,
    /// Where the bytes of packages are kept. Made when missing.
    pub dir: PathBuf,
    /// Path it is installed below: empty, or `/gitlab`.
    pub prefix: String,
    /// Its projects.
    pub projects: Vec<Project>,
    /// Who is let in.
    pub trusted: Vec<Trusted>,
    /// What it takes.
    pub limits: Limits,
    /// What it knows outlives it: the next one in the same directory goes on.
    pub remembers: bool,
}

impl Options {
    /// On a free port, with nothing in it.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            server: api::Options::default(),
            dir: dir.into(),
            prefix: String::new(),
            projects: Vec::new(),
            trusted: Vec::new(),
            limits: Limits::default(),
            remembers: false,
        }
    }
}

/// A project.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// `group/project`.
    pub path: String,
    /// Git tags with the commits they lead to.
    pub tags: BTreeMap<String, String>,
    /// Commits and branches that a new tag can be made at, beside those that tags name.
    pub refs: BTreeMap<String, String>,
    /// Globs of tags that only a maintainer may make, release or delete.
    pub protected: Vec<String>,
    /// The package registry is switched off.
    pub without_packages: bool,
    /// A second file of one name in a package is refused (group setting "allow duplicates: off").
    pub refuse_duplicates: bool,
    /// What it is to the CI/CD catalog.
    pub catalog: CatalogProject,
    /// Merge requests.
    pub requests: Vec<Request>,
}

/// What a project is to the CI/CD catalog (docs: "CI/CD components", "Publish a component project").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogProject {
    /// Marked as one of components.
    pub resource: bool,
    /// The feature flag `ci_release_cli_catalog_publish_option`: versions are made by a call of their own, not with releases.
    pub flag: bool,
    /// It has a README.
    pub readme: bool,
    /// It has a description.
    pub described: bool,
    /// Strangers may see it.
    pub public: bool,
}

impl Default for CatalogProject {
    fn default() -> Self {
        Self { resource: false, flag: true, readme: true, described: true, public: false }
    }
}

impl Project {
    /// With one tag.
    pub fn new(path: &str, tag: &str, commit: &str) -> Self {
        let tags = BTreeMap::from([(tag.to_owned(), commit.to_owned())]);
        let refs = BTreeMap::from([("main".to_owned(), commit.to_owned())]);
        Self { path: path.to_owned(), tags, refs, ..Self::default() }
    }
}

/// Somebody who is let in.
#[derive(Debug, Clone)]
pub struct Trusted {
    /// The token.
    pub token: Secret,
    /// What sort of token.
    pub kind: TokenKind,
    /// What its owner is in every project.
    pub role: Role,
}

/// What sort of token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenKind {
    /// A personal, project or group access token in `PRIVATE-TOKEN` or as a bearer token. `api: false`: `read_api` only.
    Private {
        /// Scope `api`.
        api: bool,
    },
    /// A job's token in `JOB-TOKEN`, good for the endpoints that take one, in this project and those that list it.
    Job {
        /// Project the job runs in.
        project: String,
        /// Further projects whose job token allowlist names it.
        also: Vec<String>,
        /// The job has ended: the token is no longer good.
        ended: bool,
    },
}

/// Roles, as far as publishing tells them apart (docs: "Permissions and roles").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Reporter,
    /// Makes releases, tags and packages.
    Developer,
    /// And protected tags, and removes packages.
    Maintainer,
}

impl Role {
    /// The number the API gives it.
    pub fn level(self) -> u32 {
        match self {
            Self::Reporter => 20,
            Self::Developer => 30,
            Self::Maintainer => 40,
        }
    }
}

/// What it takes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest file of a package in bytes (`generic_packages_max_file_size`, 5 GiB by default).
    pub package_file: u64,
    /// Entries of a page, at most.
    pub page: usize,
    /// Largest JSON body in bytes.
    pub json: u64,
    /// Longest description of a release in characters.
    pub description: usize,
    /// Components of a version in the CI/CD catalog (`Ci::Catalog::ComponentsProject::COMPONENTS_LIMIT`, 30 in older versions).
    pub components: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { package_file: 5 << 30, page: 100, json: 4 << 20, description: 1_000_000, components: 100 }
    }
}
