//! Notes from a template of the repository (minijinja). It sees what is known of the release and nothing else: no file, no
//! variable of the environment, no clock. What is not known is an error with its line, never an empty place.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use super::Merged;
use super::compose::{Change, line};
use crate::error::{Error, Result};

/// Steps a template may take: a thousand changes in a loop are some ten thousand.
const FUEL: u64 = 1_000_000;

/// The most characters a template may make; no forge keeps more.
const LONGEST: usize = 1_000_000;

/// What a template knows.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// `1.4.0`.
    pub version: String,
    /// `v1.4.0`; empty off tags.
    pub tag: String,
    /// The release before; empty when there is none.
    pub previous: String,
    /// Full id of the commit.
    pub commit: String,
    /// `acme/app`.
    pub project: String,
    /// Commits, newest first.
    pub changes: Vec<KnownChange>,
    /// Merged pull or merge requests, by number.
    pub requests: Vec<Merged>,
    /// Names of those who wrote the commits, each once.
    pub authors: Vec<String>,
    /// What the notes would be without a template.
    pub notes: String,
}

/// A commit, taken apart.
#[derive(Debug, Clone, Serialize)]
pub struct KnownChange {
    /// Full id.
    pub id: String,
    /// First seven characters of it.
    pub short: String,
    /// First line, made harmless.
    pub subject: String,
    /// Who wrote it.
    pub author: String,
    /// `feat`, `fix`, …; empty for a line without a kind.
    pub kind: String,
    /// What it is about; often empty.
    pub scope: String,
    /// The line without kind and scope.
    pub text: String,
    /// It says that something breaks.
    pub breaking: bool,
}

impl KnownChange {
    /// Takes one apart.
    pub fn of(change: &Change) -> Self {
        let parts = change.parts();
        Self {
            id: change.id.clone(),
            short: change.id.chars().take(7).collect(),
            subject: line(&change.subject),
            author: line(&change.author),
            scope: line(parts.scope),
            text: line(parts.text),
            breaking: parts.breaks,
            kind: parts.kind,
        }
    }
}

/// The notes a template makes. `name` is the template's file, for messages.
///
/// # Errors
/// Kind `Usage` for a template that cannot be read, names something unknown, runs for ever or makes too much.
pub fn render(name: &str, template: &str, facts: &Facts) -> Result<String> {
    let failed = |error: minijinja::Error| {
        let at = error.line().map_or_else(|| name.to_owned(), |line| format!("{name}:{line}"));
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        let hint = match error.kind() {
            minijinja::ErrorKind::UndefinedError => {
                "a template knows version, tag, previous, commit, project, changes, requests, authors and notes"
            }
            minijinja::ErrorKind::OutOfFuel => "shorten its loops",
            _ => "the language is Jinja's: docs/releases.md",
        };
        Error::usage(format!("{at}: the template of the notes fails: {}{detail}", error.kind())).hint(hint)
    };
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(failed)?;
    environment.set_syntax(syntax);
    environment.add_template(name, template).map_err(failed)?;
    let text = environment.get_template(name).and_then(|template| template.render(Serde(facts))).map_err(failed)?;
    if text.chars().count() > LONGEST {
        return Err(Error::usage(format!("{name} makes more than {LONGEST} characters of notes")).hint("shorten its loops"));
    }
    Ok(text.trim().to_owned())
}

/// The template names something that the forge must be asked for.
pub fn wants_requests(template: &str) -> bool {
    let environment = Environment::new();
    // One that cannot be read fails when it is rendered.
    environment.template_from_str(template).is_ok_and(|template| template.undeclared_variables(false).contains("requests"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let change = |subject: &str| {
            let change = Change { id: "0123456789abcdef".into(), author: "Ann <b>".into(), subject: subject.into(), body: String::new() };
            KnownChange::of(&change)
        };
        Facts {
            version: "1.4.0".into(),
            tag: "v1.4.0".into(),
            previous: "v1.3.0".into(),
            commit: "c".repeat(40),
            project: "acme/app".into(),
            changes: vec![change("feat(cli)!: new @way"), change("Update the readme")],
            requests: vec![Merged { number: 7, title: "feat: x".into(), author: "ann".into(), labels: vec!["ui".into()] }],
            authors: vec!["Ann".into()],
            notes: "### Features".into(),
        }
    }

    fn made(template: &str) -> Result<String> {
        render("notes.md.j2", template, &facts())
    }

    #[test]
    fn a_template_sees_what_is_known() {
        let template = "# {{ project }} {{ version }}\n{% for change in changes %}\n- {{ change.kind or 'other' }}{% if change.breaking %}!{% endif %} \
                        {{ change.scope }} {{ change.text }} ({{ change.short }})\n{% endfor %}\n\
                        {% for request in requests if 'ui' in request.labels %}#{{ request.number }} {{ request.title | upper }}{% endfor %}\n{{ notes }}\n";
        let expected =
            "# acme/app 1.4.0\n- feat! cli new @\u{200b}way (0123456)\n- other  Update the readme (0123456)\n#7 FEAT: X### Features";
        assert_eq!(made(template).expect("notes"), expected);
        assert!(wants_requests(template) && !wants_requests("{{ notes }} requests") && !wants_requests("{{"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (template, said) in [
            ("a\n{{ versoin }}", "notes.md.j2:2: the template of the notes fails: undefined"),
            ("{% for x in changes %}{{ x.nothing }}{% endfor %}", "notes.md.j2:1"),
            ("{% for x in range(100000) %}{% for y in range(100000) %}x{% endfor %}{% endfor %}", "out of fuel"),
            ("{% include 'etc/passwd' %}", "notes.md.j2:1"),
            ("{{ version | nosuch }}", "nosuch"),
            ("{{ version", "notes.md.j2:1"),
        ] {
            let error = made(template).expect_err(template);
            assert!(error.message().contains(said), "{template}: {}", error.message());
        }
    }
}
