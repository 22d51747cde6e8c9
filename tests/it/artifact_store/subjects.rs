//! Backends under test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stagefreight::core::BoxFuture;
use stagefreight::store::artifact::conformance::{Damage, Subject};
use stagefreight::store::artifact::{ArtifactStore, FileOptions, FileStore, MemoryStore, Mode, Ref};

/// A directory.
pub struct Directory {
    pub root: PathBuf,
    pub durable: bool,
}

/// Changes one byte in the middle of a file.
pub fn flip(path: &Path) -> Result<(), String> {
    let mut bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).map_err(|error| error.to_string())
}

impl Directory {
    pub fn pointer(&self, at: &Ref) -> PathBuf {
        self.root.join("refs").join(format!("{at}@"))
    }

    pub fn blob(&self, at: &Ref, half: &str) -> PathBuf {
        let pointer: serde_json::Value = serde_json::from_slice(&std::fs::read(self.pointer(at)).expect("pointer")).expect("JSON");
        let hex = pointer[half]["digest"].as_str().expect("digest").trim_start_matches("sha256:").to_owned();
        self.root.join("blobs/sha256").join(&hex[..2]).join(hex)
    }

    fn hurt(&self, at: &Ref, damage: Damage) -> Result<(), String> {
        let said = |error: std::io::Error| error.to_string();
        match damage {
            Damage::Data => flip(&self.blob(at, "data")),
            Damage::Manifest => flip(&self.blob(at, "manifest")),
            Damage::Pointer => flip(&self.pointer(at)),
            Damage::ShortData => std::fs::write(self.blob(at, "data"), b"short").map_err(said),
            Damage::NoData => std::fs::remove_file(self.blob(at, "data")).map_err(said),
            Damage::NoManifest => std::fs::remove_file(self.blob(at, "manifest")).map_err(said),
        }
    }
}

impl Subject for Directory {
    fn name(&self) -> &'static str {
        "local"
    }

    fn open(&self, mode: Mode) -> BoxFuture<'_, Result<Arc<dyn ArtifactStore>, String>> {
        let options = FileOptions { mode, durable: self.durable };
        let store: Arc<dyn ArtifactStore> = Arc::new(FileStore::new("local", &self.root, options));
        Box::pin(async move { Ok(store) })
    }

    fn damage<'a>(&'a self, at: &'a Ref, damage: Damage) -> Option<BoxFuture<'a, Result<(), String>>> {
        Some(Box::pin(async move { self.hurt(at, damage) }))
    }

    fn unwritable(&self) -> Option<Arc<dyn ArtifactStore>> {
        // Nobody makes directories there, root included.
        Some(Arc::new(FileStore::new("local", "/sys/kernel/stagefreight", FileOptions::default())))
    }
}

/// Memory.
pub struct Memory(pub MemoryStore);

impl Subject for Memory {
    fn name(&self) -> &'static str {
        "scratch"
    }

    fn open(&self, mode: Mode) -> BoxFuture<'_, Result<Arc<dyn ArtifactStore>, String>> {
        let store: Arc<dyn ArtifactStore> = Arc::new(self.0.with_mode(mode));
        Box::pin(async move { Ok(store) })
    }
}
