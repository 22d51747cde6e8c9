//! Entries of kinds `generic-package` and `files`.

use super::publish::{Lookup, conditions};
use super::publish_release::{alias_of, file_builds};
use super::registries::credential_prefix;
use super::templates::{self, Use};
use super::{Scope, check_reference, paths, stores};
use crate::config::decode::{Cx, OneOrMany};
use crate::config::problem::Problem;
use crate::config::resolved::{self, Bucket, FilesPlace, FilesPublish, Publish, PublishKind};
use crate::config::span::{Spanned, Text};
use crate::config::written::{self, Condition, ReleaseRetention, TagEntry};

/// What both kinds say alike.
struct Alike {
    directory: Option<Text>,
    version: Option<Text>,
    archives: Option<OneOrMany<Text>>,
    aliases: Option<Vec<TagEntry>>,
    when: Option<OneOrMany<Condition>>,
    required: Option<bool>,
    retention: Option<Spanned<ReleaseRetention>>,
}

pub fn package(id: &str, publish: written::PackagePublish, lookup: &Lookup<'_>, scope: &mut Scope<'_>, cx: &mut Cx) -> Publish {
    let written::PackagePublish { repo, archives, version, package, aliases, when, required, retention } = publish;
    check_reference(&repo, "repo", lookup.repos, cx);
    let alike = Alike { directory: package, version, archives, aliases, when, required, retention };
    entry(id, FilesPlace::Repo(repo.value), alike, lookup, scope, cx)
}

pub fn files(id: &str, publish: written::FilesPublish, lookup: &Lookup<'_>, scope: &mut Scope<'_>, cx: &mut Cx) -> Publish {
    let written::FilesPublish { url, endpoint, region, path, version, archives, aliases, credentials, ca_file, when, required, retention } =
        publish;
    let example = "FILES_USER and FILES_TOKEN";
    let credentials = credentials.and_then(|prefix| credential_prefix(&prefix, "credentials", example, cx));
    let ca_file = ca_file.and_then(|path| paths::inside(&path, "ca_file", cx));
    let alike = Alike { directory: path, version, archives, aliases, when, required, retention };
    if url.value.starts_with("s3:") {
        let bucket = bucket(&url, region, endpoint, cx);
        return entry(id, FilesPlace::Bucket { bucket, credentials, ca_file }, alike, lookup, scope, cx);
    }
    for text in [endpoint, region].into_iter().flatten() {
        cx.report(
            Problem::at(text.span, "only a bucket has an `endpoint` and a `region`").hint("remove it, or write `url: s3://bucket/prefix`"),
        );
    }
    let usable = url::Url::parse(&url.value).is_ok_and(|parsed| {
        let bare = parsed.username().is_empty() && parsed.password().is_none() && parsed.query().is_none() && parsed.fragment().is_none();
        matches!(parsed.scheme(), "http" | "https") && parsed.host_str().is_some() && bare
    });
    if !usable {
        let message = format!("`{}` is not the address of a directory on a server", url.value);
        let problem = Problem::at(url.span, message);
        cx.report(
            problem.hint("write `https://host/path` or `s3://bucket/prefix`; credentials come from variables, never from the config"),
        );
    }
    let place = FilesPlace::Server { url: url.value.trim_end_matches('/').to_owned(), credentials, ca_file };
    entry(id, place, alike, lookup, scope, cx)
}

/// `s3://bucket/prefix`.
fn bucket(url: &Text, region: Option<Text>, endpoint: Option<Text>, cx: &mut Cx) -> Bucket {
    let rest = url.value.strip_prefix("s3://").unwrap_or_default().trim_end_matches('/');
    let (name, prefix) = rest.split_once('/').map_or((rest, None), |(name, prefix)| (name, Some(prefix)));
    let part = |value: &str| Text { value: value.to_owned(), ..url.clone() };
    let prefix = stores::prefix_of(prefix.map(part), cx).flatten();
    let region = region.and_then(|region| stores::name(&region, "region", cx));
    let endpoint = stores::endpoint_of(endpoint, cx).flatten();
    Bucket { name: stores::name(&part(name), "bucket", cx).unwrap_or_default(), prefix, region, endpoint }
}

fn entry(id: &str, place: FilesPlace, alike: Alike, lookup: &Lookup<'_>, scope: &mut Scope<'_>, cx: &mut Cx) -> Publish {
    let Alike { directory, version, archives, aliases, when, required, retention } = alike;
    for template in directory.iter().chain(&version) {
        templates::check(template, Use::Value, scope, cx);
    }
    let retention = retained(id, &place, directory.as_ref(), retention, lookup, scope, cx);
    let aliases = aliases.unwrap_or_default().into_iter().map(|alias| alias_of(alias, scope, cx)).collect();
    let kind = FilesPublish {
        place,
        directory: directory.map(|directory| directory.value),
        version: version.map_or_else(|| "{version}".to_owned(), |version| version.value),
        builds: file_builds(archives, lookup, cx),
        aliases,
        retention,
    };
    let when = conditions(when, lookup.patterns, scope, cx);
    Publish { id: id.to_owned(), when, required: required.unwrap_or(true), kind: PublishKind::Files(kind) }
}

/// What stays of the versions that were published before. Only a place that lists its versions can be asked.
fn retained(
    id: &str,
    place: &FilesPlace,
    directory: Option<&Text>,
    written: Option<Spanned<ReleaseRetention>>,
    lookup: &Lookup<'_>,
    scope: &mut Scope<'_>,
    cx: &mut Cx,
) -> Option<resolved::ReleaseRetention> {
    let varies = directory.is_some_and(|text| !templates::token_names(&text.value).is_empty());
    let cannot = if matches!(place, FilesPlace::Server { .. }) {
        Some(("a server that takes PUT has no list of what it holds", "remove it; clean up with the server's own means"))
    } else if varies {
        Some(("its directory differs from run to run", "name a directory without `{…}`: versions are kept by what lies beside them"))
    } else {
        None
    };
    let Some(written) = written else {
        return lookup.retention.filter(|_| cannot.is_none()).cloned();
    };
    if let Some((why, hint)) = cannot {
        cx.report(Problem::at(written.span, format!("nothing of publish `{id}` can be taken away: {why}")).hint(hint));
    }
    Some(super::release_retention::rules(written.value, lookup.patterns, scope, cx))
}
