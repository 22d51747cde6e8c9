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
    let parent = parent_of(path);
    create_dir(parent)?;
    let (temporary, file) = create_sibling(parent)?;
    let filled = fill(file, bytes, mode).map_err(PathError::at("write", path));
    filled.and_then(|()| rename(&temporary, path)).map_err(|error| {
        let _already_gone = super::remove_file(&temporary);
        PathError::at("write", path)(error.source)
    })
}

/// Makes a directory and its parents.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(PathError::at("create directory", path))
}

/// Makes a directory that only this user can enter (mode 0700), with its parents, or finds it. One that is a link or
/// belongs to somebody else is refused: below a directory everybody writes to, others may have made it first.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn create_own_dir(path: &Path) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(PathError::at("create directory", path))?;
    let meta = std::fs::symlink_metadata(path).map_err(PathError::at("inspect", path))?;
    if !meta.is_dir() || meta.uid() != rustix::process::geteuid().as_raw() {
        let error = std::io::Error::new(std::io::ErrorKind::PermissionDenied, "it belongs to somebody else");
        return Err(PathError::at("use", path)(error));
    }
    Ok(())
}

/// Renames what is finished into place, on the same file system, and fsyncs the directory it now lies in. A file takes
/// the place of a file, a directory that of an empty directory; anything else in the way is an error. The caller has
/// made the content durable.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(PathError::at("move into place", to))?;
    sync_dir(parent_of(to));
    Ok(())
}

/// Makes a symbolic link at `at` that says `target`. Nothing may stand at `at`; `target` need not exist.
pub fn symlink(target: &Path, at: &Path) -> Result<()> {
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

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
