//! Steps of writing whose durability the caller decides: what a store that counts its fsyncs is made of.

use std::io::ErrorKind;
use std::path::Path;

use super::Result;
use crate::core::PathError;

/// Makes a directory and its parents, and asks the system to keep each one that was not there before.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn create_dir_durable(path: &Path) -> Result<()> {
    match std::fs::create_dir(path) {
        Ok(()) => {
            if let Some(parent) = path.parent() {
                super::sync_dir(parent);
            }
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
                return Err(PathError::at("create directory", path)(error));
            };
            create_dir_durable(parent)?;
            create_dir_durable(path)
        }
        Err(error) => Err(PathError::at("create directory", path)(error)),
    }
}

/// Renames a file over another or to a free name, on the same file system. Nothing is made durable.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn replace(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(PathError::at("move into place", to))
}

/// Removes a directory that is empty; `false` when it is not, or is not there.
pub fn remove_empty_dir(path: &Path) -> Result<bool> {
    match std::fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound) => Ok(false),
        Err(error) => Err(PathError::at("remove directory", path)(error)),
    }
}

/// Names of a directory's entries, unsorted, each with whether it is a directory; none when there is no such directory.
/// No entry is looked at itself where the file system tells its kind in the listing. Names that are not UTF-8 are left out.
#[expect(clippy::disallowed_methods, reason = "fs is the one way to files")]
pub fn kinds_in(dir: &Path) -> Result<Vec<(String, bool)>> {
    let listing = match std::fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(PathError::at("read directory", dir)(error)),
    };
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry.map_err(PathError::at("read directory", dir))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_dir = match entry.file_type() {
            Ok(kind) => kind.is_dir(),
            // It went away in between.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(PathError::at("inspect", &dir.join(name))(error)),
        };
        found.push((name, is_dir));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_and_removes_directories_beside_others() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let deep = dir.path().join("a/b/c");
        create_dir_durable(&deep).expect("made");
        create_dir_durable(&deep).expect("made again");
        drop(crate::fs::create_new(&deep.join("file")).expect("file"));
        assert_eq!(kinds_in(&deep).expect("entries"), [("file".to_owned(), false)]);
        assert_eq!(kinds_in(&dir.path().join("a")).expect("entries"), [("b".to_owned(), true)]);
        assert!(kinds_in(&dir.path().join("none")).expect("nothing").is_empty());
        assert!(!remove_empty_dir(&deep).expect("not empty"));
        assert!(create_dir_durable(&deep.join("file")).is_err(), "a file is no directory");
        assert!(crate::fs::remove_file(&deep.join("file")).expect("removed"));
        assert!(remove_empty_dir(&deep).expect("empty"));
        assert!(!remove_empty_dir(&deep).expect("gone"));
    }
}
