//! Reading destinations back, for `status` and `verify`: what each shall hold, what it holds. Needs no store, no
//! config and no pipeline, only `destinations.json` and what publish wrote.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt as _};

use super::files;
use super::session::Session;
use super::verification;
use super::wire::Wiring;
use crate::core::{Timestamp, duration};
use crate::error::{Error, Kind, Result};
use crate::manifest::{DESTINATIONS_SCHEMA_VERSION, Destination, Destinations, ResultsManifest};
use crate::names;
use crate::publish::{Depth, Overrides, PLACEMENTS_SCHEMA_VERSION, Placement, PlacementState, Placements, Reading};
use crate::report::StatusLine;
use crate::review::Approved;
use crate::verify::{Expected, State, compare};

/// Destinations read at the same time.
const CONCURRENCY: usize = 8;

/// What was read, with a line for each destination.
pub struct ReadBack {
    /// Version the destinations are about.
    pub version: String,
    /// Full commit id.
    pub commit: String,
    /// One per destination.
    pub lines: Vec<StatusLine>,
}

/// Reads every destination.
pub async fn read_back(session: &Session, depth: Depth) -> Result<ReadBack> {
    read_some(session, depth, &|_| true).await
}

/// Reads some of them, and starts nothing for the others.
pub async fn read_some(session: &Session, depth: Depth, wanted: &(dyn Fn(&Destination) -> bool + Sync)) -> Result<ReadBack> {
    let workspace = &session.directory;
    let bytes = files::need(workspace, names::path::DESTINATIONS, "perform")?;
    let mut destinations: Destinations = files::parse(names::path::DESTINATIONS, &bytes, DESTINATIONS_SCHEMA_VERSION)?;
    verified(session, &mut destinations, &bytes)?;
    destinations.destinations.retain(|destination| wanted(destination));
    let used: Vec<&str> = destinations.destinations.iter().map(|destination| destination.target.as_str()).collect();
    destinations.targets.retain(|target| used.contains(&target.name.as_str()));
    let known = placements(session, &destinations.outputs_checksum);
    let wiring = Wiring::of_destinations(session, &destinations).await?;
    let cx = wiring.cx(session, Overrides::default());
    let readings = stream::iter(&destinations.destinations).map(|destination| {
        let (wiring, cx) = (&wiring, &cx);
        async move {
            match wiring.target(&destination.target) {
                Some(target) => target.read(cx, destination, depth).await,
                None => Ok(Reading::default()),
            }
        }
    });
    let readings: Vec<_> = readings.buffered(CONCURRENCY).collect().await;
    if session.cancel.is_cancelled() {
        return Err(Error::new(session.interruption(), "interrupted while reading destinations"));
    }
    let lines = destinations.destinations.iter().zip(readings);
    let lines = lines.map(|(destination, reading)| {
        line(
            destination,
            compare(expected(destination, &destinations.version, known.get(&destination.name)), reading),
            known.get(&destination.name),
        )
    });
    Ok(ReadBack { version: destinations.version.clone(), commit: destinations.commit.clone(), lines: lines.collect() })
}

/// Where review approved these very destinations, what it verified belongs to what must be there.
fn verified(session: &Session, destinations: &mut Destinations, bytes: &[u8]) -> Result<()> {
    let read = |name: &str| files::need(&session.directory, name, "review");
    let (Ok(outputs), Ok(review)) = (read(names::path::OUTPUTS), read(names::path::REVIEW)) else { return Ok(()) };
    match Approved::check(destinations, &outputs, bytes, &review) {
        Ok(approved) => approved.extended(|inputs, approval| verification::attach(inputs, approval).map(drop)).map(drop),
        Err(_) => Ok(()),
    }
}

/// Checks that `published.json` is whole and says what the destinations file expects, as far as both exist.
pub fn check_results(session: &Session) -> Result<ResultsManifest> {
    let bytes = files::need(&session.directory, names::path::RESULTS, "publish")?;
    let results = ResultsManifest::from_file(Ok(bytes)).map_err(|error| Error::from(error).context(names::path::RESULTS))?;
    let destinations = files::need(&session.directory, names::path::DESTINATIONS, "perform")?;
    let destinations: Destinations = files::parse(names::path::DESTINATIONS, &destinations, DESTINATIONS_SCHEMA_VERSION)?;
    if results.intent_checksum != destinations.outputs_checksum {
        return Err(Error::new(
            Kind::Unverified,
            format!("{} is about other outputs than {}", names::path::RESULTS, names::path::DESTINATIONS),
        )
        .hint("run publish for these outputs, then verify"));
    }
    let outcomes = results.results().iter().flat_map(crate::manifest::ArtifactResult::outcomes);
    for (place, push) in outcomes.filter_map(|outcome| Some((outcome.target.as_ref()?, outcome.push.as_ref()?))) {
        let host = |name: &str| destinations.targets.iter().find(|target| target.name == name).map(|target| target.host.as_str());
        let same = |destination: &&Destination| {
            destination.path == place.path && destination.tag == place.tag && host(&destination.target) == Some(place.host.as_str())
        };
        let expected = destinations.destinations.iter().find(same).map(|destination| destination.digest.as_str());
        if expected != Some(push.digest.as_str()) {
            let name = format!("{}/{}:{}", place.host, place.path, place.tag);
            let text = format!("{} and {} disagree about {name}", names::path::RESULTS, names::path::DESTINATIONS);
            return Err(Error::new(Kind::Unverified, text)
                .note(format!("published  {}", push.digest))
                .note(format!("expected   {}", expected.unwrap_or("no such destination")))
                .hint("take both files from the job that published; they are written together and must not be edited"));
        }
    }
    Ok(results)
}

/// `3 min ago` of an RFC 3339 time.
pub fn age(session: &Session, since: &str) -> String {
    match Timestamp::parse(since) {
        Ok(then) => format!("{} ago", duration::human(session.world.clock.now().since(then))),
        Err(_) => since.to_owned(),
    }
}

fn placements(session: &Session, checksum: &str) -> HashMap<String, Placement> {
    let bytes = files::read(&session.directory, names::path::PLACEMENTS).ok();
    let parsed = bytes.and_then(|bytes| files::parse::<Placements>(names::path::PLACEMENTS, &bytes, PLACEMENTS_SCHEMA_VERSION).ok());
    let list = parsed.filter(|placements| placements.outputs_checksum == checksum).map(|placements| placements.destinations);
    list.unwrap_or_default().into_iter().map(|placement| (placement.name.clone(), placement)).collect()
}

fn expected<'a>(destination: &'a Destination, version: &'a str, known: Option<&'a Placement>) -> Expected<'a> {
    let kept = known.filter(|placement| placement.state == PlacementState::Superseded).and_then(|placement| placement.found.as_deref());
    Expected { digest: &destination.digest, version, moves_forward: destination.policy == "forward", kept }
}

fn line(destination: &Destination, state: State, known: Option<&Placement>) -> StatusLine {
    let placed = known.is_some_and(|placement| matches!(placement.state, PlacementState::Placed | PlacementState::Complete));
    let word = match &state {
        // What publish was told is all that is known.
        State::Hidden(_) if !placed => "unknown",
        state => state.word(),
    };
    let word = word.to_owned();
    let (found, detail) = match state {
        State::Complete => (Some(destination.digest.clone()), None),
        State::Absent => (None, Some("nothing is there".to_owned())),
        State::Superseded { found, version } => (Some(found.to_string()), Some(format!("kept at {version}, which is newer"))),
        State::Incomplete(missing) => (Some(destination.digest.clone()), Some(format!("missing {missing}"))),
        State::Different { found, about } => (Some(found.to_string()), about),
        State::Unknown(why) => (None, Some(why)),
        State::Hidden(why) if placed => (None, Some(format!("publish was told that it is there; cannot be read: {why}"))),
        State::Hidden(why) => (None, Some(format!("cannot be read: {why}"))),
    };
    StatusLine {
        name: destination.name.clone(),
        artifact: destination.artifact.clone(),
        expected: destination.digest.clone(),
        found,
        state: word,
        since: known.and_then(|placement| placement.at.clone()),
        detail,
    }
}
