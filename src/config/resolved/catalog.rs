//! Components of a GitLab project.

/// A publish entry of kind `gitlab-component`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentPublish {
    /// Id of the repository, at GitLab.
    pub repo: String,
    /// Paths and globs of component files; empty = all there are.
    pub spec_files: Vec<String>,
    /// False: the files are checked, and nothing is published.
    pub catalog: bool,
}
