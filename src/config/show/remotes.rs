//! `remotes`, `environments`, and publish entries of kind `remote`, in the vocabulary of the file.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::ShownCondition;
use crate::config::resolved::{Publish, Remote, RemotePublish};
use crate::core::{AdapterOrigin, RemoteSettings};

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShownEnvironment<'c> {
    remotes: IndexMap<&'c str, ShownRemote<'c>>,
}

impl<'c> ShownEnvironment<'c> {
    pub(super) fn new(remotes: &'c IndexMap<String, Remote>) -> Self {
        Self { remotes: remotes.iter().map(|(id, remote)| (id.as_str(), ShownRemote::new(remote))).collect() }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShownRemote<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'c str>,
    adapter: &'c str,
    target: ShownTarget<'c>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'c str>,
    auth: ShownAuth<'c>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    config: &'c BTreeMap<String, String>,
    secrets: &'c [String],
    release: ShownDefaults<'c>,
    runs: ShownRuns<'c>,
    transport: ShownTransport<'c>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
    required: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownTarget<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'c str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownAuth<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_env: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'c str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownDefaults<'c> {
    labels: &'c [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    git_sha_env: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ci_run_url_env: Option<&'c str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownRuns<'c> {
    sync: bool,
    paths: &'c [String],
    require_success: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownTransport<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file_root: Option<&'c str>,
    allow_loopback_http: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_download: Option<String>,
}

impl<'c> ShownRemote<'c> {
    pub(super) fn new(remote: &'c Remote) -> Self {
        let Remote { settings, required } = remote;
        let RemoteSettings {
            name: _,
            environment: _,
            source,
            adapter,
            workspace,
            target_environment,
            endpoint,
            auth_endpoint,
            identity,
            config,
            secrets,
            labels,
            notes,
            channel,
            git_sha_env,
            ci_run_url_env,
            runs,
            transport,
            timeout_seconds,
        } = settings;
        Self {
            source: source.as_ref().map(AdapterOrigin::text),
            digest: match source {
                Some(AdapterOrigin::Url { digest, .. }) => Some(digest),
                _ => None,
            },
            adapter,
            target: ShownTarget { workspace: workspace.as_deref(), environment: target_environment.as_deref() },
            endpoint: endpoint.as_deref(),
            auth: ShownAuth {
                mode: identity.as_ref().and_then(|identity| identity.mode.as_deref()),
                token_env: identity.as_ref().and_then(|identity| identity.token_env.as_deref()),
                endpoint: auth_endpoint.as_deref(),
            },
            config,
            secrets,
            release: ShownDefaults {
                labels,
                notes: notes.as_deref(),
                channel: channel.as_deref(),
                git_sha_env: git_sha_env.as_deref(),
                ci_run_url_env: ci_run_url_env.as_deref(),
            },
            runs: ShownRuns { sync: runs.sync, paths: &runs.paths, require_success: runs.require_success },
            transport: ShownTransport {
                file_root: transport.file_root.as_deref(),
                allow_loopback_http: transport.allow_loopback_http,
                max_download: transport.max_download.map(|size| size.to_string()),
            },
            timeout: timeout_seconds.map(|seconds| format!("{seconds}s")),
            required: *required,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShownRemotePublish<'c> {
    kind: &'static str,
    build: &'c str,
    remote: &'c [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'c str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    labels: &'c [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prerelease: Option<bool>,
    checksums: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    when: Vec<ShownCondition<'c>>,
    required: bool,
}

impl<'c> ShownRemotePublish<'c> {
    pub(super) fn new(publish: &'c Publish, kind: &'c RemotePublish) -> Self {
        let RemotePublish { build, remotes, environment, stream, version, labels, notes, channel, prerelease, checksums } = kind;
        Self {
            kind: "remote",
            build,
            remote: remotes,
            environment: environment.as_deref(),
            stream: stream.as_deref(),
            version: version.as_deref(),
            labels,
            notes: notes.as_deref(),
            channel: channel.as_deref(),
            prerelease: *prerelease,
            checksums: *checksums,
            when: publish.when.iter().map(ShownCondition::new).collect(),
            required: publish.required,
        }
    }
}
