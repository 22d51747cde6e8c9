//! What is wrong with a config, each thing with its place, and how it is shown.

use schemars::JsonSchema;
use serde::Serialize;

use super::excerpt;
use super::span::Span;
use crate::error::Error;

/// Problems shown before the rest is only counted.
const SHOWN: usize = 20;

/// One mistake, or one warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One lower-case sentence.
    pub message: String,
    /// Where; `None` when it is about the whole file.
    pub span: Option<Span>,
    /// A few words below the place: `did you mean X?`.
    pub label: Option<String>,
    /// The next action.
    pub hint: Option<String>,
    /// The line may hold a secret, so only its number is shown.
    pub secret: bool,
    /// The part of the place that is meant, when it stands there literally.
    pub within: Option<Box<str>>,
}

impl Problem {
    /// A mistake at a place.
    pub fn new(message: impl Into<String>, span: Option<Span>) -> Self {
        Self { message: message.into(), span, label: None, hint: None, secret: false, within: None }
    }

    /// A mistake at a known place.
    pub fn at(span: Span, message: impl Into<String>) -> Self {
        Self::new(message, Some(span))
    }

    /// Narrows the place to a part of it, when that stands there literally (escapes and variables may hide it).
    #[must_use]
    pub fn within(mut self, part: &str) -> Self {
        self.within = Some(part.into());
        self
    }

    /// The line may hold a secret.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Words below the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<Option<String>>) -> Self {
        self.label = label.into();
        self
    }

    /// The next action.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A problem of one file, ready to print or to serialise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Located {
    /// One lower-case sentence.
    pub message: String,
    /// File name as given.
    pub file: String,
    /// Line, from 1; absent when it is about the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// A few words about the place: `did you mean X?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The next action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The place with a caret, several lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

impl Located {
    /// Finds line and column and draws the excerpt.
    pub fn new(problem: &Problem, file: &str, text: &str) -> Self {
        let span = problem.span.map(|span| match &problem.within {
            Some(part) => narrow(text, span, part),
            None => span,
        });
        let place = span.map(|span| position(text, span.start));
        Self {
            message: problem.message.clone(),
            file: file.to_owned(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            label: problem.label.clone(),
            hint: problem.hint.clone(),
            excerpt: span.map(|span| match place {
                Some((line, column)) if problem.secret => format!(" ┌─ {file}:{line}:{column}  (not shown: it may hold a secret)"),
                _ => excerpt::draw(file, text, span, problem.label.as_deref()),
            }),
        }
    }
}

/// Something a reader should know that does not stop anything.
pub type Warning = Located;

/// Everything that is wrong with one file; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The problems in document order.
    pub problems: Vec<Located>,
    /// How many more there are.
    pub omitted: usize,
    /// Warnings found on the way.
    pub warnings: Vec<Warning>,
}

impl std::fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for problem in &self.problems {
            writeln!(f, "error: {}", problem.message)?;
            if let Some(excerpt) = &problem.excerpt {
                writeln!(f, "{excerpt}")?;
            }
            if let Some(hint) = &problem.hint {
                writeln!(f, "hint: {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl From<ConfigErrors> for Error {
    /// One error that prints all problems, the first as its sentence and the last one's hint as its hint.
    fn from(errors: ConfigErrors) -> Self {
        let total = errors.problems.len() + errors.omitted;
        let mut problems = errors.problems.into_iter().take(SHOWN);
        let Some(first) = problems.next() else { return Self::usage("the config is wrong") };
        let mut excerpt = first.excerpt.unwrap_or_default();
        let mut hint = first.hint;
        let message = if first.line.is_some() { first.message } else { format!("{}: {}", first.file, first.message) };
        for problem in problems {
            if let Some(hint) = hint.take() {
                push_line(&mut excerpt, &format!("hint: {hint}"));
            }
            push_line(&mut excerpt, &format!("\nerror: {}", problem.message));
            if let Some(more) = problem.excerpt {
                push_line(&mut excerpt, &more);
            }
            hint = problem.hint;
        }
        let mut error = Self::usage(message);
        if total > SHOWN {
            error = error.note(format!("and {} more problems", total - SHOWN));
        }
        if !excerpt.is_empty() {
            error = error.excerpt(excerpt);
        }
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

fn narrow(text: &str, span: Span, part: &str) -> Span {
    match text.get(span.range()).and_then(|slice| slice.find(part)) {
        Some(at) => Span { start: span.start + at, end: span.start + at + part.len() },
        None => span,
    }
}

fn push_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

/// Line and column in characters, both from 1.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before.get(start..).unwrap_or_default().chars().count() + 1)
}
