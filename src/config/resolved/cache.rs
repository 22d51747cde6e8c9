//! `build_cache`: where BuildKit's cache is kept between builds and how much of it (spec/build.md E, F).

use std::time::Duration;

use indexmap::IndexMap;

use crate::core::ByteSize;

/// The build cache. Off unless a mode is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildCache {
    /// Which caches are used.
    pub mode: CacheMode,
    /// Cache on this machine, for `local` and `hybrid`.
    pub local: LocalCache,
    /// Cache elsewhere, for `shared` and `hybrid`.
    pub external: Option<ExternalCache>,
    /// What the builder's own cache may hold; pruned after a build.
    pub keep: BuilderKeep,
}

/// Which caches are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CacheMode {
    /// None beside the builder's own.
    #[default]
    Off,
    /// A directory on this machine.
    Local,
    /// A registry, GitHub's cache service or a bucket.
    Shared,
    /// Both: the directory first.
    Hybrid,
}

impl CacheMode {
    /// As the config writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Local => "local",
            Self::Shared => "shared",
            Self::Hybrid => "hybrid",
        }
    }
}

/// A cache directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalCache {
    /// The directory that holds one directory per repository; none = `/stagefreight/cache/buildkit`.
    pub path: Option<String>,
    /// Generations older than this are removed; none = seven days.
    pub max_age: Option<Duration>,
    /// The cache is dropped when it is larger than this; none = 15 GiB.
    pub max_size: Option<ByteSize>,
}

/// A cache that other machines share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalCache {
    /// Where.
    pub place: CachePlace,
    /// First part of its tags or scopes; `cache` unless named.
    pub prefix: String,
    /// Branch whose cache is read too: a branch that is new starts from it. None = the repository's default branch.
    pub fallback: Option<String>,
    /// `max` exports every layer, `min` only those of the result.
    pub export: CacheExport,
    /// Newest references that are kept; none = 20.
    pub max_refs: Option<u32>,
    /// References untouched for longer are removed; none = 14 days.
    pub stale_age: Option<Duration>,
}

/// Where a shared cache is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CachePlace {
    /// At a registry of `registries`.
    Registry {
        /// Its id.
        registry: String,
        /// Repository; none = the registry's `default_path`.
        repository: Option<String>,
    },
    /// GitHub's cache service.
    Gha,
    /// A bucket: attributes of BuildKit's `s3` cache (`bucket`, `region`, `endpoint_url`, …), never credentials.
    S3(IndexMap<String, String>),
}

/// How much of a build is exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CacheExport {
    /// Layers of the result.
    Min,
    /// Every layer.
    #[default]
    Max,
}

impl CacheExport {
    /// As BuildKit calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

/// What the builder's own cache may hold. Nothing is pruned unless something is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuilderKeep {
    /// Entries unused for longer go.
    pub max_age: Option<Duration>,
    /// Always kept, however old.
    pub reserved_space: Option<ByteSize>,
    /// Never more than this.
    pub max_used_space: Option<ByteSize>,
    /// Free space the disk must have.
    pub min_free_space: Option<ByteSize>,
}
