//! The options of a docker build that only BuildKit has.

use std::collections::{BTreeMap, HashSet};

use super::builds::values;
use super::{Scope, check_reference, paths};
use crate::config::decode::{Cx, NameMap, OneOrMany, Scalar};
use crate::config::problem::Problem;
use crate::config::resolved::{BuildkitOptions, SecretSource};
use crate::config::span::{Span, Spanned, Text};
use crate::config::written::build_cache::NoCache;
use crate::config::written::{BuildSecret, Network};
use crate::core::ByteSize;

/// The options as written.
pub struct Written {
    pub secrets: Option<Vec<BuildSecret>>,
    pub ssh: Option<OneOrMany<Text>>,
    pub build_contexts: Option<NameMap<Spanned<Scalar>>>,
    pub annotations: Option<NameMap<Spanned<Scalar>>>,
    pub network: Option<Network>,
    pub ulimits: Option<Vec<Text>>,
    pub add_hosts: Option<Vec<Text>>,
    pub shm_size: Option<Text>,
    pub no_cache: Option<NoCache>,
    pub pull: Option<bool>,
    pub load: Option<bool>,
    pub bake: Option<Text>,
}

/// Resolves them. `ids` are those of all builds, and of those that make files; `needs` gets the builds that contexts name:
/// they come first.
pub fn resolve(
    written: Written,
    build: &str,
    ids: (&[String], &[String]),
    needs: &mut Vec<(String, Span)>,
    scope: &Scope<'_>,
    cx: &mut Cx,
) -> BuildkitOptions {
    let Written { secrets, ssh, build_contexts, annotations, network, ulimits, add_hosts, shm_size, no_cache, pull, load, bake } = written;
    let (no_cache, no_cache_stages) = match no_cache {
        None => (false, Vec::new()),
        Some(NoCache::All(all)) => (all, Vec::new()),
        Some(NoCache::Stages(stages)) => (false, stages.into_iter().map(|stage| stage.value).collect()),
    };
    BuildkitOptions {
        secrets: resolve_secrets(secrets.unwrap_or_default(), cx),
        ssh: ssh.map(|ssh| ssh.items).unwrap_or_default().into_iter().filter_map(|text| ssh_source(&text, cx)).collect(),
        contexts: resolve_contexts(build_contexts, build, ids, needs, scope, cx),
        annotations: values(annotations, "annotation", scope, cx).into_iter().collect(),
        network: network.map(|network| match network {
            Network::Default => "default".to_owned(),
            Network::None => "none".to_owned(),
            Network::Host => "host".to_owned(),
        }),
        ulimits: ulimits.unwrap_or_default().into_iter().filter_map(|text| ulimit(&text, cx)).collect(),
        add_hosts: add_hosts.unwrap_or_default().into_iter().filter_map(|text| add_host(&text, cx)).collect(),
        shm_size: shm_size.and_then(|text| match ByteSize::parse_binary(&text.value) {
            Ok(size) if size.0 > 0 => Some(size.0),
            _ => {
                let message = format!("`shm_size: {}` is not a size", text.value.escape_debug());
                cx.report(Problem::at(text.span, message).hint("such as `256MB`"));
                None
            }
        }),
        no_cache,
        no_cache_stages,
        pull: pull.unwrap_or(false),
        load: load.unwrap_or(false),
        bake: bake.and_then(|path| paths::inside(&path, "bake file", cx)),
    }
}

fn resolve_secrets(secrets: Vec<BuildSecret>, cx: &mut Cx) -> Vec<SecretSource> {
    let mut seen = HashSet::new();
    let mut resolved = Vec::with_capacity(secrets.len());
    for BuildSecret { id, env, src } in secrets {
        // buildx takes them as fields of a CSV line.
        let plain = |text: &str| !text.is_empty() && !text.contains([',', '"', '\n', '\0', '=']);
        if !plain(&id.value) {
            cx.report(Problem::at(id.span, format!("`{}` is not the id of a secret", id.value.escape_debug())));
        } else if !seen.insert(id.value.clone()) {
            cx.report(Problem::at(id.span, format!("secret `{}` is there twice", id.value)).hint("remove one"));
        }
        match (&env, &src) {
            (Some(env), Some(_)) => {
                cx.report(Problem::at(env.span, format!("secret `{}` has both `env` and `src`", id.value)).hint("keep one"));
            }
            (None, None) => {
                let hint = "name the variable (`env: NPM_TOKEN`) or the file (`src: /run/secrets/npmrc`) that holds it";
                cx.report(Problem::at(id.span, format!("secret `{}` comes from nowhere", id.value)).hint(hint));
            }
            (Some(env), None) => {
                let mut bytes = env.value.bytes();
                let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
                if !first || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                    // Somebody may have put the value itself here.
                    let problem = Problem::at(env.span, format!("`env` of secret `{}` is not the name of a variable", id.value)).secret();
                    cx.report(problem.hint("name the variable that holds the secret, never its value"));
                }
            }
            (None, Some(src)) if src.value.is_empty() || src.value.contains(['\n', '\0', '"']) => {
                cx.report(Problem::at(src.span, format!("`src` of secret `{}` is not a path", id.value)));
            }
            (None, Some(_)) => {}
        }
        resolved.push(SecretSource { id: id.value, env: env.map(|text| text.value), src: src.map(|text| text.value) });
    }
    resolved
}

fn ssh_source(text: &Text, cx: &mut Cx) -> Option<String> {
    let id = text.value.split('=').next().unwrap_or_default();
    let right = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if right && !text.value.contains(['\n', '\0', '"']) {
        return Some(text.value.clone());
    }
    let message = format!("`{}` is not an ssh source", text.value.escape_debug());
    cx.report(Problem::at(text.span, message).hint("write `default` for the agent, or `id=path` of a socket or key"));
    None
}

fn resolve_contexts(
    contexts: Option<NameMap<Spanned<Scalar>>>,
    build: &str,
    (ids, file_ids): (&[String], &[String]),
    needs: &mut Vec<(String, Span)>,
    scope: &Scope<'_>,
    cx: &mut Cx,
) -> BTreeMap<String, String> {
    let mut resolved = BTreeMap::new();
    for (name, value) in contexts.map(|map| map.entries).unwrap_or_default() {
        let text = Text { value: value.value.0, span: value.span };
        if name.text.is_empty() || name.text.contains(['=', ' ', '\n', '\0']) {
            cx.report(Problem::at(name.span, format!("`{}` is not the name of a context", name.text.escape_debug())));
        }
        super::templates::check(&text, super::templates::Use::Value, scope, cx);
        let scheme = text.value.split_once("://").map(|(scheme, _)| scheme);
        if let Some(id) = text.value.strip_prefix("build:") {
            let id = Text { value: id.to_owned(), span: text.span };
            if id.value == build {
                cx.report(Problem::at(text.span, format!("build `{build}` is its own context")).hint("name another build"));
            } else if check_reference(&id, "build", ids, cx) {
                if file_ids.contains(&id.value) {
                    let message = format!("build `{}` makes files, and a context `build:` is an image", id.value);
                    cx.report(Problem::at(text.span, message).hint("put built files into the context with `stage`"));
                }
                needs.push((id.value, text.span));
            }
        } else if scheme == Some("oci-layout") {
            let path =
                Text { value: text.value["oci-layout://".len()..].split('@').next().unwrap_or_default().to_owned(), span: text.span };
            paths::inside(&path, "OCI layout", cx);
        } else if let Some(scheme) = scheme {
            if !["docker-image", "https", "http", "git", "ssh"].contains(&scheme) {
                let message = format!("context `{}` has the unknown scheme `{scheme}`", name.text);
                cx.report(Problem::at(text.span, message).hint("use build:ID, a directory, oci-layout://, docker-image://, git or https"));
            } else if text
                .value
                .split_once("://")
                .is_some_and(|(_, rest)| rest.split('/').next().is_some_and(|host| host.contains(':') && host.contains('@')))
            {
                let problem = Problem::at(text.span, format!("context `{}` contains credentials", name.text)).secret();
                cx.report(problem.hint("use an ssh source or a secret instead"));
            }
        } else if !text.value.starts_with("git@") && !text.value.contains('{') {
            paths::inside(&text, "context", cx);
        }
        resolved.insert(name.text, text.value);
    }
    resolved
}

/// `type=soft[:hard]`.
fn ulimit(text: &Text, cx: &mut Cx) -> Option<String> {
    let right = text.value.split_once('=').is_some_and(|(name, limits)| {
        let numbers: Vec<&str> = limits.split(':').collect();
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
        is_name && numbers.len() <= 2 && numbers.iter().all(|number| number.parse::<i64>().is_ok())
    });
    if right {
        return Some(text.value.clone());
    }
    cx.report(Problem::at(text.span, format!("`{}` is not a limit", text.value.escape_debug())).hint("such as `nofile=1024:4096`"));
    None
}

/// `name:address`, where the address may be `host-gateway`.
fn add_host(text: &Text, cx: &mut Cx) -> Option<String> {
    let right = text.value.split_once([':', '=']).is_some_and(|(name, address)| {
        let address = address.trim_start_matches('[').trim_end_matches(']');
        !name.is_empty()
            && !name.contains(char::is_whitespace)
            && (address == "host-gateway" || address.parse::<::core::net::IpAddr>().is_ok())
    });
    if right {
        return Some(text.value.clone());
    }
    let message = format!("`{}` is not a host and its address", text.value.escape_debug());
    cx.report(Problem::at(text.span, message).hint("such as `db.internal:10.0.0.5`"));
    None
}
