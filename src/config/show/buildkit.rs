//! The options of a docker build that only BuildKit has, in the vocabulary of the file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::config::resolved::{BuildkitOptions, SecretSource};

/// What is set.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownBuildkit<'c> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    secrets: &'c [SecretSource],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ssh: &'c [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    build_contexts: &'c BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'c BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<&'c str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ulimits: &'c [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    add_hosts: &'c [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    shm_size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_cache: Option<ShownNoCache<'c>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pull: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    load: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    bake: Option<&'c str>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum ShownNoCache<'c> {
    All(bool),
    Stages(&'c [String]),
}

impl<'c> ShownBuildkit<'c> {
    /// Takes the options apart.
    pub fn new(options: &'c BuildkitOptions) -> Self {
        let BuildkitOptions {
            secrets,
            ssh,
            contexts,
            annotations,
            network,
            ulimits,
            add_hosts,
            shm_size,
            no_cache,
            no_cache_stages,
            pull,
            load,
            bake,
        } = options;
        let stages = (!no_cache_stages.is_empty()).then_some(ShownNoCache::Stages(no_cache_stages));
        Self {
            secrets,
            ssh,
            build_contexts: contexts,
            annotations,
            network: network.as_deref(),
            ulimits,
            add_hosts,
            shm_size: shm_size.map(|bytes| format!("{bytes}B")),
            no_cache: if *no_cache { Some(ShownNoCache::All(true)) } else { stages },
            pull: *pull,
            load: *load,
            bake: bake.as_deref(),
        }
    }
}
