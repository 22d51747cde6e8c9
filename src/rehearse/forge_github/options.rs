//! What an embedded GitHub is started with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::core::Secret;
use crate::rehearse::api;
use crate::rehearse::request::Request;

/// Everything that can be chosen.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where its data is. Made when missing.
    pub dir: PathBuf,
    /// Address, faults, latency, observers.
    pub server: api::Options,
    /// The token that is accepted; `None` accepts every token and none at all.
    pub token: Option<Secret>,
    /// Repositories that exist, `owner/name`. What a directory already holds of them stays.
    pub repositories: BTreeMap<String, Repository>,
    /// Largest file in bytes (GitHub: under 2 GiB).
    pub largest_asset: u64,
    /// Most files of one release (GitHub: 1 000).
    pub most_assets: usize,
    /// Most files that are told along with a release asked for by its tag. GitHub tells all, and promises nothing.
    pub most_told: usize,
    /// How far reads lag behind writes.
    pub lags: Lags,
    /// Files tell their SHA-256; servers before 3.18 do not.
    pub digests: bool,
    /// Bytes of files are given by a redirect to this origin, which must lead here too (`http://localhost:PORT`), as GitHub
    /// redirects to its storage. Without it they are given directly.
    pub storage: bool,
}

impl Options {
    /// A forge with these repositories, on a free port of loopback, that accepts everybody.
    pub fn new(dir: impl Into<PathBuf>, repositories: impl IntoIterator<Item = (String, Repository)>) -> Self {
        Self {
            dir: dir.into(),
            server: api::Options::default(),
            token: None,
            repositories: repositories.into_iter().collect(),
            largest_asset: (2 << 30) - 1,
            most_assets: 1000,
            most_told: usize::MAX,
            lags: Lags::default(),
            digests: true,
            storage: false,
        }
    }
}

/// A repository as it is found.
#[derive(Debug, Clone, Default)]
pub struct Repository {
    /// Git tags and the commits they name.
    pub tags: BTreeMap<String, String>,
    /// Those of them that are annotated: a tag object leads to the commit.
    pub annotated: Vec<String>,
    /// Releases cannot change once they are published ("immutable releases" of the repository's settings).
    pub immutable_releases: bool,
    /// Tags that cannot be made, moved or deleted with this token (rulesets).
    pub protected_tags: Vec<String>,
    /// Tag names of immutable releases that were deleted.
    pub burnt: Vec<String>,
    /// What the token may.
    pub permission: Permission,
    /// Pull requests.
    pub requests: Vec<Request>,
    /// The token may not read pull requests: 403 that names the permission.
    pub requests_hidden: bool,
}

/// What a token may in a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Permission {
    /// Read and write.
    #[default]
    Write,
    /// Read: writes are 403 and name the permission they want.
    Read,
    /// Nothing: everything is 404.
    None,
}

/// How many reads after a write still show what was before it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lags {
    /// Look-ups by tag after a release was published: 404.
    pub by_tag: u32,
    /// Lists of releases after a draft was made: without it.
    pub list: u32,
}
