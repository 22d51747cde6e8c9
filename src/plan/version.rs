//! Which version is being built (spec/build.md K.5, W.10).
//!
//! 1. A pipeline for a tag that holds a version builds that version, whatever the history says.
//! 2. Otherwise the rule of the branch names its sources; of each source the nearest tag *reachable* from HEAD is
//!    taken, the first source that has one wins. Exactly at that tag it is the version, else the rule's format is
//!    rendered with its base.
//! 3. No such tag: `no_lineage` decides.
//!
//! Only steps 2 and 3 need history, so only they refuse a shallow clone.

use regex::Regex;

use super::template::Scope;
use super::types::VersionInfo;
use super::when;
use crate::config::{Config, NoLineage, VersionRule};
use crate::core::Version;
use crate::error::{Error, Result};
use crate::git::{GitFacts, ReachableTag};

/// How builds off a tag are called where the config says nothing.
const DEFAULT_FORMAT: &str = "{base}-dev.{sha}";

/// Derives the version; `scope` renders formats. Warnings go to `warnings`.
pub(super) fn derive(config: &Config, git: &GitFacts, scope: &Scope<'_>, warnings: &mut Vec<String>) -> Result<VersionInfo> {
    if let Some(tag) = &scope.context.tag {
        warn_of_another_head(tag, git, scope, warnings);
        let source = source_of(config, tag)?;
        if let Some(version) = version_in(tag, source.map(|(_, pattern)| pattern)) {
            let by = source.map_or_else(String::new, |(name, _)| format!(", which is git.tags[{name}]"));
            return Ok(at(&version, format!("the pipeline is for tag `{tag}`{by}")));
        }
        warnings.push(format!("tag `{tag}` holds no version such as 1.2.3, so the version comes from the history"));
    }
    let rule = rule(config, scope)?;
    let nearest = nearest(config, git, &rule)?;
    if let Some(found) = &nearest
        && found.tag.distance == 0
    {
        return Ok(at(&found.version, format!("HEAD is exactly at tag `{}`", found.tag.name)));
    }
    if git.shallow {
        return Err(cut_history());
    }
    match nearest {
        Some(found) => {
            let base = found.version.base();
            let commits = if found.tag.distance == 1 { "1 commit".to_owned() } else { format!("{} commits", found.tag.distance) };
            let why = format!("{commits} after tag `{}`{}", found.tag.name, rule.why);
            develop(&rule.format, &base, scope, why)
        }
        None => no_lineage(config, scope, &rule),
    }
}

fn cut_history() -> Error {
    Error::missing("the history is cut (shallow clone), and the version comes from the tags on it")
        .hint("fetch everything: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in GitLab, or `git fetch --unshallow --tags`")
}

/// Exactly at a tag.
fn at(version: &Version, why: String) -> VersionInfo {
    VersionInfo { version: version.to_string(), base: version.base(), release: true, prerelease: !version.prerelease().is_empty(), why }
}

/// Off a tag: the format decides.
fn develop(format: &str, base: &str, scope: &Scope<'_>, why: String) -> Result<VersionInfo> {
    let version = render(format, base, scope).map_err(|error| error.context("git.versioning: format"))?;
    if version.is_empty() || version.len() > 128 || !version.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Error::usage(format!("git.versioning: the format `{format}` makes `{version}`, which is no version"))
            .hint("a version is 1 to 128 letters, digits and signs, such as 1.4.0-dev.3f9c2ab"));
    }
    // The base of what was rendered, when that is a version of its own: formats may leave {base} out.
    let base = version.parse::<Version>().map_or_else(|_| base.to_owned(), |version| version.base());
    let prerelease = version.strip_prefix(&base).is_none_or(|rest| rest.starts_with('-'));
    Ok(VersionInfo { version, base, release: false, prerelease, why })
}

fn render(format: &str, base: &str, scope: &Scope<'_>) -> Result<String> {
    // A branch's name goes into the version as a version can hold it.
    let branch = scope.context.branch.as_deref().map(|branch| super::slug::tag_slug(branch).to_string().replace('_', "-"));
    let mut context = scope.context.clone();
    context.branch = branch;
    let inner = Scope { version: None, context: &context, ..*scope };
    inner.text(&format.replace("{base}", base))
}

fn no_lineage(config: &Config, scope: &Scope<'_>, rule: &Rule<'_>) -> Result<VersionInfo> {
    let sources = rule.sources.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let none = if sources.is_empty() {
        "no tag such as v1.2.3 is reachable from HEAD".to_owned()
    } else {
        format!("no tag of git.tags[{sources}] is reachable from HEAD")
    };
    match &config.git.no_lineage {
        NoLineage::Development => develop("{base}-dev.{sha}", "0.0.0", scope, none),
        NoLineage::Explicit(template) => develop(template, "0.0.0", scope, format!("{none}; git.versioning.no_lineage says what then")),
        NoLineage::Error => Err(Error::missing(format!("there is no version: {none}"))
            .hint("tag a commit on this branch, such as `git tag v0.1.0`, or set git.versioning.no_lineage")),
    }
}

fn warn_of_another_head(tag: &str, git: &GitFacts, scope: &Scope<'_>, warnings: &mut Vec<String>) {
    let at_head = git.tags_at_head().any(|name| name == tag);
    let behind = git.tags.iter().find(|known| known.name == tag).map(|known| known.distance);
    let short = |id: &str| id.chars().take(7).collect::<String>();
    match (at_head, behind, scope.context.sha.as_deref()) {
        (false, Some(distance), _) => {
            warnings.push(format!("the pipeline is for tag `{tag}`, but HEAD ({}) is {distance} commits after it", short(&git.head)));
        }
        // Not fetched, or not on this history: the commit the CI names tells them apart.
        (false, None, Some(sha)) if sha != git.head => {
            warnings.push(format!("the pipeline is for tag `{tag}` at {}, but HEAD is {}", short(sha), short(&git.head)));
        }
        _ => {}
    }
}

struct Rule<'a> {
    /// Names and patterns to look for, in this order; empty = any tag that is a version.
    sources: Vec<(&'a str, &'a Regex)>,
    format: String,
    why: String,
}

/// The rule of this branch: the first that names it, else `default`, else the built-in one over all declared tags.
fn rule<'a>(config: &'a Config, scope: &Scope<'_>) -> Result<Rule<'a>> {
    let git = &config.git;
    let mut chosen = None;
    for (id, candidate) in &git.branch_builds {
        let Some(pattern) = &candidate.matches else { continue };
        let Some(branch) = scope.context.branch.as_deref() else { continue };
        if when::matches(&git.branches, pattern, branch).map_err(|error| error.context(format!("git.versioning.branch_builds.{id}")))? {
            chosen = Some((id, candidate));
            break;
        }
    }
    let default = || git.branch_builds.iter().find(|(_, rule)| rule.matches.is_none());
    match chosen.or_else(default) {
        Some((id, VersionRule { matches: _, base_from, format })) => {
            let mut sources = Vec::with_capacity(base_from.len());
            for name in base_from {
                let (name, pattern) = git.tags.get_key_value(name).ok_or_else(|| {
                    Error::usage(format!("git.versioning.branch_builds.{id}: `{name}` is not defined in git.tags"))
                        .hint("declare it in git.tags, or correct base_from")
                })?;
                sources.push((name.as_str(), pattern));
            }
            Ok(Rule { sources, format: format.clone(), why: format!(", by git.versioning.branch_builds[{id}]") })
        }
        None => Ok(Rule {
            sources: git.tags.iter().map(|(name, pattern)| (name.as_str(), pattern)).collect(),
            format: DEFAULT_FORMAT.to_owned(),
            why: String::new(),
        }),
    }
}

struct Found<'a> {
    tag: &'a ReachableTag,
    version: Version,
}

fn nearest<'a>(config: &Config, git: &'a GitFacts, rule: &Rule<'_>) -> Result<Option<Found<'a>>> {
    // Without rules of their own the declared tags compete by distance; a rule's sources come one after the other.
    let rounds: Vec<Vec<Option<&Regex>>> = if rule.sources.is_empty() {
        vec![vec![None]]
    } else if config.git.branch_builds.is_empty() {
        vec![rule.sources.iter().map(|(_, pattern)| Some(*pattern)).collect()]
    } else {
        rule.sources.iter().map(|(_, pattern)| vec![Some(*pattern)]).collect()
    };
    for patterns in rounds {
        let versions = git.tags.iter().filter_map(|tag| {
            let pattern = patterns.iter().find(|pattern| pattern.is_none_or(|pattern| pattern.is_match(&tag.name)))?;
            Some(Found { version: version_in(&tag.name, *pattern)?, tag })
        });
        // Nearest first; of several at one commit the highest version.
        let best = versions.min_by(|a, b| a.tag.distance.cmp(&b.tag.distance).then_with(|| b.version.cmp(&a.version)));
        if let Some(found) = best {
            source_of(config, &found.tag.name)?;
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The declared source a tag belongs to. Two sources that claim the same tag make versions a matter of luck.
fn source_of<'a>(config: &'a Config, tag: &str) -> Result<Option<(&'a str, &'a Regex)>> {
    let mut claims = config.git.tags.iter().filter(|(_, pattern)| pattern.is_match(tag));
    let first = claims.next();
    if let (Some((first, _)), Some((second, _))) = (first, claims.next()) {
        return Err(Error::usage(format!("tag `{tag}` matches both git.tags[{first}] and git.tags[{second}]"))
            .hint("make the patterns exclude each other, for example with `^` and `$`"));
    }
    Ok(first.map(|(name, pattern)| (name.as_str(), pattern)))
}

/// The version a tag holds: what the pattern's group `version` captures, the whole tag, or what follows a separator
/// (`app-v1.2.3`, `app/1.2.3`).
fn version_in(tag: &str, pattern: Option<&Regex>) -> Option<Version> {
    if let Some(captured) = pattern.and_then(|pattern| pattern.captures(tag)).and_then(|captures| captures.name("version")) {
        return captured.as_str().parse().ok();
    }
    if let Ok(version) = tag.parse() {
        return Some(version);
    }
    // Without a declared pattern only whole tags count: `app-1.2.3` may be another thing's version.
    pattern?;
    let mut after = tag.char_indices().filter(|(_, c)| matches!(c, '-' | '/' | '_' | '@')).map(|(at, _)| &tag[at + 1..]);
    after.find_map(|rest| rest.parse().ok())
}

#[cfg(test)]
mod tests;
