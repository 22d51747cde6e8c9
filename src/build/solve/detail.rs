//! What a failed build left behind, for screens, annotations and `failure-detail.json`: the command, its exit code, the
//! errors in its output with the files of the repository they are about, and its last lines.

use std::path::Path;

use crate::build::diagnostics::{Origin, Places, parse, render};
use crate::core::{Failure, Problem};
use crate::plan::BuildStep;

use super::progress::Tracker;

/// Last lines that are kept for files.
const KEPT_LINES: usize = 20;

/// What is known of a failure before its output is read.
pub struct Known<'a> {
    /// BuildKit's error, or the tool's last word.
    pub cause: &'a str,
    /// The cause as the headline tells it.
    pub reason: &'a str,
    /// Exit code of the process, where one ended with it.
    pub exit_code: Option<i32>,
    /// Line of the Dockerfile.
    pub line: Option<u32>,
}

/// Reads the output of the failed step, or of the tool where no step failed. Also the rows for the screen: errors and
/// last lines, without what the headline says already.
pub fn detail(workspace: &Path, step: &BuildStep, tracker: &Tracker, known: &Known<'_>) -> (Failure, Vec<String>) {
    let failed = tracker.failed();
    let lines: Vec<&str> = failed.map(|step| step.lines.iter().map(String::as_str).collect()).unwrap_or_default();
    let said = tracker.said();
    let mut problems = parse(lines.iter().copied(), Origin::Step);
    if problems.is_empty() {
        problems = parse(said.iter().copied(), Origin::Builder);
        problems.retain(|problem| !problem.message.contains(known.reason) && !problem.message.contains(known.cause));
    }
    let places = Places::new(workspace, &step.context, &step.dockerfile);
    let mut problems: Vec<Problem> = problems.into_iter().map(|problem| places.mapped(problem)).collect();

    // A step's own lines; where none ran and nothing points into the Dockerfile, all there is to see.
    let output = if failed.is_some() || known.line.is_some() || said.len() < 2 { &lines } else { &said };
    let rows = render(&problems, output.iter().copied());
    if problems.is_empty() {
        let problem = Problem::new("docker", known.reason);
        problems.push(match known.line {
            Some(line) => problem.at(step.dockerfile.clone(), Some(line), None),
            None => problem,
        });
    }
    let kept = if lines.is_empty() { &said } else { &lines };
    let failure = Failure {
        build: step.id.clone(),
        step: failed.map(|step| step.name.clone()).unwrap_or_default(),
        command: command(known.cause).unwrap_or_else(|| format!("docker buildx build {}", step.id)),
        exit_code: known.exit_code.unwrap_or(1),
        reason: known.reason.to_owned(),
        output: kept[kept.len().saturating_sub(KEPT_LINES)..].iter().map(|line| (*line).to_owned()).collect(),
        dockerfile: known.line.map(|line| (step.dockerfile.clone(), line)),
        problems,
    };
    (failure, rows)
}

/// `process "/bin/sh -c make" did not complete successfully: exit code: 2` names the command, quoted as Go quotes.
fn command(cause: &str) -> Option<String> {
    let start = cause.find("process \"")? + "process ".len();
    let end = cause[start..].rfind("\" did not complete")? + start + 1;
    let quoted = &cause[start..end];
    Some(serde_json::from_str(quoted).unwrap_or_else(|_| quoted.trim_matches('"').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_command_out_of_buildkits_sentence() {
        let cause = r#"process "/bin/sh -c echo \"a b\" && false" did not complete successfully: exit code: 1"#;
        assert_eq!(command(cause).as_deref(), Some(r#"/bin/sh -c echo "a b" && false"#));
        let odd = r#"process "/bin/sh -c \x00" did not complete successfully: exit code: 1"#;
        assert_eq!(command(odd).as_deref(), Some(r"/bin/sh -c \x00"));
        assert_eq!(command("failed to solve"), None);
    }
}
