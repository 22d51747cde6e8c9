//! What a repository is called, the same for everybody who asks (spec/build.md W.3).

use std::fmt;
use std::path::Path;

use crate::ci::{PipelineContext, web_url};
use crate::git::GitFacts;

/// One repository's name: `gitlab.com/group/project`, host and path in lower case. The same however the repository was
/// cloned: no scheme, no user information, no `.git`, no port of ssh, so a token in a clone URL changes nothing.
///
/// Builders, cache tags, cache directories and retention are all named after it and nothing else, so the one who writes
/// a cache and the one who tidies it mean the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryId(String);

impl RepositoryId {
    /// The id of the repository a command works in: its address as the CI says it, else that of the remote `origin`, else
    /// where it lies on this machine. `directory` is absolute.
    pub fn find(context: &PipelineContext, git: &GitFacts, directory: &Path) -> Self {
        let of_remote = || git.remote.as_deref().and_then(|remote| Self::of_address(remote).or_else(|| Self::of_path(remote)));
        let found = context.repo_url.as_deref().and_then(Self::of_address).or_else(of_remote);
        found.unwrap_or_else(|| Self::of_directory(directory))
    }

    /// From a web or clone address; `None` for what is none.
    pub fn of_address(address: &str) -> Option<Self> {
        let url = web_url(address)?;
        let (authority, path) = url.split_once("://")?.1.split_once('/')?;
        let authority = authority.trim_end_matches('.').to_lowercase();
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(str::to_lowercase).collect();
        let path = parts.join("/");
        // The `.git` of `…/app.GIT` and `…/app.git/`.
        let path = path.strip_suffix(".git").unwrap_or(&path);
        (!path.is_empty()).then(|| Self(format!("{authority}/{path}")))
    }

    /// A repository that has no address: its place on this machine, case kept.
    pub fn of_directory(directory: &Path) -> Self {
        Self(format!("file:{}", directory.display()))
    }

    /// A remote that is an absolute path of this machine.
    fn of_path(remote: &str) -> Option<Self> {
        let path = remote.strip_prefix("file://").unwrap_or(remote);
        if !path.starts_with('/') {
            return None;
        }
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let path = path.trim_end_matches('/');
        (!path.is_empty()).then(|| Self::of_directory(Path::new(path)))
    }

    /// The id as text: what is hashed for names.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::Event;
    use crate::plan::fixtures;

    #[test]
    fn every_way_to_clone_is_one_repository() {
        let app = Some("gitlab.acme.dev/group/app".to_owned());
        for address in [
            "https://gitlab.acme.dev/group/app",
            "https://gitlab.acme.dev/group/app.git",
            "https://gitlab.acme.dev/Group/App.git/",
            "https://GitLab.Acme.Dev/group//app",
            "https://gitlab-ci-token:glcbt-64_x@gitlab.acme.dev/group/app.git",
            "https://gitlab.acme.dev:443/group/app",
            "http://gitlab.acme.dev/group/app",
            "git@gitlab.acme.dev:group/app.git",
            "gitlab.acme.dev:/group/app",
            "ssh://git@gitlab.acme.dev/group/app.git",
            "ssh://git@gitlab.acme.dev:2222/group/app.git",
            "git://gitlab.acme.dev/group/app",
            "https://gitlab.acme.dev./group/app?x=1#readme",
        ] {
            assert_eq!(RepositoryId::of_address(address).map(|id| id.to_string()), app, "{address}");
        }
        for nothing in ["", "/srv/git/app.git", "../app", "https://gitlab.acme.dev/", "https://gitlab.acme.dev", "not an address"] {
            assert_eq!(RepositoryId::of_address(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn two_servers_on_one_machine_are_two() {
        let id = |address: &str| RepositoryId::of_address(address).expect("an address");
        assert_ne!(id("http://127.0.0.1:3000/lab/demo"), id("http://127.0.0.1:3001/lab/demo"));
        assert_ne!(id("https://github.com/acme/app"), id("https://github.com/acme/app2"));
    }

    #[test]
    fn the_ci_knows_better_than_the_remote_and_the_remote_better_than_the_directory() {
        let mut context = fixtures::context(Event::Push, Some("main"), None);
        let mut git = fixtures::git(&[]);
        git.remote = Some("git@mirror.acme.dev:copies/app.git".to_owned());
        let found = |context: &PipelineContext, git: &GitFacts| RepositoryId::find(context, git, Path::new("/ws/App")).to_string();
        assert_eq!(found(&context, &git), "github.com/acme/app");
        context.repo_url = None;
        assert_eq!(found(&context, &git), "mirror.acme.dev/copies/app");
        for remote in ["/srv/git/App.git", "file:///srv/git/App.git/", "/srv/git/App"] {
            git.remote = Some(remote.to_owned());
            assert_eq!(found(&context, &git), "file:/srv/git/App");
        }
        for remote in [None, Some("../elsewhere".to_owned())] {
            git.remote = remote;
            assert_eq!(found(&context, &git), "file:/ws/App");
        }
    }
}
