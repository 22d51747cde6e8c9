//! `stagefreight notes preview`: the notes a release of this commit would have.

use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::gather::gather;
use crate::cli::notes::{Maker, Wanted};
use crate::cli::session::Session;
use crate::config::PublishKind;
use crate::error::Result;

/// What is done.
#[derive(Debug, Subcommand)]
pub enum NotesCommand {
    /// Print the notes a release of this commit would have
    Preview(PreviewArgs),
}

/// Options of preview.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// Where from: commits, requests, tag, or a file; default: as the first release of the config says
    #[arg(long, value_name = "SOURCE")]
    pub from: Option<String>,
}

/// Notes.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Preview {
    /// Version they are about.
    version: String,
    /// Where they came from, in a sentence.
    why: String,
    /// Markdown.
    notes: String,
}

/// Runs it.
pub fn run(session: &Session, command: &NotesCommand) -> Result<()> {
    let NotesCommand::Preview(args) = command;
    let preview = session.block_on(Box::pin(async {
        let gathered = gather(session).await?;
        let release = gathered.config.publish.values().find_map(|entry| match &entry.kind {
            PublishKind::Release(release) => Some(release),
            PublishKind::Registry(_)
            | PublishKind::Remote(_)
            | PublishKind::Store(_)
            | PublishKind::Files(_)
            | PublishKind::Component(_) => None,
        });
        let configured = release.map(|release| release.notes.name().to_owned());
        let from = args.from.clone().or(configured).unwrap_or_else(|| "commits".to_owned());
        let version = gathered.plan.version.version.clone();
        let wanted = Wanted {
            from: &from,
            template: release.and_then(|release| release.template.as_deref()),
            grouped: release.is_none_or(|release| release.grouped),
            tag: gathered.plan.tag.as_deref(),
            version: &version,
            repo: release.and_then(|release| release.repos.first()).map(String::as_str),
        };
        let made = Maker::new(session, &gathered.config, &gathered.git).notes(&wanted).await?;
        Ok(Preview { version, why: made.why, notes: made.text })
    }))?;
    session.events.info(format!("notes of {}: {}", preview.version, preview.why));
    session.print(&preview, |preview| format!("{}\n", preview.notes))
}
