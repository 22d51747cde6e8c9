//! Entries of kind `release`.

use super::publish::{Lookup, conditions, default_policy};
use super::templates::{self, Use};
use super::{Scope, check_reference, paths};
use crate::config::decode::{Cx, Entry, IdMap, OneOrMany};
use crate::config::problem::Problem;
use crate::config::resolved::{NotesSource, PrimaryTurn, Publish, PublishKind, ReleasePublish, ReleaseType, TagPolicy, TagTemplate};
use crate::config::span::Text;
use crate::config::written::{self, Moving, NotesGrouping, TagEntry};

pub fn release(id: &str, publish: written::ReleasePublish, lookup: &Lookup<'_>, scope: &mut Scope<'_>, cx: &mut Cx) -> Publish {
    let written::ReleasePublish {
        repos,
        tag,
        title,
        r#type,
        notes,
        aliases,
        archives,
        checksums,
        attestations,
        install_script,
        rolling,
        primary,
        when,
        required,
        retention,
    } = publish;
    if repos.items.is_empty() {
        cx.report(Problem::at(repos.span, format!("publish `{id}` names no repository")).hint("name one of `repos`, or a list of them"));
    }
    let mut named: Vec<String> = Vec::new();
    for repo in repos.items {
        if !check_reference(&repo, "repo", lookup.repos, cx) {
            continue;
        }
        if named.contains(&repo.value) {
            cx.report(Problem::at(repo.span, format!("repository `{}` is named twice", repo.value)).hint("remove one"));
            continue;
        }
        named.push(repo.value);
    }
    if let Some(tag) = &tag {
        templates::check(tag, Use::ImmutableTag, scope, cx);
    }
    if let Some(title) = &title {
        templates::check(title, Use::Value, scope, cx);
    }
    let aliases = aliases.unwrap_or_default().into_iter().map(|alias| alias_of(alias, scope, cx)).collect();
    let rolling = rolling.unwrap_or_default().into_iter().map(|rolling| {
        // Commits tell which of two states is the newer one, whatever the release is called.
        let forward = rolling.moving.is_none();
        let rolling = alias_of(rolling, scope, cx);
        if forward { TagTemplate { policy: TagPolicy::Forward, ..rolling } } else { rolling }
    });
    let rolling = rolling.collect();
    let own = retention.map(|written| super::release_retention::rules(written, lookup.patterns, scope, cx));
    let retention = own.or_else(|| lookup.retention.cloned());
    let builds = file_builds(archives, lookup, cx);
    let (from, template, group_by) =
        notes.map_or((None, None, None), |written::Notes { from, template, group_by }| (from, template, group_by));
    let template = template.and_then(|template| paths::inside(&template, "notes.template", cx));
    let notes = match from {
        None => NotesSource::Commits,
        Some(from) if from.value == "commits" => NotesSource::Commits,
        Some(from) if from.value == "requests" => NotesSource::Requests,
        Some(from) if from.value == "tag" => NotesSource::Tag,
        Some(from) => paths::inside(&from, "notes.from", cx).map_or(NotesSource::Commits, NotesSource::File),
    };
    let when = conditions(when, lookup.patterns, scope, cx);
    let release = ReleasePublish {
        repos: named,
        tag: tag.map(|tag| tag.value),
        title: title.map(|title| title.value),
        kind: match r#type {
            Some(written::ReleaseType::Latest) => ReleaseType::Latest,
            Some(written::ReleaseType::Prerelease) => ReleaseType::Prerelease,
            Some(written::ReleaseType::Unspecified) | None => ReleaseType::Unspecified,
        },
        notes,
        template,
        grouped: group_by != Some(NotesGrouping::None),
        aliases,
        builds,
        checksums: checksums.unwrap_or(true),
        attestations: attestations.unwrap_or(true),
        install_script: install_script.unwrap_or(false),
        rolling,
        primary: primary.map(|turn| match turn {
            written::PrimaryTurn::First => PrimaryTurn::First,
            written::PrimaryTurn::Last => PrimaryTurn::Last,
        }),
        retention,
    };
    Publish { id: id.to_owned(), when, required: required.unwrap_or(lookup.release_required), kind: PublishKind::Release(release) }
}

/// Entries of kind `binary-archive` are builds of kind archive under another heading.
pub fn archives(publish: &mut IdMap<written::Publish>, builds: &mut IdMap<written::Build>, cx: &mut Cx) {
    let is_archive = |entry: &Entry<written::Publish>| matches!(entry.value, Some(written::Publish::BinaryArchive(_)));
    let ids: Vec<String> = publish.entries.iter().filter(|(_, entry)| is_archive(entry)).map(|(id, _)| id.clone()).collect();
    for id in ids {
        let Some(Entry { key, value: Some(written::Publish::BinaryArchive(archive)) }) = publish.entries.shift_remove(&id) else {
            continue;
        };
        if builds.entries.contains_key(&id) {
            let problem = Problem::at(key, format!("`{id}` is a build and an archive of one"));
            cx.report(problem.hint("an entry of kind binary-archive is a build of its own: give it another id"));
            continue;
        }
        let written::BinaryArchivePublish {
            build,
            format,
            name,
            include,
            checksums,
            required,
            // Reported as not supported yet when they were read.
            binary_name: _,
            when: _,
        } = *archive;
        let depends_on = OneOrMany { span: build.span, items: vec![build], is_list: false };
        let build = written::ArchiveBuild { depends_on, format, name, prefix: None, include, checksums, required };
        builds.entries.insert(id, Entry { key, value: Some(written::Build::Archive(Box::new(build))) });
    }
}

/// Builds whose files are published: those that are named, or all that make archives.
pub fn file_builds(archives: Option<OneOrMany<Text>>, lookup: &Lookup<'_>, cx: &mut Cx) -> Vec<String> {
    let Some(archives) = archives else { return lookup.archives.to_vec() };
    let known: Vec<String> = lookup.builds.iter().filter(|id| !lookup.images.contains(id)).cloned().collect();
    let mut chosen = Vec::new();
    for build in archives.items {
        if lookup.images.contains(&build.value) {
            let message = format!("build `{}` makes an image, and a release holds files", build.value);
            cx.report(Problem::at(build.span, message).hint("publish it with kind `registry`; notes link to it"));
        } else if check_reference(&build, "build", &known, cx) {
            chosen.push(build.value);
        }
    }
    chosen
}

pub fn alias_of(entry: TagEntry, scope: &Scope<'_>, cx: &mut Cx) -> TagTemplate {
    let TagEntry { tag, moving } = entry;
    templates::check(&tag, Use::Tag, scope, cx);
    let policy = match moving.map(|moving| (moving.value, moving.span)) {
        Some((Moving::Forward, _)) => TagPolicy::Forward,
        Some((Moving::Any, _)) => TagPolicy::Any,
        Some((Moving::Never, span)) => {
            cx.report(Problem::at(span, "an alias moves").hint("the release's own tag is the one that names it for ever"));
            TagPolicy::Forward
        }
        None => match default_policy(&tag.value) {
            TagPolicy::Any => TagPolicy::Any,
            TagPolicy::Forward | TagPolicy::Immutable => TagPolicy::Forward,
        },
    };
    TagTemplate { template: tag.value, policy }
}
