//! `stagefreight ci …`: what the CI says, and its phases.

use clap::Subcommand;

use crate::ci::PipelineContext;
use crate::cli::gather;
use crate::cli::phases::{self, Phase};
use crate::cli::session::Session;
use crate::error::Result;
use crate::plan;
use crate::report::Table;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum CiCommand {
    /// Print what is known of this pipeline: event, branch or tag, commit, pull request, addresses
    Show,
    /// Run phases of the pipeline: audition, perform, review, publish, narrate, or all of them in this order
    Run {
        /// Which, in this order
        #[arg(required = true, value_name = "PHASE")]
        phases: Vec<Phase>,
    },
}

/// Runs it.
pub fn run(session: &Session, command: &CiCommand) -> Result<()> {
    match command {
        CiCommand::Show => show(session),
        CiCommand::Run { phases } => phases::run(session, phases),
    }
}

fn show(session: &Session) -> Result<()> {
    let said = gather::context(session)?;
    let context = session.block_on(async {
        Ok(match gather::read_git(session).await {
            Ok(git) => plan::complete(said, &git),
            // What the CI says is worth seeing where there is no repository, too.
            Err(error) => {
                session.events.warn(format!("git says nothing: {error}"), error.hint_text().map(str::to_owned));
                said
            }
        })
    })?;
    session.print(&context, screen)
}

fn screen(context: &PipelineContext) -> String {
    // No `..`: a new fact must be shown.
    let PipelineContext {
        provider,
        event,
        branch,
        tag,
        sha,
        default_branch,
        pull_request,
        project,
        repo_url,
        pipeline_url,
        pipeline_id,
        job_id,
        attempt,
        runner,
        workspace,
    } = context;
    let request = pull_request.as_ref().map(|pr| {
        let name = |branch: &Option<String>| branch.clone().unwrap_or_else(|| "?".to_owned());
        let number = pr.number.map_or_else(String::new, |number| format!("{number}, "));
        let fork = if pr.fork { ", counts as a fork's: nothing is published" } else { "" };
        format!("{number}{} into {}{fork}", name(&pr.source_branch), name(&pr.target_branch))
    });
    let attempt = attempt.map(|attempt| attempt.to_string());
    let rows: [(&str, Option<&str>); 15] = [
        ("provider", Some(provider.name())),
        ("event", Some(event.name())),
        ("branch", branch.as_deref()),
        ("tag", tag.as_deref()),
        ("commit", sha.as_deref()),
        ("default branch", default_branch.as_deref()),
        ("pull request", request.as_deref()),
        ("project", project.as_deref()),
        ("repository", repo_url.as_deref()),
        ("pipeline", pipeline_url.as_deref()),
        ("pipeline id", pipeline_id.as_deref()),
        ("job", job_id.as_deref()),
        ("attempt", attempt.as_deref()),
        ("runner", runner.as_deref()),
        ("workspace", workspace.as_deref()),
    ];
    let mut table = Table::indented(2);
    for (name, value) in rows {
        table.row([name, value.unwrap_or("-")]);
    }
    format!("ci  {}\n{}", provider.name(), table.render())
}
