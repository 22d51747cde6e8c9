//! Everything an embedded GitLab knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use super::options::{CatalogProject, Project};
use crate::core::{Digest, Timestamp};
use crate::rehearse::request::Request;

/// When the first thing happened; each further one is a second later, so that order shows and nothing reads a clock.
const DAWN: i64 = 1_782_900_000;

/// All projects.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct World {
    pub(super) projects: Vec<Held>,
    last_id: u64,
}

/// One project.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) id: u64,
    pub(super) path: String,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) refs: BTreeMap<String, String>,
    // As the options say, each time anew.
    #[serde(skip)]
    pub(super) protected: GlobSet,
    pub(super) without_packages: bool,
    pub(super) refuse_duplicates: bool,
    /// In the order they were made.
    pub(super) releases: Vec<Release>,
    pub(super) packages: Vec<Package>,
    /// Package versions that somebody sends a file to right now.
    #[serde(skip)]
    pub(super) sending: Vec<(String, String)>,
    /// What it is to the CI/CD catalog, as the options say, each time anew.
    #[serde(skip)]
    pub(super) catalog_rules: CatalogProject,
    /// Merge requests.
    #[serde(default)]
    pub(super) requests: Vec<Request>,
    /// Versions in the CI/CD catalog.
    pub(super) catalog: Vec<CatalogVersion>,
}

/// A version in the CI/CD catalog.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CatalogVersion {
    pub(super) tag: String,
    /// As they were told.
    pub(super) components: Vec<serde_json::Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Release {
    pub(super) tag: String,
    pub(super) commit: String,
    pub(super) name: String,
    pub(super) description: String,
    /// Who made it.
    pub(super) author: String,
    pub(super) created: Timestamp,
    pub(super) released: Timestamp,
    pub(super) links: Vec<Link>,
    /// How it was before its last change, for stale reads; none: it was not there.
    #[serde(skip)]
    pub(super) before: Option<Box<Release>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Link {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) url: String,
    pub(super) path: Option<String>,
    pub(super) kind: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Package {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) created: Timestamp,
    pub(super) files: Vec<PackageFile>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PackageFile {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) created: Timestamp,
    pub(super) kept: Kept,
}

/// Bytes that arrived and were kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) digest: Digest,
}

/// A release as tests look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRelease {
    /// Tag.
    pub tag: String,
    /// Commit.
    pub commit: String,
    /// Title.
    pub name: String,
    /// Notes.
    pub description: String,
    /// Names, addresses and kinds of links, in order.
    pub links: Vec<(String, String, String)>,
}

/// A file of a package as tests look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldFile {
    /// Package.
    pub package: String,
    /// Version.
    pub version: String,
    /// Name.
    pub name: String,
    /// Digest of its bytes.
    pub digest: Digest,
}

impl World {
    pub(super) fn new(projects: &[Project]) -> Self {
        let mut world = Self::default();
        world.take_in(projects);
        world
    }

    /// Knows what these say exists, beside what it knew before.
    pub(super) fn take_in(&mut self, projects: &[Project]) {
        let world = self;
        for project in projects {
            if let Some(at) = world.find(&project.path) {
                let held = &mut world.projects[at];
                held.protected = globs(&project.protected);
                held.catalog_rules = project.catalog;
                for (tag, commit) in &project.tags {
                    held.tags.entry(tag.clone()).or_insert_with(|| commit.clone());
                }
                held.refs.extend(project.refs.clone());
                held.requests.retain(|known| !project.requests.iter().any(|one| one.number == known.number));
                held.requests.extend(project.requests.clone());
                continue;
            }
            let id = world.next_id();
            world.projects.push(Held {
                id,
                path: project.path.clone(),
                tags: project.tags.clone(),
                refs: project.refs.clone(),
                protected: globs(&project.protected),
                without_packages: project.without_packages,
                refuse_duplicates: project.refuse_duplicates,
                releases: Vec::new(),
                packages: Vec::new(),
                sending: Vec::new(),
                catalog_rules: project.catalog,
                requests: project.requests.clone(),
                catalog: Vec::new(),
            });
        }
    }

    /// The last number that was used.
    pub(super) fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Every file that is kept.
    pub(super) fn kept_mut(&mut self) -> impl Iterator<Item = &mut Kept> {
        let packages = self.projects.iter_mut().flat_map(|project| &mut project.packages);
        packages.flat_map(|package| &mut package.files).map(|file| &mut file.kept)
    }

    /// Numbers are never used twice.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A moment later than all before.
    pub(super) fn now(&mut self) -> Timestamp {
        Timestamp::from_unix(DAWN + i64::try_from(self.next_id()).unwrap_or(0))
    }

    /// Where a project stands, by number or path.
    pub(super) fn find(&self, project: &str) -> Option<usize> {
        self.projects.iter().position(|held| held.path == project || held.id.to_string() == project)
    }
}

impl World {
    /// A file that somebody else sent. What cannot be kept is not there.
    pub(super) fn add_file(&mut self, at: usize, dir: &Path, (package, version, name): (&str, &str, &str), bytes: &[u8]) {
        let (id, created, file) = (self.next_id(), self.now(), self.next_id());
        let path = dir.join(format!("other-{file}"));
        if crate::fs::write_atomic(&path, bytes, 0o600).is_err() {
            return;
        }
        let kept = Kept { path, size: bytes.len() as u64, digest: Digest::of(bytes) };
        let file = PackageFile { id: file, name: name.to_owned(), created, kept };
        let packages = &mut self.projects[at].packages;
        match packages.iter_mut().find(|known| known.name == package && known.version == version) {
            Some(known) => known.files.push(file),
            None => packages.push(Package { id, name: package.to_owned(), version: version.to_owned(), created, files: vec![file] }),
        }
    }

    /// A release that somebody else made.
    pub(super) fn add_release(&mut self, at: usize, tag: &str, commit: &str) {
        let created = self.now();
        let (tag, commit) = (tag.to_owned(), commit.to_owned());
        let release = Release {
            name: tag.clone(),
            tag,
            commit,
            description: String::new(),
            author: "somebody".to_owned(),
            created,
            released: created,
            links: Vec::new(),
            before: None,
        };
        self.projects[at].releases.push(release);
    }
}

// A pattern that is none protects nothing; the options are written by whoever starts the server.
fn globs(patterns: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for glob in patterns.iter().filter_map(|pattern| Glob::new(pattern).ok()) {
        set.add(glob);
    }
    set.build().unwrap_or_default()
}

impl Held {
    /// What a ref leads to: a tag, a branch, or a commit that one of them names.
    pub(super) fn commit_of(&self, name: &str) -> Option<String> {
        let named = self.tags.get(name).or_else(|| self.refs.get(name)).cloned();
        named.or_else(|| self.tags.values().chain(self.refs.values()).find(|commit| *commit == name).cloned())
    }

    pub(super) fn release(&self, tag: &str) -> Option<&Release> {
        self.releases.iter().find(|release| release.tag == tag)
    }

    pub(super) fn release_mut(&mut self, tag: &str) -> Option<&mut Release> {
        self.releases.iter_mut().find(|release| release.tag == tag)
    }
}

impl Release {
    /// Remembers how it is, before it changes.
    pub(super) fn remember(&mut self) {
        let now = Self { before: None, ..self.clone() };
        self.before = Some(Box::new(now));
    }
}
