//! What BuildKit is given to read: the context directory, and a private copy of the Dockerfile beside which lies an
//! ignore file of ours.
//!
//! BuildKit takes `<Dockerfile>.dockerignore` before the context's `.dockerignore`, and in an ignore file the last
//! match wins. So the copy's ignore file is the one that would have applied, with two more lines at the end: no rule of
//! the user can bring `.stagefreight/` back, and nothing is written into the workspace.

use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};
use crate::fs;
use crate::names;
use crate::plan::BuildStep;

/// A Dockerfile or ignore file beyond this is not one.
const MAX_TEXT: u64 = 4 * 1024 * 1024;

/// What keeps our own directory out of every context. The second line is needed: the matcher does not try a pattern
/// whose answer would change nothing, so where an earlier `*` already leaves the directory out the first line is not seen
/// to match it, and a `!` rule for what lies below would win.
const KEEP_OUT: &str = ".stagefreight\n.stagefreight/**\n";

/// Paths for the command line.
#[derive(Debug)]
pub struct Context {
    /// The context directory.
    pub dir: PathBuf,
    /// The private copy of the Dockerfile, under its own name so that messages and provenance show that name.
    pub dockerfile: PathBuf,
}

/// Checks the paths of a step and lays the copy out in `private`, a directory outside the workspace.
pub fn prepare(workspace: &Path, step: &BuildStep, private: &Path) -> Result<Context> {
    let workspace = fs::real_path(workspace)?;
    let dir = inside(&workspace, &step.context, &format!("the context of build {}", step.id))?;
    if !fs::is_dir(&dir) {
        return Err(Error::usage(format!("the context of build {} is not a directory: {}", step.id, step.context)));
    }
    // A context with built files in it was made there, of one that does not lie there.
    if step.stage.is_empty() && dir.starts_with(workspace.join(names::path::ROOT)) {
        return Err(Error::usage(format!("the context of build {} lies in {}", step.id, names::path::ROOT))
            .hint("name the directory with the sources; StageFreight's own files never enter an image"));
    }
    let original = inside(&workspace, &step.dockerfile, &format!("the Dockerfile of build {}", step.id))?;
    let text = fs::read_bounded(&original, MAX_TEXT)?;
    let name = Path::new(&step.dockerfile).file_name().map_or_else(|| "Dockerfile".into(), |name| name.to_string_lossy().into_owned());
    let private = private.join("dockerfile");
    fs::create_dir(&private)?;
    let dockerfile = private.join(&name);
    fs::write_private(&dockerfile, &text)?;
    // Where built files were added the rules were heeded, and must not hide what was added.
    let ignore = if step.stage.is_empty() { ignore_rules(&workspace.join(&step.dockerfile), &dir)? } else { KEEP_OUT.as_bytes().to_vec() };
    fs::write_private(&private.join(format!("{name}.dockerignore")), &ignore)?;
    Ok(Context { dir, dockerfile })
}

/// The ignore file BuildKit would have taken, and our line.
fn ignore_rules(dockerfile: &Path, context: &Path) -> Result<Vec<u8>> {
    let mut beside = dockerfile.as_os_str().to_owned();
    beside.push(".dockerignore");
    let mut rules = Vec::new();
    for candidate in [PathBuf::from(beside), context.join(".dockerignore")] {
        match fs::read_bounded(&candidate, MAX_TEXT) {
            Ok(bytes) => {
                rules = bytes;
                break;
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    if rules.last().is_some_and(|last| *last != b'\n') {
        rules.push(b'\n');
    }
    rules.extend_from_slice(KEEP_OUT.as_bytes());
    Ok(rules)
}

/// A path of the plan, resolved, which must stay in the workspace even when links are followed.
pub(super) fn inside(workspace: &Path, relative: &str, what: &str) -> Result<PathBuf> {
    let path = Path::new(relative);
    if path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(Error::usage(format!("{what} must be a path below the repository, not {relative}")));
    }
    let found = fs::real_path(&workspace.join(path)).map_err(|error| {
        let missing = error.is_not_found();
        let error = Error::from(error);
        if missing { Error::missing(format!("{what} is not there: {relative}")).hint("check the path in .stagefreight.yml") } else { error }
    })?;
    if !found.starts_with(workspace) {
        return Err(Error::usage(format!("{what} leads out of the repository: {relative} is a link to {}", found.display()))
            .hint("copy what the build needs into the repository"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the test lays out files")]

    use super::*;

    fn rules(beside: Option<&str>, at_root: Option<&str>) -> String {
        let dir = tempfile::tempdir().expect("dir");
        let dockerfile = dir.path().join("app.dockerfile");
        if let Some(text) = beside {
            std::fs::write(dir.path().join("app.dockerfile.dockerignore"), text).expect("write");
        }
        if let Some(text) = at_root {
            std::fs::write(dir.path().join(".dockerignore"), text).expect("write");
        }
        String::from_utf8(ignore_rules(&dockerfile, dir.path()).expect("rules")).expect("text")
    }

    #[test]
    fn our_lines_are_always_last() {
        assert_eq!(rules(None, None), KEEP_OUT);
        assert_eq!(rules(None, Some("*\n!.stagefreight")), format!("*\n!.stagefreight\n{KEEP_OUT}"));
        assert_eq!(rules(Some("a\n"), Some("b\n")), format!("a\n{KEEP_OUT}"));
    }

    #[test]
    fn paths_stay_in_the_repository() {
        let dir = tempfile::tempdir().expect("dir");
        let workspace = std::fs::canonicalize(dir.path()).expect("real").join("ws");
        std::fs::create_dir(&workspace).expect("ws");
        std::os::unix::fs::symlink("/etc", workspace.join("link")).expect("link");
        for (path, expected) in [
            ("/etc", "the context must be a path below the repository, not /etc"),
            ("../x", "the context must be a path below the repository, not ../x"),
            ("gone", "the context is not there: gone"),
            ("link", "the context leads out of the repository: link is a link to /etc"),
        ] {
            assert_eq!(inside(&workspace, path, "the context").expect_err(path).message(), expected);
        }
        assert_eq!(inside(&workspace, ".", "the context").expect("root"), workspace);
    }
}
