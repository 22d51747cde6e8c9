//! Remotes after checking.

use crate::core::RemoteSettings;

/// One entry of `remotes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// What travels to the job that talks to the adapter.
    pub settings: RemoteSettings,
    /// False: a failure of this remote does not fail the run.
    pub required: bool,
}

/// A publish entry of kind `remote`.
#[derive(Debug, Clone)]
pub struct RemotePublish {
    /// Build whose files are published.
    pub build: String,
    /// Ids of remotes, at least one.
    pub remotes: Vec<String>,
    /// Id of an environment.
    pub environment: Option<String>,
    /// Template of the stream; `None` = `{project}`.
    pub stream: Option<String>,
    /// Template of the version; `None` = `{version}`.
    pub version: Option<String>,
    /// Templates of labels.
    pub labels: Vec<String>,
    /// Template of the notes.
    pub notes: Option<String>,
    /// Channel.
    pub channel: Option<String>,
    /// Not for everybody yet; `None` = as the version says.
    pub prerelease: Option<bool>,
    /// Send each file's hash beside it.
    pub checksums: bool,
}
