//! Old versions of packages. A version is ours when an index of ours lies in it and names everything that does; what
//! somebody else put there, or put beside our files, stays.

use std::collections::{BTreeMap, BTreeSet};

use tokio_util::sync::CancellationToken;

use super::policy::{Fate, Item, Policy, fates};
use crate::core::{Timestamp, is_index_file};
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::packages::{At, FileHost, HeldVersion, Index, IndexedFile, POINTER_FILE};

/// Indexes of one version that are read. More parts than that were not published by us.
const MOST_INDEXES: usize = 64;

/// A version of a package, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionDecision {
    /// The version.
    pub version: HeldVersion,
    /// What becomes of it.
    pub fate: Fate,
}

impl VersionDecision {
    /// It goes.
    pub fn goes(&self) -> bool {
        matches!(self.fate, Fate::Goes(_))
    }
}

/// What came of a version that was to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunedVersion {
    /// Its directory.
    pub directory: String,
    /// Why it is still there; `None`: it is gone.
    pub failure: Option<ForgeError>,
}

/// Looks at a package and decides on each of its versions. Writes nothing.
pub async fn look_at_package(
    host: &dyn FileHost,
    package: &str,
    policy: &Policy,
    cancel: &CancellationToken,
) -> Result<Vec<VersionDecision>, ForgeError> {
    let mut versions = host.versions(package, cancel).await?;
    versions.sort_by(|one, other| one.directory.cmp(&other.directory));
    // Where nothing goes, nobody needs to know whose it is.
    let may_go = policy.is_active();
    let Pointed { versions: pointed, unread } = if may_go { pointed_at(host, &versions, cancel).await? } else { Pointed::default() };
    let mut items = Vec::with_capacity(versions.len());
    for version in &versions {
        let fixed = match version {
            version if is_pointer(version) => Some("it says which version is meant".to_owned()),
            version if may_go => not_ours(host, version, cancel).await?,
            _ => None,
        };
        items.push(Item {
            name: version.version().to_owned(),
            // Patterns of tags are written for tags.
            also: Some(format!("v{}", version.version())),
            created: version.created.as_deref().and_then(|created| Timestamp::parse(created).ok()),
            fixed: fixed.map(Fate::Stays),
            spared: match (pointed.get(version.version()), &unread) {
                (Some(pointer), _) => Some(format!("`{pointer}` points at it")),
                (None, Some(pointer)) => Some(format!("`{pointer}` cannot be read by this version, and may point at it")),
                (None, None) => None,
            },
        });
    }
    let fates = fates(&items, policy);
    Ok(versions.into_iter().zip(fates).map(|(version, fate)| VersionDecision { version, fate }).collect())
}

/// Removes what goes, the oldest first, as far as it still would go. A refusal of the token ends it.
pub async fn remove_versions(
    host: &dyn FileHost,
    package: &str,
    policy: &Policy,
    decisions: &[VersionDecision],
    cancel: &CancellationToken,
) -> Result<Vec<PrunedVersion>, ForgeError> {
    let mut going: Vec<&VersionDecision> = decisions.iter().filter(|decision| decision.goes()).collect();
    going.sort_by(|one, other| one.version.created.cmp(&other.version.created));
    // Between the look and now somebody may have published, pointed, or put something there.
    let now = if going.is_empty() { Vec::new() } else { look_at_package(host, package, policy, cancel).await? };
    let mut done = Vec::new();
    let mut refused: Option<ForgeError> = None;
    for decision in going {
        let directory = decision.version.directory.clone();
        let current = now.iter().find(|current| current.version.directory == directory);
        let failure = match (&refused, current) {
            (Some(error), _) => Some(error.clone()),
            // Somebody else took it away.
            (None, None) => None,
            (None, Some(current)) => match &current.fate {
                Fate::Goes(_) => host.remove(&current.version, cancel).await.err(),
                Fate::Stays(why) => {
                    let text = format!("{directory} of {} changed since it was looked at: {why}", host.place());
                    Some(ForgeError::new(ForgeErrorKind::Conflict, text).hint("it stays; run prune again"))
                }
            },
        };
        if let Some(error) = &failure
            && matches!(error.kind, ForgeErrorKind::Denied | ForgeErrorKind::Unauthorized | ForgeErrorKind::Cancelled)
        {
            refused = Some(error.clone());
        }
        done.push(PrunedVersion { directory, failure });
    }
    Ok(done)
}

fn is_pointer(version: &HeldVersion) -> bool {
    version.files.iter().any(|(name, _)| name == POINTER_FILE) && !version.files.iter().any(|(name, _)| is_index_file(name))
}

/// What pointers name.
#[derive(Default)]
struct Pointed {
    /// Versions, each with a pointer's name.
    versions: BTreeMap<String, String>,
    /// A pointer that may name any of them.
    unread: Option<String>,
}

async fn pointed_at(host: &dyn FileHost, versions: &[HeldVersion], cancel: &CancellationToken) -> Result<Pointed, ForgeError> {
    let mut pointed = Pointed::default();
    for pointer in versions.iter().filter(|version| is_pointer(version)) {
        let at = At { directory: pointer.directory.clone(), file: POINTER_FILE.to_owned() };
        let Some(held) = host.document(&at, cancel).await? else { continue };
        let Some(index) = Index::read(&held.bytes) else {
            pointed.unread = Some(pointer.version().to_owned());
            continue;
        };
        // The directory is named by the version's template, which may add to the version.
        let named = index.files.first().and_then(|file| file.path.rsplit('/').nth(1)).unwrap_or(&index.version);
        pointed.versions.insert(named.to_owned(), pointer.version().to_owned());
    }
    Ok(pointed)
}

/// Why a version is not ours to take away; `None` when it is.
async fn not_ours(host: &dyn FileHost, version: &HeldVersion, cancel: &CancellationToken) -> Result<Option<String>, ForgeError> {
    let indexes: Vec<&str> = version.files.iter().map(|(name, _)| name.as_str()).filter(|name| is_index_file(name)).collect();
    if indexes.is_empty() {
        return Ok(Some("no index of ours lies in it: somebody else published it, or it is a release's".to_owned()));
    }
    if indexes.len() > MOST_INDEXES {
        return Ok(Some(format!("it has more than {MOST_INDEXES} indexes")));
    }
    let mut vouched: BTreeMap<String, IndexedFile> = BTreeMap::new();
    let mut read: BTreeSet<&str> = BTreeSet::new();
    for name in indexes {
        let at = At { directory: version.directory.clone(), file: name.to_owned() };
        let held = host.document(&at, cancel).await?;
        // What is called like an index and is none vouches for nothing, not even itself.
        if let Some(index) = held.and_then(|held| Index::read(&held.bytes)) {
            read.insert(name);
            vouched.extend(index.files.into_iter().map(|file| (file.name.clone(), file)));
        }
    }
    for (name, held) in &version.files {
        if read.contains(name.as_str()) {
            continue;
        }
        let Some(file) = vouched.get(name) else { return Ok(Some(format!("it holds {name}, which we did not publish"))) };
        let other = held.size.is_some_and(|size| size != file.size) || held.sha256.as_ref().is_some_and(|digest| *digest != file.sha256);
        if other {
            return Ok(Some(format!("its {name} is not what we published")));
        }
    }
    Ok(None)
}
