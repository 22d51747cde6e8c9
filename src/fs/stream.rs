//! Files made anew, and what links say.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use super::Result;
use crate::core::PathError;

/// Makes a new file for reading and writing, mode 0666 minus the umask. Fails when something is there already.
pub fn create_new(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).open(path).map_err(PathError::at("write", path))
}

/// What a symbolic link says, unresolved.
pub fn read_link(path: &Path) -> Result<PathBuf> {
    path.read_link().map_err(PathError::at("read link", path))
}
