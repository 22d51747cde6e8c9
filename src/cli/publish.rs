//! Publish: from approved outputs to destinations that hold them. Reads what earlier stages wrote and nothing else:
//! no config, no Dockerfile, no builder.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use indexmap::IndexMap;

use super::dist;
use super::files;
use super::perform::take_lock;
use super::releases;
use super::rendered::{AtHand, Workshop};
use super::session::Session;
use super::verification;
use super::wire::Wiring;
use crate::core::{Digest, Timestamp};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::manifest::{Artifact, ArtifactId, DESTINATIONS_SCHEMA_VERSION, Destination, Destinations, Outcome, OutputsManifest};
use crate::names;
use crate::publish::{
    ApprovedArtifact, Content, Engine, Entry, EntryKind, File, History, Image, Journal, Overrides, PLACEMENTS_SCHEMA_VERSION, Placement,
    PlacementError, PlacementState, Placements, Step, StepReport, StepState, Totals, to_results,
};
use crate::review::Approved;
use crate::store::ContentStore;

/// What publish was asked to do.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Look and say, write nothing anywhere.
    pub dry_run: bool,
    /// Ask for every blob, whatever earlier runs remember.
    pub deep: bool,
    /// Only these destinations (names, or prefixes that end in `*`).
    pub only: Vec<String>,
    /// All but these.
    pub skip: Vec<String>,
    /// What was decided for single destinations, with the reason.
    pub overrides: Overrides,
}

/// What publish did.
pub struct Published {
    /// What is where.
    pub placements: Placements,
    /// When review approved.
    pub reviewed_at: String,
    /// How long it took.
    pub elapsed: std::time::Duration,
}

struct Inputs {
    outputs: OutputsManifest,
    destinations: Destinations,
}

/// Runs publish and writes `published.json` and `placements.json`, also when destinations fail or the run is
/// interrupted. The error, when there is one, is the verdict over all destinations.
pub async fn publish(session: &Session, options: &Options, run_id: &str) -> Result<Published> {
    let started = Instant::now();
    let started_at = session.world.clock.now();
    let approved = read_inputs(session)?;
    let Inputs { outputs, destinations } = approved.get();
    let chosen = choose(&destinations.destinations, options)?;
    let _lock = take_lock(&session.directory)?;
    let wiring = Wiring::of_destinations(session, destinations).await?;
    let mut workshop = Workshop::new(ContentStore::new(&session.directory), session.path(names::path::ROOT));
    let built = dist::outcomes(&session.directory, outputs)?;
    let bound = resolve(session, &mut workshop, outputs, destinations, &chosen)?;
    let steps: Vec<Box<dyn Step>> =
        bound.iter().filter_map(|(name, here)| Some(wiring.target(name)?.bind_all(&here.artifacts, &here.own))).flatten().collect();
    let steps = releases::one_after_the_other(steps, &destinations.destinations);

    let history = History::read(&session.path(names::path::JOURNAL))?;
    let journal = if options.dry_run {
        None
    } else {
        Some(Journal::open(&session.path(names::path::JOURNAL), run_id, started_at, session.events.clone())?)
    };
    if let Some(journal) = &journal {
        journal.write(started_at, Entry { digest: Some(outputs.checksum.clone()), ..Entry::new(EntryKind::RunStarted) })?;
    }
    let clock = Arc::clone(&session.world.clock);
    let mut cx = wiring.cx(session, options.overrides.clone());
    if !options.deep {
        cx.completed = Arc::new(history.completed().clone());
    }
    let engine = Engine { cx: &cx, journal: journal.as_ref(), history: &history, now: Arc::new(move || clock.now()) };
    let title = "publish".to_owned();
    session.events.emit(Event::GroupStarted { title: title.clone() });
    let reports = engine.run(&steps).await.map_err(|error| Error::failed("the publish plan cannot be ordered").because(&error));
    session.events.emit(Event::GroupFinished { title, elapsed: started.elapsed() });
    let reports = reports?;

    let now = session.world.clock.now();
    let earlier = earlier_placements(session, &outputs.checksum);
    let placements = place(session, &approved, &chosen, &reports, &earlier, run_id, (started_at, now), options.dry_run);
    if !options.dry_run {
        write_records(session, outputs, &placements, built, now)?;
        if let Some(journal) = &journal {
            let detail = Some(format!("{} of {} complete", placements.totals.complete, placements.totals.expected));
            journal.write(now, Entry { detail, ..Entry::new(EntryKind::RunFinished) })?;
        }
    }
    Ok(Published { placements, reviewed_at: approved.reviewed_at().to_owned(), elapsed: started.elapsed() })
}

fn read_inputs(session: &Session) -> Result<Approved<Inputs>> {
    let workspace = &session.directory;
    let outputs_bytes = files::need(workspace, names::path::OUTPUTS, "perform")?;
    let destinations_bytes = files::need(workspace, names::path::DESTINATIONS, "perform")?;
    let review_bytes = files::need(workspace, names::path::REVIEW, "review")?;
    let outputs = files::outputs(&outputs_bytes)?;
    let destinations: Destinations = files::parse(names::path::DESTINATIONS, &destinations_bytes, DESTINATIONS_SCHEMA_VERSION)?;
    let approved = Approved::check(Inputs { outputs, destinations }, &outputs_bytes, &destinations_bytes, &review_bytes)?;
    approved.extended(|inputs, verified| verification::attach(session, &mut inputs.destinations, verified, true))
}

// Which destinations this run is about. A name that matches nothing is a typo, not a wish.
fn choose(all: &[Destination], options: &Options) -> Result<Vec<bool>> {
    let matches = |pattern: &str, destination: &Destination| match pattern.strip_suffix('*') {
        Some(prefix) => destination.name.starts_with(prefix),
        None => destination.name == pattern || destination.target == pattern,
    };
    let exact = |name: &str| all.iter().any(|destination| destination.name == name);
    let unknown = |pattern: &&String| !all.iter().any(|destination| matches(pattern, destination));
    let typo = options.only.iter().chain(&options.skip).find(unknown).map(String::as_str);
    // What is overwritten is named in full.
    if let Some(pattern) = typo.or_else(|| options.overrides.names().find(|name| !exact(name))) {
        {
            let names: Vec<&str> = all.iter().map(|destination| destination.name.as_str()).collect();
            return Err(
                Error::usage(format!("no destination is called {pattern}")).hint(format!("destinations here: {}", names.join(", ")))
            );
        }
    }
    let chosen = |destination: &Destination| {
        let wanted = options.only.is_empty() || options.only.iter().any(|pattern| matches(pattern, destination));
        wanted && !options.skip.iter().any(|pattern| matches(pattern, destination))
    };
    Ok(all.iter().map(chosen).collect())
}

/// What goes to one target.
#[derive(Default)]
struct Bound {
    artifacts: Vec<ApprovedArtifact>,
    own: Vec<Destination>,
}

// Artifacts per target, with the bytes each gets of them, in the order of the plan.
fn resolve(
    session: &Session,
    workshop: &mut Workshop,
    outputs: &OutputsManifest,
    destinations: &Destinations,
    chosen: &[bool],
) -> Result<IndexMap<String, Bound>> {
    let mut bound: IndexMap<String, Bound> = IndexMap::new();
    let mut grouped: Vec<Vec<&Destination>> = Vec::new();
    for (destination, _) in destinations.destinations.iter().zip(chosen).filter(|(_, chosen)| **chosen) {
        if destination.artifact.is_empty() {
            bound.entry(destination.target.clone()).or_default().own.push(destination.clone());
            continue;
        }
        let key = |one: &Destination| (one.target.clone(), one.artifact.clone(), one.derived.clone());
        match grouped.iter_mut().find(|group| key(group[0]) == key(destination)) {
            Some(group) => group.push(destination),
            None => grouped.push(vec![destination]),
        }
    }
    for group in grouped {
        let first = group[0];
        let artifact = outputs.artifacts().iter().find(|artifact| artifact.id.as_str() == first.artifact);
        let file = artifact.and_then(|artifact| Some((artifact, dist::path_of(artifact)?)));
        let (digest, content) = if let Some((artifact, path)) = file {
            file_of(session, artifact, path, first)?
        } else {
            let AtHand { digest, layout, referrers, attestation_tags } = workshop.bytes_for(first)?;
            (digest, Content::Image(Image { layout, referrers, attestation_tags }))
        };
        let artifact = ApprovedArtifact {
            id: first.artifact.clone(),
            digest,
            content,
            version: destinations.version.clone(),
            revision: outputs.commit.clone(),
            destinations: group.iter().map(|destination| (*destination).clone()).collect(),
        };
        bound.entry(first.target.clone()).or_default().artifacts.push(artifact);
    }
    Ok(bound)
}

// A built file, which was hashed when this publish began and is what the outputs say.
fn file_of(session: &Session, artifact: &Artifact, path: &str, first: &Destination) -> Result<(Digest, Content)> {
    let digest = artifact.digest.parse().map_err(|error| Error::failed(format!("{}: {error}", names::path::OUTPUTS)))?;
    if first.digest != artifact.digest {
        return Err(Error::failed(format!("{} is meant to hold {}, and {} is {digest}", first.name, first.digest, artifact.id))
            .hint("run perform and review again; the two files are written together"));
    }
    let name = path.rsplit('/').next().unwrap_or(path).to_owned();
    Ok((digest, Content::File(File { path: session.path(path), name, size: first.size })))
}

// What an earlier run of the same outputs knows of destinations this run leaves out.
fn earlier_placements(session: &Session, checksum: &str) -> HashMap<String, Placement> {
    let bytes = files::read(&session.directory, names::path::PLACEMENTS).ok();
    let parsed = bytes.and_then(|bytes| files::parse::<Placements>(names::path::PLACEMENTS, &bytes, PLACEMENTS_SCHEMA_VERSION).ok());
    let same = parsed.filter(|placements| placements.outputs_checksum == checksum);
    same.map(|placements| placements.destinations.into_iter().map(|placement| (placement.name.clone(), placement)).collect())
        .unwrap_or_default()
}

#[expect(clippy::too_many_arguments, reason = "joins everything a run knows into one record")]
fn place(
    session: &Session,
    approved: &Approved<Inputs>,
    chosen: &[bool],
    reports: &[StepReport],
    earlier: &HashMap<String, Placement>,
    run_id: &str,
    (started_at, now): (Timestamp, Timestamp),
    dry_run: bool,
) -> Placements {
    let Inputs { outputs, destinations } = approved.get();
    let by_destination: HashMap<&str, &StepReport> =
        reports.iter().filter_map(|report| Some((report.destination.as_deref()?, report))).collect();
    let list = destinations.destinations.iter().zip(chosen).map(|(destination, chosen)| {
        let host = destinations.targets.iter().find(|target| target.name == destination.target).map(|target| target.host.clone());
        let blank = blank(destination, host.unwrap_or_default());
        match by_destination.get(destination.name.as_str()) {
            Some(report) if *chosen => reported(blank, report, now),
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
        run: run_id.to_owned(),
        started_at: started_at.to_string(),
        completed_at: now.to_string(),
        interrupted: session.cancel.is_cancelled() && !dry_run,
        totals: Totals::default(),
        destinations: list.collect(),
    };
    let sum = |of: &dyn Fn(&StepReport) -> u64| reports.iter().map(of).sum();
    placements.count(sum(&|r| r.placed.writes), sum(&|r| r.placed.sent), sum(&|r| r.placed.reused));
    placements
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

fn write_records(
    session: &Session,
    outputs: &OutputsManifest,
    placements: &Placements,
    built: Vec<(ArtifactId, Outcome)>,
    now: Timestamp,
) -> Result<()> {
    files::write(&session.directory, names::path::PLACEMENTS, placements)?;
    let results = to_results(outputs, placements, built)?;
    files::write_bytes(&session.directory, names::path::RESULTS, &results.into_file(now)?)
}

/// The error a publish ends with; `None` when every required destination holds our bytes.
pub fn verdict(session: &Session, placements: &Placements) -> Option<Error> {
    let kind = placements.verdict();
    if session.cancel.is_cancelled() {
        let text = format!("interrupted with {} of {} destinations complete", placements.totals.complete, placements.totals.expected);
        return Some(Error::new(session.interruption(), text).hint("run publish again: nothing is rebuilt or sent twice"));
    }
    let kind = kind?;
    let unfinished = |p: &&Placement| p.required && p.verdict().is_some();
    let open: Vec<&Placement> = placements.destinations.iter().filter(unfinished).collect();
    let decisive = open.iter().find(|p| p.verdict() == Some(kind)).or(open.first())?;
    let text = decisive.error.as_ref().map_or_else(|| format!("{} was not placed", decisive.name), |error| error.message.clone());
    let mut error = Error::new(kind, text);
    if kind == Kind::Conflict {
        error = error.note(format!("nothing was changed at this destination; {} others are complete", placements.totals.complete));
    }
    for other in open.iter().filter(|p| p.name != decisive.name).take(20) {
        error = error.note(format!("{}  {}", other.name, other.error.as_ref().map_or("not tried", |e| e.message.as_str())));
    }
    let hint = decisive.error.as_ref().and_then(|error| error.hint.clone());
    Some(error.hint(hint.unwrap_or_else(|| "run publish again to finish; nothing will be rebuilt or sent twice".to_owned())))
}
