//! What the cache knows of one copy: its own stamp, and those of the files it was made from.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::stamp::Stamp;
use crate::fs;

/// Originals that are remembered: the same adapter of several checkouts.
const MAX_ORIGINALS: usize = 16;

/// The most a record may weigh, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// File name of the copy.
    pub name: String,
    /// The copy.
    pub copy: Stamp,
    /// What it was made from, or found equal to; the latest last.
    pub originals: Vec<Stamp>,
}

impl Record {
    /// Reads one; whatever is wrong with it, there is none then.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read_regular(path, MAX_BYTES).ok()?).ok()
    }

    /// Remembers one more original.
    pub fn add(&mut self, original: Stamp) {
        self.originals.retain(|known| *known != original);
        self.originals.push(original);
        let spare = self.originals.len().saturating_sub(MAX_ORIGINALS);
        self.originals.drain(..spare);
    }

    /// Writes it. A cache that cannot be written is none.
    pub fn write(&self, path: &Path) {
        if let Ok(bytes) = serde_json::to_vec(self) {
            let _unwritable = fs::write_atomic(path, &bytes, 0o600);
        }
    }
}
