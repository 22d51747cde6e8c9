//! What the config says of one remote, as it travels from the config over the plan to the job that talks to the adapter.
//! Names of secrets, never values.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One remote, with its environment already applied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoteSettings {
    /// Its id in the config.
    pub name: String,
    /// The environment of the config it was taken with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Where its adapter comes from; none = found by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<AdapterOrigin>,
    /// Name of the adapter: the file's name without `epack-remote-`.
    pub adapter: String,
    /// Workspace at the remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Environment at the remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_environment: Option<String>,
    /// Address the adapter talks to instead of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Address the adapter logs in at instead of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_endpoint: Option<String>,
    /// As whom, when the host says that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentitySettings>,
    /// Handed to the adapter with every request: bucket, region, prefix and the like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    /// Names of variables the adapter gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Labels of every release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Notes of every release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Channel of every release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Variable that holds the commit, where it is not the CI's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_sha_env: Option<String>,
    /// Variable that holds the address of the pipeline, where it is not the CI's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci_run_url_env: Option<String>,
    /// Records of runs.
    #[serde(default)]
    pub runs: RunsSettings,
    /// What uploads and downloads may do.
    #[serde(default)]
    pub transport: TransportSettings,
    /// How long one command of the adapter may take, in seconds; none = five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
}

/// Where an adapter comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AdapterOrigin {
    /// A file, relative to the workspace or absolute.
    Path(String),
    /// A file at an https address, with the digest it must have.
    Url {
        /// The address.
        url: String,
        /// `sha256:…`.
        digest: String,
    },
    /// An artifact in a registry: `ghcr.io/acme/epack-remote-x:1.2`.
    Oci(String),
    /// An asset of a release: `github:owner/repo@v1.2.3`.
    Release(String),
}

impl AdapterOrigin {
    /// As the config and the lockfile write it.
    pub fn text(&self) -> String {
        match self {
            Self::Path(path) => path.clone(),
            Self::Url { url, .. } => url.clone(),
            Self::Oci(reference) => format!("oci://{reference}"),
            Self::Release(release) => release.clone(),
        }
    }

    /// The word in the lockfile.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Path(_) => "path",
            Self::Url { .. } => "url",
            Self::Oci(_) => "oci",
            Self::Release(_) => "release",
        }
    }
}

/// As whom an adapter shall act, when the host says that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentitySettings {
    /// `oidc_token`, `api_key`, `device_code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Variable that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
}

/// Records of runs that belong to what is pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunsSettings {
    /// Hand them over.
    pub sync: bool,
    /// Globs of their results; empty = the usual places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// A run that is not taken over fails the push.
    pub require_success: bool,
}

impl Default for RunsSettings {
    fn default() -> Self {
        Self { sync: true, paths: Vec::new(), require_success: false }
    }
}

/// What uploads and downloads may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransportSettings {
    /// Directory that `file://` addresses must lie in, relative to the workspace or absolute; none = no such addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_root: Option<String>,
    /// Plain http to `localhost`, `127.0.0.1` and `::1`.
    #[serde(default)]
    pub allow_loopback_http: bool,
    /// The most a download may weigh, in bytes; none = 2 GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_download: Option<u64>,
}

/// What a publish entry says of the release of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoteRelease {
    /// Name of the file at the remote.
    pub file: String,
    /// Labels, after those of the remote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Notes, instead of those of the remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Channel, instead of that of the remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// It is not for everybody yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prerelease: bool,
    /// Send the file's hash beside it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub checksums: bool,
}

/// The most characters of a name.
const LONGEST_NAME: usize = 64;

/// Is it a name of a remote, adapter or environment? Lower-case letters, digits, `.`, `_`, `-`; begins with a letter or
/// digit; no `..`; at most 64 characters. Names become file names, so they are checked and never rewritten.
pub fn is_remote_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    first
        && text.len() <= LONGEST_NAME
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
        && !text.contains("..")
}

/// May a variable of that name be handed to an adapter? Not those that decide how programs start and load code.
pub fn is_adapter_secret(text: &str) -> bool {
    const REFUSED: [&str; 8] = ["PATH", "PYTHONPATH", "NODE_OPTIONS", "GIT_SSH_COMMAND", "BASH_ENV", "ENV", "PERL5OPT", "RUBYOPT"];
    let upper = text.to_ascii_uppercase();
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !["EPACK_", "LD_", "DYLD_"].iter().any(|prefix| upper.starts_with(prefix))
        && !REFUSED.contains(&upper.as_str())
}
