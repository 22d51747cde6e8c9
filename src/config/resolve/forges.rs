//! `forges`, `repos` and `release`.

use indexmap::IndexMap;

use super::registries::credential_prefix;
use super::{check_reference, paths};
use crate::config::decode::{Cx, IdMap};
use crate::config::problem::Problem;
use crate::config::resolved::{Forge, ForgeProvider, ReleaseDefaults, Repo};
use crate::config::span::{Span, Text};
use crate::config::written::{self, RepoRole};

/// Resolves `forges`.
pub fn forges(map: IdMap<written::Forge>, cx: &mut Cx) -> IndexMap<String, Forge> {
    let mut resolved = IndexMap::new();
    for (id, entry) in map.entries {
        let key = entry.key;
        if let Some(forge) = entry.value.and_then(|forge| forge_of(&id, key, forge, cx)) {
            resolved.insert(id, forge);
        }
    }
    resolved
}

fn forge_of(id: &str, key: Span, forge: written::Forge, cx: &mut Cx) -> Option<Forge> {
    let written::Forge { provider, url, credentials, ca_file } = forge;
    let provider = match provider.value {
        written::ForgeProvider::Github => ForgeProvider::Github,
        written::ForgeProvider::Gitlab => ForgeProvider::Gitlab,
        written::ForgeProvider::Gitea => ForgeProvider::Gitea,
        written::ForgeProvider::Forgejo => ForgeProvider::Forgejo,
        written::ForgeProvider::Embedded => ForgeProvider::Embedded,
        written::ForgeProvider::EmbeddedGitlab => ForgeProvider::EmbeddedGitlab,
    };
    let url = match (&url, provider) {
        (Some(url), _) => web_address(url, cx),
        (None, provider) if provider.is_embedded() => Some(format!("http://{}.embedded", id.to_ascii_lowercase())),
        (None, _) => {
            let label = "`url` is missing here".to_owned();
            let example = if provider == ForgeProvider::Gitlab { "https://gitlab.com" } else { "https://github.com" };
            cx.report(
                Problem::at(key, format!("forge `{id}` has no `url`")).label(label).hint(format!("give its address: `url: {example}`")),
            );
            None
        }
    };
    let credentials = credentials.and_then(|prefix| credential_prefix(&prefix, "credentials", "GHCR_TOKEN", cx));
    let ca_file = ca_file.and_then(|path| paths::inside(&path, "ca_file", cx));
    Some(Forge { id: id.to_owned(), provider, url: url?, credentials, ca_file })
}

/// `https://host[:port][/prefix]`, without credentials, query and closing slash.
fn web_address(text: &Text, cx: &mut Cx) -> Option<String> {
    let mut refuse = |reason: &str| {
        let problem = Problem::at(text.span, format!("forge url {reason}")).secret();
        cx.report(problem.hint("write its web address: `https://github.com`, `https://git.acme.dev/forge`"));
        None
    };
    let written = if text.value.contains("://") { text.value.clone() } else { format!("https://{}", text.value) };
    let Ok(url) = url::Url::parse(&written) else { return refuse("is no web address") };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return refuse("is no web address");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("contains credentials");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("has a query");
    }
    Some(url.as_str().trim_end_matches('/').to_owned())
}

/// Resolves `repos`. `registries` are ids that are taken: both name targets.
pub fn repos(map: IdMap<written::Repo>, forges: &[String], registries: &[String], cx: &mut Cx) -> IndexMap<String, Repo> {
    let mut resolved: IndexMap<String, Repo> = IndexMap::new();
    let mut primary: Option<(String, Span)> = None;
    for (id, entry) in map.entries {
        let key = entry.key;
        let Some(repo) = entry.value else { continue };
        let written::Repo {
            forge,
            project,
            roles,
            required,
            // Reported as not supported yet when they were read.
            branches: _,
            worktree: _,
            r#ref: _,
            sync: _,
        } = repo;
        if registries.contains(&id) {
            let problem = Problem::at(key, format!("`{id}` is a registry and a repository")).label("called as a registry is".to_owned());
            cx.report(problem.hint("give one another id: records name places by their id"));
        }
        check_reference(&forge, "forge", forges, cx);
        check_project(&project, cx);
        let roles = roles.map(|roles| roles.items).unwrap_or_default();
        let has = |wanted: RepoRole| roles.iter().find(|role| role.value == wanted);
        if let (Some(_), Some(both)) = (has(RepoRole::Primary), has(RepoRole::Mirror)) {
            cx.report(Problem::at(both.span, format!("repo `{id}` is primary and mirror")).hint("it is one of them"));
        }
        if let Some(role) = has(RepoRole::Primary) {
            if let Some((other, _)) = &primary {
                cx.report(
                    Problem::at(role.span, format!("`{other}` and `{id}` are both primary"))
                        .hint("releases have one home; the others are mirrors"),
                );
            }
            primary = Some((id.clone(), role.span));
        }
        let mirror = has(RepoRole::Mirror).is_some();
        let first = resolved.is_empty() && !mirror;
        let repo = Repo {
            id: id.clone(),
            forge: forge.value,
            project: project.value.trim_matches('/').to_owned(),
            primary: has(RepoRole::Primary).is_some() || first,
            required: required.unwrap_or(true),
        };
        resolved.insert(id, repo);
    }
    if let Some((named, _)) = primary {
        for repo in resolved.values_mut() {
            repo.primary = repo.id == named;
        }
    }
    resolved
}

fn check_project(project: &Text, cx: &mut Cx) {
    let parts: Vec<&str> = project.value.trim_matches('/').split('/').collect();
    let plain = |part: &&str| {
        !part.is_empty()
            && !matches!(*part, "." | "..")
            && part.chars().all(|ch| ch.is_ascii_alphanumeric() || matches!(ch, '.' | '_' | '-'))
    };
    if parts.len() < 2 || !parts.iter().all(plain) {
        let message = format!("project `{}` is not the path of a project", project.value.escape_debug());
        cx.report(Problem::at(project.span, message).hint("write `owner/name`, with all groups on GitLab"));
    }
}

/// Resolves `release`.
pub fn defaults(release: Option<written::Release>) -> ReleaseDefaults {
    let Some(release) = release else { return ReleaseDefaults::default() };
    let written::Release {
        enabled,
        required,
        registry_links,
        // Reported as not supported yet when they were read.
        security_summary: _,
        catalog_links: _,
    } = release;
    let standard = ReleaseDefaults::default();
    ReleaseDefaults {
        enabled: enabled.unwrap_or(standard.enabled),
        required: required.unwrap_or(standard.required),
        registry_links: registry_links.unwrap_or(standard.registry_links),
    }
}
