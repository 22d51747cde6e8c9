//! Where things lie in the directory of a file store.

use std::path::{Path, PathBuf};

use crate::core::Digest;
use crate::core::artifact_ref::Ref;
use crate::fs;
use crate::store::artifact::error::ArtifactError;

/// Ends the name of every pointer. No part of a reference has it, so that `acme@` and the directory `acme` lie side by side.
/// A pointer is a file of the directory above rather than one in a directory of its own: a list opens a directory for each
/// group of references instead of one for each reference, and a put makes one directory less.
const POINTER: char = '@';

#[derive(Debug)]
pub struct Layout {
    root: PathBuf,
    refs: PathBuf,
    blobs: PathBuf,
    tmp: PathBuf,
    gc: PathBuf,
}

impl Layout {
    pub fn new(root: PathBuf) -> Self {
        let (refs, blobs, tmp, gc) = (root.join("refs"), root.join("blobs/sha256"), root.join("tmp"), root.join("gc"));
        Self { root, refs, blobs, tmp, gc }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn refs(&self) -> &Path {
        &self.refs
    }

    pub fn tmp(&self) -> &Path {
        &self.tmp
    }

    pub fn gc(&self) -> &Path {
        &self.gc
    }

    pub fn pointer(&self, at: &Ref) -> PathBuf {
        self.refs.join(format!("{at}{POINTER}"))
    }

    pub fn blob(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.blobs.join(&hex[..2]).join(hex)
    }

    /// All references at or below one, sorted. Names that are no references are somebody else's and left out.
    pub fn list(&self, below: Option<&Ref>, check: &dyn Fn() -> Result<(), ArtifactError>) -> Result<Vec<Ref>, ArtifactError> {
        let mut found = Vec::new();
        if let Some(at) = below
            && fs::is_present(&self.pointer(at))?
        {
            found.push(at.clone());
        }
        let mut pending = vec![below.map_or_else(String::new, |at| format!("{at}/"))];
        while let Some(at) = pending.pop() {
            check()?;
            for (name, is_dir) in fs::kinds_in(&self.refs.join(&at))? {
                if is_dir {
                    pending.push(format!("{at}{name}/"));
                } else if let Some(last) = name.strip_suffix(POINTER) {
                    found.extend(Ref::parse(&format!("{at}{last}")));
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Every blob with its path.
    pub fn blobs(&self) -> Result<Vec<(String, PathBuf)>, ArtifactError> {
        let mut found = Vec::new();
        for (shard, is_dir) in fs::kinds_in(&self.blobs)? {
            if !is_dir {
                continue;
            }
            let dir = self.blobs.join(&shard);
            found.extend(fs::kinds_in(&dir)?.into_iter().filter(|(_, is_dir)| !is_dir).map(|(name, _)| {
                let path = dir.join(&name);
                (name, path)
            }));
        }
        Ok(found)
    }
}
