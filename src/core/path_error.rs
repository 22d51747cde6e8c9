//! A failed file operation as a value, so that `fs` can say what it was doing and `error` can turn it into an exit.

use std::io;
use std::path::{Path, PathBuf};

/// An operating-system error with the operation and the path it concerned.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {}", path.display(), describe(source))]
pub struct PathError {
    /// What was being done, as an infinitive: `read`, `write`, `lock`.
    pub doing: &'static str,
    /// To which file.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl PathError {
    /// For `map_err`: `PathError::at("read", path)`.
    pub fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { doing, path, source }
    }

    /// Only ENOENT counts as absent (spec/manifest.md §10.21).
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

// "No such file or directory (os error 2)" → "no such file or directory": the number helps nobody at 2 a.m.
fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}
