//! `build_cache.cleanup`: what is tidied away on the docker engine (spec/build.md G).

use std::time::Duration;

use crate::core::ByteSize;

/// Host cleanup. Off unless it is enabled. Volumes are never touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleanup {
    /// Whether at all.
    pub enabled: bool,
    /// A failure fails the run (`required`) or is a warning (`best_effort`).
    pub required: bool,
    /// Globs over references, and digests: images that stay.
    pub protect: Vec<String>,
    /// Images without a name, untouched for at least this long.
    pub dangling_images: Option<Duration>,
    /// Images no container uses, made at least this long ago.
    pub unreferenced_images: Option<Duration>,
    /// Containers that ended at least this long ago.
    pub exited_containers: Option<Duration>,
    /// The engine's build cache.
    pub build_cache: Option<CacheKeep>,
    /// Networks no container uses.
    pub unused_networks: bool,
}

/// What of a build cache stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheKeep {
    /// Entries unused for longer go.
    pub older_than: Option<Duration>,
    /// Space that is kept.
    pub keep_storage: Option<ByteSize>,
}
