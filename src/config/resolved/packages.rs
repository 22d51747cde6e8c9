//! Files in places that are no releases.

use super::{ReleaseRetention, TagTemplate};

/// A publish entry of kind `generic-package` or `files`.
#[derive(Debug, Clone)]
pub struct FilesPublish {
    /// Where to.
    pub place: FilesPlace,
    /// Directory above the versions, a template: the package. `None`: the last part of the project's path, or none.
    pub directory: Option<String>,
    /// Version template.
    pub version: String,
    /// Ids of builds whose files are published.
    pub builds: Vec<String>,
    /// Pointers that move with versions.
    pub aliases: Vec<TagTemplate>,
    /// What stays of what was published before.
    pub retention: Option<ReleaseRetention>,
}

/// A place for files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesPlace {
    /// Generic packages of a repository, by its id.
    Repo(String),
    /// An S3 bucket.
    Bucket {
        /// Which and where.
        bucket: Bucket,
        /// Prefix of the credential variables, upper case.
        credentials: Option<String>,
        /// Additional certificate authorities, a path relative to the config.
        ca_file: Option<String>,
    },
    /// A server that takes PUT.
    Server {
        /// Address of a directory, without a closing slash.
        url: String,
        /// Prefix of the credential variables, upper case.
        credentials: Option<String>,
        /// Additional certificate authorities, a path relative to the config.
        ca_file: Option<String>,
    },
}

/// An S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// In front of every key.
    pub prefix: Option<String>,
    /// Its region, when the config says one.
    pub region: Option<String>,
    /// Where it is, when not at AWS.
    pub endpoint: Option<String>,
}

impl Bucket {
    /// `s3://name/prefix`.
    pub fn url(&self) -> String {
        match &self.prefix {
            Some(prefix) => format!("s3://{}/{prefix}", self.name),
            None => format!("s3://{}", self.name),
        }
    }
}
