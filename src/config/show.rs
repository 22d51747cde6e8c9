//! The resolved config as text: the same vocabulary as the file, with everything filled in. Reading it back gives the
//! same config. It holds names of credential variables, never values.

mod buildkit;
mod cache;
mod catalog;
mod files;
mod forges;
mod packages;
mod remotes;
mod stores;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use buildkit::ShownBuildkit;
use cache::ShownCache;
use catalog::ShownComponentPublish;
use files::{ShownFiles, ShownStage};
use forges::{ShownForge, ShownRelease, ShownReleasePublish, ShownRepo};
use packages::ShownFilesPublish;
use remotes::{ShownEnvironment, ShownRemote, ShownRemotePublish};
use stores::{ShownStore, ShownStorePublish};

use super::resolved::{
    Build, BuilderSettings, Condition, Config, Git, NoLineage, Publish, PublishKind, Registry, RegistryPublish, Security, TagPolicy,
    TagTemplate, VersionRule,
};
use super::yaml;
use crate::core::{HostOptions, Platform, Rendition};
use crate::error::{Error, Result};

/// A config in the vocabulary of the file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Shown<'c> {
    version: u8,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    vars: &'c IndexMap<String, String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    vars_from_env: &'c [String],
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    registries: IndexMap<&'c str, ShownRegistry<'c>>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    forges: IndexMap<&'c str, ShownForge<'c>>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    repos: IndexMap<&'c str, ShownRepo<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<ShownRelease>,
    #[serde(skip_serializing_if = "Option::is_none")]
    git: Option<ShownGit<'c>>,
    builds: IndexMap<&'c str, ShownAny<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    builder: Option<&'c BuilderSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_cache: Option<ShownCache<'c>>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    remotes: IndexMap<&'c str, ShownRemote<'c>>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    environments: IndexMap<&'c str, ShownEnvironment<'c>>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    store: IndexMap<&'c str, ShownStore<'c>>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    publish: IndexMap<&'c str, ShownEntry<'c>>,
    security: ShownSecurity<'c>,
}

impl<'c> Shown<'c> {
    /// Takes a config apart for showing.
    pub fn new(config: &'c Config) -> Self {
        let Config {
            vars,
            registries,
            forges,
            repos,
            release,
            git,
            builds,
            files,
            builder,
            build_cache,
            cleanup,
            remotes,
            environments,
            publish,
            stores,
            security,
            env_allowed,
            assumed: _,
        } = config;
        Self {
            version: 1,
            vars,
            vars_from_env: env_allowed,
            registries: registries.iter().map(|(id, registry)| (id.as_str(), ShownRegistry::new(registry))).collect(),
            forges: forges.iter().map(|(id, forge)| (id.as_str(), ShownForge::new(forge))).collect(),
            repos: repos.iter().map(|(id, repo)| (id.as_str(), ShownRepo::new(repo))).collect(),
            release: ShownRelease::new(*release),
            git: ShownGit::new(git),
            builds: builds
                .iter()
                .map(|(id, build)| (id.as_str(), ShownAny::Image(Box::new(ShownBuild::new(build)))))
                .chain(files.iter().map(|(id, build)| (id.as_str(), ShownAny::Files(Box::new(ShownFiles::new(build))))))
                .collect(),
            builder: (*builder != BuilderSettings::default()).then_some(builder),
            build_cache: ShownCache::new(build_cache, cleanup),
            remotes: remotes.iter().map(|(id, remote)| (id.as_str(), ShownRemote::new(remote))).collect(),
            environments: environments.iter().map(|(id, remotes)| (id.as_str(), ShownEnvironment::new(remotes))).collect(),
            store: stores.iter().map(|(id, store)| (id.as_str(), ShownStore::new(store))).collect(),
            publish: publish.iter().map(|(id, publish)| (id.as_str(), ShownEntry::new(publish))).collect(),
            security: ShownSecurity::new(security),
        }
    }
}

/// A config as YAML.
pub fn yaml_of(config: &Config) -> Result<String> {
    yaml::print(&Shown::new(config)).map_err(|reason| Error::failed(format!("cannot print the config: {reason}")))
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownRegistry<'c> {
    provider: &'static str,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_path: Option<&'c str>,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<&'c str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    mirrors: &'c [String],
    #[serde(flatten)]
    options: &'c HostOptions,
    #[serde(flatten)]
    rendition: &'c Rendition,
}

impl<'c> ShownRegistry<'c> {
    fn new(registry: &'c Registry) -> Self {
        let Registry { id: _, provider, host, plain_http, credentials, default_path, required, ca_file, mirrors, options, rendition } =
            registry;
        Self {
            provider: provider.name(),
            url: if *plain_http { format!("http://{host}") } else { host.clone() },
            credentials: credentials.as_deref(),
            default_path: default_path.as_deref(),
            required: *required,
            ca_file: ca_file.as_deref(),
            mirrors,
            options,
            rendition,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownGit<'c> {
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    branches: IndexMap<&'c str, &'c str>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    tags: IndexMap<&'c str, ShownPattern<'c>>,
    versioning: ShownVersioning<'c>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownPattern<'c> {
    pattern: &'c str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownVersioning<'c> {
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    branch_builds: IndexMap<&'c str, ShownRule<'c>>,
    no_lineage: ShownLineage<'c>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownRule<'c> {
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    matches: Option<&'c str>,
    base_from: &'c [String],
    format: &'c str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownLineage<'c> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'c str>,
}

impl<'c> ShownGit<'c> {
    fn new(git: &'c Git) -> Option<Self> {
        let Git { branches, tags, branch_builds, no_lineage } = git;
        if branches.is_empty() && tags.is_empty() && branch_builds.is_empty() && *no_lineage == NoLineage::Development {
            return None;
        }
        let no_lineage = match no_lineage {
            NoLineage::Development => ShownLineage { mode: "development", version: None },
            NoLineage::Error => ShownLineage { mode: "error", version: None },
            NoLineage::Explicit(version) => ShownLineage { mode: "explicit", version: Some(version) },
        };
        let rule = |rule: &'c VersionRule| {
            let VersionRule { matches, base_from, format } = rule;
            ShownRule { matches: matches.as_deref(), base_from, format }
        };
        Some(Self {
            branches: branches.iter().map(|(name, regex)| (name.as_str(), regex.as_str())).collect(),
            tags: tags.iter().map(|(name, regex)| (name.as_str(), ShownPattern { pattern: regex.as_str() })).collect(),
            versioning: ShownVersioning {
                branch_builds: branch_builds.iter().map(|(name, value)| (name.as_str(), rule(value))).collect(),
                no_lineage,
            },
        })
    }
}

/// A build of any kind.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum ShownAny<'c> {
    Image(Box<ShownBuild<'c>>),
    Files(Box<ShownFiles<'c>>),
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownBuild<'c> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dockerfile: Option<&'c str>,
    context: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'c str>,
    platforms: Vec<String>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    build_args: &'c IndexMap<String, String>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    labels: &'c IndexMap<String, String>,
    builder: &'c str,
    provenance: &'c str,
    sbom: bool,
    compression: &'c str,
    #[serde(flatten)]
    buildkit: ShownBuildkit<'c>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stage: Vec<ShownStage<'c>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    depends_on: &'c [String],
    required: bool,
}

impl<'c> ShownBuild<'c> {
    fn new(build: &'c Build) -> Self {
        let Build { id: _, required, depends_on, docker } = build;
        let platforms: Vec<String> = if docker.platforms.is_empty() {
            vec![Platform::host().to_string()]
        } else {
            docker.platforms.iter().map(ToString::to_string).collect()
        };
        Self {
            kind: "docker",
            dockerfile: docker.dockerfile.as_deref(),
            context: &docker.context,
            target: docker.target.as_deref(),
            platforms,
            build_args: &docker.args,
            labels: &docker.labels,
            builder: docker.builder.as_deref().unwrap_or("auto"),
            provenance: docker.provenance.as_deref().unwrap_or("off"),
            sbom: docker.sbom,
            compression: docker.compression.as_deref().unwrap_or("gzip"),
            buildkit: ShownBuildkit::new(&docker.buildkit),
            stage: docker.stage.iter().map(ShownStage::new).collect(),
            depends_on,
            required: *required,
        }
    }
}

/// One entry of `publish`, whatever its kind.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum ShownEntry<'c> {
    Registry(ShownPublish<'c>),
    Remote(Box<ShownRemotePublish<'c>>),
    Release(Box<ShownReleasePublish<'c>>),
    Store(ShownStorePublish<'c>),
    Files(Box<ShownFilesPublish<'c>>),
    Component(ShownComponentPublish<'c>),
}

impl<'c> ShownEntry<'c> {
    fn new(publish: &'c Publish) -> Self {
        match &publish.kind {
            PublishKind::Registry(kind) => Self::Registry(ShownPublish::new(publish, kind)),
            PublishKind::Remote(kind) => Self::Remote(Box::new(ShownRemotePublish::new(publish, kind))),
            PublishKind::Release(kind) => Self::Release(Box::new(ShownReleasePublish::new(publish, kind))),
            PublishKind::Store(kind) => Self::Store(ShownStorePublish::new(publish, kind)),
            PublishKind::Files(kind) => Self::Files(Box::new(ShownFilesPublish::new(publish, kind))),
            PublishKind::Component(kind) => Self::Component(ShownComponentPublish::new(publish, kind)),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownPublish<'c> {
    kind: &'static str,
    build: &'c str,
    registry: &'c [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'c str>,
    tags: Vec<ShownTag<'c>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    when: Vec<ShownCondition<'c>>,
    required: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownTag<'c> {
    tag: &'c str,
    moving: &'static str,
}

impl<'c> ShownTag<'c> {
    fn new(tag: &'c TagTemplate) -> Self {
        let moving = match tag.policy {
            TagPolicy::Immutable => "never",
            TagPolicy::Forward => "forward",
            TagPolicy::Any => "any",
        };
        Self { tag: &tag.template, moving }
    }
}

impl<'c> ShownCondition<'c> {
    fn new(condition: &'c Condition) -> Self {
        let Condition { branches, git_tags, events, forges } = condition;
        Self { branches, git_tags, events, forges }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownCondition<'c> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    branches: &'c [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    git_tags: &'c [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    events: &'c [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    forges: &'c [String],
}

impl<'c> ShownPublish<'c> {
    fn new(publish: &'c Publish, kind: &'c RegistryPublish) -> Self {
        let Publish { id: _, when, required, kind: _ } = publish;
        let RegistryPublish { build, registries, path, tags, requires: _ } = kind;
        Self {
            kind: "registry",
            build,
            registry: registries,
            path: path.as_deref(),
            tags: tags.iter().map(ShownTag::new).collect(),
            when: when.iter().map(ShownCondition::new).collect(),
            required: *required,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownSecurity<'c> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    base_images: Vec<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_image_size: Option<String>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    required_labels: &'c IndexMap<String, Option<String>>,
    secret_scan: bool,
}

impl<'c> ShownSecurity<'c> {
    fn new(security: &'c Security) -> Self {
        let Security { base_images, max_image_size, required_labels, secret_scan } = security;
        Self {
            base_images: base_images.iter().map(|pattern| pattern.text.as_str()).collect(),
            // In bytes, so that reading it back gives the same number.
            max_image_size: max_image_size.map(|size| format!("{}B", size.0)),
            required_labels,
            secret_scan: *secret_scan,
        }
    }
}
