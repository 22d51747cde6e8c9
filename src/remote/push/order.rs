//! What is to be pushed, and the key by which every attempt at it is known.

use std::path::PathBuf;

use crate::core::{Digest, RemoteSettings};
use crate::remote::protocol::SidecarRole;

/// What is to be pushed.
#[derive(Debug, Clone, Default)]
pub struct PushOrder {
    /// The file.
    pub path: PathBuf,
    /// Its name at the remote.
    pub name: String,
    /// Hash of its bytes, where somebody hashed it before.
    pub known: Option<Digest>,
    /// Workspace at the remote, instead of the config's.
    pub workspace: Option<String>,
    /// Stream it belongs to.
    pub stream: Option<String>,
    /// Version of the release.
    pub version: Option<String>,
    /// Channel of the release, instead of the config's.
    pub channel: Option<String>,
    /// It is not for everybody yet.
    pub prerelease: bool,
    /// Labels, after those of the config.
    pub labels: Vec<String>,
    /// Notes, instead of the config's.
    pub notes: Option<String>,
    /// The commit it was made from, where that is known better than by the environment.
    pub revision: Option<String>,
    /// Files that go with it.
    pub sidecars: Vec<SidecarFile>,
    /// Send its hash as a file that goes with it.
    pub checksums: bool,
    /// Further patterns of run records.
    pub runs_paths: Vec<String>,
    /// Leave run records alone.
    pub no_runs: bool,
    /// Make a release even though these bytes were released under these names before.
    pub again: bool,
}

/// A file that goes with a pack.
#[derive(Debug, Clone)]
pub struct SidecarFile {
    /// The file.
    pub path: PathBuf,
    /// Its name at the remote.
    pub name: String,
    /// What it is.
    pub role: SidecarRole,
}

/// The same for every attempt to make one release: of these bytes, under these names, at this place.
pub(super) fn key(settings: &RemoteSettings, order: &PushOrder, digest: &Digest, salt: Option<&str>) -> String {
    let workspace = order.workspace.as_ref().or(settings.workspace.as_ref());
    let channel = order.channel.as_ref().or(settings.channel.as_ref());
    let parts = [
        Some(settings.name.as_str()),
        settings.environment.as_deref(),
        workspace.map(String::as_str),
        settings.target_environment.as_deref(),
        order.stream.as_deref(),
        order.version.as_deref(),
        channel.map(String::as_str),
        Some(order.name.as_str()),
        Some(digest.as_str()),
        salt,
    ];
    let text = serde_json::to_vec(&parts).unwrap_or_default();
    Digest::of(&text).hex()[..40].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_that_of_one_release() {
        let settings = RemoteSettings { name: "a".to_owned(), ..RemoteSettings::default() };
        let order = PushOrder { name: "f".to_owned(), version: Some("1".to_owned()), ..PushOrder::default() };
        let (one, other) = (Digest::of(b"1"), Digest::of(b"2"));
        let base = key(&settings, &order, &one, None);
        assert_eq!(base, key(&settings, &PushOrder { labels: vec!["x".to_owned()], ..order.clone() }, &one, None));
        let different = [
            key(&settings, &order, &other, None),
            key(&settings, &order, &one, Some("again")),
            key(&settings, &PushOrder { version: Some("2".to_owned()), ..order.clone() }, &one, None),
            key(&settings, &PushOrder { stream: Some("1".to_owned()), version: None, ..order.clone() }, &one, None),
            key(&RemoteSettings { environment: Some("e".to_owned()), ..settings.clone() }, &order, &one, None),
        ];
        assert!(different.iter().all(|key| *key != base));
    }
}
