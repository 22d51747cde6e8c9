//! A foreign directory, entered only by names that stay inside it and never through a link.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::names::components;
use crate::fs;

/// A directory somebody else filled.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// A directory the user named, links in its own path resolved.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Opens a regular file inside: the file, its length, and whether somebody may run it. Otherwise what is wrong with
    /// the path, without its name.
    pub(super) fn open(&self, path: &str) -> Result<(File, u64, bool), String> {
        use std::os::unix::fs::PermissionsExt as _;
        let parts = components(path)?;
        let mut at = self.root.clone();
        for (number, part) in parts.iter().enumerate() {
            if number > 0 && !fs::is_dir(&at) {
                let what = if fs::exists(&at) { "something on its path is a link or no directory" } else { "there is no such file" };
                return Err(what.to_owned());
            }
            at.push(part);
        }
        let (file, size) = fs::open_regular(&at).map_err(|error| match error.source.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::InvalidInput => "it is a link, a device, a pipe or a directory, not a regular file".to_owned(),
            _ => format!("it cannot be opened: {}", error.source),
        })?;
        let mode = file.metadata().map_err(|error| error.to_string())?.permissions().mode();
        Ok((file, size, mode & 0o111 != 0))
    }
}
