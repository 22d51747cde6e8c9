//! A plain directory: every file below it. Programs are told by their first bytes, archives by their names.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use super::names::{format_of, shown};
use super::staging::{Staging, refused};
use super::tree::Tree;
use super::{AdoptCx, FileKind, Format, Found, executable};
use crate::core::PathError;
use crate::error::{Error, Result};
use crate::fs::{self, EntryKind};

/// How much of a file tells what it is. Headers of Windows programs lie within the first kilobyte.
const HEAD: u64 = 4096;

/// Reads every file below `root`, in the order of their paths. Names that begin with a dot are left out.
pub(super) fn read(cx: &AdoptCx<'_>, root: &Path, told: &str) -> Result<Found> {
    let directory = told.trim_end_matches('/');
    let mut found = Found::new(told, Format::Directory);
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let entries = fs::walk_at_most(root, cx.limits.entries, &|relative| !hidden(relative))?
        .ok_or_else(|| refused(directory, &format!("it holds more than {} files", cx.limits.entries)))?;
    let mut staging = Staging::new(cx, Tree::new(root), "files")?;
    let mut bases: BTreeMap<String, usize> = BTreeMap::new();
    for entry in &entries {
        *bases.entry(entry.relative.file_name().unwrap_or_default().to_string_lossy().to_lowercase()).or_default() += 1;
    }
    for entry in entries {
        let at = format!("{directory}/{}", shown(&entry.relative.to_string_lossy()));
        if hidden(&entry.relative) {
            found.left.push(format!("{at} is hidden"));
            continue;
        }
        match entry.kind {
            EntryKind::Dir => continue,
            EntryKind::File => {}
            EntryKind::Link => return Err(refused(&at, "it is a link, which is not followed")),
            EntryKind::Other => return Err(refused(&at, "it is a device, a socket or a pipe")),
        }
        let Some(path) = entry.relative.to_str() else { return Err(refused(&at, "its name is not text")) };
        let base = path.rsplit('/').next().unwrap_or(path);
        let staged = staging.copy(path, &at)?;
        let mut head = Vec::new();
        fs::open_regular(&staged.path)?.0.take(HEAD).read_to_end(&mut head).map_err(PathError::at("read", &staged.path))?;
        if let Some((os, arch)) = executable::platform_of(&head).filter(|_| format_of(base) == "raw") {
            let stem = base.strip_suffix(".exe").unwrap_or(base);
            // `app_linux_amd64` says its platform already; plain `app` is made to.
            let name = if bases.get(&base.to_lowercase()) == Some(&1) && stem.contains(arch) {
                stem.to_owned()
            } else {
                format!("{stem}-{os}-{arch}")
            };
            let kind = FileKind::Binary { os: os.to_owned(), arch: arch.to_owned(), toolchain: String::new(), build_id: String::new() };
            staging.keep(staged, kind, name, base, &at)?;
        } else {
            let format = format_of(base).to_owned();
            staging.keep(staged, FileKind::Archive { format }, base.to_owned(), base, &at)?;
        }
    }
    found.files = staging.finish(directory, true)?;
    if found.files.is_empty() {
        return Err(Error::missing(format!("there is no file in {directory}")).hint("name the directory the other builder wrote to"));
    }
    Ok(found)
}
