//! Files of a release: ours, and as a forge describes what it has.

use std::path::PathBuf;

use crate::core::Digest;
use crate::http::Body;

/// A file of ours that shall be attached. Its bytes are on disk and never held in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetSource {
    /// Name it shall have, as the forge keeps it.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its exact length in bytes.
    pub size: u64,
    /// SHA-256 of its bytes, approved with everything else.
    pub sha256: Digest,
    /// Media type it is sent with.
    pub media_type: String,
}

impl AssetSource {
    /// Its bytes for a request, and none but those that were approved: should the file have changed, they do not arrive
    /// whole.
    pub fn body(&self) -> Body {
        Body::File { path: self.path.clone(), offset: 0, len: self.size, digest: Some(self.sha256.clone()) }
    }
}

/// How far an upload came, as the forge tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssetState {
    /// All of it is there.
    Complete,
    /// An upload began and did not end (GitHub: `starter`, `new`, `open`). It blocks its name until it is removed.
    Unfinished,
}

/// A file as a forge describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAsset {
    /// What the forge calls it in its own API: a number, a package file id, a link id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Length in bytes, where it tells.
    pub size: Option<u64>,
    /// Digest the forge computed itself, where it does.
    pub sha256: Option<Digest>,
    /// How far its upload came.
    pub state: AssetState,
    /// Where the API gives its bytes, for reading it back.
    pub download: Option<url::Url>,
    /// Further files of this name, where the forge takes them: what it calls those. They go when it goes.
    pub doubles: Vec<String>,
}

impl StoredAsset {
    /// Does it hold these bytes, as far as the forge tells? `None`: it tells too little, and only reading it back would
    /// say.
    pub fn holds(&self, size: u64, sha256: &Digest) -> Option<bool> {
        if self.state == AssetState::Unfinished {
            return Some(false);
        }
        match (&self.sha256, self.size) {
            (Some(theirs), _) => Some(theirs == sha256),
            (None, Some(theirs)) if theirs != size => Some(false),
            _ => None,
        }
    }

    /// What people are told of it.
    pub fn describe(&self) -> String {
        match (&self.sha256, self.size, self.state) {
            (_, _, AssetState::Unfinished) => "an unfinished upload".to_owned(),
            (Some(digest), _, _) => digest.to_string(),
            (None, Some(size), _) => format!("{size} bytes of unknown digest"),
            (None, None, _) => "bytes it tells nothing of".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(size: Option<u64>, sha256: Option<Digest>, state: AssetState) -> StoredAsset {
        StoredAsset { id: "1".into(), name: "a".into(), size, sha256, state, download: None, doubles: Vec::new() }
    }

    #[test]
    fn a_digest_decides_a_length_only_denies() {
        let ours = Digest::of(b"abc");
        let complete = AssetState::Complete;
        assert_eq!(stored(Some(9), Some(ours.clone()), complete).holds(3, &ours), Some(true));
        assert_eq!(stored(Some(3), Some(Digest::of(b"x")), complete).holds(3, &ours), Some(false));
        assert_eq!(stored(Some(3), None, complete).holds(3, &ours), None);
        assert_eq!(stored(Some(4), None, complete).holds(3, &ours), Some(false));
        assert_eq!(stored(Some(3), Some(ours.clone()), AssetState::Unfinished).holds(3, &ours), Some(false));
    }
}
