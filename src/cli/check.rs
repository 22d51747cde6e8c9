//! Check: everything that can be known to be wrong before anything is built. Config, plan, and a preflight of every
//! target: credentials, reachability, permissions. Writes nothing.

use futures_util::stream::{self, StreamExt as _};
use schemars::JsonSchema;
use serde::Serialize;

use super::gather::gather;
use super::session::Session;
use super::wire::Wiring;
use crate::error::{Error, Kind, Result};
use crate::plan::{Plan, StepWork};
use crate::publish::{Cx, Inquiry, Overrides, Preflight};
use crate::report::{Table, counted};

/// Targets asked at the same time.
const CONCURRENCY: usize = 8;

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
    /// What the config comes to here: the version, each build, and what does not apply.
    pub explained: Vec<Explained>,
    /// One per target.
    pub targets: Vec<CheckedTarget>,
}

/// One thing the config comes to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Explained {
    /// `version`, `build`, or `skip` for a publish entry that does not apply.
    pub what: &'static str,
    /// Version, build id, publish entry.
    pub name: String,
    /// One sentence.
    pub why: String,
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
    /// What does not stop publishing and is good to know.
    pub remarks: Vec<String>,
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

impl CheckedProblem {
    /// What it would end a run with.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

/// Asks every target of a plan.
pub async fn check_targets(wiring: &Wiring, cx: &Cx, plan: &Plan, inquiry: Inquiry) -> Vec<CheckedTarget> {
    let answers = stream::iter(wiring.targets()).map(|target| async move {
        let Preflight { problems, checked, remarks } = target.preflight(cx, inquiry).await;
        let required = plan.destinations.iter().any(|destination| destination.target == target.name() && destination.required);
        let problems = problems.into_iter();
        let problems = problems.map(|problem| CheckedProblem { message: problem.message, hint: problem.hint, kind: problem.kind });
        CheckedTarget { name: target.name().to_owned(), required, checked, problems: problems.collect(), remarks }
    });
    answers.buffered(CONCURRENCY).collect().await
}

/// Problems of targets at which something required is.
pub fn required_problems(targets: &[CheckedTarget]) -> impl Iterator<Item = &CheckedProblem> {
    targets.iter().filter(|target| target.required).flat_map(|target| &target.problems)
}

/// Runs the checks.
pub async fn check(session: &Session) -> Result<Checked> {
    let gathered = Box::pin(gather(session)).await?;
    let plan = &gathered.plan;
    let wiring = Wiring::of_plan(session, plan).await?;
    let cx = wiring.cx(session, Overrides::default());
    let targets = check_targets(&wiring, &cx, plan, Inquiry::Login).await;
    if session.cancel.is_cancelled() {
        return Err(Error::new(session.interruption(), "interrupted while checking"));
    }
    Ok(Checked {
        project: plan.project.clone(),
        version: plan.version.version.clone(),
        builds: plan.build_count(),
        destinations: plan.destinations.len(),
        explained: explain(plan),
        targets,
    })
}

fn explain(plan: &Plan) -> Vec<Explained> {
    let mut explained = vec![Explained { what: "version", name: plan.version.version.clone(), why: plan.version.why.clone() }];
    explained.extend(plan.builds.iter().map(|step| {
        let why = format!("{} for {}; {}", step.dockerfile, step.platforms.join(", "), step.builder.why);
        Explained { what: "build", name: step.id.clone(), why }
    }));
    explained.extend(plan.files.iter().map(|step| {
        let needs = if step.needs.is_empty() { String::new() } else { format!("; after {}", step.needs.join(", ")) };
        Explained { what: "build", name: step.id(), why: format!("{}{needs}", made_by(&step.work)) }
    }));
    explained.extend(plan.skipped.iter().map(|skipped| Explained {
        what: "skip",
        name: skipped.publish.clone(),
        why: skipped.why.clone(),
    }));
    explained
}

fn made_by(work: &StepWork) -> String {
    match work {
        StepWork::Binary(work) => format!("a program for {}, by {}", work.platform, work.toolchain.name()),
        StepWork::Archive(work) => format!("an archive, {}", work.format.name()),
        StepWork::Command(work) => match work.outputs.len() {
            1 => "a command with one output".to_owned(),
            several => format!("a command with {several} outputs"),
        },
    }
}

impl Checked {
    /// The error check ends with, when something required would fail.
    pub fn verdict(&self) -> Option<Error> {
        let required = || required_problems(&self.targets);
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
        for explained in &self.explained {
            table.row([explained.what.to_owned(), explained.name.clone(), explained.why.clone()]);
        }
        text.push_str(&table.render());
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
