//! Writing a file so that a reader sees the old one or the new one, never half of it (spec/manifest.md §5.3).

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::Result;
use crate::core::PathError;

/// How temporary siblings begin. A crash can leave one behind; nothing reads them.
pub const TEMPORARY_PREFIX: &str = ".sf-atomic-";

/// Replaces `path` with `bytes`: parents are made, a temporary sibling is written, fsync'd, given exactly `mode`
/// whatever the umask, and renamed over `path`; then the directory is fsync'd. A link at `path` is replaced, not followed.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_dir(parent)?;
    let (temporary, file) = create_sibling(parent)?;
    let written = fill(file, bytes, mode).and_then(|()| rename(&temporary, path));
    if let Err(error) = written {
        remove_file(&temporary);
        return Err(PathError::at("write", path)(error));
    }
    sync_dir(parent);
    Ok(())
}

/// Makes a directory and its parents.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(PathError::at("create directory", path))
}

/// Renames a finished directory into place and fsyncs the parent. Fails when `to` exists and is not empty.
pub fn rename_dir(from: &Path, to: &Path) -> Result<()> {
    rename(from, to).map_err(PathError::at("move into place", to))?;
    if let Some(parent) = to.parent() {
        sync_dir(parent);
    }
    Ok(())
}

/// Makes a symbolic link at `at` to `target`.
pub fn link(target: &Path, at: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, at).map_err(PathError::at("link", at))
}

/// Asks the system to keep a directory's entries. Some file systems cannot; the data is safe there in their own way.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn sync_dir(path: &Path) {
    let _unsupported = File::open(path).and_then(|dir| dir.sync_all());
}

fn create_sibling(parent: &Path) -> Result<(PathBuf, File)> {
    let mut random = [0; 8];
    let _unavailable = getrandom::fill(&mut random);
    let mut number = u64::from_le_bytes(random);
    loop {
        let path = parent.join(format!("{TEMPORARY_PREFIX}{number}"));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number = number.wrapping_add(1),
            Err(error) => return Err(PathError::at("write", &path)(error)),
        }
    }
}

fn fill(mut file: File, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    file.write_all(bytes)?;
    file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(from, to)
}

#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
fn remove_file(path: &Path) {
    let _already_gone = std::fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_link_and_sets_the_mode_whatever_the_umask() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("a/b/file.json");
        write_atomic(&path, b"one", 0o644).expect("first write");
        let target = dir.path().join("target");
        write_atomic(&target, b"kept", 0o600).expect("target");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&target, &link).expect("link");
        write_atomic(&link, b"two", 0o644).expect("write over a link");
        assert_eq!(super::super::read_bounded(&target, 100).expect("target"), b"kept");
        assert_eq!(super::super::read_bounded(&link, 100).expect("link"), b"two");
        let mode = link.symlink_metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o7777, 0o644);
        let left: Vec<_> = dir.path().read_dir().expect("dir").filter_map(|e| Some(e.ok()?.file_name())).collect();
        assert_eq!(left.len(), 3, "{left:?}");
    }
}
