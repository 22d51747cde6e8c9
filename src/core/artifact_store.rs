//! Where an artifact store is, as plain values: what the config says, what `destinations.json` hands to publish, what the
//! backends are opened with. Names of credential variables, never their values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HostOptions;

/// One artifact store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreSpec {
    /// Its name: the id in the config.
    pub name: String,
    /// Another pair under a reference that is taken is a conflict instead of an overwrite.
    #[serde(default)]
    pub write_once: bool,
    /// Prefix of the credential variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// Additional certificate authorities, a path relative to the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// Where it is.
    #[serde(flatten)]
    pub place: StorePlace,
}

/// Where an artifact store is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StorePlace {
    /// A directory.
    File {
        /// The directory, absolute or relative to the workspace.
        dir: String,
        /// A put waits until the system says that it is on disk.
        fsync: bool,
    },
    /// The memory of one process.
    Memory,
    /// A bucket that is spoken to as Amazon S3 is.
    S3 {
        /// Its name.
        bucket: String,
        /// In front of every key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
        /// Its region; `None`: `AWS_REGION`, else us-east-1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
        /// Where it is, when not at AWS.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
    },
    /// A bucket of Google Cloud Storage.
    Gcs {
        /// Its name.
        bucket: String,
        /// In front of every key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
        /// Where it is, when not at Google.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
    },
    /// A container of Azure Blob Storage.
    Azure {
        /// The storage account.
        account: String,
        /// Its name.
        container: String,
        /// In front of every key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
        /// Where it is, when not at Azure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
    },
    /// A repository of an OCI registry.
    Oci {
        /// Host of the registry, with a port when there is one.
        host: String,
        /// Repository path.
        path: String,
        /// http instead of https.
        #[serde(default)]
        plain_http: bool,
        /// Client certificate, concurrency, rate, retries.
        #[serde(default, skip_serializing_if = "HostOptions::is_default")]
        options: HostOptions,
    },
}

impl StorePlace {
    /// The word the config has for it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Memory => "memory",
            Self::S3 { .. } => "s3",
            Self::Gcs { .. } => "gcs",
            Self::Azure { .. } => "azure",
            Self::Oci { .. } => "oci",
        }
    }

    /// For people: `s3://acme-releases/app`, `/srv/artifacts`, `ghcr.io/acme/artifacts`.
    pub fn shown(&self) -> String {
        let below = |prefix: &Option<String>| prefix.as_ref().map_or_else(String::new, |prefix| format!("/{prefix}"));
        match self {
            Self::File { dir, .. } => dir.clone(),
            Self::Memory => "memory".to_owned(),
            Self::S3 { bucket, prefix, .. } => format!("s3://{bucket}{}", below(prefix)),
            Self::Gcs { bucket, prefix, .. } => format!("gs://{bucket}{}", below(prefix)),
            Self::Azure { account, container, prefix, .. } => format!("az://{account}/{container}{}", below(prefix)),
            Self::Oci { host, path, .. } => format!("{host}/{path}"),
        }
    }
}
