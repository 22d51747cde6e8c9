//! The plan as data, written to `.stagefreight/plan.json` and printed by `stagefreight plan --output json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::files::{FileStep, StagedFile};
use crate::config::{BuildkitOptions, TagPolicy};
use crate::core::{HostOptions, Rendition};

/// Version of the plan's JSON form.
pub const SCHEMA_VERSION: &str = "1";

/// What will be made and where it will go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// `"1"`.
    pub schema_version: String,
    /// SHA-256 (hex) over everything that decides the bytes and destinations, without times and run ids: equal plans
    /// of one commit reuse each other's outputs.
    pub fingerprint: String,
    /// `group/project` or the directory's name.
    pub project: String,
    /// What builders and caches are named after: `host/group/project` in lower case, or where the repository lies.
    #[serde(default)]
    pub repository: String,
    /// Full commit id.
    pub commit: String,
    /// Tracked files differed from the commit, so the commit does not identify the sources.
    pub dirty: bool,
    /// Version being built.
    pub version: VersionInfo,
    /// Branch, off tags.
    pub branch: Option<String>,
    /// Git tag, on tags.
    pub tag: Option<String>,
    /// Event name.
    pub event: String,
    /// CI provider name.
    pub provider: String,
    /// Pipeline run id, when the CI tells it.
    pub pipeline_id: Option<String>,
    /// Time stamped into artifacts, seconds since 1970 (commit time, or `SOURCE_DATE_EPOCH`).
    pub source_date_epoch: i64,
    /// Builds of images, what is needed first.
    pub builds: Vec<BuildStep>,
    /// Steps that make files, what is needed first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileStep>,
    /// Targets that at least one destination names.
    pub targets: Vec<PlannedTarget>,
    /// Destinations in document order.
    pub destinations: Vec<PlannedDestination>,
    /// Publish entries that do not apply, and why.
    pub skipped: Vec<Skipped>,
    /// Warnings the reader should see.
    pub warnings: Vec<String>,
}

impl Plan {
    /// How many builds of the config it has, of any kind.
    pub fn build_count(&self) -> usize {
        let files: std::collections::BTreeSet<&str> = self.files.iter().map(|step| step.build.as_str()).collect();
        self.builds.len() + files.len()
    }
}

/// The version and where it came from (spec/build.md K.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VersionInfo {
    /// `1.4.0`, `1.4.0-dev.3f9c2ab`.
    pub version: String,
    /// `1.4.0`.
    pub base: String,
    /// True exactly at a release tag.
    pub release: bool,
    /// True for a version with a pre-release part.
    pub prerelease: bool,
    /// One sentence: which tag, which rule.
    pub why: String,
}

/// Which builder makes an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuilderKind {
    /// BuildKit through buildx.
    Buildx,
    /// Our own, without a daemon.
    Embedded,
    /// Somebody else, before this run: the image is taken over as it is.
    Adopted,
}

/// The builder and the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuilderChoice {
    /// Which.
    pub kind: BuilderKind,
    /// One sentence.
    pub why: String,
}

/// One image build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuildStep {
    /// Build id, the artifact's name.
    pub id: String,
    /// A failure fails the run.
    pub required: bool,
    /// Builds that come first.
    pub depends_on: Vec<String>,
    /// Dockerfile, relative to the workspace.
    pub dockerfile: String,
    /// Context, relative to the workspace.
    pub context: String,
    /// Stage, or the last.
    pub target: Option<String>,
    /// Platforms, `os/arch[/variant]`, at least one.
    pub platforms: Vec<String>,
    /// Build arguments, rendered.
    pub args: BTreeMap<String, String>,
    /// Labels, rendered.
    pub labels: BTreeMap<String, String>,
    /// Time stamped into the image, seconds since 1970.
    pub source_date_epoch: i64,
    /// Provenance attestation by BuildKit: `min` or `max`.
    pub provenance: Option<String>,
    /// SBOM attestation by BuildKit.
    pub sbom: bool,
    /// Layer compression of the embedded builder: `gzip` or `zstd`.
    pub compression: String,
    /// What only BuildKit can do.
    #[serde(default, skip_serializing_if = "is_default")]
    pub buildkit: BuildkitOptions,
    /// Caches that are read and written. They decide nothing about the bytes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cache: PlannedCache,
    /// Built files that are put into the context.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stage: Vec<StagedFile>,
    /// Builder and reason.
    pub builder: BuilderChoice,
}

/// Caches of a build, decided before it starts (spec/build.md E.3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedCache {
    /// `off`, `local`, `shared`, `hybrid`.
    pub mode: String,
    /// Caches that are read, in order of precedence.
    pub from: Vec<CacheRef>,
    /// Caches that are written.
    pub to: Vec<CacheRef>,
}

/// One cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheRef {
    /// BuildKit's type: `registry`, `local`, `gha`, `s3`.
    pub kind: String,
    /// What people call it: the reference, the directory, the scope.
    pub name: String,
    /// Attributes of BuildKit's `--cache-from` and `--cache-to`, sorted, without `type`. Never a credential.
    pub attributes: BTreeMap<String, String>,
    /// Registry id whose credentials reach it, for `registry`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// Platforms of the call of BuildKit it belongs to, where several nodes build a step: one cache per node, or the
    /// last to finish would replace those of the others. Empty = every call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
}

impl PlannedCache {
    /// What one call of BuildKit reads and writes, which builds these platforms.
    #[must_use]
    pub fn for_platforms(&self, platforms: &[String]) -> Self {
        let belongs = |cache: &&CacheRef| cache.platforms.is_empty() || cache.platforms.iter().any(|own| platforms.contains(own));
        let kept = |caches: &[CacheRef]| caches.iter().filter(belongs).cloned().collect();
        Self { mode: self.mode.clone(), from: kept(&self.from), to: kept(&self.to) }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A registry repository host that destinations name: what publish needs to know of it, without the config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedTarget {
    /// Registry id of the config, unique.
    pub name: String,
    /// `registry`.
    pub kind: String,
    /// Provider name.
    pub provider: String,
    /// Host.
    pub host: String,
    /// http instead of https.
    pub plain_http: bool,
    /// Prefix of the credential variables; never a value.
    pub credentials: Option<String>,
    /// Certificate authorities, a path relative to the workspace.
    pub ca_file: Option<String>,
    /// Client certificate, concurrency, rate, retries.
    #[serde(default, skip_serializing_if = "HostOptions::is_default")]
    pub options: HostOptions,
    /// What only the room that serves the kind reads. Never a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<serde_json::Value>,
}

/// One name that must hold one artifact's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedDestination {
    /// `ghcr.io/acme/app:1.4.0`: unique in the plan.
    pub name: String,
    /// `registry_tag`.
    pub kind: String,
    /// Target it is at.
    pub target: String,
    /// Publish entry it comes from.
    pub publish: String,
    /// Build whose artifact goes there; empty where it holds no artifact of ours, as a release does beside its assets.
    pub build: String,
    /// Which of the artifacts of a build of files, `binary:app-linux-amd64`; none = the image of the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// What only the room that serves the kind reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<serde_json::Value>,
    /// Registry host.
    pub host: String,
    /// Repository path.
    pub path: String,
    /// Tag.
    pub tag: String,
    /// What may happen to the tag later.
    #[schemars(with = "String")]
    pub policy: TagPolicy,
    /// False: its failure does not fail the run.
    pub required: bool,
    /// What must accompany it.
    pub requires: WrittenRequirements,
    /// What of the image goes there.
    #[serde(default, skip_serializing_if = "Rendition::is_default")]
    pub rendition: Rendition,
    /// One sentence: which condition matched.
    pub why: String,
}

/// Requirements in JSON form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WrittenRequirements {
    /// A signature.
    pub sign: bool,
    /// A provenance attestation.
    pub attest: bool,
    /// An SBOM.
    pub sbom: bool,
}

/// A publish entry that does not apply to this pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// Publish entry.
    pub publish: String,
    /// One sentence.
    pub why: String,
}
