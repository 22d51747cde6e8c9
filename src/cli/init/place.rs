//! Where a project's images usually go: the registry of the host its git remote is at.

use crate::plan::cache::RepositoryId;

/// A project at a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Host of the remote.
    pub host: String,
    /// `group/project`, in lower case as registries want it.
    pub path: String,
    /// The last part of it.
    pub project: String,
    /// The registry, where the host tells which.
    pub registry: Option<Registry>,
}

/// A registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registry {
    /// Its id in the config.
    pub id: &'static str,
    /// Its provider.
    pub provider: &'static str,
    /// Its host.
    pub url: String,
    /// Prefix of its credentials.
    pub credentials: &'static str,
    /// Where the CI itself has credentials.
    pub own: Option<&'static str>,
}

impl Place {
    /// From a clone address; `None` for one on this machine.
    pub(super) fn of_remote(remote: &str) -> Option<Self> {
        let id = RepositoryId::of_address(remote)?;
        let (host, path) = id.as_str().split_once('/')?;
        let project = path.rsplit('/').next().unwrap_or(path).to_owned();
        Some(Self { registry: registry(host), host: host.to_owned(), path: path.to_owned(), project })
    }
}

fn registry(host: &str) -> Option<Registry> {
    let name = host.split(':').next().unwrap_or(host);
    let labels: Vec<&str> = name.split('.').collect();
    let is = |word: &str| labels.contains(&word);
    if name == "github.com" {
        let own = Some("without these, GitHub Actions' own token (`packages: write`) is used");
        Some(Registry { id: "ghcr", provider: "ghcr", url: "ghcr.io".to_owned(), credentials: "GHCR", own })
    } else if is("gitlab") {
        let own = Some("without these, the job's CI_REGISTRY_USER and CI_REGISTRY_PASSWORD are used");
        Some(Registry { id: "gitlab", provider: "gitlab", url: format!("registry.{name}"), credentials: "GITLAB", own })
    } else if is("gitea") || is("forgejo") || name == "codeberg.org" {
        Some(Registry { id: "gitea", provider: "gitea", url: host.to_owned(), credentials: "GITEA", own: None })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_tells_the_registry() {
        for (remote, registry, path) in [
            ("git@github.com:Acme/App.git", Some("ghcr.io"), "acme/app"),
            ("https://gitlab.com/acme/team/app.git", Some("registry.gitlab.com"), "acme/team/app"),
            ("ssh://git@gitlab.acme.dev:2222/acme/app", Some("registry.gitlab.acme.dev"), "acme/app"),
            ("https://codeberg.org/acme/app", Some("codeberg.org"), "acme/app"),
            ("https://gitea.acme.dev:3000/acme/app", Some("gitea.acme.dev:3000"), "acme/app"),
            ("https://git.acme.dev/acme/app", None, "acme/app"),
        ] {
            let place = Place::of_remote(remote).expect("an address");
            assert_eq!((place.registry.map(|r| r.url).as_deref(), place.path.as_str()), (registry, path), "{remote}");
        }
        assert_eq!(Place::of_remote("/srv/git/app.git"), None);
    }
}
