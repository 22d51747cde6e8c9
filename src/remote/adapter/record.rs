//! What is remembered of a release, and the keys it is found by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::core::{Digest, Timestamp};
use crate::remote::protocol::{SidecarRole, TargetConfig};

/// Version of the form of records.
pub const RECORD_SCHEMA_VERSION: u32 = 1;

/// One release. Written once and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`RECORD_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Its id: made of what identifies it, so that making it twice makes it once.
    pub release_id: String,
    /// Identity of the content, as the push named it.
    pub pack_digest: String,
    /// The file.
    pub file: Kept,
    /// Files that belong to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sidecars: Vec<Kept>,
    /// Where.
    #[serde(default)]
    pub target: TargetConfig,
    /// Version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// It is not for everybody yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prerelease: bool,
    /// Labels of the first push.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Notes of the first push.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// What is known of the build.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub build_context: BTreeMap<String, String>,
    /// When the first push began.
    #[serde(serialize_with = "precisely")]
    pub created_at: Timestamp,
}

/// With milliseconds: which of two releases is the newer one is decided by them.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn precisely<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.precise())
}

/// A file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// File name.
    pub name: String,
    /// Hash of its bytes.
    pub digest: Digest,
    /// Length in bytes.
    pub size: u64,
    /// What it is, for files that belong to another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<SidecarRole>,
}

/// The largest time a key can hold, in milliseconds since 1970: newer releases get smaller keys and are listed first.
const END_OF_TIME: i64 = 9_999_999_999_999;

impl Record {
    /// The id of a release: of its place, version, file name and bytes.
    pub fn id_of(target: &TargetConfig, version: Option<&str>, file: &Kept) -> String {
        let scope = (&target.workspace, &target.environment, &target.stream);
        format!("rel_{}", hash(&(scope, version, &file.name, file.digest.as_str()), 24))
    }

    /// Holds another push of the same what this one would hold? The same file, and no sidecar that would be lost.
    pub fn covers(&self, other: &Self) -> bool {
        let known = |sidecar: &Kept| self.sidecars.iter().any(|kept| kept.name == sidecar.name && kept.digest == sidecar.digest);
        self.file.digest == other.file.digest && other.sidecars.iter().all(known)
    }

    /// Key of the release by its id.
    pub fn release_key(id: &str) -> String {
        format!("releases/{id}")
    }

    /// Key of the first release of these bytes.
    pub fn file_key(digest: &Digest) -> String {
        format!("files/{}", digest.hex())
    }

    /// Below this all files of a version are found.
    pub fn version_prefix(target: &TargetConfig, version: &str) -> String {
        format!("versions/{}/{}/", scope(target, false), hash(&version, 16))
    }

    /// Key of this file of its version: there can be one.
    pub fn version_key(&self) -> Option<String> {
        let version = self.version.as_deref()?;
        let leaf = hash(&(&self.target.stream, &self.file.name), 16);
        Some(format!("{}{leaf}", Self::version_prefix(&self.target, version)))
    }

    /// Below this the releases of a place are found, the newest first. Pre-releases are not: they are asked for by name.
    pub fn timeline_prefix(target: &TargetConfig) -> String {
        format!("timeline/{}/", scope(target, true))
    }

    /// Keys of the release in time: of its stream, and of its place as a whole, because pulls need not name a stream.
    pub fn timeline_keys(&self) -> Vec<String> {
        if self.prerelease {
            return Vec::new();
        }
        let left = END_OF_TIME - self.created_at.unix_millis().clamp(0, END_OF_TIME);
        let whole = TargetConfig { stream: None, ..self.target.clone() };
        let mut prefixes = vec![Self::timeline_prefix(&whole)];
        if self.target.stream.is_some() {
            prefixes.push(Self::timeline_prefix(&self.target));
        }
        prefixes.into_iter().map(|prefix| format!("{prefix}{left:013}-{}", self.release_id)).collect()
    }
}

/// Names a place in a key.
fn scope(target: &TargetConfig, stream: bool) -> String {
    hash(&(&target.workspace, &target.environment, target.stream.as_ref().filter(|_| stream)), 16)
}

/// The first hexadecimal digits of a hash over values that cannot be mistaken for one another.
pub fn hash<T: Serialize>(values: &T, digits: usize) -> String {
    let text = serde_json::to_vec(values).unwrap_or_default();
    Digest::of(&text).hex().chars().take(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(stream: Option<&str>, version: Option<&str>, at: i64) -> Record {
        let target = TargetConfig { workspace: Some("acme".to_owned()), stream: stream.map(str::to_owned), ..TargetConfig::default() };
        let file = Kept { name: "app.tar".to_owned(), digest: Digest::of(b"bytes"), size: 5, role: None };
        Record {
            schema_version: RECORD_SCHEMA_VERSION,
            release_id: Record::id_of(&target, version, &file),
            pack_digest: file.digest.to_string(),
            file,
            sidecars: Vec::new(),
            target,
            version: version.map(str::to_owned),
            channel: None,
            prerelease: false,
            labels: Vec::new(),
            notes: None,
            build_context: BTreeMap::new(),
            created_at: Timestamp::from_unix(at),
        }
    }

    #[test]
    fn the_same_release_has_the_same_id_and_another_another() {
        let id = |stream, version| record(stream, version, 0).release_id;
        assert_eq!(id(Some("a"), Some("1")), id(Some("a"), Some("1")));
        assert_ne!(id(Some("a"), Some("1")), id(Some("a"), Some("2")));
        assert_ne!(id(Some("a"), None), id(None, None));
    }

    #[test]
    fn newer_releases_come_first_and_streams_have_a_timeline_of_their_own() {
        let (old, new) = (record(Some("a"), None, 100), record(Some("a"), None, 200));
        let (old, new) = (old.timeline_keys(), new.timeline_keys());
        assert_eq!(old.len(), 2);
        assert!(new[0] < old[0] && new[1] < old[1]);
        assert_eq!(record(None, None, 1).timeline_keys().len(), 1);
        let preview = Record { prerelease: true, ..record(None, None, 1) };
        assert!(preview.timeline_keys().is_empty());
    }

    #[test]
    fn a_record_keeps_milliseconds() {
        let record = Record { created_at: Timestamp::from_unix_millis(1_234_567), ..record(None, None, 0) };
        let text = serde_json::to_string(&record).expect("JSON");
        assert_eq!(serde_json::from_str::<Record>(&text).expect("a record"), record);
    }

    #[test]
    fn a_version_has_one_place_per_file_and_stream() {
        let key = |stream, version| record(stream, version, 0).version_key();
        assert_eq!(key(None, None), None);
        assert_ne!(key(Some("a"), Some("1")), key(Some("b"), Some("1")));
        let prefix = Record::version_prefix(&record(Some("a"), None, 0).target, "1");
        assert!(key(Some("a"), Some("1")).is_some_and(|key| key.starts_with(&prefix)));
        assert!(key(Some("b"), Some("1")).is_some_and(|key| key.starts_with(&prefix)));
    }

    #[test]
    fn sidecars_are_never_lost_silently() {
        let plain = record(None, None, 0);
        let sums = Kept { name: "SUMS".to_owned(), digest: Digest::of(b"s"), size: 1, role: Some(SidecarRole::Checksums) };
        let signed = Record { sidecars: vec![sums], ..plain.clone() };
        assert!(signed.covers(&plain) && signed.covers(&signed) && !plain.covers(&signed));
    }
}
