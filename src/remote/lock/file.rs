//! The lockfile's content: read strictly, written with sorted keys.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::core::{Digest, Timestamp};
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::names;
use crate::remote::naming;

/// The version of the file this program writes. A higher one is refused: what it adds could be a restriction.
pub const SCHEMA_VERSION: u32 = 1;

/// The most the file may weigh, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// The most remotes, and platforms of one remote.
const MAX_ENTRIES: usize = 100;

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockFile {
    /// Remotes by name.
    #[serde(default)]
    pub remotes: BTreeMap<String, LockedRemote>,
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
}

/// The adapter of one remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedRemote {
    /// Its name, without the prefix of the file name.
    pub adapter: String,
    /// `path`, `url`, `oci`, `release`, or `name` when it was found by its name.
    pub kind: String,
    /// When it was pinned, RFC 3339.
    pub locked_at: Timestamp,
    /// Its bytes, by platform `os/arch`.
    pub platforms: BTreeMap<String, LockedAsset>,
    /// Where it came from, as the config says it; absent when it was found by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Its version, as it says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The bytes for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedAsset {
    /// Hash of the file.
    pub digest: Digest,
    /// What the source resolved to: digest of the artifact in a registry, name of a release's asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
    /// Length in bytes.
    pub size: u64,
}

/// Why the file is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// It is no such file.
    #[error("{0}")]
    Malformed(String),
    /// It is of a later program.
    #[error("it has schema version {0}; this program knows {SCHEMA_VERSION}")]
    TooNew(u32),
}

impl Default for LockFile {
    fn default() -> Self {
        Self { remotes: BTreeMap::new(), schema_version: SCHEMA_VERSION }
    }
}

impl LockFile {
    /// Reads the lockfile of a workspace; none is the empty one. A link in its place is refused.
    pub fn read(workspace: &Path) -> Result<Self> {
        let path = workspace.join(names::path::REMOTE_LOCK);
        let bytes = match fs::read_regular(&path, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(Self::default()),
            Err(error) => return Err(Error::new(Kind::Usage, error.to_string()).hint("it is a file of at most 1 MiB and no link")),
        };
        Self::parse(&bytes).map_err(|error| {
            Error::usage(format!("{} is not valid: {error}", names::path::REMOTE_LOCK))
                .hint("take it from the repository again, or pin the adapters anew: `stagefreight remote update`")
        })
    }

    /// Reads and checks a lockfile's text.
    pub fn parse(bytes: &[u8]) -> std::result::Result<Self, LockError> {
        #[derive(Deserialize)]
        struct Head {
            schema_version: Option<u32>,
        }
        let malformed = |error: String| LockError::Malformed(error.lines().next().unwrap_or_default().to_owned());
        let text = std::str::from_utf8(bytes).map_err(|error| malformed(error.to_string()))?;
        let head: Head = serde_saphyr::from_str(text).map_err(|error| malformed(error.to_string()))?;
        if let Some(version) = head.schema_version.filter(|version| *version > SCHEMA_VERSION) {
            return Err(LockError::TooNew(version));
        }
        let lock: Self = serde_saphyr::from_str(text).map_err(|error| malformed(error.to_string()))?;
        lock.check()?;
        Ok(lock)
    }

    fn check(&self) -> std::result::Result<(), LockError> {
        let malformed = |text: String| Err(LockError::Malformed(text));
        if self.remotes.len() > MAX_ENTRIES {
            return malformed(format!("it names more than {MAX_ENTRIES} remotes"));
        }
        for (name, remote) in &self.remotes {
            if !naming::is_name(name) || !naming::is_name(&remote.adapter) {
                return malformed(format!("remote `{}` or its adapter has a name that is none", name.escape_debug()));
            }
            if remote.platforms.len() > MAX_ENTRIES {
                return malformed(format!("remote `{name}` has more than {MAX_ENTRIES} platforms"));
            }
            if let Some(platform) = remote.platforms.keys().find(|platform| !is_platform(platform)) {
                return malformed(format!("remote `{name}`: `{}` is not a platform", platform.escape_debug()));
            }
        }
        Ok(())
    }

    /// The text, with sorted keys.
    pub fn text(&self) -> Result<String> {
        let body = serde_saphyr::to_string(self).map_err(|error| Error::failed("cannot write the lockfile").because(&error))?;
        Ok(format!("# Written by `stagefreight remote lock`. Commit it: only these adapters are executed.\n{body}"))
    }

    /// Writes it into a workspace, whole or not at all.
    pub fn write(&self, workspace: &Path) -> Result<()> {
        Ok(fs::write_atomic(&workspace.join(names::path::REMOTE_LOCK), self.text()?.as_bytes(), 0o644)?)
    }

    /// What a remote may run on a platform.
    pub fn asset(&self, remote: &str, platform: &str) -> Option<&LockedAsset> {
        self.remotes.get(remote)?.platforms.get(platform)
    }
}

/// `linux/amd64`.
fn is_platform(text: &str) -> bool {
    text.split_once('/').is_some_and(|(os, arch)| {
        let word = |text: &str, digits: bool| {
            !text.is_empty() && text.len() <= 32 && text.bytes().all(|b| b.is_ascii_lowercase() || (digits && b.is_ascii_digit()))
        };
        word(os, false) && word(arch, true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> LockFile {
        let asset = LockedAsset { digest: Digest::of(b"x"), resolved: None, size: 1 };
        let remote = LockedRemote {
            adapter: "fs".to_owned(),
            kind: "path".to_owned(),
            locked_at: Timestamp::from_unix(0),
            platforms: BTreeMap::from([("linux/amd64".to_owned(), asset)]),
            source: Some("./epack-remote-fs".to_owned()),
            version: Some("1.0.0".to_owned()),
        };
        LockFile { remotes: BTreeMap::from([("origin".to_owned(), remote)]), ..LockFile::default() }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = lock().text().expect("text");
        assert_eq!(LockFile::parse(text.as_bytes()), Ok(lock()), "{text}");
    }

    #[test]
    fn what_was_tampered_with_is_refused() {
        let text = lock().text().expect("text");
        for (from, to) in [
            ("schema_version: 1", "schema_version: 2"),
            ("sha256:", "sha256:zz"),
            ("linux/amd64", "linux/../x"),
            ("origin:", "../up:"),
            ("adapter: fs", "adapter: ../fs"),
            ("size: 1", "size: -1"),
            ("size: 1", "size: 1\n        command: rm"),
        ] {
            assert!(text.contains(from), "{from} in\n{text}");
            assert!(LockFile::parse(text.replace(from, to).as_bytes()).is_err(), "{to}");
        }
        assert!(LockFile::parse(b"[]").is_err() && LockFile::parse(b"\xff").is_err());
    }
}
