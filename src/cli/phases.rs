//! `ci run`: the phases of a pipeline in one process, with the host's outputs and job summary.

use std::path::Path;

use super::commands::status::Status;
use super::files;
use super::perform::{self, Performed};
use super::preflight::{Preflighted, preflight};
use super::publish::{Options, publish, verdict};
use super::review::{Expected, refusal, review, screen};
use super::session::{OutputFormat, Session};
use super::{gather, pipeline, readback};
use crate::error::{Error, Result};
use crate::fs::AppendFile;
use crate::names;
use crate::publish::{Depth, PLACEMENTS_SCHEMA_VERSION, Placements};
use crate::report::{publish_screen, summary_markdown};

/// A phase (spec/build.md U.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Phase {
    /// Check config and plan, and ask every destination
    Audition,
    /// Build
    Perform,
    /// Apply the policy
    Review,
    /// Publish
    Publish,
    /// Report: verify, job summary
    Narrate,
    /// All of them in this order
    All,
}

const ALL: [Phase; 5] = [Phase::Audition, Phase::Perform, Phase::Review, Phase::Publish, Phase::Narrate];

/// Runs the phases in order and stops at the first that fails; narrate reports also after a failed publish.
pub fn run(session: &Session, phases: &[Phase]) -> Result<()> {
    let phases: Vec<Phase> = phases.iter().flat_map(|phase| if *phase == Phase::All { ALL.to_vec() } else { vec![*phase] }).collect();
    if session.output == OutputFormat::Json && phases.len() > 1 {
        return Err(Error::usage("--output json prints one document; several phases would print several")
            .hint("run one phase at a time, or read the files below .stagefreight/"));
    }
    let mut outcome = Ok(());
    for phase in phases {
        // Narrate always runs after publish, whatever came of it: it is the report.
        if outcome.is_err() && phase != Phase::Narrate {
            continue;
        }
        let this = one(session, phase);
        if outcome.is_ok() {
            outcome = this;
        }
    }
    outcome
}

fn one(session: &Session, phase: Phase) -> Result<()> {
    match phase {
        Phase::Audition => audition(session),
        Phase::Perform => do_perform(session),
        Phase::Review => do_review(session),
        Phase::Publish => do_publish(session),
        Phase::Narrate => narrate(session),
        Phase::All => run(session, &ALL),
    }
}

fn audition(session: &Session) -> Result<()> {
    let answered = session.block_on(preflight(session))?;
    session.print(&answered, Preflighted::screen)?;
    answered.verdict().map_or(Ok(()), Err)
}

fn do_perform(session: &Session) -> Result<()> {
    let performed = session.block_on(perform::perform(session, perform::Options::default()))?;
    let first = performed.artifacts.first().map(|artifact| artifact.digest.clone()).unwrap_or_default();
    set_outputs(session, &[("version", &performed.version), ("digest", &first), ("manifest", names::path::OUTPUTS)])?;
    session.print(&performed, Performed::screen)
}

fn do_review(session: &Session) -> Result<()> {
    let context = gather::context(session)?;
    let expected = if context.is_ci() { Expected { commit: context.sha, pipeline: context.pipeline_id } } else { Expected::default() };
    let approval = review(session, &expected)?;
    session.print_file(&approval, screen)?;
    refusal(&approval).map_or(Ok(()), Err)
}

fn do_publish(session: &Session) -> Result<()> {
    let context = gather::context(session)?;
    if context.is_untrusted() {
        session.events.info("nothing is published for a merge request from a fork");
        return Ok(());
    }
    let options = Options::default();
    let published = session.block_on(publish(session, &options, &pipeline::run_id(session, &context)))?;
    let totals = published.placements.totals;
    let (placed, writes) = (totals.complete.to_string(), totals.writes.to_string());
    set_outputs(session, &[("placements", names::path::PLACEMENTS), ("placed", &placed), ("writes", &writes)])?;
    session.print_file(&published.placements, |placements| publish_screen(placements, &published.reviewed_at, published.elapsed, false))?;
    verdict(session, &published.placements).map_or(Ok(()), Err)
}

// The report must not hide what failed before it: without placements there is nothing to say.
fn narrate(session: &Session) -> Result<()> {
    let Ok(bytes) = files::read(&session.directory, names::path::PLACEMENTS) else {
        session.events.info("nothing was published, so there is nothing to report");
        return Ok(());
    };
    let placements: Placements = files::parse(names::path::PLACEMENTS, &bytes, PLACEMENTS_SCHEMA_VERSION)?;
    let outputs = files::need(&session.directory, names::path::OUTPUTS, "perform")?;
    if files::outputs(&outputs)?.checksum != placements.outputs_checksum {
        session.events.info("these outputs were not published, so there is nothing to report");
        return Ok(());
    }
    if let Some(file) = session.world.env.get(names::env::GITHUB_STEP_SUMMARY) {
        append(session, file, &summary_markdown(&placements))?;
    }
    let read = session.block_on(readback::read_back(session, Depth::Name))?;
    session.print(&Status::from(read), |status| status.screen("narrate", session))
}

// Outputs of the step, in the file the host names. Names are ours and values are checked to be one line each, so that
// nothing can add an output of its own.
fn set_outputs(session: &Session, outputs: &[(&str, &str)]) -> Result<()> {
    let Some(file) = session.world.env.get(names::env::GITHUB_OUTPUT) else { return Ok(()) };
    let lines = outputs.iter().filter(|(_, value)| !value.contains(['\n', '\r'])).map(|(name, value)| format!("{name}={value}"));
    append(session, file, &lines.collect::<Vec<_>>().join("\n"))
}

fn append(session: &Session, file: &str, text: &str) -> Result<()> {
    let path = session.world.cwd.join(Path::new(file));
    AppendFile::open(&path)?.append(text.trim_end_matches('\n'))?;
    Ok(())
}
