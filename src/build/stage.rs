//! The context of an image with built files in it: beside the repository's own, which stays as it is. Files are linked, so
//! a large context costs its names and not its bytes.

use std::path::Path;

use super::embedded::context::{ignore_file, list};
use super::embedded::tree::{Content, NodeKind};
use crate::error::{Error, Result};
use crate::fs;
use crate::names;
use crate::plan::BuildStep;

/// The step with a context below `scratch` that holds what the ignore file leaves and what is staged. Staged files are
/// there whatever the context's `.dockerignore` says.
///
/// # Errors
/// A staged file is not there, or the context has one of its name.
pub fn stage(workspace: &Path, scratch: &Path, step: &BuildStep) -> Result<BuildStep> {
    let of = |error: Error| error.context(format!("build {}", step.id));
    let context = workspace.join(&step.context);
    if Path::new(&step.context).starts_with(names::path::ROOT) {
        return Err(of(Error::usage(format!("its context lies in {}", names::path::ROOT))
            .hint("name the directory with the sources; StageFreight's own files never enter an image")));
    }
    let staged = scratch.join("context");
    let tree = list(&context, &ignore_file(&workspace.join(&step.dockerfile), &context)?)?;
    fs::create_dir(&staged)?;
    for (path, node) in tree.iter() {
        let to = staged.join(path);
        if to.parent().is_some_and(|parent| !fs::exists(parent)) {
            fs::create_dir(to.parent().unwrap_or(&staged))?;
        }
        match &node.kind {
            NodeKind::Dir => {
                fs::create_dir(&to)?;
                fs::set_mode(&to, node.mode | 0o700)?;
            }
            // It was heeded already, and must not hide what is staged.
            NodeKind::File(_) if path == Path::new(".dockerignore") => {}
            NodeKind::File(Content::Disk { path, .. }) => link(path, &to, node.mode)?,
            NodeKind::Link(target) => fs::symlink(target, &to)?,
            NodeKind::File(_) | NodeKind::Special(..) | NodeKind::Socket => {}
        }
    }
    for file in &step.stage {
        let from = super::binary::inside(workspace, &file.path).map_err(of)?;
        let to = staged.join(&file.name);
        if fs::exists(&to) {
            return Err(of(Error::usage(format!("the context has a {} already, where a built file is to be put", file.name))
                .hint("name another path in `stage`, or leave the context's own out in .dockerignore")));
        }
        if let Some(parent) = to.parent() {
            fs::create_dir(parent)?;
        }
        if !fs::is_dir(&from) {
            link(&from, &to, if fs::is_executable(&from) { 0o755 } else { 0o644 })?;
            continue;
        }
        fs::create_dir(&to)?;
        for entry in fs::walk(&from, &|_| true)? {
            let to = to.join(&entry.relative);
            match entry.kind {
                fs::EntryKind::Dir => fs::create_dir(&to)?,
                fs::EntryKind::File => link(&entry.path, &to, if fs::is_executable(&entry.path) { 0o755 } else { 0o644 })?,
                fs::EntryKind::Link => fs::symlink(&fs::read_link(&entry.path)?, &to)?,
                fs::EntryKind::Other => {}
            }
        }
    }
    let relative = staged.strip_prefix(workspace).map_err(|error| of(Error::failed("the context leaves the workspace").because(&error)))?;
    Ok(BuildStep { context: relative.display().to_string(), ..step.clone() })
}

// A copy has the mode that new files get; a link has its own already.
fn link(from: &Path, to: &Path, mode: u32) -> Result<()> {
    fs::link_or_copy(from, to)?;
    if fs::link_count(to)? == 1 {
        fs::set_mode(to, mode)?;
    }
    Ok(())
}
