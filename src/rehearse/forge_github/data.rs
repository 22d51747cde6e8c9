//! What the forge knows, and how it outlives the process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::options::{Options, Repository};
use crate::core::{Digest, Timestamp};
use crate::error::{Error, Result};
use crate::fs;
use crate::rehearse::request::Request;

/// The most the file of the state may weigh.
const LARGEST_STATE: u64 = 256 << 20;

/// Everything, as it is written to `state.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Data {
    /// Numbers given out so far; also the clock: every change is a second later.
    pub count: u64,
    /// Repositories by `owner/name`.
    pub repositories: BTreeMap<String, Repo>,
}

/// A repository.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Repo {
    /// Tags by name.
    pub tags: BTreeMap<String, GitTag>,
    /// Releases and drafts, in the order they were made.
    pub releases: Vec<Release>,
    /// The release that was made the latest one by name.
    pub latest: Option<u64>,
    /// Tag names that can never be used again.
    pub burnt: BTreeSet<String>,
    /// Pull requests.
    #[serde(default)]
    pub requests: Vec<Request>,
}

/// A git tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitTag {
    /// The commit it leads to.
    pub commit: String,
    /// The tag object between, when it is annotated.
    pub object: Option<String>,
}

/// A release or a draft.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Release {
    pub id: u64,
    pub tag_name: String,
    pub target_commitish: String,
    pub name: String,
    pub body: String,
    pub draft: bool,
    pub prerelease: bool,
    pub immutable: bool,
    pub created_at: String,
    pub published_at: Option<String>,
    pub assets: Vec<Asset>,
    // Reads that do not show it yet.
    #[serde(skip)]
    pub hidden_from_list: u32,
    #[serde(skip)]
    pub hidden_by_tag: u32,
}

/// A file of a release.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Asset {
    pub id: u64,
    pub name: String,
    pub content_type: String,
    /// `starter` until all of it arrived.
    pub uploaded: bool,
    pub size: u64,
    pub digest: Option<Digest>,
    pub created_at: String,
}

impl Data {
    /// Reads the state of a directory, and adds what the options say exists.
    pub fn open(options: &Options) -> Result<Self> {
        let opening = |error: crate::core::PathError| Error::from(error).context("cannot open the embedded forge");
        fs::create_dir(&options.dir.join("assets")).map_err(opening)?;
        let file = file(&options.dir);
        let mut data: Self = if fs::exists(&file) {
            let bytes = fs::read_bounded(&file, LARGEST_STATE).map_err(opening)?;
            serde_json::from_slice(&bytes).map_err(|error| {
                Error::failed(format!("{} is not the state of an embedded forge", file.display()))
                    .because(&error)
                    .hint("remove its directory; it holds nothing but rehearsals")
            })?
        } else {
            Self::default()
        };
        for (name, found) in &options.repositories {
            data.repositories.entry(name.clone()).or_default().take_in(found);
        }
        Ok(data)
    }

    /// Writes the state.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::failed("cannot write the forge's state").because(&error))?;
        fs::write_atomic(&file(dir), &bytes, 0o600)?;
        Ok(())
    }

    /// The next number, and the time that goes with it.
    pub fn next(&mut self) -> (u64, String) {
        self.count += 1;
        (self.count, at(self.count))
    }
}

impl Repo {
    fn take_in(&mut self, found: &Repository) {
        for (name, commit) in &found.tags {
            let object = found.annotated.contains(name).then(|| object_of(name, commit));
            self.tags.entry(name.clone()).or_insert_with(|| GitTag { commit: commit.clone(), object });
        }
        self.burnt.extend(found.burnt.iter().cloned());
        self.requests.retain(|known| !found.requests.iter().any(|one| one.number == known.number));
        self.requests.extend(found.requests.iter().cloned());
    }

    /// A release by number.
    pub fn release(&mut self, id: u64) -> Option<&mut Release> {
        self.releases.iter_mut().find(|release| release.id == id)
    }

    /// The release a file belongs to.
    pub fn release_with(&mut self, asset: u64) -> Option<&mut Release> {
        self.releases.iter_mut().find(|release| release.assets.iter().any(|known| known.id == asset))
    }

    /// The latest release: the one that was made so, or the youngest that is seen and no pre-release.
    pub fn latest_release(&self) -> Option<&Release> {
        let seen = || self.releases.iter().filter(|release| !release.draft && !release.prerelease);
        let named = self.latest.and_then(|id| seen().find(|release| release.id == id));
        named.or_else(|| seen().max_by(|one, other| one.published_at.cmp(&other.published_at)))
    }

    /// A visible release of this tag, other than `except`.
    pub fn published(&self, tag: &str, except: Option<u64>) -> Option<&Release> {
        self.releases.iter().find(|release| !release.draft && release.tag_name == tag && Some(release.id) != except)
    }

    /// This tag belongs to a release that cannot change.
    pub fn is_sealed(&self, tag: &str) -> bool {
        self.releases.iter().any(|release| release.immutable && release.tag_name == tag)
    }
}

/// Where the bytes of a file are.
pub fn asset_file(dir: &Path, id: u64) -> PathBuf {
    dir.join("assets").join(id.to_string())
}

/// The number of a tag object.
fn object_of(name: &str, commit: &str) -> String {
    Digest::of(format!("{name} {commit}").as_bytes()).hex()[..40].to_owned()
}

fn file(dir: &Path) -> PathBuf {
    dir.join("state.json")
}

// A clock that only changes move: the same requests give the same answers.
fn at(count: u64) -> String {
    const START: i64 = 1_767_225_600; // 2026-01-01
    Timestamp::from_unix(START + i64::try_from(count).unwrap_or_default()).to_string()
}
