//! `publish`: where each build goes, under which tags, and when.

use indexmap::IndexMap;

use super::git::{Patterns, Side};
use super::publish_component::component;
use super::publish_files::{files, package};
use super::publish_release::release;
use super::registries::check_repository_path;
use super::templates::{self, Use};
use super::{Scope, check_reference};
use crate::config::decode::{Cx, IdMap, OneOrMany};
use crate::config::problem::Problem;
use crate::config::resolved::{
    Condition, ForgeProvider, Publish, PublishKind, Registry, RegistryPublish, ReleaseRetention, Remote, Requirements, StorePublish,
    TagPolicy, TagTemplate,
};
use crate::config::span::{Span, Spanned, Text};
use crate::config::suggest;
use crate::config::template_tokens::find;
use crate::config::written::{self, Moving, TagEntry};
use crate::core::Tag;
use crate::core::artifact_ref::Ref;

/// What publish entries refer to.
pub struct Lookup<'c> {
    /// Ids of artifact stores.
    pub stores: &'c [String],
    /// Ids of registries.
    pub registries: &'c [String],
    /// Those that could be resolved.
    pub resolved: &'c IndexMap<String, Registry>,
    /// Ids of builds.
    pub builds: &'c [String],
    /// Those that make images.
    pub images: &'c [String],
    /// Remotes that could be resolved, and what differs in environments.
    pub remotes: &'c IndexMap<String, Remote>,
    /// Environments.
    pub environments: &'c IndexMap<String, IndexMap<String, Remote>>,
    /// Those of kind archive.
    pub archives: &'c [String],
    /// Ids of repositories.
    pub repos: &'c [String],
    /// At which product those are that could be resolved.
    pub homes: &'c IndexMap<String, ForgeProvider>,
    /// What releases are where they do not say it.
    pub release_required: bool,
    /// What stays where entries do not say it.
    pub retention: Option<&'c ReleaseRetention>,
    /// Names of patterns.
    pub patterns: &'c Patterns,
}

/// Events a condition may name, as written by people and as pipelines are described (`ci::Event`).
pub const EVENTS: [(&str, &str); 7] = [
    ("push", "push"),
    ("tag", "tag"),
    ("merge_request", "merge_request"),
    ("pull_request", "merge_request"),
    ("schedule", "schedule"),
    ("manual", "manual"),
    ("release", "release"),
];

/// CI providers a condition may name.
pub const FORGES: [&str; 6] = ["github", "gitlab", "gitea", "forgejo", "woodpecker", "local"];

/// Resolves the section.
pub fn resolve(map: IdMap<written::Publish>, lookup: &Lookup<'_>, scope: &mut Scope<'_>, cx: &mut Cx) -> IndexMap<String, Publish> {
    let mut resolved: IndexMap<String, Publish> = IndexMap::new();
    for (id, entry) in map.entries {
        use written::Publish as Written;
        match entry.value {
            Some(Written::Registry(publish)) => {
                let tags = publish.tags.span;
                let publish = registry(&id, *publish, lookup, scope, cx);
                check_duplicates(&publish, tags, &resolved, lookup, cx);
                resolved.insert(id, publish);
            }
            Some(Written::Store(publish)) => {
                let publish = store(&id, *publish, lookup, scope, cx);
                resolved.insert(id, publish);
            }
            Some(Written::Remote(publish)) => {
                let publish = super::remotes::publish(&id, *publish, lookup, scope, cx);
                resolved.insert(id, publish);
            }
            Some(Written::Release(publish)) => {
                let publish = release(&id, *publish, lookup, scope, cx);
                resolved.insert(id, publish);
            }
            Some(Written::GenericPackage(publish)) => {
                let publish = package(&id, *publish, lookup, scope, cx);
                resolved.insert(id, publish);
            }
            Some(Written::Files(publish)) => {
                let publish = files(&id, *publish, lookup, scope, cx);
                resolved.insert(id, publish);
            }
            Some(Written::GitlabComponent(publish)) => {
                if let Some(publish) = component((&id, entry.key), *publish, lookup, scope, cx) {
                    resolved.insert(id, publish);
                }
            }
            // An archive became a build before anything was resolved; the others were reported as not supported yet when they
            // were read.
            Some(Written::BinaryArchive(_) | Written::Metadata(_) | Written::Pages(_)) | None => {}
        }
    }
    resolved
}

fn registry(id: &str, publish: written::RegistryPublish, lookup: &Lookup<'_>, scope: &mut Scope<'_>, cx: &mut Cx) -> Publish {
    let written::RegistryPublish {
        build,
        registry,
        path,
        tags,
        immutable,
        when,
        requires,
        required,
        // For people.
        description: _,
        // Reported as not supported yet when they were read.
        signing_profile: _,
        retention: _,
        native_scan: _,
        select_tags: _,
    } = publish;
    if check_reference(&build, "build", lookup.builds, cx) && !lookup.images.contains(&build.value) {
        let message = format!("build `{}` makes files, and a registry holds images", build.value);
        cx.report(Problem::at(build.span, message).hint("name a build of kind docker; `stage` puts built files into one"));
    }
    let registries = registries(id, registry, path.is_some(), lookup, cx);
    if let Some(path) = &path {
        check_repository_path(path, scope, cx);
    }
    let tags = tag_templates(id, tags, immutable.unwrap_or_default(), scope, cx);
    let when = conditions(when, lookup.patterns, scope, cx);
    let requires = requires.map(|requires| requirements(requires, cx)).unwrap_or_default();
    let kind = PublishKind::Registry(RegistryPublish { build: build.value, registries, path: path.map(|path| path.value), tags, requires });
    Publish { id: id.to_owned(), when, required: required.unwrap_or(true), kind }
}

fn store(id: &str, publish: written::StorePublish, lookup: &Lookup<'_>, scope: &mut Scope<'_>, cx: &mut Cx) -> Publish {
    let written::StorePublish {
        build,
        store,
        path,
        moving,
        when,
        required,
        // For people.
        description: _,
    } = publish;
    if build.items.is_empty() {
        cx.report(Problem::at(build.span, format!("publish `{id}` names no build")).hint("name one, or a list of them"));
    }
    for build in &build.items {
        check_reference(build, "build", lookup.builds, cx);
    }
    check_reference(&store, "store", lookup.stores, cx);
    let template = path.as_ref().map_or("{project}/{version}", |path| path.value.as_str()).to_owned();
    let policy = match moving {
        Some(Moving::Forward) => TagPolicy::Forward,
        Some(Moving::Any) => TagPolicy::Any,
        Some(Moving::Never) => TagPolicy::Immutable,
        // As of a tag that is the last part.
        None => match default_policy(&template) {
            TagPolicy::Any => default_policy(template.rsplit('/').next().unwrap_or(&template)),
            policy => policy,
        },
    };
    if let Some(path) = &path {
        let usage = if policy == TagPolicy::Immutable { Use::ImmutableTag } else { Use::Path };
        if templates::check(path, usage, scope, cx)
            && let Some(literal) = templates::literal(&path.value)
            && let Err(error) = Ref::parse(&literal)
        {
            cx.report(Problem::at(path.span, error.to_string()).hint("write words between `/`, such as `acme/app/{version}`"));
        }
    }
    let when = conditions(when, lookup.patterns, scope, cx);
    let builds = build.items.into_iter().map(|build| build.value).collect();
    let kind = PublishKind::Store(StorePublish { builds, store: store.value, path: template, policy });
    Publish { id: id.to_owned(), when, required: required.unwrap_or(true), kind }
}

fn registries(id: &str, named: OneOrMany<Text>, has_path: bool, lookup: &Lookup<'_>, cx: &mut Cx) -> Vec<String> {
    if named.items.is_empty() {
        cx.report(Problem::at(named.span, format!("publish `{id}` names no registry")).hint("name one, or a list of them"));
    }
    let mut ids: Vec<String> = Vec::with_capacity(named.items.len());
    for text in named.items {
        if !check_reference(&text, "registry", lookup.registries, cx) {
            continue;
        }
        if ids.contains(&text.value) {
            cx.report(Problem::at(text.span, format!("registry `{}` is named twice", text.value)).hint("remove one"));
            continue;
        }
        let without_default = lookup.resolved.get(&text.value).is_some_and(|registry| registry.default_path.is_none());
        if !has_path && without_default {
            let message = format!("publish `{id}` has no `path`, and registry `{}` has no `default_path`", text.value);
            cx.report(Problem::at(text.span, message).hint("say which repository: `path: acme/app`"));
        }
        ids.push(text.value);
    }
    ids
}

fn tag_templates(id: &str, tags: Spanned<Vec<TagEntry>>, immutable: Vec<Text>, scope: &Scope<'_>, cx: &mut Cx) -> Vec<TagTemplate> {
    if tags.value.is_empty() {
        cx.report(Problem::at(tags.span, format!("publish `{id}` has no tags")).hint("name at least one, such as \"{version}\""));
    }
    let mut templates: Vec<TagTemplate> = Vec::with_capacity(tags.value.len());
    let listed: Vec<String> = tags.value.iter().map(|entry| entry.tag.value.clone()).collect();
    for entry in tags.value {
        let TagEntry { tag, moving } = entry;
        let frozen = immutable.iter().find(|text| text.value == tag.value);
        let policy = match (&moving, frozen) {
            (Some(moving), Some(_)) if moving.value != Moving::Never => {
                let message = format!("tag `{}` is in `immutable` and says how it moves", tag.value);
                cx.report(Problem::at(moving.span, message).hint("remove `moving`, or take the tag out of `immutable`"));
                TagPolicy::Immutable
            }
            (Some(Spanned { value: Moving::Forward, .. }), _) => TagPolicy::Forward,
            (Some(Spanned { value: Moving::Any, .. }), _) => TagPolicy::Any,
            (Some(Spanned { value: Moving::Never, .. }), _) | (None, Some(_)) => TagPolicy::Immutable,
            (None, None) => default_policy(&tag.value),
        };
        if templates.iter().any(|other| other.template == tag.value) {
            cx.report(Problem::at(tag.span, format!("tag `{}` is named twice", tag.value)).hint("remove one"));
        }
        check_tag(&tag, policy, scope, cx);
        templates.push(TagTemplate { template: tag.value, policy });
    }
    for text in immutable {
        if !listed.contains(&text.value) {
            let names = || listed.iter().map(String::as_str);
            let message = format!("`{}` is not one of the tags of publish `{id}`", text.value);
            let problem = Problem::at(text.span, message).label(suggest::label(&text.value, names()));
            cx.report(problem.hint(format!("tags here: {}", suggest::list(names()))));
        }
    }
    templates
}

/// What a tag may do when its entry does not say it (docs/config.md, "What may happen to a tag").
pub fn default_policy(template: &str) -> TagPolicy {
    let names = templates::token_names(template);
    let has = |wanted: &[&str]| names.iter().any(|name| wanted.contains(name));
    if names.iter().any(|name| find(name).is_some_and(|token| !token.reproducible)) {
        TagPolicy::Any
    } else if has(&["version", "tag", "sha"]) {
        TagPolicy::Immutable
    } else if has(&["branch"]) {
        TagPolicy::Any
    } else if has(&["base", "major", "minor", "patch"]) || template == "latest" || is_version_like(template) {
        TagPolicy::Forward
    } else {
        TagPolicy::Any
    }
}

/// `1`, `v2`, `1.4`: a name of a line of versions.
fn is_version_like(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

fn check_tag(tag: &Text, policy: TagPolicy, scope: &Scope<'_>, cx: &mut Cx) {
    let usage = if policy == TagPolicy::Immutable { Use::ImmutableTag } else { Use::Tag };
    if !templates::check(tag, usage, scope, cx) {
        return;
    }
    if let Some(literal) = templates::literal(&tag.value)
        && let Err(error) = literal.parse::<Tag>()
    {
        let hint = "a tag is at most 128 letters, digits, `_`, `.` and `-`, and begins with a letter, a digit or `_`";
        cx.report(Problem::at(tag.span, error.to_string()).hint(hint));
    }
}

pub fn conditions(when: Option<OneOrMany<written::Condition>>, patterns: &Patterns, scope: &mut Scope<'_>, cx: &mut Cx) -> Vec<Condition> {
    let Some(when) = when else { return Vec::new() };
    if when.items.is_empty() {
        cx.report(Problem::at(when.span, "`when` is an empty list, which could mean always or never").hint("leave it out for always"));
    }
    let mut conditions = Vec::with_capacity(when.items.len());
    for condition in when.items {
        let written::Condition { branches, git_tags, events, forges } = condition;
        for (part, name) in [(&branches, "branches"), (&git_tags, "git_tags"), (&events, "events"), (&forges, "forges")] {
            if let Some(part) = part.as_ref().filter(|part| part.items.is_empty()) {
                let message = format!("`{name}` is an empty list, which could mean all or none");
                cx.report(Problem::at(part.span, message).hint("leave it out for all"));
            }
        }
        if let (Some(_), Some(tags)) = (&branches, &git_tags) {
            let warning = Problem::at(
                tags.span,
                "this condition never holds: it asks for a branch and for a git tag, and a tag pipeline has no branch",
            );
            cx.warn(warning.hint("write two conditions in a list if either shall do: `when: [{ branches: … }, { git_tags: … }]`"));
        }
        let branches = items(branches);
        for text in &branches {
            patterns.check(text, Side::Branches, scope, cx);
        }
        let git_tags = items(git_tags);
        for text in &git_tags {
            patterns.check(text, Side::Tags, scope, cx);
        }
        let events = items(events).iter().filter_map(|text| event(text, cx)).collect();
        let forges = items(forges).iter().filter_map(|text| forge(text, cx)).collect();
        conditions.push(Condition { branches: texts(branches), git_tags: texts(git_tags), events, forges });
    }
    conditions
}

fn items(many: Option<OneOrMany<Text>>) -> Vec<Text> {
    many.map(|many| many.items).unwrap_or_default()
}

fn texts(items: Vec<Text>) -> Vec<String> {
    items.into_iter().map(|text| text.value).collect()
}

fn event(text: &Text, cx: &mut Cx) -> Option<String> {
    let lower = text.value.to_ascii_lowercase();
    let (not, lower) = lower.strip_prefix('!').map_or(("", lower.as_str()), |rest| ("!", rest));
    if let Some((_, event)) = EVENTS.iter().find(|(name, _)| *name == lower) {
        return Some(format!("{not}{event}"));
    }
    let names = || EVENTS.iter().map(|(name, _)| *name);
    let problem = Problem::at(text.span, format!("event `{}` is unknown", text.value)).label(suggest::label(lower, names()));
    cx.report(problem.hint(format!("known: {}", suggest::list(names()))));
    None
}

fn forge(text: &Text, cx: &mut Cx) -> Option<String> {
    let lower = text.value.to_ascii_lowercase();
    if FORGES.contains(&lower.strip_prefix('!').unwrap_or(&lower)) {
        return Some(lower);
    }
    let problem = Problem::at(text.span, format!("CI provider `{}` is unknown", text.value)).label(suggest::label(&lower, FORGES));
    cx.report(problem.hint(format!("known: {}", suggest::list(FORGES))));
    None
}

fn requirements(requires: written::Requires, cx: &mut Cx) -> Requirements {
    let written::Requires { sign, attest, sbom } = requires;
    for (wanted, what, thing) in [(sign, "sign", "a signature"), (attest, "attest", "a provenance attestation"), (sbom, "sbom", "an SBOM")]
    {
        if let Some(Spanned { value: true, span }) = wanted {
            let message = format!("`requires.{what}` cannot be met yet: nothing here makes {thing}");
            cx.report(Problem::at(span, message).hint(format!("remove `{what}` for now; a requirement is never ignored")));
        }
    }
    Requirements::default()
}

/// Two entries that would fight for one tag: the same host, path and tag template, and nothing keeps them apart.
fn check_duplicates(publish: &Publish, span: Span, others: &IndexMap<String, Publish>, lookup: &Lookup<'_>, cx: &mut Cx) {
    let own = destinations(publish, lookup);
    let repeated = own.iter().enumerate().find(|(index, destination)| own[..*index].contains(destination));
    // A tag that is there twice has been reported; here two registries are the same place.
    let PublishKind::Registry(entry) = &publish.kind else { return };
    if let Some((_, destination)) = repeated.filter(|_| entry.registries.len() > 1) {
        let message = format!("publish `{}` goes to {} twice", publish.id, show(destination));
        cx.report(Problem::at(span, message).hint("two of its registries are the same host; remove one"));
    }
    for other in others.values().filter(|other| overlap(publish, other)) {
        let theirs = destinations(other, lookup);
        if let Some(both) = own.iter().find(|destination| theirs.contains(destination)) {
            let message = format!("publish `{}` and `{}` both go to {}", other.id, publish.id, show(both));
            cx.report(Problem::at(span, message).hint("give one another path or tag, or conditions that never hold together"));
        }
    }
}

/// Is it certain that both can apply at once? Conditions that differ are judged by the plan, which knows the pipeline.
fn overlap(one: &Publish, other: &Publish) -> bool {
    one.when.is_empty() || other.when.is_empty() || one.when == other.when
}

/// Host, path template, tag template.
type Destination<'c> = (&'c str, &'c str, &'c str);

fn destinations<'c>(publish: &'c Publish, lookup: &Lookup<'c>) -> Vec<Destination<'c>> {
    let mut destinations = Vec::new();
    let PublishKind::Registry(entry) = &publish.kind else { return destinations };
    for id in &entry.registries {
        let Some(registry) = lookup.resolved.get(id) else { continue };
        let Some(path) = entry.path.as_deref().or(registry.default_path.as_deref()) else { continue };
        destinations.extend(entry.tags.iter().map(|tag| (registry.host.as_str(), path, tag.template.as_str())));
    }
    destinations
}

fn show((host, path, tag): &Destination<'_>) -> String {
    format!("{host}/{path}:{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_sensible_defaults() {
        for (template, policy) in [
            ("{version}", TagPolicy::Immutable),
            ("v{version}-debian", TagPolicy::Immutable),
            ("{sha:12}", TagPolicy::Immutable),
            ("{major}", TagPolicy::Forward),
            ("{major}.{minor}", TagPolicy::Forward),
            ("latest", TagPolicy::Forward),
            ("1.4", TagPolicy::Forward),
            ("{branch}", TagPolicy::Any),
            ("{branch}-{sha}", TagPolicy::Immutable),
            ("edge", TagPolicy::Any),
            ("nightly-{date}", TagPolicy::Any),
            ("{version}-{rand:4}", TagPolicy::Any),
        ] {
            assert_eq!(default_policy(template), policy, "{template}");
        }
    }
}
