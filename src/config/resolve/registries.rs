//! `registries`: hosts without schemes, providers, credential prefixes.

use indexmap::IndexMap;

use super::builds::parse_platforms;
use super::templates::{self, Use};
use super::{Scope, paths};
use crate::config::decode::{Cx, IdMap};
use crate::config::problem::Problem;
use crate::config::resolved::{Registry, RegistryProvider};
use crate::config::span::{Span, Spanned, Text};
use crate::config::suggest;
use crate::config::written::{self, AttestationForm};
use crate::core::reference::{check_host, check_path};
use crate::core::{self, HostOptions, Platform, Rendition};

/// Resolves the section.
pub fn resolve(map: IdMap<written::Registry>, scope: &mut Scope<'_>, cx: &mut Cx) -> IndexMap<String, Registry> {
    let mut resolved = IndexMap::new();
    for (id, entry) in map.entries {
        let key = entry.key;
        if let Some(registry) = entry.value.and_then(|registry| one(&id, key, registry, scope, cx)) {
            resolved.insert(id, registry);
        }
    }
    resolved
}

fn one(id: &str, key: Span, registry: written::Registry, scope: &mut Scope<'_>, cx: &mut Cx) -> Option<Registry> {
    let written::Registry {
        provider,
        url,
        credentials,
        default_path,
        required,
        ca_file,
        client_certificate,
        mirrors,
        concurrency,
        rate,
        retries,
        attestations,
        platforms,
        // Reported as not supported yet when it was read.
        native_scan: _,
    } = registry;
    let named = match &provider {
        Some(name) => parse_provider(name, cx).map(Some),
        None => Some(None),
    };
    let embedded = named == Some(Some(RegistryProvider::Embedded));
    let place = match &url {
        Some(url) => parse_url(url, cx),
        None if embedded => Some((format!("{}.embedded", id.to_ascii_lowercase()), true)),
        None => {
            let label = "`url` is missing here".to_owned();
            cx.report(Problem::at(key, format!("registry `{id}` has no `url`")).label(label).hint("give its host: `url: ghcr.io`"));
            None
        }
    };
    let credentials = credentials.and_then(|prefix| credential_prefix(&prefix, "credentials", "GHCR_USER and GHCR_TOKEN", cx));
    let options = HostOptions {
        client_certificate: client_certificate
            .and_then(|prefix| credential_prefix(&prefix, "client_certificate", "GHCR_CLIENT_CERT and GHCR_CLIENT_KEY", cx)),
        concurrency: concurrency.and_then(|count| within(&count, "concurrency", 1, 256, cx)),
        rate: rate.and_then(|count| within(&count, "rate", 1, 100_000, cx)),
        retries: retries.and_then(|count| within(&count, "retries", 0, 100, cx)),
    };
    let mirrors = mirrors.unwrap_or_default().iter().filter_map(|mirror| mirror_host(mirror, cx)).collect();
    let rendition = rendition(attestations.as_ref(), platforms, cx);
    if let Some(path) = &default_path {
        check_repository_path(path, scope, cx);
    }
    let ca_file = ca_file.and_then(|path| paths::inside(&path, "ca_file", cx));
    // Everything wrong with the entry has been reported by now.
    let (named, (host, plain_http)) = (named?, place?);
    Some(Registry {
        id: id.to_owned(),
        provider: named.unwrap_or_else(|| provider_of_host(&host)),
        host,
        // Ours listens on loopback, without TLS.
        plain_http: plain_http || embedded,
        credentials,
        default_path: default_path.map(|path| path.value),
        required: required.unwrap_or(true),
        ca_file,
        mirrors,
        options,
        rendition,
    })
}

/// A whole number between two bounds.
fn within(count: &Spanned<i64>, what: &str, least: u32, most: u32, cx: &mut Cx) -> Option<u32> {
    let number = u32::try_from(count.value).ok().filter(|number| (least..=most).contains(number));
    if number.is_none() {
        let message = format!("`{what}: {}` is out of bounds", count.value);
        cx.report(Problem::at(count.span, message).hint(format!("write a number from {least} to {most}, or leave it out")));
    }
    number
}

/// A mirror serves the same paths, so that it is a host and nothing else.
fn mirror_host(mirror: &Text, cx: &mut Cx) -> Option<String> {
    let (host, plain_http) = parse_url(mirror, cx)?;
    if plain_http {
        let hint = "describe it as a registry of its own with `url: http://…`, and name its host here";
        cx.report(Problem::at(mirror.span, "a mirror is written without a scheme").hint(hint));
        return None;
    }
    Some(host)
}

/// What of an image goes there.
fn rendition(form: Option<&Spanned<AttestationForm>>, platforms: Option<Spanned<Vec<Text>>>, cx: &mut Cx) -> Rendition {
    let attestations = form.map_or(core::AttestationForm::Index, |form| match form.value {
        AttestationForm::Index => core::AttestationForm::Index,
        AttestationForm::Referrers => core::AttestationForm::Referrers,
        AttestationForm::Tag => core::AttestationForm::Tag,
        AttestationForm::None => core::AttestationForm::None,
    });
    let platforms = platforms.map(|platforms| parse_platforms(platforms, "for all that were built", cx)).unwrap_or_default();
    Rendition { attestations, platforms: platforms.iter().map(Platform::normalized).collect() }
}

/// Checks a path template; one without tokens must be a path registries accept.
pub fn check_repository_path(path: &Text, scope: &Scope<'_>, cx: &mut Cx) {
    if !templates::check(path, Use::Path, scope, cx) {
        return;
    }
    if let Some(literal) = templates::literal(&path.value)
        && let Err(error) = check_path(&literal)
    {
        cx.report(
            Problem::at(path.span, error.to_string())
                .hint("a path is lower-case words between `/`, such as `acme/app`, without host and tag"),
        );
    }
}

fn parse_provider(name: &Text, cx: &mut Cx) -> Option<RegistryProvider> {
    let found = RegistryProvider::ALL.into_iter().find(|provider| provider.name() == name.value);
    if found.is_none() {
        let names = || RegistryProvider::ALL.into_iter().map(RegistryProvider::name);
        // People write the names of products that share a provider.
        let label = match name.value.as_str() {
            "docker" | "docker.io" | "hub" => Some("did you mean `dockerhub`?".to_owned()),
            "forgejo" => Some("did you mean `gitea`? Forgejo's registry is the same".to_owned()),
            "github" => Some("did you mean `ghcr`?".to_owned()),
            "artifactory" => Some("did you mean `jfrog`?".to_owned()),
            "local" => Some("did you mean `embedded`?".to_owned()),
            other => suggest::label(other, names()),
        };
        let problem = Problem::at(name.span, format!("registry provider `{}` is unknown", name.value)).label(label);
        cx.report(problem.hint(format!("known: {}", suggest::list(names()))));
    }
    found
}

/// Host and whether it is reached without TLS.
fn parse_url(url: &Text, cx: &mut Cx) -> Option<(String, bool)> {
    let span = url.span;
    let refuse = |reason: &str, hint: &str, cx: &mut Cx| {
        cx.report(Problem::at(span, format!("registry url {reason}")).hint(hint));
        None
    };
    let (scheme, rest) = url.value.split_once("://").map_or(("", url.value.as_str()), |(scheme, rest)| (scheme, rest));
    let plain_http = match scheme.to_ascii_lowercase().as_str() {
        "" | "https" => false,
        "http" => true,
        other => return refuse(&format!("has the scheme `{other}`"), "use https, or http for a registry without TLS", cx),
    };
    let host = rest.strip_suffix('/').unwrap_or(rest);
    if host.contains('@') {
        let problem = Problem::at(url.span, "registry url contains credentials").secret();
        cx.report(problem.hint("remove them and name the variables' prefix: `credentials: NAME`"));
        return None;
    }
    if host.contains('/') {
        return refuse(&format!("`{host}` has a path"), "write the host alone; the path belongs to `default_path` or `path`", cx);
    }
    let host = host.to_ascii_lowercase();
    // One registry, several names.
    let host = if ["registry-1.docker.io", "index.docker.io"].contains(&host.as_str()) { "docker.io".to_owned() } else { host };
    if let Err(error) = check_host(&host) {
        return refuse(&format!("is wrong: {error}"), "write a host such as `ghcr.io` or `registry.acme.dev:5000`", cx);
    }
    Some((host, plain_http))
}

/// spec/build.md D.1: upper-cased, `[A-Z][A-Z0-9_]*`.
pub fn credential_prefix(prefix: &Text, key: &str, example: &str, cx: &mut Cx) -> Option<String> {
    let upper = prefix.value.to_ascii_uppercase();
    let mut bytes = upper.bytes();
    let right = bytes.next().is_some_and(|b| b.is_ascii_uppercase())
        && bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        && upper.len() <= 100;
    if right {
        return Some(upper);
    }
    // Somebody may have put the token itself here.
    cx.report(
        Problem::at(prefix.span, format!("`{key}` is not a prefix of variable names"))
            .secret()
            .hint(format!("write letters, digits and `_`: `{key}: GHCR` reads {example}")),
    );
    None
}

/// spec/build.md K.2.
fn provider_of_host(host: &str) -> RegistryProvider {
    let name = host.split(':').next().unwrap_or(host);
    let has = |part: &str| name.contains(part);
    match name {
        "docker.io" => RegistryProvider::DockerHub,
        "ghcr.io" => RegistryProvider::Ghcr,
        "quay.io" => RegistryProvider::Quay,
        _ if has("gitlab") => RegistryProvider::Gitlab,
        _ if has("jfrog") || has("artifactory") || has("jcr") => RegistryProvider::Jfrog,
        _ if has("harbor") => RegistryProvider::Harbor,
        _ if name.ends_with(".amazonaws.com") && has(".dkr.ecr.") => RegistryProvider::Ecr,
        _ if name.ends_with(".pkg.dev") => RegistryProvider::Gar,
        _ if name.ends_with(".azurecr.io") => RegistryProvider::Acr,
        _ => RegistryProvider::Generic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_tell_their_provider() {
        for (host, provider) in [
            ("docker.io", "dockerhub"),
            ("ghcr.io", "ghcr"),
            ("registry.gitlab.com", "gitlab"),
            ("gitlab.acme.dev:5050", "gitlab"),
            ("acme.jfrog.io", "jfrog"),
            ("harbor.acme.dev", "harbor"),
            ("1.dkr.ecr.eu-west-1.amazonaws.com", "ecr"),
            ("europe-docker.pkg.dev", "gar"),
            ("acme.azurecr.io", "acr"),
            ("localhost:5000", "generic"),
        ] {
            assert_eq!(provider_of_host(host).name(), provider, "{host}");
        }
    }
}
