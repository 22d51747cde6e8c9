//! Check: everything that can be known to be wrong before anything is built. Config, plan, and a preflight of every
//! target: credentials, reachability, permissions. Writes nothing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::gather::gather;
use super::session::Session;
use super::wire::Wiring;
use crate::error::{Error, Kind, Result};
use crate::publish::Preflight;
use crate::report::{Table, counted};

/// What was checked.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Checked {
    /// Project and version of the plan.
    pub project: String,
    /// Version of the plan.
    pub version: String,
    /// Builds.
    pub builds: usize,
    /// Destinations.
    pub destinations: usize,
    /// One per target.
    pub targets: Vec<CheckedTarget>,
}

/// One target's preflight.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CheckedTarget {
    /// Its name.
    pub name: String,
    /// Something required is at it.
    pub required: bool,
    /// What was found to be fine.
    pub checked: Vec<String>,
    /// What would make publishing fail.
    pub problems: Vec<CheckedProblem>,
}

/// One problem.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CheckedProblem {
    /// The sentence.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    #[serde(skip)]
    kind: Kind,
}

/// Runs the checks.
pub async fn check(session: &Session) -> Result<Checked> {
    let gathered = Box::pin(gather(session)).await?;
    let plan = &gathered.plan;
    let wiring = Wiring::of_plan(session, plan).await?;
    let cx = wiring.cx(session, BTreeMap::new());
    let mut targets = Vec::new();
    for target in wiring.targets() {
        let preflight: Preflight = target.preflight(&cx).await;
        let required = plan.destinations.iter().any(|destination| destination.target == target.name() && destination.required);
        let problems = preflight.problems.into_iter();
        let problems = problems.map(|problem| CheckedProblem { message: problem.message, hint: problem.hint, kind: problem.kind });
        targets.push(CheckedTarget { name: target.name().to_owned(), required, checked: preflight.checked, problems: problems.collect() });
    }
    if session.cancel.is_cancelled() {
        return Err(Error::new(session.interruption(), "interrupted while checking"));
    }
    Ok(Checked {
        project: plan.project.clone(),
        version: plan.version.version.clone(),
        builds: plan.builds.len(),
        destinations: plan.destinations.len(),
        targets,
    })
}

impl Checked {
    /// The error check ends with, when something required would fail.
    pub fn verdict(&self) -> Option<Error> {
        let required = || self.targets.iter().filter(|target| target.required).flat_map(|target| &target.problems);
        let kind = required().map(|problem| problem.kind).reduce(Kind::worse)?;
        let first = required().find(|problem| problem.kind == kind)?;
        let mut error = Error::new(kind, first.message.clone());
        for other in required().filter(|problem| !std::ptr::eq(*problem, first)) {
            error = error.note(other.message.clone());
        }
        Some(match &first.hint {
            Some(hint) => error.hint(hint.clone()),
            None => error,
        })
    }

    /// The screen.
    pub fn screen(&self) -> String {
        let (builds, destinations) = (counted(self.builds, "build"), counted(self.destinations, "destination"));
        let mut text = format!("check  {}  {}   {builds} → {destinations}\n", self.project, self.version);
        let mut table = Table::indented(2);
        for target in &self.targets {
            let effort = if target.required { "" } else { "  best effort" };
            if target.problems.is_empty() {
                table.row([target.name.clone(), "✓".to_owned(), format!("{}{effort}", target.checked.join(", "))]);
            }
            for problem in &target.problems {
                table.row([target.name.clone(), "✗".to_owned(), format!("{}{effort}", problem.message)]);
            }
        }
        text.push_str(&table.render());
        text
    }
}
