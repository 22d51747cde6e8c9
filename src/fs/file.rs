//! Single files of others: opened without following a link, linked or copied, moved, made durable.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::Result;
use crate::core::PathError;

/// Opens a regular file for reading and gives its length in bytes. A link, directory, pipe or device is refused
/// without being followed or waited for: kind `InvalidInput`.
pub fn open_regular(path: &Path) -> Result<(File, u64)> {
    // NONBLOCK: opening a pipe nobody writes to would wait for ever.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| {
        // ELOOP is how the system says that the last component is a link.
        let error = if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) { not_regular() } else { error };
        PathError::at("open", path)(error)
    })?;
    let metadata = file.metadata().map_err(PathError::at("inspect", path))?;
    if !metadata.is_file() {
        return Err(PathError::at("open", path)(not_regular()));
    }
    Ok((file, metadata.len()))
}

/// Reads a whole regular file of at most `limit` bytes, not through a link. A larger one is kind `FileTooLarge`.
pub fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let (file, _) = open_regular(path)?;
    super::read::read_at_most(file, path, limit)
}

/// Gives `from` a second name, or copies its bytes where the file system cannot (another device, no hard links).
/// A link is given a second name, not followed. `to` must not exist.
pub fn link_or_copy(from: &Path, to: &Path) -> Result<()> {
    match super::link_file(from, to) {
        Ok(true) => Ok(()),
        Ok(false) => Err(PathError::at("write", to)(io::ErrorKind::AlreadyExists.into())),
        Err(_) => copy(from, to),
    }
}

// To a name that must not exist, with mode 0666 minus the umask.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut source = super::open(from)?;
    let mut target = super::create_new(to)?;
    io::copy(&mut source, &mut target).map_err(PathError::at("copy", from))?;
    Ok(())
}

/// Opens a file for writing that only this user can read, emptied when it exists; a link in its place is refused.
pub fn create_private(path: &Path) -> Result<File> {
    let flags = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).custom_flags(flags);
    options.open(path).map_err(PathError::at("write", path))
}

/// Writes a file of private scratch, mode 0600. Not made durable: after a crash nobody looks for it.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    use io::Write as _;
    create_private(path)?.write_all(bytes).map_err(PathError::at("write", path))
}

/// Moves a file, replacing a file that is there, also from another file system: there it is copied, with mode 0666
/// minus the umask, and removed, so that a crash can leave half of `to`. Nothing is made durable.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn move_file(from: &Path, to: &Path) -> Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let _absent = std::fs::remove_file(to);
            copy(from, to)?;
            std::fs::remove_file(from).map_err(PathError::at("remove", from))
        }
        result => result.map_err(PathError::at("move", from)),
    }
}

/// Gives a file exactly these permission bits.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(PathError::at("change the mode of", path))
}

/// Asks the system to put a file's bytes on disk.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn sync_file(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(PathError::at("make durable", path))
}

/// Asks the system to put everything below a directory on disk: files, then the directories that name them.
pub fn sync_tree(root: &Path) -> Result<()> {
    let entries = super::walk(root, &|_| true)?;
    for entry in entries.iter().filter(|entry| entry.kind == super::EntryKind::File) {
        sync_file(&entry.path)?;
    }
    for entry in entries.iter().rev().filter(|entry| entry.kind == super::EntryKind::Dir) {
        super::sync_dir(&entry.path);
    }
    super::sync_dir(root);
    Ok(())
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let file = dir.path().join("file");
        super::super::write_atomic(&file, b"four", 0o644).expect("file");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&file, &link).expect("link");
        assert!(open_regular(&file).is_ok_and(|(_, size)| size == 4));
        for bad in [link.as_path(), dir.path()] {
            let error = open_regular(bad).expect_err("not a regular file");
            assert_eq!(error.source.kind(), io::ErrorKind::InvalidInput, "{error}");
        }
        assert!(open_regular(&dir.path().join("none")).is_err_and(|error| error.is_not_found()));
        assert!(read_regular(&file, 3).is_err_and(|error| error.source.kind() == io::ErrorKind::FileTooLarge));
        assert!(read_regular(&file, 4).is_ok_and(|bytes| bytes == b"four"));
    }
}
