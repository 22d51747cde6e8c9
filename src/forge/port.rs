//! The one port of this room: what a forge can do, one call at a time.
//!
//! Two flows are behind it. A forge with drafts (GitHub, Gitea, Forgejo) is asked to `open` a draft, files are put into
//! it, and `publish` makes it visible. A forge without (GitLab) takes files into a package first: `open` writes nothing
//! there, and `publish` creates the release with links to them, last.

use tokio_util::sync::CancellationToken;

use super::api::Answer;
use super::asset::{AssetSource, StoredAsset};
use super::error::ForgeError;
use super::release::{Container, ReleaseSpec, StoredRelease};
use crate::core::{BoxFuture, NameRules};
use crate::http::Request;
use crate::publish::{Inquiry, Preflight};

/// The provider of the GitHub of our own, which is started for the run.
pub const EMBEDDED: &str = "embedded";

/// The provider of the GitLab of our own.
pub const EMBEDDED_GITLAB: &str = "embedded-gitlab";

/// The token that lets us into it. It opens nothing else.
pub const REHEARSAL_TOKEN: &str = "rehearsal";

/// Forge products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// GitHub, GitHub Enterprise Server.
    Github,
    /// GitLab, self-managed or not.
    Gitlab,
    /// Gitea.
    Gitea,
    /// Forgejo, whose API is Gitea's.
    Forgejo,
}

impl Provider {
    /// Every provider, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Github, Self::Gitlab, Self::Gitea, Self::Forgejo];

    /// The name config writes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
        }
    }

    /// The product that a target's provider is, and whether it is one of our own.
    pub fn of_target(name: &str) -> Option<(Self, bool)> {
        match name {
            EMBEDDED => Some((Self::Github, true)),
            EMBEDDED_GITLAB => Some((Self::Gitlab, true)),
            name => Self::of_name(name).map(|provider| (provider, false)),
        }
    }

    /// The product of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }
}

/// One project on one forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Product.
    pub provider: Provider,
    /// Host with port and path prefix, for people and names: `github.com`, `git.acme.dev/forge`.
    pub host: String,
    /// `owner/name`, with further groups on GitLab.
    pub project: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.host, self.project)
    }
}

/// When a release becomes visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// A draft holds the files; publishing it is one change.
    Draft,
    /// Files go into a package; the release with links to them is made last.
    PackageFirst,
}

/// What a forge allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// When a release becomes visible.
    pub flow: Flow,
    /// Largest file in bytes, where it is known.
    pub largest_asset: Option<u64>,
    /// Most files of one release, where it is known.
    pub most_assets: Option<usize>,
    /// It tells the SHA-256 of what it holds.
    pub tells_digests: bool,
    /// It tells releases that are not ready for everybody from others.
    pub marks_prereleases: bool,
    /// A file without bytes can be attached.
    pub empty_assets: bool,
    /// Longest notes in characters, where it is known.
    pub longest_notes: Option<usize>,
    /// How it changes names of files.
    pub names: NameRules,
    /// Files of one release that may be sent at the same time; 1: one after the other.
    pub uploads_at_a_time: usize,
}

/// What a git tag names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTarget {
    /// Commit it leads to, through an annotated tag when it is one.
    pub commit: String,
}

/// A project on a forge. Every method makes the calls it says and no others; none of them repeats a write.
pub trait Forge: Send + Sync {
    /// Which project where.
    fn place(&self) -> &Place;

    /// What it allows.
    fn rules(&self) -> &Rules;

    /// Checks credentials and permissions, and what the forge says of its limits. Leaves nothing behind.
    fn preflight<'a>(&'a self, inquiry: Inquiry, cancel: &'a CancellationToken) -> BoxFuture<'a, Preflight>;

    /// All releases and drafts of a tag, drafts included, the oldest first. More than one is what a race leaves behind.
    /// A release that is visible is found by one request, where the forge allows that.
    fn releases_of<'a>(&'a self, tag: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<StoredRelease>, ForgeError>>;

    /// Makes a draft, with its notes, and tells it as it was made. Called with [`Flow::Draft`] only. Whoever calls has
    /// looked, and looks again afterwards: two publishers may come here at once.
    fn open<'a>(&'a self, spec: &'a ReleaseSpec, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<StoredRelease, ForgeError>>;

    /// Where files go when nothing needs to be made first ([`Flow::PackageFirst`]), `None` otherwise.
    fn container_of(&self, tag: &str) -> Option<Container>;

    /// The files there, with all pages.
    fn assets<'a>(&'a self, container: &'a Container, cancel: &'a CancellationToken)
    -> BoxFuture<'a, Result<Vec<StoredAsset>, ForgeError>>;

    /// Where and how one file is sent, token included: a description that [`super::Uploader`] carries out, as often as it
    /// must, with its own deadline and watching.
    fn upload(&self, container: &Container, asset: &AssetSource) -> Result<Request, ForgeError>;

    /// What the answer to such a request means. A name that is taken is kind `Exists`: the uploader looks what is there.
    fn uploaded(&self, asset: &AssetSource, answer: &Answer) -> Result<StoredAsset, ForgeError>;

    /// Takes a file away. Gone already is a success.
    fn remove_asset<'a>(
        &'a self,
        container: &'a Container,
        asset: &'a StoredAsset,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>>;

    /// Gives a file another name, which no other file has, and tells it as it is now. Called with [`Flow::Draft`] only.
    fn rename_asset<'a>(
        &'a self,
        container: &'a Container,
        asset: &'a StoredAsset,
        name: &'a str,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<StoredAsset, ForgeError>>;

    /// Takes the link to a file out of a release, where files and links are two things. Gone already is a success.
    fn unlist<'a>(
        &'a self,
        _held: &'a StoredRelease,
        _name: &'a str,
        _cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async { Ok(()) })
    }

    /// Makes the release visible, with these files, and gives it its title and notes. `held` is what is there now: a
    /// draft; a visible release that lacks something outside its files; `None` with [`Flow::PackageFirst`].
    fn publish<'a>(
        &'a self,
        spec: &'a ReleaseSpec,
        held: Option<&'a StoredRelease>,
        assets: &'a [StoredAsset],
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<StoredRelease, ForgeError>>;

    /// Changes title, notes and pre-release mark of a release, seen or not, and nothing else.
    fn describe<'a>(
        &'a self,
        held: &'a StoredRelease,
        spec: &'a ReleaseSpec,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>>;

    /// Deletes a release or draft, and its files as far as they are nobody else's. Never the tag. Gone already is a success.
    fn remove_release<'a>(&'a self, held: &'a StoredRelease, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>>;

    /// Every release and draft, newest first, with all pages.
    fn releases<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<StoredRelease>, ForgeError>>;

    /// The release the forge calls the latest; `None` when there is none or it has no such notion.
    fn latest<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<StoredRelease>, ForgeError>>;

    /// Makes this the latest release. Nothing where the forge has no such notion.
    fn make_latest<'a>(&'a self, held: &'a StoredRelease, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>>;

    /// What a git tag names; `None` when there is none.
    fn tag<'a>(&'a self, name: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<TagTarget>, ForgeError>>;

    /// Makes a lightweight tag. There already: kind `Exists`.
    fn make_tag<'a>(&'a self, name: &'a str, commit: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>>;

    /// Moves a tag to another commit in place, where the forge can; a moment without the tag must not be.
    fn move_tag<'a>(&'a self, name: &'a str, commit: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>>;

    /// Deletes a git tag. Gone already is a success.
    fn remove_tag<'a>(&'a self, name: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>>;

    /// A request that reads a stored file's bytes, for those who must hash them because the forge tells no digest.
    fn download(&self, asset: &StoredAsset) -> Result<Request, ForgeError>;
}
