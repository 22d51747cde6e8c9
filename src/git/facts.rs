//! What was read of the repository, as a value the plan can be computed from.

use serde::{Deserialize, Serialize};

use crate::core::Timestamp;

/// A tag on the history of HEAD.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachableTag {
    /// Its name, without `refs/tags/`.
    pub name: String,
    /// How many commits HEAD is ahead of it; 0 when it is at HEAD.
    pub distance: u64,
}

/// Facts of the checked-out commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitFacts {
    /// Full commit id of HEAD.
    pub head: String,
    /// Branch HEAD is on; `None` when detached.
    pub branch: Option<String>,
    /// Committer time of HEAD: the time stamped into images.
    pub commit_time: Timestamp,
    /// Tracked files differ from HEAD.
    pub dirty: bool,
    /// History is cut (shallow clone): versions cannot be derived from it.
    pub shallow: bool,
    /// Tags reachable from HEAD, nearest first.
    pub tags: Vec<ReachableTag>,
    /// Clone address of `origin` as configured, without credentials, when there is one.
    pub remote: Option<String>,
}

impl GitFacts {
    /// Names of the tags exactly at HEAD.
    pub fn tags_at_head(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().filter(|tag| tag.distance == 0).map(|tag| tag.name.as_str())
    }
}
