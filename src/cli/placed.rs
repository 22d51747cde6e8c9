//! What a run left where, as `placements.json` keeps it: one entry per destination, also of those the run left out.

use std::collections::HashMap;

use super::files;
use super::session::Session;
use crate::core::Timestamp;
use crate::manifest::{Destination, Destinations, OutputsManifest};
use crate::names;
use crate::publish::{PLACEMENTS_SCHEMA_VERSION, Placement, PlacementError, PlacementState, Placements, StepReport, StepState, Totals};

/// A run that ended.
pub struct Ended<'a> {
    /// Its id.
    pub run: &'a str,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Timestamp,
    /// It was stopped, and would have done more.
    pub interrupted: bool,
}

/// Every destination of the plan, as this run left it.
pub fn placements(
    session: &Session,
    (outputs, destinations): (&OutputsManifest, &Destinations),
    chosen: &[bool],
    reports: &[StepReport],
    ended: &Ended<'_>,
) -> Placements {
    let earlier = earlier_placements(session, &outputs.checksum);
    let by_destination: HashMap<&str, &StepReport> =
        reports.iter().filter_map(|report| Some((report.destination.as_deref()?, report))).collect();
    let list = destinations.destinations.iter().zip(chosen).map(|(destination, chosen)| {
        let host = destinations.targets.iter().find(|target| target.name == destination.target).map(|target| target.host.clone());
        let blank = blank(destination, host.unwrap_or_default());
        match by_destination.get(destination.name.as_str()) {
            Some(report) if *chosen => reported(blank, report, ended.completed_at),
            _ => match earlier.get(&destination.name) {
                Some(known) => known.clone(),
                None => Placement { state: PlacementState::Skipped, ..blank },
            },
        }
    });
    let mut placements = Placements {
        schema_version: PLACEMENTS_SCHEMA_VERSION.to_owned(),
        outputs_checksum: outputs.checksum.clone(),
        commit: destinations.commit.clone(),
        version: destinations.version.clone(),
        run: ended.run.to_owned(),
        started_at: ended.started_at.to_string(),
        completed_at: ended.completed_at.to_string(),
        interrupted: ended.interrupted,
        totals: Totals::default(),
        destinations: list.collect(),
    };
    let sum = |of: &dyn Fn(&StepReport) -> u64| reports.iter().map(of).sum();
    placements.count(sum(&|r| r.placed.writes), sum(&|r| r.placed.sent), sum(&|r| r.placed.reused));
    placements
}

// What an earlier run of the same outputs knows of destinations this run leaves out.
fn earlier_placements(session: &Session, checksum: &str) -> HashMap<String, Placement> {
    let bytes = files::read(&session.directory, names::path::PLACEMENTS).ok();
    let parsed = bytes.and_then(|bytes| files::parse::<Placements>(names::path::PLACEMENTS, &bytes, PLACEMENTS_SCHEMA_VERSION).ok());
    let same = parsed.filter(|placements| placements.outputs_checksum == checksum);
    same.map(|placements| placements.destinations.into_iter().map(|placement| (placement.name.clone(), placement)).collect())
        .unwrap_or_default()
}

fn blank(destination: &Destination, host: String) -> Placement {
    Placement {
        name: destination.name.clone(),
        kind: destination.kind.clone(),
        target: destination.target.clone(),
        host,
        path: destination.path.clone(),
        tag: destination.tag.clone(),
        artifact: destination.artifact.clone(),
        expected: destination.digest.clone(),
        found: None,
        state: PlacementState::NotTried,
        required: destination.required,
        policy: destination.policy.clone(),
        moved_from: None,
        reason: None,
        at: None,
        seconds: 0.0,
        note: None,
        error: None,
    }
}

fn reported(blank: Placement, report: &StepReport, now: Timestamp) -> Placement {
    let (state, error) = match &report.state {
        StepState::Complete => (PlacementState::Complete, None),
        StepState::Placed => (PlacementState::Placed, None),
        StepState::Superseded(_) => (PlacementState::Superseded, None),
        StepState::WouldPlace(_) => (PlacementState::WouldPlace, None),
        StepState::Conflict(error) => (PlacementState::Conflict, Some(error)),
        StepState::Failed(error) => (PlacementState::Failed, Some(error)),
        StepState::Blocked { cause, .. } => (PlacementState::Failed, Some(cause)),
        StepState::NotTried => (PlacementState::NotTried, None),
    };
    let note = match &report.state {
        StepState::Superseded(why) | StepState::WouldPlace(why) => Some(why.clone()),
        _ => None,
    };
    Placement {
        found: report.found.clone(),
        state,
        note,
        moved_from: report.placed.moved_from.clone(),
        reason: report.reason.clone(),
        at: Some(now.to_string()),
        seconds: (report.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
        error: error.map(PlacementError::from),
        ..blank
    }
}
