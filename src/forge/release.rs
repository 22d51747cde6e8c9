//! A release: what it shall be, and what a forge has.

use url::Url;

use super::asset::StoredAsset;
use super::release_links::ReleaseLink;

/// What a release shall be, beside its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseSpec {
    /// Git tag it belongs to: `v1.4.0`.
    pub tag: String,
    /// Full commit id the tag names, or shall name when the forge makes it.
    pub commit: String,
    /// The forge may make the tag. Otherwise a missing tag is an error: somebody removed it.
    pub may_make_tag: bool,
    /// Title.
    pub title: String,
    /// Notes, complete with the markers around what is ours ([`crate::forge::notes`]).
    pub notes: String,
    /// It is marked as not ready for everybody.
    pub prerelease: bool,
    /// What it links to beside its files, where the forge has such links (GitLab).
    pub links: Vec<ReleaseLink>,
}

/// How a release is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Only by those who may write.
    Draft,
    /// By everybody who may read, and it can still change.
    Published,
    /// By everybody who may read; the forge lets nothing be added to it or taken from it any more.
    Sealed,
}

/// Where files of a release are put before it is visible: a draft, or a package version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// What the forge calls it: a draft's number, `package/version`.
    pub id: String,
    /// Where files are sent to, when the forge named the address.
    pub upload: Option<Url>,
}

/// A release as a forge describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRelease {
    /// Where its files are.
    pub container: Container,
    /// Tag it belongs to.
    pub tag: String,
    /// Title.
    pub title: String,
    /// Notes.
    pub notes: String,
    /// How it is seen.
    pub visibility: Visibility,
    /// It is marked as not ready for everybody.
    pub prerelease: bool,
    /// Commit or branch the tag is made at when it does not exist.
    pub target: String,
    /// When it was made, RFC 3339, as far as the forge tells.
    pub created: Option<String>,
    /// Where people look at it.
    pub page: Option<Url>,
    /// Names of the files it shows, where those are not simply what its container holds (GitLab's links).
    pub listed: Option<Vec<String>>,
    /// Those of them that lead elsewhere than to the file of their name in the container.
    pub elsewhere: Vec<String>,
    /// Where they lead: an address is linked once.
    pub addresses: Vec<String>,
    /// Files that were told along with it. What is among them is there; what is not may be there all the same, and a list of
    /// the container's files tells.
    pub files: Vec<StoredAsset>,
}

impl StoredRelease {
    /// Everybody who may read sees it.
    pub fn is_visible(&self) -> bool {
        self.visibility != Visibility::Draft
    }
}
