//! One walk over the repository, and what it shows.

use std::path::Path;

use super::{CiSystem, FoundDockerfile, FoundLanguage};
use crate::error::{Error, Result};
use crate::fs::{self, EntryKind};

/// Directories below directories. `services/team/api/Dockerfile` is as deep as people go.
const MAX_DEPTH: usize = 4;
/// Entries of one repository that are looked at.
const MAX_ENTRIES: usize = 200_000;
/// What others put there, or builds leave behind.
const PASSED_BY: [&str; 13] = [
    "node_modules",
    "target",
    "vendor",
    "dist",
    "out",
    "venv",
    "__pycache__",
    "third_party",
    "testdata",
    "fixtures",
    "bower_components",
    "bin",
    "obj",
];

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// Those at the usual places first (spec/build.md K.1), then others by path.
    pub dockerfiles: Vec<FoundDockerfile>,
    /// Languages, those at the root first.
    pub languages: Vec<FoundLanguage>,
    /// CI systems with a config of their own in the repository.
    pub ci: Vec<CiSystem>,
}

/// Looks at the repository at `root`. `name` is what it is called.
///
/// # Errors
/// When it cannot be read, or holds more than anybody's repository.
pub fn look(root: &Path, name: &str) -> Result<Project> {
    let enter = |relative: &Path| {
        let directory = relative.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        relative.components().count() < MAX_DEPTH && !directory.starts_with('.') && !PASSED_BY.contains(&directory)
    };
    let entries = fs::walk_at_most(root, MAX_ENTRIES, &enter)?.ok_or_else(|| {
        Error::failed(format!("{} holds more than {MAX_ENTRIES} files", root.display())).hint("run this at the root of the repository")
    })?;
    let files: Vec<String> = entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::File)
        .filter_map(|entry| entry.relative.to_str().map(str::to_owned))
        .collect();
    Ok(Project {
        dockerfiles: FoundDockerfile::among(root, &files, name)?,
        languages: FoundLanguage::among(root, &files)?,
        ci: CiSystem::among(root)?,
    })
}
