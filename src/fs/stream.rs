//! Files that stream: opened for reading without following a link, or made anew for writing.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::Result;
use crate::core::PathError;

/// Opens a file for reading; a symbolic link in its place is refused instead of followed.
pub fn open_no_follow(path: &Path) -> Result<File> {
    let flags = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(PathError::at("open", path))
}

/// Makes a new file for reading and writing, mode 0644 under the umask. Fails when something is there already.
pub fn create_new(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).open(path).map_err(PathError::at("write", path))
}

/// What a symbolic link says, unresolved.
pub fn read_link(path: &Path) -> Result<PathBuf> {
    path.read_link().map_err(PathError::at("read link", path))
}
