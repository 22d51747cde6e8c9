//! The config after checking: ids resolved, defaults filled in, patterns compiled. Templates stay text; the plan
//! renders them.

mod builder;
mod cache;
mod catalog;
mod cleanup;
mod files;
mod forges;
mod inputs;
mod packages;
mod remotes;

use indexmap::IndexMap;
use regex::Regex;

use crate::core::{ByteSize, HostOptions, Platform, Rendition, StoreSpec};

pub use builder::{Backend, BuilderSettings, Driver, Node};
pub use cache::{BuildCache, BuilderKeep, CacheExport, CacheMode, CachePlace, ExternalCache, LocalCache};
pub use catalog::ComponentPublish;
pub use cleanup::{CacheKeep, Cleanup};
pub use files::{
    ArchiveBuild, ArchiveFormat, BinaryBuild, CommandBuild, CommandLine, CommandOutput, FileBuild, FileWork, Libc, OutputKind, Stage,
    Toolchain, Workplace,
};
pub use forges::{Forge, ForgeProvider, NotesSource, PrimaryTurn, ReleaseDefaults, ReleasePublish, ReleaseRetention, ReleaseType, Repo};
pub use inputs::{BuildkitOptions, SecretSource};
pub use packages::{Bucket, FilesPlace, FilesPublish};
pub use remotes::{Remote, RemotePublish};

/// A checked config. Maps keep the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// `vars`: values for `{var:NAME}`, themselves resolved.
    pub vars: IndexMap<String, String>,
    /// `registries` by id.
    pub registries: IndexMap<String, Registry>,
    /// `forges` by id.
    pub forges: IndexMap<String, Forge>,
    /// `repos` by id.
    pub repos: IndexMap<String, Repo>,
    /// `release`.
    pub release: ReleaseDefaults,
    /// `git`.
    pub git: Git,
    /// `builds` that make images, by id.
    pub builds: IndexMap<String, Build>,
    /// `builds` that make files, by id. No id is in both.
    pub files: IndexMap<String, FileBuild>,
    /// `builder`: where BuildKit is.
    pub builder: BuilderSettings,
    /// `build_cache`: BuildKit's cache between builds.
    pub build_cache: BuildCache,
    /// `build_cache.cleanup`: what is tidied away on the docker engine.
    pub cleanup: Cleanup,
    /// `remotes` by id.
    pub remotes: IndexMap<String, Remote>,
    /// `environments` by id: the remotes that differ there, whole.
    pub environments: IndexMap<String, IndexMap<String, Remote>>,
    /// `store`: artifact stores by id.
    pub stores: IndexMap<String, ArtifactStore>,
    /// `publish` by id.
    pub publish: IndexMap<String, Publish>,
    /// `security`: what review asks for.
    pub security: Security,
    /// `{env:NAME}` may read these and no others (`vars_from_env`).
    pub env_allowed: Vec<String>,
    /// True when there was no file and the config was derived from the repository.
    pub assumed: bool,
}

/// A known registry product: selects defaults (docker.io's real host) and known deviations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegistryProvider {
    /// `dockerhub`.
    DockerHub,
    /// `ghcr`.
    Ghcr,
    /// `gitlab`.
    Gitlab,
    /// `gitea`, also Forgejo.
    Gitea,
    /// `quay`.
    Quay,
    /// `harbor`.
    Harbor,
    /// `jfrog`.
    Jfrog,
    /// `ecr`.
    Ecr,
    /// `gar`.
    Gar,
    /// `acr`.
    Acr,
    /// `generic`: the distribution specification and nothing more.
    Generic,
    /// `embedded`: our own server, started for the run, data below `.stagefreight/rehearsal/`.
    Embedded,
}

impl RegistryProvider {
    /// Every provider, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::DockerHub,
        Self::Ghcr,
        Self::Gitlab,
        Self::Gitea,
        Self::Quay,
        Self::Harbor,
        Self::Jfrog,
        Self::Ecr,
        Self::Gar,
        Self::Acr,
        Self::Generic,
        Self::Embedded,
    ];

    /// The name config writes.
    pub fn name(self) -> &'static str {
        match self {
            Self::DockerHub => "dockerhub",
            Self::Ghcr => "ghcr",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
            Self::Quay => "quay",
            Self::Harbor => "harbor",
            Self::Jfrog => "jfrog",
            Self::Ecr => "ecr",
            Self::Gar => "gar",
            Self::Acr => "acr",
            Self::Generic => "generic",
            Self::Embedded => "embedded",
        }
    }
}

/// One entry of `registries`.
#[derive(Debug, Clone)]
pub struct Registry {
    /// Its id.
    pub id: String,
    /// Product.
    pub provider: RegistryProvider,
    /// Host, with a port when there is one; normalised, without a scheme. For `embedded` without `url`: `<id>.embedded`.
    pub host: String,
    /// Talk http instead of https. True when `url` says `http://`; loopback hosts are tried that way too.
    pub plain_http: bool,
    /// Prefix of the credential variables, upper case (spec/build.md D.1).
    pub credentials: Option<String>,
    /// Path used where a publish entry has none.
    pub default_path: Option<String>,
    /// False: a failure of this registry does not fail the run.
    pub required: bool,
    /// `ca_file`: additional certificate authorities for this host, a path relative to the config.
    pub ca_file: Option<String>,
    /// Hosts that base images of this one are asked of first, in this order.
    pub mirrors: Vec<String>,
    /// Client certificate, concurrency, rate, retries.
    pub options: HostOptions,
    /// What of an image goes there.
    pub rendition: Rendition,
}

/// One entry of `builds` that makes an image.
#[derive(Debug, Clone)]
pub struct Build {
    /// Its id, the artifact's name.
    pub id: String,
    /// A failure of a non-required build does not fail the run.
    pub required: bool,
    /// Ids of builds that come first.
    pub depends_on: Vec<String>,
    /// How it is made.
    pub docker: DockerBuild,
}

/// A build of kind `docker`.
#[derive(Debug, Clone)]
pub struct DockerBuild {
    /// Path of the Dockerfile below the repository; `None` = detected.
    pub dockerfile: Option<String>,
    /// Build context below the repository.
    pub context: String,
    /// Stage to build; `None` = the last.
    pub target: Option<String>,
    /// Platforms; empty = linux on the host's architecture.
    pub platforms: Vec<Platform>,
    /// Build arguments; values are templates.
    pub args: IndexMap<String, String>,
    /// Additional labels; values are templates.
    pub labels: IndexMap<String, String>,
    /// `builder: auto|buildx|embedded`; `None` = auto.
    pub builder: Option<String>,
    /// BuildKit provenance attestation: `provenance: false|min|max`; default off, so that the digest is reproducible.
    pub provenance: Option<String>,
    /// BuildKit SBOM attestation.
    pub sbom: bool,
    /// Layer compression of the embedded builder: `gzip` or `zstd`; `None` = gzip.
    pub compression: Option<String>,
    /// What only BuildKit can do. Values of `annotations` and `contexts` are templates here.
    pub buildkit: BuildkitOptions,
    /// Built files that are put into the context.
    pub stage: Vec<Stage>,
}

/// One entry of `publish`.
#[derive(Debug, Clone)]
pub struct Publish {
    /// Its id.
    pub id: String,
    /// Conditions, any of which must hold; empty = always.
    pub when: Vec<Condition>,
    /// False: a failure here does not fail the run.
    pub required: bool,
    /// What goes where.
    pub kind: PublishKind,
}

/// What a publish entry publishes, and where to.
#[derive(Debug, Clone)]
pub enum PublishKind {
    /// Image tags at registries.
    Registry(RegistryPublish),
    /// Built files at remotes.
    Remote(RemotePublish),
    /// A release on forges.
    Release(ReleasePublish),
    /// Files in places that are no releases.
    Files(FilesPublish),
    /// Images and built files in an artifact store.
    Store(StorePublish),
    /// A version of components in GitLab's CI/CD catalog.
    Component(ComponentPublish),
}

/// A publish entry of kind `store`.
#[derive(Debug, Clone)]
pub struct StorePublish {
    /// Builds whose artifacts are stored, at least one.
    pub builds: Vec<String>,
    /// Id of the store.
    pub store: String,
    /// Template every reference begins with.
    pub path: String,
    /// What may happen to the references later.
    pub policy: TagPolicy,
}

/// One entry of `store`.
#[derive(Debug, Clone)]
pub struct ArtifactStore {
    /// Where it is.
    pub spec: StoreSpec,
    /// Id of the registry, for `oci`.
    pub registry: Option<String>,
}

/// A publish entry of kind `registry`.
#[derive(Debug, Clone)]
pub struct RegistryPublish {
    /// Build whose image is published.
    pub build: String,
    /// Ids of registries, at least one.
    pub registries: Vec<String>,
    /// Path template; `None` = each registry's `default_path`.
    pub path: Option<String>,
    /// Tags, at least one.
    pub tags: Vec<TagTemplate>,
    /// What must accompany the image. A requirement that cannot be met is an error at load.
    pub requires: Requirements,
}

/// One tag of a publish entry.
#[derive(Debug, Clone)]
pub struct TagTemplate {
    /// Template text.
    pub template: String,
    /// What may happen to it later.
    pub policy: TagPolicy,
}

/// What may happen to a tag once it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TagPolicy {
    /// It names one build for ever. The default for templates with `{version}`, `{tag}` or `{sha}`.
    Immutable,
    /// It moves, but never to an older version. The default for `latest`, `{major}` and the like, and fixed versions.
    Forward,
    /// It moves to whatever was built last: branch names, `edge`, everything that differs on every run.
    Any,
}

/// What must accompany a published image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requirements {
    /// A signature.
    pub sign: bool,
    /// A provenance attestation.
    pub attest: bool,
    /// An SBOM.
    pub sbom: bool,
}

/// One condition map of `when` (spec/build.md T.3): all its parts must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// Names of `git.branches`, inline patterns (`re:…`), `!` excludes.
    pub branches: Vec<String>,
    /// Names of `git.tags` or inline patterns. Requires a tag: a branch push never matches.
    pub git_tags: Vec<String>,
    /// Event names, normalised.
    pub events: Vec<String>,
    /// Provider names, lower case.
    pub forges: Vec<String>,
}

/// `git`: how refs are called and versions derived.
#[derive(Debug, Clone, Default)]
pub struct Git {
    /// Name → pattern of branches.
    pub branches: IndexMap<String, Regex>,
    /// Name → pattern of tags.
    pub tags: IndexMap<String, Regex>,
    /// `git.versioning.branch_builds`, document order, `default` wherever it stands.
    pub branch_builds: IndexMap<String, VersionRule>,
    /// What to do when no tag is reachable.
    pub no_lineage: NoLineage,
}

/// How builds off a tag get their version.
#[derive(Debug, Clone)]
pub struct VersionRule {
    /// Name in `git.branches` (or inline pattern) the branch must match; `None` for `default`.
    pub matches: Option<String>,
    /// Names of `git.tags` to take the base version from, in this order.
    pub base_from: Vec<String>,
    /// Template with `{base}`, `{sha}`, `{branch}`.
    pub format: String,
}

/// What to do when no declared tag is reachable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NoLineage {
    /// `0.0.0-dev.<sha>`, the default when nothing is configured.
    #[default]
    Development,
    /// An error.
    Error,
    /// A template with `{sha}` or `{time}`.
    Explicit(String),
}

/// `security`: review's policy.
#[derive(Debug, Clone)]
pub struct Security {
    /// Patterns base images must match; empty = any.
    pub base_images: Vec<BaseImagePattern>,
    /// Largest image, per platform, compressed; `None` = any.
    pub max_image_size: Option<ByteSize>,
    /// Labels every image must have; a value of `None` = any value.
    pub required_labels: IndexMap<String, Option<String>>,
    /// Look for secrets in build args, labels and the config's environment.
    pub secret_scan: bool,
}

/// A glob over `host/path[:tag]`, compiled.
#[derive(Debug, Clone)]
pub struct BaseImagePattern {
    /// As written.
    pub text: String,
    /// Compiled.
    pub glob: globset::GlobMatcher,
}

impl Default for Security {
    fn default() -> Self {
        Self { base_images: Vec::new(), max_image_size: None, required_labels: IndexMap::new(), secret_scan: true }
    }
}
