//! Runs steps: observe, place what is missing, read back, remember. One step's failure stops only those that need it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::journal::{Entry, EntryKind, History, Journal};
use super::order::{OrderError, Schedule, StepFacts};
use super::port::{Cx, Observation, PlaceError, PlaceErrorKind, Placed, Step, StepName, VerifyError};
use crate::core::{BoxFuture, Timestamp};
use crate::event::{DestinationState, Event};

/// Steps at work at the same time. Each host has its own, smaller limit inside its target.
const CONCURRENCY: usize = 16;

/// Runs the steps of one publish.
pub struct Engine<'a> {
    /// What every step gets.
    pub cx: &'a Cx,
    /// Where attempts are remembered; `None` in a dry run, which makes none.
    pub journal: Option<&'a Journal>,
    /// What earlier runs remember.
    pub history: &'a History,
    /// The clock.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// It was so already.
    Complete,
    /// It is so now.
    Placed,
    /// It stands further on than our bytes, and is right as it is; the text says why.
    Superseded(String),
    /// A dry run would have placed it; the text says what was found.
    WouldPlace(String),
    /// It holds something else and may not be replaced.
    Conflict(PlaceError),
    /// It failed.
    Failed(PlaceError),
    /// Something it needs failed, so it was not tried.
    Blocked {
        /// The step that failed.
        on: StepName,
        /// Why that one failed.
        cause: PlaceError,
    },
    /// The run was interrupted first.
    NotTried,
}

/// What came of a step.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// Its name.
    pub name: StepName,
    /// Destination it completes.
    pub destination: Option<String>,
    /// How it ended.
    pub state: StepState,
    /// Digest that is there, as far as was read.
    pub found: Option<String>,
    /// What placing did.
    pub placed: Placed,
    /// Why it was overwritten against its policy, when somebody decided that.
    pub reason: Option<String>,
    /// How it was read back.
    pub read_by: Option<String>,
    /// Seconds and fractions it took.
    pub elapsed: Duration,
}

impl Engine<'_> {
    /// Runs all steps and reports on every one, in the order given.
    pub async fn run(&self, steps: &[Box<dyn Step>]) -> Result<Vec<StepReport>, OrderError> {
        let facts: Vec<StepFacts> =
            steps.iter().map(|step| StepFacts { name: step.name().clone(), stage: step.stage(), needs: step.needs().to_vec() }).collect();
        let mut schedule = Schedule::new(&facts)?;
        let mut reports: Vec<Option<StepReport>> = vec![None; steps.len()];
        let mut running: FuturesUnordered<BoxFuture<'_, (usize, StepReport)>> = FuturesUnordered::new();
        loop {
            while running.len() < CONCURRENCY && !self.cx.cancel.is_cancelled() {
                let Some(at) = schedule.start_next() else { break };
                let step = steps[at].as_ref();
                running.push(Box::pin(async move { (at, self.run_step(step).await) }));
            }
            let Some((at, report)) = running.next().await else { break };
            match cause_of(&report) {
                None => schedule.complete(at),
                Some(cause) => {
                    for blocked in schedule.stop(at) {
                        let state = StepState::Blocked { on: report.name.clone(), cause: cause.clone() };
                        let blocked_report = StepReport::of(steps[blocked].as_ref(), state);
                        self.announce(&blocked_report);
                        reports[blocked] = Some(blocked_report);
                    }
                }
            }
            self.announce(&report);
            reports[at] = Some(report);
        }
        let untried = |at: usize| StepReport::of(steps[at].as_ref(), StepState::NotTried);
        Ok(reports.into_iter().enumerate().map(|(at, report)| report.unwrap_or_else(|| untried(at))).collect())
    }

    async fn run_step(&self, step: &dyn Step) -> StepReport {
        let started = Instant::now();
        let mut report = StepReport::of(step, StepState::NotTried);
        let interrupted = || PlaceError::interrupted(step.name());
        // Dropping the future stops it at its next await; what it did until then is settled by the next run's observation.
        let outcome = tokio::select! {
            biased;
            () = self.cx.cancel.cancelled() => Err(interrupted()),
            outcome = self.converge(step, &mut report) => outcome,
        };
        report.state = match outcome {
            Ok(state) => state,
            Err(error) if error.kind == PlaceErrorKind::Conflict => StepState::Conflict(error),
            Err(error) => StepState::Failed(error),
        };
        report.elapsed = started.elapsed();
        report
    }

    async fn converge(&self, step: &dyn Step, report: &mut StepReport) -> Result<StepState, PlaceError> {
        let found = step.observe(self.cx).await;
        let (described, reason) = match &found {
            Observation::Complete { digest } => {
                report.found = digest.as_ref().map(ToString::to_string);
                return Ok(StepState::Complete);
            }
            Observation::Unknown(error) => return Err(error.clone()),
            Observation::Absent => ("absent".to_owned(), None),
            Observation::Partial { missing } => (format!("partial: {missing}"), None),
            Observation::Diverged { found: held, about, may_move, why, unjudged } => {
                report.found = Some(held.clone());
                let reason = step.destination().and_then(|name| self.cx.overrides.reason(name, &found));
                if !may_move && reason.is_none() {
                    return Err(conflict(step, held, about.as_deref(), why, *unjudged));
                }
                (format!("holds {held}"), reason)
            }
            Observation::Superseded { found: held, why } => {
                report.found = Some(held.clone());
                let reason = step.destination().and_then(|name| self.cx.overrides.reason(name, &found));
                if reason.is_none() {
                    return Ok(StepState::Superseded(why.clone()));
                }
                (format!("holds {held}"), reason)
            }
            Observation::Unobservable => {
                if let Some(open) = self.history.unfinished(&step.name().0) {
                    return Err(unsettled(step, open));
                }
                ("cannot be read".to_owned(), None)
            }
        };
        let Some(journal) = self.journal else { return Ok(StepState::WouldPlace(described)) };
        report.reason.clone_from(&reason);
        let attempt = journal.attempt_id();
        self.remember(journal, step, &attempt, EntryKind::Attempt, Some(described), reason)?;
        let placed = step.place(self.cx, &found).await;
        let settled = match placed {
            Ok(placed) => Ok(placed),
            // An answer that says neither yes nor no is settled by reading, never by guessing.
            Err(error) if error.kind == PlaceErrorKind::Ambiguous => match step.observe(self.cx).await {
                Observation::Complete { digest } => Ok(Placed { digest, writes: 1, ..Placed::default() }),
                _ => Err(error),
            },
            Err(error) => Err(error),
        };
        match settled {
            Ok(placed) => {
                report.found = placed.digest.as_ref().map(ToString::to_string);
                report.placed = placed;
            }
            Err(error) => {
                let kind = if error.kind == PlaceErrorKind::Ambiguous { EntryKind::Unsettled } else { EntryKind::Failed };
                self.remember(journal, step, &attempt, kind, Some(error.message.clone()), None)?;
                return Err(error);
            }
        }
        match step.verify(self.cx).await {
            Ok(verified) => {
                report.found = verified.digest.as_ref().map(ToString::to_string).or(report.found.take());
                report.read_by = Some(verified.by);
                self.remember(journal, step, &attempt, EntryKind::Placed, None, None)?;
                Ok(StepState::Placed)
            }
            Err(error) => {
                let error = unconfirmed(step, error);
                self.remember(journal, step, &attempt, EntryKind::Unsettled, Some(error.message.clone()), None)?;
                Err(error)
            }
        }
    }

    fn remember(
        &self,
        journal: &Journal,
        step: &dyn Step,
        attempt: &str,
        event: EntryKind,
        detail: Option<String>,
        reason: Option<String>,
    ) -> Result<(), PlaceError> {
        let entry = Entry {
            attempt: Some(attempt.to_owned()),
            step: Some(step.name().0.clone()),
            destination: step.destination().map(str::to_owned),
            detail,
            reason,
            ..Entry::new(event)
        };
        journal.write((self.now)(), entry).map_err(|error| PlaceError {
            kind: PlaceErrorKind::Source,
            message: format!("the journal could not be written, so {} was not tried: {error}", step.name()),
            hint: Some("free space below .stagefreight/ and run publish again".to_owned()),
        })
    }

    fn announce(&self, report: &StepReport) {
        let Some(name) = &report.destination else { return };
        let (state, detail) = match &report.state {
            StepState::Complete => (DestinationState::AlreadyComplete, report.found.clone().unwrap_or_default()),
            StepState::Placed => (DestinationState::Placed, report.found.clone().unwrap_or_default()),
            StepState::Superseded(why) => (DestinationState::Skipped, format!("kept as it is: {why}")),
            StepState::WouldPlace(found) => (DestinationState::Skipped, format!("would be placed ({found})")),
            StepState::Conflict(error) => (DestinationState::Conflict, error.message.clone()),
            StepState::Failed(error) => (DestinationState::Failed, error.message.clone()),
            StepState::Blocked { cause, .. } => (DestinationState::Failed, cause.message.clone()),
            StepState::NotTried => (DestinationState::Skipped, "not tried".to_owned()),
        };
        self.cx.events.emit(Event::Destination { name: name.clone(), state, detail, elapsed: report.elapsed });
    }
}

impl StepReport {
    fn of(step: &dyn Step, state: StepState) -> Self {
        Self {
            name: step.name().clone(),
            destination: step.destination().map(str::to_owned),
            state,
            found: None,
            placed: Placed::default(),
            reason: None,
            read_by: None,
            elapsed: Duration::ZERO,
        }
    }
}

impl PlaceError {
    /// The run was interrupted while a step was at work.
    pub fn interrupted(step: &StepName) -> Self {
        Self {
            kind: PlaceErrorKind::Interrupted,
            message: format!("interrupted while {step} was at work"),
            hint: Some("run publish again; what arrived is found and kept".to_owned()),
        }
    }
}

fn cause_of(report: &StepReport) -> Option<PlaceError> {
    match &report.state {
        StepState::Complete | StepState::Placed | StepState::Superseded(_) | StepState::WouldPlace(_) => None,
        StepState::Conflict(error) | StepState::Failed(error) => Some(error.clone()),
        StepState::Blocked { cause, .. } => Some(cause.clone()),
        StepState::NotTried => Some(PlaceError::interrupted(&report.name)),
    }
}

fn conflict(step: &dyn Step, found: &str, about: Option<&str>, why: &str, unjudged: bool) -> PlaceError {
    let name = step.destination().unwrap_or(&step.name().0).to_owned();
    let about = about.map(|text| format!("  {text}")).unwrap_or_default();
    let way_out = if unjudged {
        format!("look at it; if ours shall take its place, take the name over once: --adopt {name}")
    } else {
        format!("release a new version, or record a replacement: --replace {name} --reason \"…\"")
    };
    PlaceError { kind: PlaceErrorKind::Conflict, message: format!("{name} holds {found}{about}; {why}"), hint: Some(way_out) }
}

fn unsettled(step: &dyn Step, open: &Entry) -> PlaceError {
    PlaceError {
        kind: PlaceErrorKind::Ambiguous,
        message: format!("an attempt at {} of {} never ended, and this kind of destination cannot be read back", step.name(), open.at),
        hint: Some("look at the destination; then remove the journal line or publish with --skip".to_owned()),
    }
}

fn unconfirmed(step: &dyn Step, error: VerifyError) -> PlaceError {
    match error {
        VerifyError::Unreadable(cause) => PlaceError {
            kind: PlaceErrorKind::Ambiguous,
            message: format!("{} was written and could not be read back: {}", step.name(), cause.message),
            hint: cause.hint,
        },
        VerifyError::Mismatch { expected, found } => PlaceError {
            kind: PlaceErrorKind::Rejected,
            message: format!("{} holds {found} after {expected} was written", step.name()),
            hint: Some("the other side changes what it is given; it cannot hold this artifact".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests;
