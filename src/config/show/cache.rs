//! `build_cache` in the vocabulary of the file.

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use crate::config::resolved::{BuildCache, BuilderKeep, CacheKeep, CacheMode, CachePlace, Cleanup, ExternalCache, LocalCache};
use crate::core::ByteSize;

/// The section.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownCache<'c> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<ShownLocal<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external: Option<ShownExternal<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prune: Option<ShownPrune>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cleanup: Option<ShownCleanup<'c>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownLocal<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<ShownLocalRetention>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownLocalRetention {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_size: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownExternal<'c> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<&'c str>,
    path: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<&'c str>,
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<&'c IndexMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<ShownExternalRetention>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownExternalRetention {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_refs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_age: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownPrune {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved_space: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_used_space: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_free_space: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownCleanup<'c> {
    enabled: bool,
    enforcement: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    protect: Option<ShownProtect<'c>>,
    prune: ShownCleanupPrune,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownProtect<'c> {
    images: ShownRefs<'c>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownRefs<'c> {
    refs: &'c [String],
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownCleanupPrune {
    images: ShownImages,
    containers: ShownContainers,
    build_cache: ShownCacheKeep,
    networks: ShownNetworks,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownImages {
    dangling: ShownOlder,
    unreferenced: ShownOlder,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownContainers {
    exited: ShownOlder,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownOlder {
    older_than: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownCacheKeep {
    older_than: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_storage: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownNetworks {
    unused: bool,
}

impl<'c> ShownCache<'c> {
    /// Nothing where nothing is configured.
    pub fn new(cache: &'c BuildCache, cleanup: &'c Cleanup) -> Option<Self> {
        if *cache == BuildCache::default() && *cleanup == Cleanup::default() {
            return None;
        }
        let BuildCache { mode, local, external, keep } = cache;
        let BuilderKeep { max_age, reserved_space, max_used_space, min_free_space } = keep;
        let prune = ShownPrune {
            max_age: max_age.map(duration),
            reserved_space: reserved_space.map(size),
            max_used_space: max_used_space.map(size),
            min_free_space: min_free_space.map(size),
        };
        Some(Self {
            mode: CacheMode::name(*mode),
            local: ShownLocal::new(local),
            external: external.as_ref().map(ShownExternal::new),
            prune: (*keep != BuilderKeep::default()).then_some(prune),
            cleanup: (*cleanup != Cleanup::default()).then(|| ShownCleanup::new(cleanup)),
        })
    }
}

impl<'c> ShownLocal<'c> {
    fn new(local: &'c LocalCache) -> Option<Self> {
        if *local == LocalCache::default() {
            return None;
        }
        let LocalCache { path, max_age, max_size } = local;
        let retention = ShownLocalRetention { max_age: max_age.map(duration), max_size: max_size.map(size) };
        Some(Self { path: path.as_deref(), retention: (max_age.is_some() || max_size.is_some()).then_some(retention) })
    }
}

impl<'c> ShownExternal<'c> {
    fn new(external: &'c ExternalCache) -> Self {
        let ExternalCache { place, prefix, fallback, export, max_refs, stale_age } = external;
        let (kind, registry, repository, options) = match place {
            CachePlace::Registry { registry, repository } => ("registry", Some(registry.as_str()), repository.as_deref(), None),
            CachePlace::Gha => ("gha", None, None, None),
            CachePlace::S3(options) => ("s3", None, None, Some(options)),
        };
        let retention = ShownExternalRetention { max_refs: *max_refs, stale_age: stale_age.map(duration) };
        Self {
            r#type: kind,
            registry,
            repository,
            path: prefix,
            fallback: fallback.as_deref(),
            mode: export.name(),
            options,
            retention: (max_refs.is_some() || stale_age.is_some()).then_some(retention),
        }
    }
}

impl<'c> ShownCleanup<'c> {
    fn new(cleanup: &'c Cleanup) -> Self {
        let Cleanup { enabled, required, protect, dangling_images, unreferenced_images, exited_containers, build_cache, unused_networks } =
            cleanup;
        let older = |age: &Option<Duration>| ShownOlder { older_than: age.map_or_else(|| "never".to_owned(), duration) };
        Self {
            enabled: *enabled,
            enforcement: if *required { "required" } else { "best_effort" },
            protect: (!protect.is_empty()).then_some(ShownProtect { images: ShownRefs { refs: protect } }),
            prune: ShownCleanupPrune {
                images: ShownImages { dangling: older(dangling_images), unreferenced: older(unreferenced_images) },
                containers: ShownContainers { exited: older(exited_containers) },
                build_cache: match build_cache {
                    None => ShownCacheKeep { older_than: "never".to_owned(), keep_storage: None },
                    Some(CacheKeep { older_than, keep_storage }) => {
                        ShownCacheKeep { older_than: older(older_than).older_than, keep_storage: keep_storage.map(size) }
                    }
                },
                networks: ShownNetworks { unused: *unused_networks },
            },
        }
    }
}

/// In milliseconds where they matter, so that reading it back gives the same.
fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis.is_multiple_of(3_600_000) {
        format!("{}h", millis / 3_600_000)
    } else if millis.is_multiple_of(1000) {
        format!("{}s", millis / 1000)
    } else {
        format!("{millis}ms")
    }
}

/// In bytes, so that reading it back gives the same.
fn size(size: ByteSize) -> String {
    format!("{}B", size.0)
}
