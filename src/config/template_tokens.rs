//! The words between braces in templates (spec/build.md K.4): the one list that checking and rendering both use, and
//! the one reader of template text.

/// What stands after the colon of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// Nothing.
    None,
    /// May be there: a count.
    OptionalCount,
    /// May be there: a time layout.
    OptionalLayout,
    /// Must be there: a name.
    Name,
}

/// A token.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    /// `sha` in `{sha:8}`.
    pub name: &'static str,
    /// What may follow.
    pub argument: Argument,
    /// The same on every run of one commit. The others are refused in immutable tags.
    pub reproducible: bool,
    /// One line for the documentation.
    pub doc: &'static str,
}

const fn token(name: &'static str, argument: Argument, reproducible: bool, doc: &'static str) -> Token {
    Token { name, argument, reproducible, doc }
}

/// Every token, in the order of the documentation.
pub const TOKENS: [Token; 26] = [
    token("version", Argument::None, true, "the version: `1.4.0`, `1.4.0-dev.3f9c2ab`"),
    token("base", Argument::None, true, "the version without a pre-release part: `1.4.0`"),
    token("major", Argument::None, true, "`1`"),
    token("minor", Argument::None, true, "`4`"),
    token("patch", Argument::None, true, "`0`"),
    token("prerelease", Argument::None, true, "`rc.1` of `1.4.0-rc.1`; empty for a release"),
    token("branch", Argument::None, true, "the branch; of a merge request its source branch"),
    token("tag", Argument::None, true, "the git tag"),
    token("sha", Argument::OptionalCount, true, "commit id, 7 digits, or N with `{sha:N}`"),
    token("env", Argument::Name, true, "`{env:NAME}`: an environment variable listed in `vars_from_env`"),
    token("var", Argument::Name, true, "`{var:NAME}`: a value of `vars`, filled in when the file is read"),
    token("rand", Argument::OptionalCount, false, "N random decimal digits, 6 without `:N`"),
    token("randhex", Argument::OptionalCount, false, "N random hexadecimal digits, 8 without `:N`"),
    token("date", Argument::OptionalLayout, false, "day in UTC, `2026-07-01`, or any layout: `{date:YYYYMMDD}`"),
    token("datetime", Argument::None, false, "time in UTC, RFC 3339"),
    token("timestamp", Argument::None, false, "seconds since 1970"),
    token("time", Argument::None, true, "time of the commit in UTC, 14 digits"),
    token("commit.date", Argument::OptionalLayout, true, "day of the commit in UTC, or any layout"),
    token("event", Argument::None, true, "what started the pipeline: `push`, `tag`, …"),
    token("ci.pipeline", Argument::None, true, "id of the pipeline run"),
    token("ci.runner", Argument::None, false, "name of the runner"),
    token("ci.job", Argument::None, true, "id of the job"),
    token("ci.url", Argument::None, true, "web address of the pipeline run"),
    token("project", Argument::None, true, "`group/project`"),
    token("project.name", Argument::None, true, "last part of the project's path"),
    token("project.url", Argument::None, true, "web address of the repository"),
];

/// Looks a token up by name.
pub fn find(name: &str) -> Option<&'static Token> {
    TOKENS.iter().find(|token| token.name == name)
}

/// A part of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'t> {
    /// Text that stays. `{{` and `}}` have become one brace.
    Text(&'t str),
    /// `{name}` or `{name:argument}`.
    Token {
        /// With its braces.
        whole: &'t str,
        /// Before the colon.
        name: &'t str,
        /// After it.
        argument: Option<&'t str>,
    },
}

/// A `{` without its `}`; holds the text from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclosed<'t>(pub &'t str);

/// Splits a template into its parts.
pub fn scan(template: &str) -> Result<Vec<Piece<'_>>, Unclosed<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        if from.starts_with("{{") || from.starts_with("}}") || from.starts_with('}') {
            let length = if from.starts_with("{{") || from.starts_with("}}") { 2 } else { 1 };
            pieces.push(Piece::Text(&from[..1]));
            rest = &from[length..];
            continue;
        }
        let Some(close) = from.find('}') else { return Err(Unclosed(from)) };
        let whole = &from[..=close];
        let inner = &whole[1..close];
        let (name, argument) = inner.split_once(':').map_or((inner, None), |(name, argument)| (name, Some(argument)));
        pieces.push(Piece::Token { whole, name, argument });
        rest = &from[close + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_text_tokens_and_escapes() {
        let token = |whole, name, argument| Piece::Token { whole, name, argument };
        assert_eq!(
            scan("v{version}-{sha:8}"),
            Ok(vec![Piece::Text("v"), token("{version}", "version", None), Piece::Text("-"), token("{sha:8}", "sha", Some("8"))])
        );
        assert_eq!(scan("{{x}}"), Ok(vec![Piece::Text("{"), Piece::Text("x"), Piece::Text("}")]));
        assert_eq!(scan("a{b"), Err(Unclosed("{b")));
        assert_eq!(scan(""), Ok(vec![]));
        assert_eq!(scan("a}b"), Ok(vec![Piece::Text("a"), Piece::Text("}"), Piece::Text("b")]));
    }

    #[test]
    fn names_are_unique() {
        for (index, token) in TOKENS.iter().enumerate() {
            assert_eq!(TOKENS.iter().position(|other| other.name == token.name), Some(index));
        }
    }
}
