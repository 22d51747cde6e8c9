//! Does a publish entry apply to this pipeline, and why (spec/build.md T.3)?
//!
//! All parts of a condition must hold, any condition of a list suffices. `branches` need a branch and `git_tags` a tag:
//! `git_tags: [stable]` never fires on a branch push. In a list of patterns `!` excludes, first of all; a list of
//! exclusions only accepts the rest. Patterns are searched for, not anchored.

use indexmap::IndexMap;
use regex::Regex;

use crate::ci::{Event, PipelineContext};
use crate::config::{Condition, Git};
use crate::error::{Error, Result};

/// The decision and one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) applies: bool,
    pub(super) why: String,
}

/// Evaluates `when`; an empty list always applies.
pub(super) fn evaluate(when: &[Condition], git: &Git, context: &PipelineContext) -> Result<Verdict> {
    if when.is_empty() {
        return Ok(Verdict { applies: true, why: "no `when`: always".to_owned() });
    }
    let mut refusals = Vec::new();
    for condition in when {
        let verdict = holds(condition, git, context)?;
        if verdict.applies {
            return Ok(verdict);
        }
        refusals.push(verdict.why);
    }
    refusals.dedup();
    Ok(Verdict { applies: false, why: refusals.join("; and ") })
}

fn holds(condition: &Condition, git: &Git, context: &PipelineContext) -> Result<Verdict> {
    // No `..`: a new part of a condition must not be forgotten here.
    let Condition { branches, git_tags, events, forges } = condition;
    let mut parts = Vec::new();
    if !branches.is_empty() {
        parts.push(of_ref(Named { list: "branches", noun: "branch", known: &git.branches }, branches, context.branch.as_deref(), context)?);
    }
    if !git_tags.is_empty() {
        parts.push(of_ref(Named { list: "git_tags", noun: "tag", known: &git.tags }, git_tags, context.tag.as_deref(), context)?);
    }
    if !events.is_empty() {
        let same = |name: &str| Event::from_name(name) == Some(context.event);
        parts.push(of_word("events", "event", events, context.event.name(), &same));
    }
    if !forges.is_empty() {
        let same = |name: &str| name.eq_ignore_ascii_case(context.provider.name());
        parts.push(of_word("forges", "CI", forges, context.provider.name(), &same));
    }
    if let Some(refusal) = parts.iter().find(|part| !part.applies) {
        return Ok(refusal.clone());
    }
    let why = parts.iter().map(|part| part.why.as_str()).collect::<Vec<_>>().join(" and ");
    Ok(Verdict { applies: true, why: if why.is_empty() { "an empty `when`: always".to_owned() } else { why } })
}

#[derive(Clone, Copy)]
struct Named<'a> {
    list: &'static str,
    noun: &'static str,
    known: &'a IndexMap<String, Regex>,
}

fn of_ref(named: Named<'_>, patterns: &[String], value: Option<&str>, context: &PipelineContext) -> Result<Verdict> {
    let Named { list, noun, known } = named;
    let Some(value) = value else {
        let is = match (&context.tag, &context.branch) {
            (Some(tag), _) => format!("this is tag `{tag}`"),
            (None, Some(branch)) => format!("this is branch `{branch}`"),
            (None, None) => format!("this is a {}", context.event.name().replace('_', " ")),
        };
        return Ok(Verdict { applies: false, why: format!("{list}[{}] needs a {noun}, and {is}", patterns.join(", ")) });
    };
    let mut included = None;
    for pattern in patterns {
        let (excludes, pattern) = split(pattern);
        if matches(known, pattern, value)? {
            if excludes {
                return Ok(Verdict { applies: false, why: format!("{noun} `{value}` is excluded by {list}[!{pattern}]") });
            }
            included.get_or_insert(pattern);
        }
    }
    let only_exclusions = patterns.iter().all(|pattern| pattern.starts_with('!'));
    Ok(match included {
        Some(pattern) => Verdict { applies: true, why: format!("{noun} `{value}` matched {list}[{pattern}]") },
        None if only_exclusions => {
            Verdict { applies: true, why: format!("{noun} `{value}` is not excluded by {list}[{}]", patterns.join(", ")) }
        }
        None => Verdict { applies: false, why: format!("{noun} `{value}` matches none of {list}[{}]", patterns.join(", ")) },
    })
}

fn of_word(list: &str, noun: &str, words: &[String], value: &str, same: &dyn Fn(&str) -> bool) -> Verdict {
    let excluded = words.iter().map(|word| split(word)).any(|(excludes, word)| excludes && same(word));
    if excluded {
        return Verdict { applies: false, why: format!("{noun} `{value}` is excluded by {list}[!{value}]") };
    }
    let included = words.iter().map(|word| split(word)).any(|(excludes, word)| !excludes && same(word));
    if included {
        Verdict { applies: true, why: format!("{noun} `{value}` is in {list}[{}]", words.join(", ")) }
    } else if words.iter().all(|word| word.starts_with('!')) {
        Verdict { applies: true, why: format!("{noun} `{value}` is not excluded by {list}[{}]", words.join(", ")) }
    } else {
        Verdict { applies: false, why: format!("{noun} `{value}` is not in {list}[{}]", words.join(", ")) }
    }
}

fn split(pattern: &str) -> (bool, &str) {
    pattern.strip_prefix('!').map_or((false, pattern), |rest| (true, rest.trim_start()))
}

/// Does a pattern of a list match: a declared name, `re:` and a pattern, or a pattern that looks like one?
pub(super) fn matches(known: &IndexMap<String, Regex>, pattern: &str, value: &str) -> Result<bool> {
    if let Some(named) = known.get(pattern) {
        return Ok(named.is_match(value));
    }
    let inline = pattern.strip_prefix("re:").or_else(|| pattern.contains(|c: char| r"^$*+?()[]{}|\".contains(c)).then_some(pattern));
    let Some(inline) = inline else {
        let names = known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(Error::usage(format!("`{pattern}` is not defined in `git`")).hint(if names.is_empty() {
            "define it, or write a pattern as `re:…`".to_owned()
        } else {
            format!("defined are: {names}; patterns are written `re:…`")
        }));
    };
    match Regex::new(inline) {
        Ok(regex) => Ok(regex.is_match(value)),
        Err(error) => Err(Error::usage(format!("`{pattern}` is not a pattern"))
            .because(&error)
            .hint("patterns are regular expressions (docs.rs/regex)")),
    }
}

#[cfg(test)]
mod tests;
