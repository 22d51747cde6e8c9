//! Init: looks at the repository, writes `.stagefreight.yml` with every choice explained beside it, and says what comes
//! next. What is written is read back as every command reads it before it is put in place.

mod next;
mod place;
mod text;

use schemars::JsonSchema;
use serde::Serialize;

use super::load;
use super::session::Session;
use crate::build::project::{CiSystem, FoundDockerfile, FoundLanguage, Project, look};
use crate::config;
use crate::error::{Error, Result};
use crate::fs;
use crate::git::{self, Origin};
use crate::process::Child;
use crate::report::counted;

use place::Place;

/// What was found and written.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Initialised {
    /// The config's path.
    pub file: String,
    /// Whether it was written; not with `--dry-run`.
    pub written: bool,
    /// Its text.
    pub config: String,
    /// Dockerfiles.
    pub dockerfiles: Vec<FoundDockerfile>,
    /// Languages.
    pub languages: Vec<FoundLanguage>,
    /// CI systems with a config of their own here.
    pub ci: Vec<CiSystem>,
    /// `host/group/project` of the git remote.
    pub remote: Option<String>,
    /// What to do next, in order.
    pub next: Vec<String>,
}

/// Everything the text is made of.
struct Facts {
    project: Project,
    origin: Option<Origin>,
    place: Option<Place>,
}

/// Writes the config.
///
/// # Errors
/// Kind `Usage` when a config is there and `force` is not given.
pub async fn init(session: &Session, force: bool, dry_run: bool) -> Result<Initialised> {
    let file = load::file_name(session);
    if fs::exists(&session.config) && !force && !dry_run {
        return Err(Error::usage(format!("{file} is there already"))
            .hint("`stagefreight check` explains it; --force replaces it, --dry-run prints what would be written"));
    }
    let origin = git::origin(&Child::new(&session.world, "git"), &session.directory, &session.cancel).await?;
    let place = origin.as_ref().and_then(|origin| origin.remote.as_deref()).and_then(Place::of_remote);
    let directory = session.directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = place.as_ref().map_or(directory.as_str(), |place| place.project.as_str());
    let facts = Facts { project: look(&session.directory, name)?, origin, place };
    let text = text::config(&facts);
    // What is wrong with it is our mistake, and must not become the user's.
    if let Err(errors) = config::load_bytes(text.as_bytes(), &file) {
        return Err(Error::from(errors)
            .context("the config made for this repository is not valid")
            .hint("report this with `--dry-run`'s output"));
    }
    if !dry_run {
        fs::write_atomic(&session.config, text.as_bytes(), 0o644)?;
    }
    let next = next::steps(&facts);
    let Facts { project, place, .. } = facts;
    Ok(Initialised {
        file,
        written: !dry_run,
        config: text,
        dockerfiles: project.dockerfiles,
        languages: project.languages,
        ci: project.ci,
        remote: place.map(|place| format!("{}/{}", place.host, place.path)),
        next,
    })
}

impl Initialised {
    /// The screen.
    pub fn screen(&self) -> String {
        if !self.written {
            return self.config.clone();
        }
        let mut text = format!("init  {}  {}\n", self.file, counted(self.dockerfiles.len(), "Dockerfile"));
        for line in text::found(&self.dockerfiles, &self.languages, &self.ci, self.remote.as_deref()) {
            text.push_str(&format!("  found  {line}\n"));
        }
        for step in &self.next {
            text.push_str(&format!("  next   {step}\n"));
        }
        text
    }
}
