//! Publish: from approved outputs to destinations that hold them. Reads what earlier stages wrote and nothing else:
//! no config, no Dockerfile, no builder.

use std::sync::Arc;
use std::time::Instant;

use indexmap::IndexMap;

use super::dist;
use super::files;
use super::perform::take_lock;
use super::placed::{Ended, placements};
use super::releases;
use super::rendered::{AtHand, Workshop};
use super::session::Session;
use super::verification::{self, Evidence};
use super::wire::Wiring;
use crate::core::{Digest, Timestamp};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::manifest::{Artifact, ArtifactId, DESTINATIONS_SCHEMA_VERSION, Destination, Destinations, Outcome, OutputsManifest};
use crate::names;
use crate::publish::{
    ApprovedArtifact, Content, Engine, Entry, EntryKind, File, History, Image, Journal, Overrides, Placement, Placements, Step, to_results,
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
    evidence: Vec<Evidence>,
}

/// Runs publish and writes `published.json` and `placements.json`, also when destinations fail or the run is
/// interrupted. The error, when there is one, is the verdict over all destinations.
pub async fn publish(session: &Session, options: &Options, run_id: &str) -> Result<Published> {
    let started = Instant::now();
    let started_at = session.world.clock.now();
    let approved = read_inputs(session)?;
    let Inputs { outputs, destinations, evidence } = approved.get();
    let chosen = choose(&destinations.destinations, options)?;
    let _lock = take_lock(&session.directory)?;
    if !options.dry_run {
        verification::write(session, evidence)?;
    }
    let wiring = Wiring::of_destinations(session, destinations).await?;
    let mut workshop = Workshop::new(ContentStore::new(&session.directory), session.path(names::path::ROOT));
    let sent: Vec<&Destination> = of_chosen(&destinations.destinations, &chosen).filter(|_| !options.dry_run).collect();
    let built = dist::outcomes(&session.directory, outputs, |artifact| hashed_on_its_way(&wiring, &sent, artifact))?;
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
    let interrupted = session.cancel.is_cancelled() && !options.dry_run;
    let ended = Ended { run: run_id, started_at, completed_at: now, interrupted };
    let placements = placements(session, (outputs, destinations), &chosen, &reports, &ended);
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
    let approved =
        Approved::check(Inputs { outputs, destinations, evidence: Vec::new() }, &outputs_bytes, &destinations_bytes, &review_bytes)?;
    approved.extended(|inputs, approval| {
        inputs.evidence = verification::attach(&mut inputs.destinations, approval)?;
        Ok(())
    })
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

fn of_chosen<'a>(all: &'a [Destination], chosen: &'a [bool]) -> impl Iterator<Item = &'a Destination> {
    all.iter().zip(chosen).filter(|(_, chosen)| **chosen).map(|(destination, _)| destination)
}

// The length of a file that is sent somewhere, when all who send it look what it hashes to.
fn hashed_on_its_way(wiring: &Wiring, sent: &[&Destination], artifact: &Artifact) -> Option<u64> {
    let mut places = sent.iter().filter(|place| place.artifact == artifact.id.as_str()).peekable();
    let size = places.peek()?.size;
    let hashes = |place: &&Destination| wiring.target(&place.target).is_some_and(|target| target.hashes_what_it_sends());
    places.all(hashes).then_some(size)
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
    for destination in of_chosen(&destinations.destinations, chosen) {
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

// A built file: hashed when this publish began, or on its way, it is what the outputs say.
fn file_of(session: &Session, artifact: &Artifact, path: &str, first: &Destination) -> Result<(Digest, Content)> {
    let digest = artifact.digest.parse().map_err(|error| Error::failed(format!("{}: {error}", names::path::OUTPUTS)))?;
    if first.digest != artifact.digest {
        return Err(Error::failed(format!("{} is meant to hold {}, and {} is {digest}", first.name, first.digest, artifact.id))
            .hint("run perform and review again; the two files are written together"));
    }
    let name = path.rsplit('/').next().unwrap_or(path).to_owned();
    Ok((digest, Content::File(File { path: session.path(path), name, size: first.size })))
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
