//! Files in places that are no releases.

use super::TagTemplate;

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
}

/// A place for files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesPlace {
    /// Generic packages of a repository, by its id.
    Repo(String),
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
