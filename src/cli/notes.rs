//! Release notes: made when the plan is, from commits, the tag or a file, so that review approves the text that is
//! published.

use super::session::Session;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::forge::notes::{Change, of_changelog, of_changes};
use crate::fs;
use crate::git::{self, GitFacts};
use crate::plan::{Making, Plan};
use crate::process::Child;

/// The most a changelog may weigh.
const LARGEST_FILE: u64 = 8 << 20;

/// Notes and where they came from.
#[derive(Debug, Clone)]
pub struct Made {
    /// Markdown.
    pub text: String,
    /// One sentence.
    pub why: String,
}

/// Puts the notes of every planned release into its settings.
pub async fn fill(session: &Session, config: &Config, git: &GitFacts, plan: &mut Plan) -> Result<()> {
    let (tag, version) = (plan.tag.clone(), plan.version.version.clone());
    for destination in plan.destinations.iter_mut().filter(|destination| destination.kind == "release") {
        let Some(settings) = destination.settings.as_mut().and_then(serde_json::Value::as_object_mut) else { continue };
        let Some(making) = settings.get("making").and_then(|making| serde_json::from_value::<Making>(making.clone()).ok()) else {
            continue;
        };
        let wanted = Wanted { from: &making.notes_from, grouped: making.grouped, tag: tag.as_deref(), version: &version };
        let made = notes(session, config, git, &wanted).await?;
        settings.insert("notes".to_owned(), made.text.into());
    }
    Ok(())
}

/// Which notes are made.
pub struct Wanted<'a> {
    /// `commits`, `tag` or a file.
    pub from: &'a str,
    /// Commits are grouped by kind.
    pub grouped: bool,
    /// The git tag, on tags.
    pub tag: Option<&'a str>,
    /// The version.
    pub version: &'a str,
}

/// Makes them.
pub async fn notes(session: &Session, config: &Config, git: &GitFacts, wanted: &Wanted<'_>) -> Result<Made> {
    let made = match wanted.from {
        "commits" => of_commits(session, config, git, wanted).await?,
        "tag" => of_tag(session, wanted).await?,
        file => of_file(session, file, wanted)?,
    };
    // What ends up in public is read by nobody before: whatever the environment calls a secret is not in it.
    Ok(Made { text: session.world.env.redactor().redact(&made.text).into_owned(), ..made })
}

async fn of_commits(session: &Session, config: &Config, git: &GitFacts, wanted: &Wanted<'_>) -> Result<Made> {
    let since = previous(config, git, wanted);
    if since.is_none() && git.shallow {
        return Ok(Made {
            text: String::new(),
            why: "the history is cut, so that the release before is not known: fetch all of it for notes from commits".to_owned(),
        });
    }
    let child = Child::new(&session.world, "git");
    let commits = git::commits(&child, &session.directory, since.as_deref(), &session.cancel).await?;
    let change = |commit: git::Commit| Change { id: commit.id, author: commit.author, subject: commit.subject, body: commit.body };
    let changes: Vec<Change> = commits.into_iter().map(change).collect();
    let why = match &since {
        Some(since) => format!("{} commits since {since}", changes.len()),
        None => format!("all {} commits: there is no release before", changes.len()),
    };
    Ok(Made { text: of_changes(&changes, wanted.grouped), why })
}

/// The nearest tag that is a release of another version: of the config's patterns, where it has some.
fn previous(config: &Config, git: &GitFacts, wanted: &Wanted<'_>) -> Option<String> {
    let bare = |text: &str| text.trim_start_matches("refs/tags/").trim_start_matches('v').to_owned();
    let ours = [wanted.tag.map(bare), Some(bare(wanted.version))];
    let is_release = |name: &str| config.git.tags.is_empty() || config.git.tags.values().any(|pattern| pattern.is_match(name));
    let found = git.tags.iter().find(|tag| tag.distance > 0 && is_release(&tag.name) && !ours.contains(&Some(bare(&tag.name))));
    found.map(|tag| tag.name.clone())
}

async fn of_tag(session: &Session, wanted: &Wanted<'_>) -> Result<Made> {
    let Some(tag) = wanted.tag else {
        return Ok(Made { text: String::new(), why: "there is no tag here whose message could be taken".to_owned() });
    };
    let child = Child::new(&session.world, "git");
    let message = git::tag_message(&child, &session.directory, tag, &session.cancel).await?;
    Ok(match message {
        Some(text) => Made { text, why: format!("the message of tag {tag}") },
        None => Made { text: String::new(), why: format!("tag {tag} has no message: it is not annotated") },
    })
}

fn of_file(session: &Session, file: &str, wanted: &Wanted<'_>) -> Result<Made> {
    let bytes = fs::read_bounded(&session.path(file), LARGEST_FILE)
        .map_err(|error| Error::usage(format!("cannot read the notes: {error}")).hint("correct `notes: { from: … }`"))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let base = file.rsplit('/').next().unwrap_or(file).to_ascii_lowercase();
    if !base.starts_with("changelog") && !base.starts_with("changes") {
        return Ok(Made { text: text.trim().to_owned(), why: format!("{file}, as it is") });
    }
    match of_changelog(&text, wanted.version) {
        Some(text) => Ok(Made { text, why: format!("the part of {} in {file}", wanted.version) }),
        None => Err(Error::usage(format!("{file} has no part about {}", wanted.version)).hint(format!(
            "write a heading with {} in it, or take the notes from elsewhere: `notes: {{ from: commits }}`",
            wanted.version
        ))),
    }
}
