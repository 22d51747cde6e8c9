//! Rendering of templates (spec/build.md K.4), strictly: a token that is not known, or has no value in this pipeline,
//! is an error that says what it stands in.

use super::layout;
use super::slug::Part;
use crate::ci::PipelineContext;
use crate::config::template_tokens::{self, Argument, Piece, Unclosed, scan};
use crate::core::{Digest, Timestamp};
use crate::error::{Error, Result};

/// Where values come from.
pub(super) struct Scope<'a> {
    pub(super) version: Option<&'a super::types::VersionInfo>,
    pub(super) context: &'a PipelineContext,
    pub(super) commit: &'a str,
    pub(super) commit_time: Timestamp,
    pub(super) project: &'a str,
    pub(super) vars: &'a indexmap::IndexMap<String, String>,
    pub(super) env_allowed: &'a [String],
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) now: Timestamp,
}

/// How deep `{var:}` may refer to other variables.
const MAX_DEPTH: usize = 16;

impl Scope<'_> {
    /// The template with its tokens filled in, as text.
    pub(super) fn text(&self, template: &str) -> Result<String> {
        let parts = self.parts(template)?;
        Ok(parts
            .into_iter()
            .map(|part| match part {
                Part::Literal(text) | Part::Value(text) => text,
            })
            .collect())
    }

    /// The template as what stood in it and what came from tokens.
    pub(super) fn parts(&self, template: &str) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        self.render(template, 0, &mut parts)?;
        Ok(parts)
    }

    fn render(&self, template: &str, depth: usize, parts: &mut Vec<Part>) -> Result<()> {
        let pieces = scan(template)
            .map_err(|Unclosed(rest)| Error::usage(format!("`{rest}` has no closing brace")).hint("write `{{` for a brace that is text"))?;
        for piece in pieces {
            match piece {
                Piece::Text(text) => push_literal(parts, text),
                Piece::Token { name: "var", argument: Some(name), .. } => self.variable(name, depth, parts)?,
                Piece::Token { whole, name, argument } => parts.push(Part::Value(self.value(whole, name, argument)?)),
            }
        }
        Ok(())
    }

    fn variable(&self, name: &str, depth: usize, parts: &mut Vec<Part>) -> Result<()> {
        let value =
            self.vars.get(name).ok_or_else(|| Error::usage(format!("variable `{name}` is not defined")).hint("define it in `vars`"))?;
        if depth >= MAX_DEPTH {
            return Err(Error::usage(format!("variable `{name}` refers to itself")).hint("give it a value of its own in `vars`"));
        }
        self.render(value, depth + 1, parts)
    }

    fn value(&self, whole: &str, name: &str, argument: Option<&str>) -> Result<String> {
        match (name, argument) {
            ("version" | "base" | "major" | "minor" | "patch" | "prerelease", None) => self.of_version(name),
            ("branch", None) => self.branch(whole),
            ("tag", None) => {
                self.known(self.context.tag.as_deref(), whole, "a git tag", "publish this only on tags: `when: { git_tags: [...] }`")
            }
            ("event", None) => Ok(self.context.event.name().to_owned()),
            ("sha", None) => Ok(self.commit.chars().take(7).collect()),
            ("sha", Some(length)) => {
                // `{sha:.8}` is the same as `{sha:8}`.
                let length = length.strip_prefix('.').unwrap_or(length);
                Ok(self.commit.chars().take(count(whole, length, self.commit.len())?).collect())
            }
            ("env", Some(name)) => self.environment(name),
            ("rand", argument) => Ok(self.digits(count(whole, argument.unwrap_or("6"), 64)?, 10)),
            ("randhex", argument) => Ok(self.digits(count(whole, argument.unwrap_or("8"), 64)?, 16)),
            ("date", layout) => date(self.now, whole, layout.unwrap_or("YYYY-MM-DD")),
            ("datetime", None) => Ok(self.now.to_string()),
            ("timestamp", None) => Ok(self.now.unix().to_string()),
            // The commit's time: a version must be the same when its pipeline runs again.
            ("time", None) => date(self.commit_time, whole, "YYYYMMDDHHmmss"),
            ("commit.date", layout) => date(self.commit_time, whole, layout.unwrap_or("YYYY-MM-DD")),
            ("ci.pipeline", None) => self.of_ci(self.context.pipeline_id.as_deref(), whole),
            ("ci.job", None) => self.of_ci(self.context.job_id.as_deref(), whole),
            ("ci.url", None) => self.of_ci(self.context.pipeline_url.as_deref(), whole),
            ("ci.runner", None) => self.of_ci(self.context.runner.as_deref(), whole),
            ("project", None) => Ok(self.project.to_owned()),
            ("project.name", None) => Ok(self.project.rsplit('/').next().unwrap_or(self.project).to_owned()),
            ("project.url", None) => {
                self.known(self.context.repo_url.as_deref(), whole, "a web address", "add a remote `origin` or set SF_CI_REPO_URL")
            }
            _ => Err(unknown(whole, name)),
        }
    }

    fn of_version(&self, name: &str) -> Result<String> {
        let Some(info) = self.version else {
            return Err(Error::usage(format!("`{{{name}}}` cannot stand in the version's own format"))
                .hint("use {base}, {sha}, {branch} or {time}"));
        };
        let mut numbers = info.base.split('.');
        Ok(match name {
            "version" => info.version.clone(),
            "base" => info.base.clone(),
            "major" => numbers.next().unwrap_or_default().to_owned(),
            "minor" => numbers.nth(1).unwrap_or_default().to_owned(),
            "patch" => numbers.nth(2).unwrap_or_default().to_owned(),
            _ => prerelease(info).to_owned(),
        })
    }

    fn branch(&self, whole: &str) -> Result<String> {
        let source = self.context.pull_request.as_ref().and_then(|pr| pr.source_branch.as_deref());
        self.known(self.context.branch.as_deref().or(source), whole, "a branch", "restrict this to branches: `when: { branches: [...] }`")
    }

    fn of_ci(&self, value: Option<&str>, whole: &str) -> Result<String> {
        self.known(value, whole, "it from the CI", "use a token that is known everywhere, such as {sha}")
    }

    fn known(&self, value: Option<&str>, whole: &str, what: &str, hint: &str) -> Result<String> {
        value.map(str::to_owned).ok_or_else(|| {
            let event = self.context.event.name();
            Error::usage(format!("`{whole}` has no value: this pipeline (event {event}) does not have {what}")).hint(hint)
        })
    }

    fn environment(&self, name: &str) -> Result<String> {
        if !self.env_allowed.iter().any(|allowed| allowed == name) {
            return Err(Error::usage(format!("`{{env:{name}}}` reads a variable the config does not list"))
                .hint(format!("list it: `vars_from_env: [{name}]`; what is read there can be seen by everybody who can pull the image")));
        }
        (self.env)(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            Error::missing(format!("`{{env:{name}}}` has no value: {name} is not set")).hint(format!("set {name} for this job"))
        })
    }

    /// Digits that differ from pipeline to pipeline and are the same in every job and attempt of one: a retried job
    /// must come to the same names.
    fn digits(&self, length: usize, base: u8) -> String {
        let mut digits = String::new();
        let mut round = 0_u32;
        while digits.len() < length {
            let seed = format!("{}\n{}\n{round}", self.commit, self.context.pipeline_id.as_deref().unwrap_or_default());
            digits.extend(Digest::of(seed.as_bytes()).hex().chars().filter(|c| base == 16 || c.is_ascii_digit()));
            round += 1;
        }
        digits.truncate(length);
        digits
    }
}

/// `rc.1` of `1.4.0-rc.1`.
fn prerelease(info: &super::types::VersionInfo) -> &str {
    let without_build = info.version.split('+').next().unwrap_or_default();
    without_build.strip_prefix(&info.base).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default()
}

fn push_literal(parts: &mut Vec<Part>, text: &str) {
    if let Some(Part::Literal(before)) = parts.last_mut() {
        before.push_str(text);
    } else if !text.is_empty() {
        parts.push(Part::Literal(text.to_owned()));
    }
}

fn count(whole: &str, text: &str, max: usize) -> Result<usize> {
    text.parse()
        .ok()
        .filter(|n| (1..=max).contains(n))
        .ok_or_else(|| Error::usage(format!("`{whole}` asks for `{text}` characters")).hint(format!("give a number from 1 to {max}")))
}

fn date(time: Timestamp, whole: &str, text: &str) -> Result<String> {
    layout::format(time, text).ok_or_else(|| {
        Error::usage(format!("`{whole}` has a date layout that cannot be read"))
            .hint("build it from YYYY, MM, DD, HH, mm and ss, such as {date:YYYYMMDD}")
    })
}

fn unknown(whole: &str, name: &str) -> Error {
    let error = Error::usage(format!("`{whole}` is not a token"));
    match template_tokens::find(name).map(|token| token.argument) {
        Some(Argument::Name) => error.hint(format!("it is written `{{{name}:NAME}}`")),
        Some(_) => error.hint(format!("it is written `{{{name}}}`")),
        None => {
            let distance = |token: &&template_tokens::Token| strsim::damerau_levenshtein(token.name, name);
            match template_tokens::TOKENS.iter().filter(|token| distance(token) <= 2).min_by_key(distance) {
                Some(near) => error.hint(format!("did you mean `{{{}}}`? A brace that is text is written `{{{{`", near.name)),
                None => error.hint("a brace that is text is written `{{`"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
