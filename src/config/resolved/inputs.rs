//! What a BuildKit build gets beside files and arguments (spec/build.md W.12, X.3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Options of one build that only BuildKit knows. Written into the plan, so it never holds a value of a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BuildkitOptions {
    /// `secrets`: mounted by `RUN --mount=type=secret,id=…`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretSource>,
    /// `ssh`: `default`, or `id=socket-or-key-path`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ssh: Vec<String>,
    /// `build_contexts`: name → `build:<id>` of this config, a directory below the repository, `oci-layout://DIR[@digest]`
    /// below the repository, `docker-image://REF`, or a git or http URL.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub contexts: BTreeMap<String, String>,
    /// `annotations`: as buildx reads them, `[index,manifest[platform]:]key` → value; rendered.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// `network` of RUN: `default`, `none`, `host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// `ulimits`: `nofile=1024:1024`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ulimits: Vec<String>,
    /// `add_hosts`: `name:address`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_hosts: Vec<String>,
    /// `shm_size` in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<u64>,
    /// `no_cache`: `true` builds every step again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_cache: bool,
    /// `no_cache: [stage]`: stages whose steps are built again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_cache_stages: Vec<String>,
    /// `pull`: ask the registry for base images even when the builder has them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pull: bool,
    /// `load`: put the image into the local docker engine too, for use on this machine.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub load: bool,
    /// `bake`: a bake file below the repository that defines the build, and `target` in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bake: Option<String>,
}

impl BuildkitOptions {
    /// The first option that is set, as the config writes it. None where a builder without BuildKit does the same.
    pub fn first_used(&self) -> Option<&'static str> {
        let Self {
            secrets,
            ssh,
            contexts,
            annotations,
            network,
            ulimits,
            add_hosts,
            shm_size,
            // A builder that keeps no cache and asks for every base image anew builds everything again anyway.
            no_cache: _,
            no_cache_stages: _,
            pull: _,
            load,
            bake,
        } = self;
        let used = [
            ("secrets", !secrets.is_empty()),
            ("ssh", !ssh.is_empty()),
            ("build_contexts", !contexts.is_empty()),
            ("annotations", !annotations.is_empty()),
            ("network", network.is_some()),
            ("ulimits", !ulimits.is_empty()),
            ("add_hosts", !add_hosts.is_empty()),
            ("shm_size", shm_size.is_some()),
            ("load", *load),
            ("bake", bake.is_some()),
        ];
        used.into_iter().find(|(_, used)| *used).map(|(name, _)| name)
    }
}

/// Where the value of a BuildKit secret is: exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretSource {
    /// Id that `--mount=type=secret,id=` names.
    pub id: String,
    /// Environment variable that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// File that holds it, below the repository or absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src: Option<String>,
}
