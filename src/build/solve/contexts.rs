//! Directories and images a Dockerfile names and the build gives it: `--build-context`.

use std::path::{Path, PathBuf};

use super::context::inside;
use crate::build::BuildCx;
use crate::core::Digest;
use crate::error::{Error, Result};
use crate::fs;
use crate::names;
use crate::plan::BuildStep;
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
pub fn resolve(cx: &BuildCx, step: &BuildStep) -> Result<Vec<(String, NamedContext)>> {
    let workspace = fs::real_path(&cx.workspace)?;
    let one = |(name, value): (&String, &String)| {
        let what = format!("the context `{name}` of build {}", step.id);
        context(cx, &workspace, value, &what).map(|context| (name.clone(), context))
    };
    step.buildkit.contexts.iter().map(one).collect()
}

fn context(cx: &BuildCx, workspace: &Path, value: &str, what: &str) -> Result<NamedContext> {
    if let Some(build) = value.strip_prefix("build:") {
        let (path, digest) = cx.made.get(build).cloned().ok_or_else(|| {
            Error::failed(format!("{what} is the image of build {build}, which was not made"))
                .hint(format!("build {build} must succeed first; if it is not required, this build cannot go on without it"))
        })?;
        return Ok(NamedContext::Layout { path, digest, reference: value.to_owned() });
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
    use tokio_util::sync::CancellationToken;

    use super::super::tests::step;
    use super::*;
    use crate::event::Events;

    #[test]
    fn names_stand_for_builds_layouts_directories_and_what_buildkit_fetches() {
        let dir = tempfile::tempdir().expect("dir");
        let workspace = fs::real_path(dir.path()).expect("real");
        for made in ["lib", ".stagefreight/objects"] {
            fs::create_dir(&workspace.join(made)).expect("dir");
        }
        let mut cx = BuildCx::new(workspace.clone(), workspace.join("x"), CancellationToken::new(), Events::none());
        let digest = Digest::of(b"base");
        cx.made.insert("base".into(), (PathBuf::from("/store/x"), digest.clone()));
        let resolved = |value: &str| {
            let mut step = step();
            step.buildkit.contexts.insert("name".into(), value.to_owned());
            resolve(&cx, &step).map(|mut all| all.remove(0).1).map_err(|error| error.message().to_owned())
        };
        let layout = NamedContext::Layout { path: "/store/x".into(), digest, reference: "build:base".into() };
        assert_eq!(resolved("build:base"), Ok(layout));
        assert_eq!(resolved("lib"), Ok(NamedContext::Directory(workspace.join("lib"))));
        for remote in ["docker-image://debian:12", "https://example.com/a.git#main", "git@example.com:a/b.git"] {
            assert_eq!(resolved(remote), Ok(NamedContext::Remote(remote.to_owned())));
        }
        for (value, expected) in [
            ("build:gone", "the context `name` of build app is the image of build gone, which was not made"),
            ("../up", "the context `name` of build app must be a path below the repository, not ../up"),
            (".", "the context `name` of build app would hold StageFreight's own files: ."),
            (".stagefreight/objects", "the context `name` of build app would hold StageFreight's own files: .stagefreight/objects"),
        ] {
            assert_eq!(resolved(value), Err(expected.to_owned()));
        }
    }
}
