//! Preflight: before anything is built, every destination answers. What `check` asks, and more: may we write there, is
//! the tag free, ours already, or taken, will a moving tag move.

use futures_util::stream::{self, StreamExt as _};
use schemars::JsonSchema;
use serde::Serialize;

use super::check::{CheckedTarget, check_targets, required_problems};
use super::gather::gather;
use super::session::Session;
use super::wire::Wiring;
use crate::config::TagPolicy;
use crate::core::Version;
use crate::error::{Error, Kind, Result};
use crate::manifest::Destination;
use crate::plan::{Plan, PlannedDestination};
use crate::publish::{Depth, Inquiry, Overrides, PlaceError, Reading};
use crate::report::{Table, counted};

/// Tags read at the same time.
const CONCURRENCY: usize = 8;

/// What every destination answered.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Preflighted {
    /// Project of the plan.
    pub project: String,
    /// Version of the plan.
    pub version: String,
    /// Builds.
    pub builds: usize,
    /// One per target.
    pub targets: Vec<CheckedTarget>,
    /// One per destination.
    pub destinations: Vec<DestinationAnswer>,
    /// Publishing can begin.
    pub ready: bool,
}

/// One destination's answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DestinationAnswer {
    /// `ghcr.io/acme/app:1.4.0`.
    pub name: String,
    /// Its target.
    pub target: String,
    /// Its failure fails the run.
    pub required: bool,
    /// `immutable`, `forward` or `any`.
    #[schemars(with = "String")]
    pub policy: TagPolicy,
    /// `free`, `ours`, `moves`, `stays`, `taken`, `unjudged`, `unknown`.
    pub state: String,
    /// A sentence.
    pub detail: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Asks everybody.
pub async fn preflight(session: &Session) -> Result<Preflighted> {
    let gathered = Box::pin(gather(session)).await?;
    let plan = &gathered.plan;
    let wiring = Wiring::of_plan(session, plan).await?;
    let cx = wiring.cx(session, Overrides::default());
    let targets = check_targets(&wiring, &cx, plan, Inquiry::Write).await;
    let answers = stream::iter(&plan.destinations).map(|planned| {
        let (wiring, cx, targets) = (&wiring, &cx, &targets);
        async move {
            // A target that does not let us in says nothing about its tags.
            let silent = targets.iter().any(|target| target.name == planned.target && !target.problems.is_empty());
            match wiring.target(&planned.target).filter(|_| !silent) {
                Some(target) => judge(plan, planned, target.read(cx, &destination(planned), Depth::About).await),
                None => answer(planned, "unknown", "its registry does not let us look".to_owned(), None),
            }
        }
    });
    let destinations: Vec<DestinationAnswer> = answers.buffered(CONCURRENCY).collect().await;
    if session.cancel.is_cancelled() {
        return Err(Error::new(session.interruption(), "interrupted while asking destinations"));
    }
    let mut preflighted = Preflighted {
        project: plan.project.clone(),
        version: plan.version.version.clone(),
        builds: plan.build_count(),
        targets,
        destinations,
        ready: true,
    };
    preflighted.ready = preflighted.verdict().is_none();
    Ok(preflighted)
}

// As perform will write it down, without the bytes that are not there yet.
fn destination(planned: &PlannedDestination) -> Destination {
    Destination {
        name: planned.name.clone(),
        kind: planned.kind.clone(),
        target: planned.target.clone(),
        artifact: String::new(),
        digest: String::new(),
        size: 0,
        derived: None,
        path: planned.path.clone(),
        tag: planned.tag.clone(),
        settings: planned.settings.clone(),
        policy: String::new(),
        required: planned.required,
        why: String::new(),
    }
}

fn answer(planned: &PlannedDestination, state: &str, detail: String, hint: Option<String>) -> DestinationAnswer {
    DestinationAnswer {
        name: planned.name.clone(),
        target: planned.target.clone(),
        required: planned.required,
        policy: planned.policy,
        state: state.to_owned(),
        detail,
        hint,
    }
}

fn judge(plan: &Plan, planned: &PlannedDestination, reading: Result<Reading, PlaceError>) -> DestinationAnswer {
    let reading = match reading {
        Ok(reading) => reading,
        Err(error) => return answer(planned, "unknown", error.message, error.hint),
    };
    if let Some(why) = &reading.hidden {
        return answer(planned, "unknown", format!("cannot be read: {why}"), None);
    }
    let Some(digest) = &reading.digest else { return answer(planned, "free", "nothing is there yet".to_owned(), None) };
    let short = |text: &str| text.chars().take(12).collect::<String>();
    let version = reading.version.as_deref();
    let held = match (version, &reading.revision) {
        (Some(version), Some(revision)) => format!("{version} of commit {}", short(revision)),
        (Some(version), None) => version.to_owned(),
        (None, Some(revision)) => format!("commit {}", short(revision)),
        (None, None) => format!("{}, which tells neither version nor commit", digest.short()),
    };
    if reading.revision.as_deref() == Some(plan.commit.as_str()) && !plan.dirty {
        return answer(planned, "ours", "holds this commit already".to_owned(), None);
    }
    let name = &planned.name;
    match planned.policy {
        TagPolicy::Any => answer(planned, "moves", format!("moves from {held}"), None),
        TagPolicy::Immutable if reading.revision.is_some() => {
            let hint =
                format!("a version tag names one build for ever: release a new version, or publish with --replace {name} --reason \"…\"");
            answer(planned, "taken", format!("{name} holds {held}"), Some(hint))
        }
        TagPolicy::Immutable => answer(planned, "unjudged", format!("holds {held}; only its digest can tell whether it is ours"), None),
        TagPolicy::Forward => {
            let ours: Option<Version> = plan.version.version.parse().ok();
            match (ours, version.and_then(|text| text.parse::<Version>().ok())) {
                (Some(ours), Some(theirs)) if ours.follows(&theirs) => answer(planned, "moves", format!("moves forward from {held}"), None),
                (Some(_), Some(_)) => answer(planned, "stays", format!("stays at {held}"), None),
                _ => {
                    let hint = format!("if it is not recognised, take it over once: publish with --adopt {name}");
                    answer(planned, "unjudged", format!("holds {held}"), Some(hint))
                }
            }
        }
    }
}

impl Preflighted {
    /// The error preflight ends with, when something required would fail.
    pub fn verdict(&self) -> Option<Error> {
        let taken = || self.destinations.iter().filter(|answer| answer.required && answer.state == "taken");
        let mut problems: Vec<(Kind, String, Option<String>)> =
            taken().map(|answer| (Kind::Conflict, answer.detail.clone(), answer.hint.clone())).collect();
        problems.extend(required_problems(&self.targets).map(|problem| (problem.kind(), problem.message.clone(), problem.hint.clone())));
        let kind = problems.iter().map(|(kind, _, _)| *kind).reduce(Kind::worse)?;
        let first = problems.iter().position(|(own, _, _)| *own == kind)?;
        let (_, message, hint) = problems.remove(first);
        let mut error = Error::new(kind, message);
        for (_, other, _) in problems.into_iter().take(20) {
            error = error.note(other);
        }
        Some(match hint {
            Some(hint) => error.hint(hint),
            None => error,
        })
    }

    /// The screen.
    pub fn screen(&self) -> String {
        let (builds, destinations) = (counted(self.builds, "build"), counted(self.destinations.len(), "destination"));
        let mut text = format!("preflight  {}  {}   {builds} → {destinations}\n", self.project, self.version);
        let mut table = Table::indented(2);
        for target in &self.targets {
            let effort = if target.required { "" } else { "  best effort" };
            for checked in &target.checked {
                table.row([target.name.clone(), "✓".to_owned(), format!("{checked}{effort}")]);
            }
            for problem in &target.problems {
                table.row([target.name.clone(), "✗".to_owned(), format!("{}{effort}", problem.message)]);
            }
            for remark in &target.remarks {
                table.row([target.name.clone(), "!".to_owned(), remark.clone()]);
            }
        }
        for answer in &self.destinations {
            let mark = match answer.state.as_str() {
                "taken" => "✗",
                "unjudged" | "unknown" => "!",
                "stays" => "-",
                _ => "✓",
            };
            table.row([answer.name.clone(), mark.to_owned(), answer.detail.clone()]);
        }
        text.push_str(&table.render());
        for hint in self.targets.iter().flat_map(|target| &target.problems).filter_map(|problem| problem.hint.as_ref()) {
            text.push_str(&format!("  → {hint}\n"));
        }
        text
    }
}
