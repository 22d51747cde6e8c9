//! `build_cache`: BuildKit's cache between builds, and host cleanup.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::builder::BuilderSection;
use super::written;
use crate::config::decode::{Cx, Decode, NameMap, Scalar};
use crate::config::node::{Node, Value};
use crate::config::span::{Spanned, Text};

written! {
    /// BuildKit's cache between builds.
    BuildCacheSection {
        /// off, local, shared, hybrid. Default off.
        mode: Option<Spanned<CacheModeWord>>,
        /// The same as the section `builder`, where older configs have it.
        builder: Option<Spanned<BuilderSection>>,
        /// Cache on this machine.
        local: Option<LocalCacheSection>,
        /// Cache that other machines share.
        external: Option<Spanned<ExternalCacheSection>>,
        /// What the builder's own cache may hold. Default: `local.retention`, when that is written.
        prune: Option<PruneSection>,
        /// What is tidied away on the docker engine.
        cleanup: Option<CleanupSection>,
    }
}

super::words! {
    /// Which caches are used.
    CacheModeWord "mode" {
        /// None.
        Off = "off",
        /// A directory.
        Local = "local",
        /// A place other machines share.
        Shared = "shared",
        /// Both.
        Hybrid = "hybrid",
    }
}

written! {
    /// Cache on this machine.
    LocalCacheSection {
        /// Directory that holds one directory per repository. Default `/stagefreight/cache/buildkit`.
        path: Option<Text>,
        /// What is kept.
        retention: Option<LocalRetention>,
    }
}

written! {
    /// What is kept of a directory.
    LocalRetention {
        /// Default `7d`.
        max_age: Option<Text>,
        /// Default `15GB`.
        max_size: Option<Text>,
    }
}

written! {
    /// Cache that other machines share.
    ExternalCacheSection {
        /// registry, gha, s3. Default registry.
        r#type: Option<CacheTypeWord>,
        /// Id of `registries`, for type registry.
        registry: Option<Text>,
        /// Repository there. Default: the registry's `default_path`.
        repository: Option<Text>,
        /// First part of tags and scopes. Default `cache`.
        path: Option<Text>,
        /// Branch whose cache is read too. Default: the repository's default branch.
        fallback: Option<Text>,
        /// max or min. Default max.
        mode: Option<CacheExportWord>,
        /// For type s3: `bucket`, `region`, `endpoint_url`, … Credentials come from the variables AWS_*.
        options: Option<NameMap<Spanned<Scalar>>>,
        /// What is kept.
        retention: Option<ExternalRetention>,
    }
}

super::words! {
    /// Where a shared cache is.
    CacheTypeWord "type" {
        /// At a registry.
        Registry = "registry",
        /// GitHub's cache service.
        Gha = "gha",
        /// A bucket.
        S3 = "s3",
    }
}

super::words! {
    /// How much of a build is exported.
    CacheExportWord "mode" {
        /// Layers of the result.
        Min = "min",
        /// Every layer.
        Max = "max",
    }
}

written! {
    /// What is kept of a shared cache.
    ExternalRetention {
        /// Newest references kept. Default 20.
        max_refs: Option<Spanned<i64>>,
        /// Older ones are removed. Default `14d`.
        stale_age: Option<Text>,
    }
}

written! {
    /// What the builder's own cache may hold.
    PruneSection {
        /// Entries unused for longer go.
        max_age: Option<Text>,
        /// Always kept.
        reserved_space: Option<Text>,
        /// Never more.
        max_used_space: Option<Text>,
        /// Free space the disk must have.
        min_free_space: Option<Text>,
    }
}

written! {
    /// What is tidied away on the docker engine before a build.
    CleanupSection {
        /// Whether at all. Default false.
        enabled: Option<bool>,
        /// best_effort or required. Default best_effort.
        enforcement: Option<EnforcementWord>,
        /// What stays.
        protect: Option<ProtectSection>,
        /// What goes.
        prune: Option<CleanupPrune>,
    }
}

super::words! {
    /// What a failure does.
    EnforcementWord "enforcement" {
        /// A warning.
        BestEffort = "best_effort",
        /// The run fails.
        Required = "required",
    }
}

written! {
    /// What stays.
    ProtectSection {
        /// Images.
        images: Option<ProtectImages>,
        /// Volumes: they always stay.
        volumes: Option<ProtectVolumes>,
    }
}

written! {
    /// Images that stay.
    ProtectImages {
        /// Globs over references, or digests.
        refs: Option<Vec<Text>>,
    }
}

written! {
    /// Volumes always stay.
    ProtectVolumes {
        /// `true`.
        named: Option<Spanned<bool>>,
    }
}

written! {
    /// What goes, by kind.
    CleanupPrune {
        /// Images.
        images: Option<PruneImages>,
        /// Containers.
        containers: Option<PruneContainers>,
        /// The engine's build cache.
        build_cache: Option<PruneBuildCache>,
        /// Networks.
        networks: Option<PruneNetworks>,
    }
}

written! {
    /// Images that go.
    PruneImages {
        /// Without a name.
        dangling: Option<OlderThan>,
        /// Used by no container.
        unreferenced: Option<OlderThan>,
    }
}

written! {
    /// Containers that go.
    PruneContainers {
        /// Those that ended.
        exited: Option<OlderThan>,
    }
}

written! {
    /// How old.
    OlderThan {
        /// A duration such as `72h` or `7d`, or `never`. Default `72h`.
        older_than: Option<Text>,
    }
}

written! {
    /// Build cache that goes.
    PruneBuildCache {
        /// A duration, or `never`. Default `72h`.
        older_than: Option<Text>,
        /// A size. Default `20GB`.
        keep_storage: Option<Text>,
    }
}

written! {
    /// Networks that go.
    PruneNetworks {
        /// Those no container uses. Default true.
        unused: Option<bool>,
    }
}

/// `no_cache`: for the whole build, or for some stages.
#[derive(Debug, Clone)]
pub enum NoCache {
    /// `true` or `false`.
    All(bool),
    /// Stages.
    Stages(Vec<Text>),
}

impl Decode for NoCache {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        if let Value::List(_) = node.value { Vec::decode(node, cx).map(Self::Stages) } else { bool::decode(node, cx).map(Self::All) }
    }
}

impl JsonSchema for NoCache {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NoCache".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "boolean" }, { "type": "array", "items": { "type": "string" } }] })
    }
}
