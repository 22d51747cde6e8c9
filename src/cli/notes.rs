//! Release notes: made when the plan is, from commits, merged requests, the tag, a file or a template, so that review
//! approves the text that is published.

use super::forges::Started;
use super::rehearsed;
use super::session::Session;
use crate::cli::commands::release::target_of;
use crate::config::{Config, Repo};
use crate::core::Timestamp;
use crate::error::{Error, Result};
use crate::forge::notes::{self, Change, Facts, Found, KnownChange, Merged, of_changelog, of_changes, of_requests};
use crate::forge::{Forges, Provider};
use crate::fs;
use crate::git::{self, GitFacts};
use crate::plan::{Making, Plan};
use crate::process::Child;
use crate::rehearse::request::Request;
use crate::report::counted;

/// The most a changelog or a template may weigh.
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
    let mut maker = Maker::new(session, config, git);
    for destination in plan.destinations.iter_mut().filter(|destination| destination.kind == "release") {
        let Some(settings) = destination.settings.as_mut().and_then(serde_json::Value::as_object_mut) else { continue };
        let Some(making) = settings.get("making").and_then(|making| serde_json::from_value::<Making>(making.clone()).ok()) else {
            continue;
        };
        let wanted = Wanted {
            from: &making.notes_from,
            template: making.template.as_deref(),
            grouped: making.grouped,
            tag: tag.as_deref(),
            version: &version,
            repo: Some(&destination.target),
        };
        let made = maker.notes(&wanted).await?;
        settings.insert("notes".to_owned(), made.text.into());
    }
    Ok(())
}

/// Which notes are made.
pub struct Wanted<'a> {
    /// `commits`, `requests`, `tag` or a file.
    pub from: &'a str,
    /// A template that makes the text out of what is known.
    pub template: Option<&'a str>,
    /// Commits are grouped by kind.
    pub grouped: bool,
    /// The git tag, on tags.
    pub tag: Option<&'a str>,
    /// The version.
    pub version: &'a str,
    /// Id of the repository the release is at; `None`: the primary one.
    pub repo: Option<&'a str>,
}

/// Makes notes; what they are made of is asked for once, however many releases want it.
pub struct Maker<'a> {
    session: &'a Session,
    config: &'a Config,
    git: &'a GitFacts,
    changes: Option<Vec<Change>>,
    requests: Option<Found>,
}

impl<'a> Maker<'a> {
    /// Nothing asked yet.
    pub fn new(session: &'a Session, config: &'a Config, git: &'a GitFacts) -> Self {
        Self { session, config, git, changes: None, requests: None }
    }

    /// Makes them.
    pub async fn notes(&mut self, wanted: &Wanted<'_>) -> Result<Made> {
        let made = match wanted.from {
            "commits" => self.of_commits(wanted).await?,
            "requests" => self.of_requests(wanted).await?,
            "tag" => of_tag(self.session, wanted).await?,
            file => of_file(self.session, file, wanted)?,
        };
        let made = match wanted.template {
            Some(template) => self.of_template(template, made, wanted).await?,
            None => made,
        };
        // What ends up in public is read by nobody before: whatever the environment calls a secret is not in it, and no
        // address that leads inside.
        let home = self.repo(wanted).and_then(|repo| self.config.forges.get(&repo.forge));
        let home = home.and_then(|forge| forge.url.split_once("://")).map_or("", |(_, host)| host);
        let text = self.session.world.env.redactor().redact(&made.text).into_owned();
        Ok(Made { text: notes::scrub(&text, home), ..made })
    }

    /// The repository the notes are for.
    fn repo(&self, wanted: &Wanted<'_>) -> Option<&'a Repo> {
        match wanted.repo {
            Some(id) => self.config.repos.get(id),
            None => self.primary(),
        }
    }

    /// Where requests are made and merged.
    fn primary(&self) -> Option<&'a Repo> {
        self.config.repos.values().find(|repo| repo.primary).or_else(|| self.config.repos.values().next())
    }

    /// The release before is not known, because the history ends before it.
    fn is_cut(&self, wanted: &Wanted<'_>) -> bool {
        self.git.shallow && previous(self.config, self.git, wanted).is_none()
    }

    async fn changes(&mut self, wanted: &Wanted<'_>) -> Result<&[Change]> {
        if self.changes.is_none() {
            let since = previous(self.config, self.git, wanted);
            let child = Child::new(&self.session.world, "git");
            let commits = git::commits(&child, &self.session.directory, since.as_deref(), &self.session.cancel).await?;
            let change = |commit: git::Commit| Change { id: commit.id, author: commit.author, subject: commit.subject, body: commit.body };
            self.changes = Some(commits.into_iter().map(change).collect());
        }
        Ok(self.changes.as_deref().unwrap_or_default())
    }

    async fn of_commits(&mut self, wanted: &Wanted<'_>) -> Result<Made> {
        if self.is_cut(wanted) {
            return Ok(Made {
                text: String::new(),
                why: "the history is cut, so that the release before is not known: fetch all of it for notes from commits".to_owned(),
            });
        }
        let since = previous(self.config, self.git, wanted);
        let changes = self.changes(wanted).await?;
        let why = match &since {
            Some(since) => format!("{} since {since}", counted(changes.len(), "commit")),
            None => format!("all of it, {}: there is no release before", counted(changes.len(), "commit")),
        };
        Ok(Made { text: of_changes(changes, wanted.grouped), why })
    }

    async fn of_requests(&mut self, wanted: &Wanted<'_>) -> Result<Made> {
        if self.is_cut(wanted) {
            return Err(Error::missing("the history is cut, so that nobody can tell which requests were merged since the release before")
                .hint("fetch all of it: `fetch-depth: 0`, or GIT_DEPTH: 0"));
        }
        // Numbers are those of the primary; elsewhere they would name something else.
        let at_home = self.repo(wanted).map(|repo| &repo.id) == self.primary().map(|repo| &repo.id);
        let provider = self.primary().and_then(|repo| self.config.forges.get(&repo.forge)).map(|forge| forge.provider.name());
        let home = provider.and_then(Provider::of_target).map(|(provider, _)| provider).filter(|_| at_home);
        let since = previous(self.config, self.git, wanted);
        let Found { requests, cut } = self.requests(wanted).await?;
        let since = since.map_or_else(|| "from the beginning".to_owned(), |since| format!("since {since}"));
        let cut = if *cut { "; there were more than are looked at" } else { "" };
        Ok(Made { text: of_requests(requests, wanted.grouped, home), why: format!("{} merged requests {since}{cut}", requests.len()) })
    }

    async fn requests(&mut self, wanted: &Wanted<'_>) -> Result<&Found> {
        if self.requests.is_none() {
            let repo = self.primary().ok_or_else(|| {
                Error::usage("the config names no repository whose merged requests the notes could tell")
                    .hint("define `forges` and `repos`")
            })?;
            let since = previous(self.config, self.git, wanted);
            let Session { world, events, directory, cancel, .. } = self.session;
            let range = git::range(&Child::new(world, "git"), directory, since.as_deref(), cancel).await?;
            let target = target_of(self.config, repo)?;
            let mut started = Started::default();
            let is_ours = Provider::of_target(&target.provider).is_some_and(|(_, ours)| ours);
            let told = if is_ours { self.told(since.as_deref()).await? } else { Vec::new() };
            let endpoint = started.telling(self.session, &target, told).await?;
            let mut forges = Forges::new(world, events.clone());
            let asked = forges.requests(&target, directory, endpoint)?;
            let since: Option<Timestamp> = range.since;
            let Found { requests, cut } = asked.of(&range.commits, since, cancel).await?;
            self.requests = Some(Found { requests: requests.into_iter().map(Merged::cleaned).collect(), cut });
        }
        self.requests.as_ref().ok_or_else(|| Error::failed("no requests were read"))
    }

    /// A forge of our own has no people who make requests; what merged ones leave in the history stands for them.
    async fn told(&self, since: Option<&str>) -> Result<Vec<Request>> {
        let Session { world, directory, cancel, .. } = self.session;
        let commits = git::all_commits(&Child::new(world, "git"), directory, since, cancel).await?;
        Ok(rehearsed::requests(&commits, world.clock.now()))
    }

    async fn of_template(&mut self, file: &str, made: Made, wanted: &Wanted<'_>) -> Result<Made> {
        let template = read(self.session, file, "notes.template")?;
        let requests = if notes::wants_requests(&template) { self.requests(wanted).await?.requests.clone() } else { Vec::new() };
        let changes = if self.is_cut(wanted) { &[][..] } else { self.changes(wanted).await? };
        let authors = notes::authors(changes.iter().map(|change| change.author.as_str()));
        let changes = changes.iter().map(KnownChange::of).collect();
        let facts = Facts {
            version: wanted.version.to_owned(),
            tag: wanted.tag.unwrap_or_default().to_owned(),
            previous: previous(self.config, self.git, wanted).unwrap_or_default(),
            commit: self.git.head.clone(),
            project: self.repo(wanted).map(|repo| repo.project.clone()).unwrap_or_default(),
            changes,
            requests,
            authors,
            notes: made.text,
        };
        Ok(Made { text: notes::render(file, &template, &facts)?, why: format!("{file}, with {}", made.why) })
    }
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
    let text = read(session, file, "notes.from")?;
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

fn read(session: &Session, file: &str, named_by: &str) -> Result<String> {
    let bytes = fs::read_bounded(&session.path(file), LARGEST_FILE)
        .map_err(|error| Error::usage(format!("cannot read the notes: {error}")).hint(format!("correct `{named_by}`")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
