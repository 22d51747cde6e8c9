//! From as-written to resolved: ids are looked up, defaults filled in, patterns compiled. Every as-written struct is
//! taken apart without `..`, so that a new key cannot be forgotten here.

mod build_cache;
mod builder;
mod buildkit;
mod builds;
mod cleanup;
mod files;
mod forges;
mod git;
mod paths;
mod publish;
mod publish_component;
mod publish_files;
mod publish_release;
mod registries;
mod release_retention;
mod remotes;
mod security;
mod stores;
mod templates;

use std::collections::HashSet;

use indexmap::IndexMap;

use super::decode::{Cx, IdMap};
use super::problem::Problem;
use super::resolved::Config;
use super::span::Text;
use super::suggest;
use super::written::build_cache::BuildCacheSection;
use super::written::{Build, Document};

/// Resolves a document. Problems go to `cx`; what could not be resolved is left out of the result, which is then of no use.
pub fn resolve(document: Document, cx: &mut Cx) -> Config {
    let Document {
        version,
        vars,
        vars_from_env,
        defaults: _,
        registries,
        git,
        builds,
        builder,
        build_cache,
        publish,
        security,
        remotes,
        environments,
        forges,
        repos,
        release,
        retention,
        // Reported as not supported yet when they were read.
        signing: _,
        ci: _,
        store,
    } = document;
    if version.value != 1 {
        let message = format!("config version {} is not known", version.value);
        cx.report(Problem::at(version.span, message).hint("this program reads version 1; a newer file needs a newer program"));
    }
    let vars = vars.map_or_else(IndexMap::new, |vars| vars.entries.into_iter().map(|(key, value)| (key.text, value.value.0)).collect());
    let env_allowed = env_allowed(vars_from_env.unwrap_or_default(), cx);
    let registries = registries.unwrap_or_default();
    let mut builds = builds.unwrap_or_default();
    let mut publish = publish.unwrap_or_default();
    publish_release::archives(&mut publish, &mut builds, cx);
    let mut scope = Scope { env_allowed: &env_allowed, used: HashSet::new() };
    let known_registries = known(&registries);
    let registries = registries::resolve(registries, &mut scope, cx);
    let known_builds = known(&builds);
    let images: Vec<String> = builds
        .entries
        .iter()
        .filter(|(_, entry)| entry.value.as_ref().is_none_or(|build| matches!(build, Build::Docker(_))))
        .map(|(id, _)| id.clone())
        .collect();
    let forges = forges.unwrap_or_default();
    let repos = repos.unwrap_or_default();
    let known_repos = known(&repos);
    let known_forges = known(&forges);
    let forges = forges::forges(forges, cx);
    let repos = forges::repos(repos, &known_forges, &known_registries, cx);
    let homes = repos.values().filter_map(|repo| Some((repo.id.clone(), forges.get(&repo.forge)?.provider))).collect();
    let release = forges::defaults(release);
    let archives: Vec<String> =
        builds.entries.iter().filter(|(_, entry)| matches!(entry.value, Some(Build::Archive(_)))).map(|(id, _)| id.clone()).collect();
    let (builds, files) = builds::resolve(builds, &mut scope, cx);
    let mut build_cache = build_cache.unwrap_or_else(written_cache);
    let builder = builder::resolve(builder, build_cache.builder.take(), cx);
    let cleanup = cleanup::resolve(build_cache.cleanup.take(), cx);
    let cache_lookup = build_cache::Lookup { known: &known_registries, resolved: &registries };
    let build_cache = build_cache::resolve(build_cache, &cache_lookup, &scope, cx);
    let (git, patterns) = git::resolve(git, &mut scope, cx);
    let store = store.unwrap_or_default();
    let known_stores = known(&store);
    let stores = stores::resolve(store, &stores::Lookup { registries: &known_registries, resolved: &registries }, cx);
    let retention = retention.map(|written| release_retention::rules(written, &patterns, &mut scope, cx));
    let (remotes, environments) = remotes::resolve(&remotes.unwrap_or_default(), environments.unwrap_or_default(), cx);
    let lookup = publish::Lookup {
        remotes: &remotes,
        environments: &environments,
        stores: &known_stores,
        registries: &known_registries,
        resolved: &registries,
        builds: &known_builds,
        images: &images,
        archives: &archives,
        repos: &known_repos,
        homes: &homes,
        release_required: release.required,
        retention: retention.as_ref(),
        patterns: &patterns,
    };
    let publish = publish::resolve(publish, &lookup, &mut scope, cx);
    // What looks unused may only be misspelt where it is used.
    if cx.problems.is_empty() {
        git::warn_unused(&patterns, &scope.used, cx);
    }
    let security = security::resolve(security, cx);
    Config {
        vars,
        registries,
        forges,
        repos,
        release,
        git,
        builds,
        files,
        builder,
        build_cache,
        cleanup,
        remotes,
        environments,
        publish,
        stores,
        security,
        env_allowed,
        assumed: false,
    }
}

/// What an absent `build_cache` reads as.
fn written_cache() -> BuildCacheSection {
    BuildCacheSection { mode: None, builder: None, local: None, external: None, prune: None, cleanup: None }
}

/// What every section is resolved with.
struct Scope<'c> {
    /// Names `{env:}` may read.
    env_allowed: &'c [String],
    /// Names of patterns that something uses: `branches.main`, `tags.stable`.
    used: HashSet<String>,
}

/// The ids of a section, also of entries that could not be read.
fn known<T>(map: &IdMap<T>) -> Vec<String> {
    map.ids().map(str::to_owned).collect()
}

/// Looks an id up; an unknown one is reported with the nearest name.
fn check_reference(id: &Text, what: &str, known: &[String], cx: &mut Cx) -> bool {
    if known.contains(&id.value) {
        return true;
    }
    let names = || known.iter().map(String::as_str);
    let problem = Problem::at(id.span, format!("{what} `{}` is not defined", id.value)).label(suggest::label(&id.value, names()));
    let plural = if what == "registry" { "registries".to_owned() } else { format!("{what}s") };
    cx.report(if known.is_empty() {
        problem.hint(format!("no {plural} are defined here"))
    } else {
        problem.hint(format!("{plural} defined here: {}", suggest::list(names())))
    });
    false
}

fn env_allowed(names: Vec<Text>, cx: &mut Cx) -> Vec<String> {
    let mut allowed = Vec::with_capacity(names.len());
    for name in names {
        let mut bytes = name.value.bytes();
        let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        if !first || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            cx.report(Problem::at(name.span, format!("`{}` is not the name of an environment variable", name.value)));
        } else if is_secret_name(&name.value) {
            let message = format!("`{}` holds a secret by its name; templates end up in tags, labels and logs", name.value);
            cx.report(Problem::at(name.span, message).hint("give the value a name that does not say token, password, secret or key"));
        } else {
            allowed.push(name.value);
        }
    }
    allowed
}

/// The names the redactor hides by convention.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["_TOKEN", "_PASS", "_PASSWORD", "_KEY"].iter().any(|end| name.ends_with(end)) || name.contains("SECRET")
}
