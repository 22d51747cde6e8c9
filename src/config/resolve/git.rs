//! `git`: patterns compiled, version rules tied to them.

use std::collections::HashSet;

use indexmap::IndexMap;
use regex::Regex;

use super::templates::{self, Use};
use super::{Scope, check_reference};
use crate::config::decode::{Cx, IdMap};
use crate::config::problem::Problem;
use crate::config::resolved::{Git, NoLineage, VersionRule};
use crate::config::span::{Span, Spanned, Text};
use crate::config::written::{self, NoLineageMode};

/// Names of patterns, also of those that do not compile, with their places.
#[derive(Debug, Default)]
pub struct Patterns {
    /// Of `git.branches`.
    pub branches: Vec<(String, Span)>,
    /// Of `git.tags`.
    pub tags: Vec<(String, Span)>,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `git.branches`.
    Branches,
    /// `git.tags`.
    Tags,
}

impl Side {
    fn section(self) -> &'static str {
        match self {
            Self::Branches => "branches",
            Self::Tags => "tags",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Branches => "branch pattern",
            Self::Tags => "tag pattern",
        }
    }
}

impl Patterns {
    fn names(&self, side: Side) -> Vec<String> {
        let list = match side {
            Side::Branches => &self.branches,
            Side::Tags => &self.tags,
        };
        list.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Checks one entry of `when.branches`, `when.git_tags` or `match`: a name, or an inline pattern, either with `!`.
    pub fn check(&self, text: &Text, side: Side, scope: &mut Scope<'_>, cx: &mut Cx) {
        let bare = text.value.strip_prefix('!').map_or(text.value.as_str(), str::trim_start);
        if bare.is_empty() {
            cx.report(
                Problem::at(text.span, format!("an empty {}", side.what()))
                    .hint("name a pattern of `git`, or write `re:` and an expression"),
            );
        } else if let Some(pattern) = inline(bare) {
            compile(pattern, text.span, cx);
        } else {
            let id = Spanned { value: bare.to_owned(), span: text.span };
            if check_reference(&id, side.what(), &self.names(side), cx) {
                scope.used.insert(format!("{}.{bare}", side.section()));
            }
        }
    }
}

/// The expression of an inline pattern: after `re:`, or text with a character that only expressions have. The plan
/// tells them apart in the same way.
fn inline(text: &str) -> Option<&str> {
    if let Some(pattern) = text.strip_prefix("re:") {
        return Some(pattern);
    }
    text.contains(|c: char| r"^$*+?()[]{}|\".contains(c)).then_some(text)
}

/// Resolves the section.
pub fn resolve(git: Option<written::Git>, scope: &mut Scope<'_>, cx: &mut Cx) -> (Git, Patterns) {
    let Some(written::Git { branches, tags, versioning }) = git else { return (Git::default(), Patterns::default()) };
    let mut resolved = Git::default();
    let mut patterns = Patterns::default();
    for (name, entry) in branches.unwrap_or_default().entries {
        patterns.branches.push((name.clone(), entry.key));
        if let Some(pattern) = entry.value
            && let Some(regex) = compile(&pattern.value, pattern.span, cx)
        {
            resolved.branches.insert(name, regex);
        }
    }
    for (name, entry) in tags.unwrap_or_default().entries {
        patterns.tags.push((name.clone(), entry.key));
        if let Some(written::TagSource { pattern }) = entry.value
            && let Some(regex) = compile(&pattern.value, pattern.span, cx)
        {
            resolved.tags.insert(name, regex);
        }
    }
    if let Some(written::Versioning { branch_builds, no_lineage }) = versioning {
        if let Some(written::BranchBuilds(rules)) = branch_builds {
            resolved.branch_builds = version_rules(rules, &patterns, scope, cx);
        }
        if let Some(no_lineage) = no_lineage {
            resolved.no_lineage = lineage(no_lineage, scope, cx);
        }
    }
    (resolved, patterns)
}

/// One warning for each pattern nothing uses.
pub fn warn_unused(patterns: &Patterns, used: &HashSet<String>, cx: &mut Cx) {
    for (side, list) in [(Side::Branches, &patterns.branches), (Side::Tags, &patterns.tags)] {
        for (name, span) in list {
            if !used.contains(&format!("{}.{name}", side.section())) {
                let warning = Problem::at(*span, format!("{} `{name}` is never used", side.what()));
                cx.warn(warning.hint("use it in a `when` or in `git.versioning`, or remove it"));
            }
        }
    }
}

fn version_rules(
    rules: Spanned<IdMap<written::BranchBuild>>,
    patterns: &Patterns,
    scope: &mut Scope<'_>,
    cx: &mut Cx,
) -> IndexMap<String, VersionRule> {
    if !rules.value.entries.is_empty() && !rules.value.entries.contains_key("default") {
        cx.report(
            Problem::at(rules.span, "`git.versioning.branch_builds` has no rule `default`")
                .hint("add one for the branches no other rule matches"),
        );
    }
    let mut resolved: IndexMap<String, VersionRule> = IndexMap::new();
    for (name, entry) in rules.value.entries {
        let Some(written::BranchBuild { r#match, base_from, format }) = entry.value else { continue };
        let matches = match (name.as_str(), r#match) {
            ("default", None) => None,
            ("default", Some(text)) => {
                cx.report(
                    Problem::at(text.span, "rule `default` is for all other branches, so it has no `match`")
                        .hint("remove `match`, or give the rule another name"),
                );
                None
            }
            (_, Some(text)) => {
                patterns.check(&text, Side::Branches, scope, cx);
                Some(text.value)
            }
            (name, None) => {
                let text = Spanned { value: name.to_owned(), span: entry.key };
                patterns.check(&text, Side::Branches, scope, cx);
                Some(text.value)
            }
        };
        if let Some(matches) = &matches
            && let Some((other, _)) = resolved.iter().find(|(_, rule)| rule.matches.as_ref() == Some(matches))
        {
            cx.report(
                Problem::at(entry.key, format!("rules `{other}` and `{name}` match the same branches"))
                    .hint("remove one; the first would always win"),
            );
        }
        let mut bases = Vec::with_capacity(base_from.value.len());
        if base_from.value.is_empty() {
            cx.report(
                Problem::at(base_from.span, format!("`base_from` of rule `{name}` is empty")).hint("name at least one of `git.tags`"),
            );
        }
        for base in base_from.value {
            if check_reference(&base, Side::Tags.what(), &patterns.names(Side::Tags), cx) {
                scope.used.insert(format!("tags.{}", base.value));
            }
            if bases.contains(&base.value) {
                cx.report(Problem::at(base.span, format!("`{}` is named twice", base.value)));
            }
            bases.push(base.value);
        }
        if format.value.trim().is_empty() {
            cx.report(Problem::at(format.span, format!("`format` of rule `{name}` is empty")).hint("such as \"{base}-dev.{sha}\""));
        } else {
            templates::check(&format, Use::VersionFormat, scope, cx);
        }
        resolved.insert(name, VersionRule { matches, base_from: bases, format: format.value });
    }
    resolved
}

fn lineage(no_lineage: Spanned<written::NoLineage>, scope: &Scope<'_>, cx: &mut Cx) -> NoLineage {
    let written::NoLineage { mode, version } = no_lineage.value;
    match (mode, version) {
        (NoLineageMode::Explicit, Some(version)) => {
            let right = templates::check(&version, Use::NoLineage, scope, cx);
            if right && templates::token_names(&version.value).is_empty() {
                let message = "`version` needs {sha} or {time}, so that two commits do not share a version";
                cx.report(Problem::at(version.span, message).hint("such as \"0.0.0-dev.{sha}\""));
            }
            NoLineage::Explicit(version.value)
        }
        (NoLineageMode::Explicit, None) => {
            cx.report(Problem::at(no_lineage.span, "mode `explicit` needs `version`").hint("such as `version: \"0.0.0-dev.{sha}\"`"));
            NoLineage::Error
        }
        (NoLineageMode::Development | NoLineageMode::Error, Some(version)) => {
            cx.report(
                Problem::at(version.span, "`version` is only used with mode `explicit`").hint("remove it, or write `mode: explicit`"),
            );
            NoLineage::Error
        }
        (NoLineageMode::Development, None) => NoLineage::Development,
        (NoLineageMode::Error, None) => NoLineage::Error,
    }
}

/// Compiles a pattern, with a bound on what it may cost.
fn compile(pattern: &str, span: Span, cx: &mut Cx) -> Option<Regex> {
    match regex::RegexBuilder::new(pattern).size_limit(1 << 20).nest_limit(50).build() {
        Ok(regex) => Some(regex),
        Err(error) => {
            // The library draws its own excerpt; its last line says what is wrong.
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            cx.report(
                Problem::at(span, format!("`{pattern}` is not a regular expression: {reason}"))
                    .hint("the syntax is that of docs.rs/regex; put it in single quotes"),
            );
            None
        }
    }
}
