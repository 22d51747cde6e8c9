//! Reading, with a bound, because what we read was often written by others.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::Result;
use crate::core::PathError;

/// Opens a file for reading, links followed. For paths of our own or of the user; what others wrote is `open_regular`'s.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(PathError::at("open", path))
}

/// Reads a whole file of at most `limit` bytes, links followed. A larger one is an error of kind `FileTooLarge`.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>> {
    read_at_most(open(path)?, path, limit)
}

pub(super) fn read_at_most(file: File, path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(PathError::at("read", path))?;
    if bytes.len() as u64 > limit {
        let error = io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {}", crate::core::ByteSize(limit)));
        return Err(PathError::at("read", path)(error));
    }
    Ok(bytes)
}

/// Does something exist there? A dangling link counts as existing.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// Does something exist there, following links, and telling absence (ENOENT only) from a failure to look?
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn is_present(path: &Path) -> Result<bool> {
    match std::fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PathError::at("inspect", path)(error)),
    }
}

/// Is it a directory, not through a link?
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn is_dir(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}

/// Is it a file somebody may run, links followed?
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Is it a file, not through a link?
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn is_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file())
}

/// Length of a file in bytes.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn size_of(path: &Path) -> Result<u64> {
    std::fs::metadata(path).map(|meta| meta.len()).map_err(PathError::at("inspect", path))
}

/// Where a path really is, every link followed. Fails when nothing is there.
pub fn real_path(path: &Path) -> Result<std::path::PathBuf> {
    std::fs::canonicalize(path).map_err(PathError::at("find", path))
}

/// Removes a directory with everything in it, or nothing when it is not there.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn remove_tree(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(PathError::at("remove", path)(error)),
        _ => Ok(()),
    }
}
