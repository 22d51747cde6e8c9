//! SHA256SUMS: `sha256sum -c` reads it.

use std::path::Path;

use crate::error::Result;
use crate::fs;
use crate::names;

/// Writes path and digest of these files, by name; nothing when there are none.
pub fn sums(workspace: &Path, files: &[(String, String)]) -> Result<()> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let mut lines: Vec<(String, &str)> =
        files.iter().map(|(path, digest)| (name(path), digest.strip_prefix("sha256:").unwrap_or(digest))).collect();
    lines.sort_unstable();
    if lines.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    for (name, hash) in &lines {
        text.push_str(&format!("{hash}  {name}\n"));
    }
    fs::write_atomic(&workspace.join(names::path::SUMS), text.as_bytes(), 0o644)?;
    Ok(())
}
