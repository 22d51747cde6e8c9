//! Pull and merge requests, as far as embedded forges tell of them.

use serde::{Deserialize, Serialize};

use crate::core::{Digest, Timestamp};

/// A pull request, or a merge request, as GitLab calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Number in its project.
    pub number: u64,
    /// Title.
    pub title: String,
    /// Account of who made it.
    pub author: String,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// When it changed last.
    pub updated: Timestamp,
    /// What became of it.
    pub end: End,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Nothing yet.
    Open,
    /// It was closed, and not merged.
    Closed,
    /// This commit merged it.
    Merged(String),
    /// All of it is this one commit.
    Squashed(String),
    /// Its own commits are in the branch, and this is the last of them.
    Rebased(String),
}

impl Request {
    /// It was merged.
    pub fn is_merged(&self) -> bool {
        matches!(self.end, End::Merged(_) | End::Squashed(_) | End::Rebased(_))
    }

    /// The last commit of the branch it was made from.
    pub(in crate::rehearse) fn head(&self) -> String {
        match &self.end {
            End::Rebased(commit) => commit.clone(),
            _ => Digest::of(format!("head of request {}", self.number).as_bytes()).hex()[..40].to_owned(),
        }
    }
}
