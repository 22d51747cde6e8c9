//! Files that are written once and then known by several names: what a shared content store is made of.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use super::Result;
use crate::core::PathError;

/// Opens an existing file for reading and writing at any position.
pub fn open_writable(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).open(path).map_err(PathError::at("open", path))
}

/// Gives a file a second name (a hard link) on the same file system; a link is given one, not followed. `false` when the name is taken; what holds it stays.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn link_file(from: &Path, to: &Path) -> Result<bool> {
    match std::fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(PathError::at("link", from)(error)),
    }
}

/// How many names a file has.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn link_count(path: &Path) -> Result<u64> {
    std::fs::symlink_metadata(path).map(|meta| meta.nlink()).map_err(PathError::at("inspect", path))
}

/// Removes one name of a file. `false` when there was none.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn remove_file(path: &Path) -> Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PathError::at("remove", path)(error)),
    }
}

/// Names of a directory's entries in byte order; none when there is no such directory. Names that are not UTF-8 are
/// left out.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn names_in(dir: &Path) -> Result<Vec<String>> {
    let listing = match std::fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(PathError::at("read directory", dir)(error)),
    };
    let mut names = Vec::new();
    for entry in listing {
        let entry = entry.map_err(PathError::at("read directory", dir))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// When a file was last written, by the clock of its file system.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn modified(path: &Path) -> Result<SystemTime> {
    std::fs::symlink_metadata(path).and_then(|meta| meta.modified()).map_err(PathError::at("inspect", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_names_and_keeps_what_holds_one() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        drop(crate::fs::create_new(&a).expect("create"));
        assert!(link_file(&a, &b).expect("link"));
        assert!(!link_file(&a, &b).expect("link again"));
        assert_eq!(link_count(&b).expect("count"), 2);
        assert!(remove_file(&a).expect("remove"));
        assert!(!remove_file(&a).expect("remove again"));
        assert_eq!(names_in(dir.path()).expect("names"), ["b"]);
        assert!(names_in(&a).expect("nothing there").is_empty());
    }
}
