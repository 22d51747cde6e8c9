//! Walking a directory without following links.

use std::path::{Path, PathBuf};

use super::Result;
use crate::core::PathError;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link, not followed.
    Link,
    /// A device, socket or pipe.
    Other,
}

/// One entry below the root of a walk.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Path relative to the root.
    pub relative: PathBuf,
    /// Absolute or root-joined path.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// Metadata of the entry itself, not of what a link points at.
    pub metadata: std::fs::Metadata,
}

/// Everything below `root`, directories before their contents, names in byte order. `enter` decides by relative path
/// whether a directory is descended into.
pub fn walk(root: &Path, enter: &dyn Fn(&Path) -> bool) -> Result<Vec<Entry>> {
    Ok(walk_at_most(root, usize::MAX, enter)?.unwrap_or_default())
}

/// The same for what others filled: `None` when there are more than `most` entries. Reading ends there.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn walk_at_most(root: &Path, most: usize, enter: &dyn Fn(&Path) -> bool) -> Result<Option<Vec<Entry>>> {
    let mut entries = Vec::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(relative) = pending.pop() {
        let dir = root.join(&relative);
        let listing = std::fs::read_dir(&dir).map_err(PathError::at("read directory", &dir))?;
        let mut names = Vec::new();
        for entry in listing {
            names.push(entry.map_err(PathError::at("read directory", &dir))?.file_name());
            if names.len() > most.saturating_sub(entries.len()) {
                return Ok(None);
            }
        }
        names.sort();
        let mut below = Vec::new();
        for name in names {
            let relative = relative.join(&name);
            let path = root.join(&relative);
            let metadata = std::fs::symlink_metadata(&path).map_err(PathError::at("inspect", &path))?;
            let kind = match metadata.file_type() {
                t if t.is_dir() => EntryKind::Dir,
                t if t.is_file() => EntryKind::File,
                t if t.is_symlink() => EntryKind::Link,
                _ => EntryKind::Other,
            };
            if kind == EntryKind::Dir && enter(&relative) {
                below.push(relative.clone());
            }
            entries.push(Entry { relative, path, kind, metadata });
        }
        pending.extend(below.into_iter().rev());
    }
    Ok(Some(entries))
}
