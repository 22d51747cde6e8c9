//! Private temporary directories, removed when dropped.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::Result;
use crate::core::PathError;

/// A directory only this user can enter (mode 0700), removed with its contents on drop. A killed process leaves it
/// behind; nothing reads it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes one below `parent`, which must be on the file system the contents will be renamed within.
    pub fn below(parent: &Path, label: &str) -> Result<Self> {
        super::create_dir(parent)?;
        loop {
            let mut random = [0; 8];
            let _unavailable = getrandom::fill(&mut random);
            let path = parent.join(format!(".sf-{label}-{}", base16ct::lower::encode_string(&random)));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(PathError::at("create directory", &path)(error)),
            }
        }
    }

    /// Leaves the directory to whoever removes what lies around it.
    #[must_use]
    pub fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.path)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _leftover = super::remove_tree(&self.path);
        }
    }
}
