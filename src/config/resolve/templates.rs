//! Templates as far as they can be checked before anything is known of the pipeline.

use super::Scope;
use crate::config::decode::Cx;
use crate::config::problem::Problem;
use crate::config::span::{Span, Text};
use crate::config::suggest;
use crate::config::template_tokens::{Argument, Piece, TOKENS, Token, find, scan};

/// What a template is for; decides which tokens it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A value: build argument, label.
    Value,
    /// A repository path.
    Path,
    /// A tag that may move.
    Tag,
    /// A tag that names one build for ever.
    ImmutableTag,
    /// `branch_builds.*.format`.
    VersionFormat,
    /// `no_lineage.version`.
    NoLineage,
}

impl Use {
    fn allows(self, token: &Token) -> bool {
        match self {
            Self::Value | Self::Path | Self::Tag | Self::ImmutableTag => true,
            Self::VersionFormat => ["base", "sha", "branch", "time"].contains(&token.name),
            Self::NoLineage => ["sha", "time"].contains(&token.name),
        }
    }

    fn tokens(self) -> impl Iterator<Item = &'static str> {
        TOKENS.iter().filter(move |token| token.name != "var" && self.allows(token)).map(|token| token.name)
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Value => "a value",
            Self::Path => "a path",
            Self::Tag | Self::ImmutableTag => "a tag",
            Self::VersionFormat => "a version format",
            Self::NoLineage => "a version without lineage",
        }
    }
}

/// Checks every token of a template; true when all are right.
pub fn check(template: &Text, usage: Use, scope: &Scope<'_>, cx: &mut Cx) -> bool {
    let before = cx.problems.len();
    match scan(&template.value) {
        Ok(pieces) => {
            for piece in pieces {
                if let Piece::Token { whole, name, argument } = piece
                    && let Err(problem) = check_token(template.span, whole, name, argument, usage, scope)
                {
                    cx.report(problem.within(whole));
                }
            }
        }
        Err(unclosed) => {
            let message = format!("`{}` has no closing brace", unclosed.0);
            cx.report(
                Problem::at(template.span, message).within(unclosed.0).hint("close it with `}`, or write `{{` for a brace that stays"),
            );
        }
    }
    cx.problems.len() == before
}

/// A template without tokens, as the text it stands for.
pub fn literal(template: &str) -> Option<String> {
    let pieces = scan(template).ok()?;
    let mut text = String::with_capacity(template.len());
    for piece in pieces {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Token { .. } => return None,
        }
    }
    Some(text)
}

/// The names of a template's tokens.
pub fn token_names(template: &str) -> Vec<&str> {
    let pieces = scan(template).unwrap_or_default();
    pieces.into_iter().filter_map(|piece| if let Piece::Token { name, .. } = piece { Some(name) } else { None }).collect()
}

fn check_token(span: Span, whole: &str, name: &str, argument: Option<&str>, usage: Use, scope: &Scope<'_>) -> Result<(), Problem> {
    let Some(token) = find(name) else {
        return Err(Problem::at(span, format!("`{whole}` is not a template token"))
            .label(suggest::label(name, usage.tokens()))
            .hint(format!("tokens of {}: {}; `{{{{` is a brace that stays", usage.describe(), suggest::list(usage.tokens()))));
    };
    if !usage.allows(token) {
        return Err(Problem::at(span, format!("`{whole}` cannot be used in {}", usage.describe()))
            .hint(format!("tokens that can: {}", suggest::list(usage.tokens()))));
    }
    if usage == Use::ImmutableTag && !token.reproducible {
        return Err(Problem::at(span, format!("`{whole}` differs on every run, so an immutable tag cannot contain it"))
            .hint("use {version} or {sha}, or take the tag out of `immutable`"));
    }
    let count = |text: &str| text.trim_start_matches('.').parse::<u8>().is_ok_and(|count| (1..=64).contains(&count));
    match (token.argument, argument) {
        (Argument::None | Argument::OptionalCount | Argument::OptionalLayout, None) => Ok(()),
        (Argument::None, Some(_)) => {
            Err(Problem::at(span, format!("`{whole}`: nothing can follow `{name}`")).hint(format!("write {{{name}}}")))
        }
        (Argument::OptionalCount, Some(text)) if count(text) => Ok(()),
        (Argument::OptionalCount, Some(_)) => {
            Err(Problem::at(span, format!("`{whole}`: a number from 1 to 64 must follow")).hint(format!("such as {{{name}:8}}")))
        }
        (Argument::OptionalLayout, Some(text)) if !text.is_empty() => Ok(()),
        (Argument::OptionalLayout, Some(_)) => {
            Err(Problem::at(span, format!("`{whole}`: a time layout must follow the colon")).hint(format!("such as {{{name}:YYYY-MM-DD}}")))
        }
        (Argument::Name, text) => {
            let text = text.unwrap_or_default();
            if name != "env" || scope.env_allowed.iter().any(|allowed| allowed == text) {
                return Ok(());
            }
            let message = format!("environment variable `{text}` may not be read by templates");
            let label = suggest::label(text, scope.env_allowed.iter().map(String::as_str));
            Err(Problem::at(span, message).label(label).hint(format!("allow it: `vars_from_env: [{text}]`")))
        }
    }
}
