//! Publish entries of kinds `generic-package` and `files`.

use schemars::JsonSchema;
use serde::Serialize;

use super::forges::ShownRetention;
use super::{ShownCondition, ShownTag};
use crate::config::resolved::{FilesPlace, FilesPublish, Publish};

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShownFilesPublish<'c> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    repo: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'c str>,
    version: &'c str,
    archives: &'c [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<ShownTag<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<&'c str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    when: Vec<ShownCondition<'c>>,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<ShownRetention<'c>>,
}

impl<'c> ShownFilesPublish<'c> {
    pub(super) fn new(publish: &'c Publish, kind: &'c FilesPublish) -> Self {
        let Publish { id: _, when, required, kind: _ } = publish;
        let FilesPublish { place, directory, version, builds, aliases, retention } = kind;
        let directory = directory.as_deref();
        let (repo, url, credentials, ca_file) = match place {
            FilesPlace::Repo(repo) => (Some(repo.as_str()), None, None, None),
            FilesPlace::Server { url, credentials, ca_file } => (None, Some(url.clone()), credentials.as_deref(), ca_file.as_deref()),
            FilesPlace::Bucket { bucket, credentials, ca_file } => (None, Some(bucket.url()), credentials.as_deref(), ca_file.as_deref()),
        };
        let (endpoint, region) = match place {
            FilesPlace::Bucket { bucket, .. } => (bucket.endpoint.as_deref(), bucket.region.as_deref()),
            FilesPlace::Repo(_) | FilesPlace::Server { .. } => (None, None),
        };
        Self {
            kind: if repo.is_some() { "generic-package" } else { "files" },
            repo,
            url,
            endpoint,
            region,
            package: directory.filter(|_| repo.is_some()),
            path: directory.filter(|_| repo.is_none()),
            version,
            archives: builds,
            aliases: aliases.iter().map(ShownTag::new).collect(),
            credentials,
            ca_file,
            when: when.iter().map(ShownCondition::new).collect(),
            required: *required,
            retention: retention.as_ref().map(ShownRetention::new),
        }
    }
}
