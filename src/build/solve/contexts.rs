//! Directories and images a Dockerfile names and the build gives it: `--build-context`.

use std::path::{Path, PathBuf};

use super::Solve;
use super::context::inside;
use crate::core::Digest;
use crate::error::{Error, Result};
use crate::fs;
use crate::names;
use crate::store::Layout;

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedContext {
    /// A directory of the repository.
    Directory(PathBuf),
    /// An image in an OCI layout.
    Layout {
        /// The layout.
        path: PathBuf,
        /// The image in it.
        digest: Digest,
        /// As the report calls it: `build:base`, `oci-layout://vendor/base`.
        reference: String,
    },
    /// What BuildKit fetches itself: an image by reference, a git repository, an archive.
    Remote(String),
}

/// Resolves the contexts of a step, in the order of their names.
pub fn resolve(workspace: &Path, solve: &Solve<'_>) -> Result<Vec<(String, NamedContext)>> {
    let workspace = fs::real_path(workspace)?;
    let one = |(name, value): (&String, &String)| {
        let what = format!("the context `{name}` of build {}", solve.step.id);
        let context = match solve.contexts.get(name) {
            Some((path, digest)) => NamedContext::Layout { path: path.clone(), digest: digest.clone(), reference: value.clone() },
            None => context(&workspace, value, &what)?,
        };
        Ok((name.clone(), context))
    };
    solve.step.buildkit.contexts.iter().map(one).collect()
}

fn context(workspace: &Path, value: &str, what: &str) -> Result<NamedContext> {
    if value.starts_with("build:") {
        return Err(Error::failed(format!("{what} is the image of another build, {value}, which was not made"))
            .hint("that build must succeed first; if it is not required, this build cannot go on without it"));
    }
    if let Some(place) = value.strip_prefix("oci-layout://") {
        let (dir, digest) = match place.split_once('@') {
            Some((dir, digest)) => {
                let digest = digest.parse().map_err(|error| Error::usage(format!("{what} is {value}")).because(&error))?;
                (dir, Some(digest))
            }
            None => (place, None),
        };
        let path = inside(workspace, dir, what)?;
        let digest = match digest {
            Some(digest) => digest,
            None => only_entry(&path, what)?,
        };
        return Ok(NamedContext::Layout { path, digest, reference: format!("oci-layout://{dir}") });
    }
    if value.contains("://") || value.starts_with("git@") {
        return Ok(NamedContext::Remote(value.to_owned()));
    }
    let path = inside(workspace, value, what)?;
    if !fs::is_dir(&path) {
        return Err(Error::usage(format!("{what} is not a directory: {value}")));
    }
    // Named contexts take no ignore file of ours, so one that would hold our own files is refused.
    let ours = workspace.join(names::path::ROOT);
    if path.starts_with(&ours) || ours.starts_with(&path) {
        return Err(Error::usage(format!("{what} would hold StageFreight's own files: {value}"))
            .hint("name a directory below it; the build's own `context` may be the whole repository"));
    }
    Ok(NamedContext::Directory(path))
}

fn only_entry(path: &Path, what: &str) -> Result<Digest> {
    let entries = Layout::open(path).and_then(|layout| layout.entries()).map_err(|error| Error::from(error).context(what))?;
    match entries.as_slice() {
        [only] => Ok(only.digest.clone()),
        several => {
            Err(Error::usage(format!("{what} is a layout of {} images", several.len())).hint("say which: oci-layout://DIR@sha256:…"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::tests::{node, step};
    use super::*;

    #[test]
    fn names_stand_for_builds_layouts_directories_and_what_buildkit_fetches() {
        let dir = tempfile::tempdir().expect("dir");
        let workspace = fs::real_path(dir.path()).expect("real");
        for made in ["lib", ".stagefreight/objects"] {
            fs::create_dir(&workspace.join(made)).expect("dir");
        }
        let digest = Digest::of(b"base");
        let made = BTreeMap::from([("base".to_owned(), (PathBuf::from("/store/x"), digest.clone()))]);
        let resolved = |name: &str, value: &str| {
            let (mut step, node) = (step(), node());
            step.buildkit.contexts.insert(name.to_owned(), value.to_owned());
            let solve = Solve { step: &step, platforms: &[], node: &node, contexts: &made, layout: "/l".into() };
            resolve(&workspace, &solve).map(|mut all| all.remove(0).1).map_err(|error| error.message().to_owned())
        };
        let layout = NamedContext::Layout { path: "/store/x".into(), digest, reference: "build:other".into() };
        assert_eq!(resolved("base", "build:other"), Ok(layout));
        assert_eq!(resolved("name", "lib"), Ok(NamedContext::Directory(workspace.join("lib"))));
        for remote in ["docker-image://debian:12", "https://example.com/a.git#main", "git@example.com:a/b.git"] {
            assert_eq!(resolved("name", remote), Ok(NamedContext::Remote(remote.to_owned())));
        }
        for (value, expected) in [
            ("build:gone", "the context `name` of build app is the image of another build, build:gone, which was not made"),
            ("../up", "the context `name` of build app must be a path below the repository, not ../up"),
            (".", "the context `name` of build app would hold StageFreight's own files: ."),
            (".stagefreight/objects", "the context `name` of build app would hold StageFreight's own files: .stagefreight/objects"),
        ] {
            assert_eq!(resolved("name", value), Err(expected.to_owned()));
        }
    }
}
