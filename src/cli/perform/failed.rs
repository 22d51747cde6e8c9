//! What a failed perform leaves behind: annotations beside the lines that are wrong, and `failure-detail.json`.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::files;
use crate::cli::session::Session;
use crate::core::{Failure, Problem};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::fs;
use crate::names;

/// Version of `failure-detail.json`; within it fields are only added.
pub const FAILURE_SCHEMA_VERSION: &str = "1";

/// Why perform failed (spec/build.md P). `Command`, `ExitCode`, `Reason` and `Stderr` are named as the reference names
/// them. Everything in it is redacted.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FailureDetail {
    /// Version of the file's form.
    #[schemars(extend("const" = FAILURE_SCHEMA_VERSION))]
    schema_version: &'static str,
    /// The command that failed: of the step, or of the builder where no step ran one.
    #[serde(rename = "Command")]
    command: String,
    /// Its exit code; 1 where it has none.
    #[serde(rename = "ExitCode")]
    exit_code: i32,
    /// Why, one sentence.
    #[serde(rename = "Reason")]
    reason: String,
    /// Last lines of output, separated by line feeds.
    #[serde(rename = "Stderr")]
    stderr: String,
    /// Id of the build; none when no build failed.
    build: Option<String>,
    /// The step, as BuildKit names it; none when it failed outside any step.
    step: Option<String>,
    /// The instruction of the Dockerfile it failed at.
    dockerfile: Option<Instruction>,
    /// Errors found in the output, at most 15.
    errors: Vec<Problem>,
}

/// A line of a Dockerfile.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Instruction {
    /// Path below the workspace.
    file: String,
    /// Line, from 1.
    line: u32,
}

impl FailureDetail {
    fn of(error: &Error) -> Self {
        let Some(failure) = error.failure_detail() else {
            return Self {
                schema_version: FAILURE_SCHEMA_VERSION,
                command: "stagefreight perform".to_owned(),
                exit_code: i32::from(error.kind().exit_code()),
                reason: error.message().to_owned(),
                stderr: error.notes().join("\n"),
                build: None,
                step: None,
                dockerfile: None,
                errors: Vec::new(),
            };
        };
        let Failure { build, step, command, exit_code, reason, output, dockerfile, problems } = failure.clone();
        Self {
            schema_version: FAILURE_SCHEMA_VERSION,
            command,
            exit_code,
            reason,
            stderr: output.join("\n"),
            build: Some(build),
            step: Some(step).filter(|step| !step.is_empty()),
            dockerfile: dockerfile.map(|(file, line)| Instruction { file, line }),
            errors: problems,
        }
    }

    /// Texts came redacted from the builder; errors of ours quote paths and answers, so once more.
    fn redacted(mut self, session: &Session) -> Self {
        let redactor = session.world.env.redactor();
        let texts = [&mut self.command, &mut self.reason, &mut self.stderr];
        let more = self.build.iter_mut().chain(&mut self.step);
        let errors = self.errors.iter_mut().flat_map(|problem| problem.file.iter_mut().chain(std::iter::once(&mut problem.message)));
        for text in texts.into_iter().chain(more).chain(errors) {
            *text = redactor.redact(text).into_owned();
        }
        self
    }
}

/// Writes why perform failed, or takes the file away when it did not. An interrupted run has not failed: the file stays
/// as it was.
pub fn remember(session: &Session, error: Option<&Error>) -> Result<()> {
    match error {
        Some(error) if matches!(error.kind(), Kind::Interrupted | Kind::Terminated) => Ok(()),
        Some(error) => {
            let written = files::write(&session.directory, names::path::FAILURE, &FailureDetail::of(error).redacted(session));
            if let Err(also) = written {
                // What failed first is what the command ends with.
                session.events.warn(format!("why it failed could not be written down: {also}"), also.hint_text().map(str::to_owned));
            }
            Ok(())
        }
        None => {
            fs::remove_file(&session.path(names::path::FAILURE))?;
            Ok(())
        }
    }
}

/// Emits the instruction that failed and the errors in its output, for hosts that show them beside their lines.
pub fn annotate(session: &Session, error: &Error) {
    let Some(failure) = error.failure_detail() else { return };
    let instruction = failure.dockerfile.as_ref().map(|(file, line)| {
        let message = if failure.step.is_empty() { failure.reason.clone() } else { format!("{}: {}", failure.step, failure.reason) };
        Problem::new("docker", message).at(file.clone(), Some(*line), None)
    });
    // The same place twice would only hide others: hosts show a handful per step.
    let rest = failure.problems.iter().filter(|problem| {
        instruction.as_ref().is_none_or(|instruction| (&problem.file, problem.line) != (&instruction.file, instruction.line))
    });
    for problem in instruction.iter().chain(rest) {
        let problem = below_repository(session, problem.clone());
        session.events.emit(Event::Problem { build: failure.build.clone(), problem });
    }
}

/// Hosts know files by their path below the checkout, which may be above the directory we work in.
fn below_repository(session: &Session, mut problem: Problem) -> Problem {
    let root = [names::ci_env::GITHUB_WORKSPACE, names::ci_env::CI_PROJECT_DIR].into_iter().find_map(|name| session.world.env.get(name));
    let below = root.and_then(|root| session.directory.strip_prefix(Path::new(root)).ok()).filter(|below| !below.as_os_str().is_empty());
    if let (Some(below), Some(file)) = (below, &problem.file)
        && !file.starts_with('/')
    {
        problem.file = Some(format!("{}/{file}", below.display()));
    }
    problem
}
