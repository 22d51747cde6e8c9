//! What a reading means for a destination.

use crate::core::{Digest, Version};
use crate::publish::{PlaceError, Reading};

/// How a destination stands against what was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It holds our bytes, all of them.
    Complete,
    /// A name that only moves forward stands at a newer version: right as it is.
    Superseded {
        /// What it holds.
        found: Digest,
        /// Its version.
        version: String,
    },
    /// Nothing is there.
    Absent,
    /// It holds our name, and part of what it leads to is gone.
    Incomplete(String),
    /// It holds something else.
    Different {
        /// What.
        found: Digest,
        /// Its revision and age, as far as it tells.
        about: Option<String>,
    },
    /// It could not be read.
    Unknown(String),
    /// It cannot be read with what we have, however often we try; the text says why.
    Hidden(String),
}

impl State {
    /// The word in JSON and on screens.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Superseded { .. } => "superseded",
            Self::Absent => "absent",
            Self::Incomplete(_) => "incomplete",
            Self::Different { .. } => "different",
            Self::Unknown(_) => "unknown",
            Self::Hidden(_) => "hidden",
        }
    }
}

/// What was published to a destination.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Digest.
    pub digest: &'a str,
    /// Version of the artifact.
    pub version: &'a str,
    /// The name moves, but only forward.
    pub moves_forward: bool,
    /// Digest of what publish found to be further on and kept.
    pub kept: Option<&'a str>,
}

/// Compares a reading with what was published.
pub fn compare(expected: Expected<'_>, reading: Result<Reading, PlaceError>) -> State {
    let reading = match reading {
        Ok(reading) => reading,
        Err(error) => return State::Unknown(error.message),
    };
    if let Some(why) = reading.hidden {
        return State::Hidden(why);
    }
    match reading.digest {
        None => State::Absent,
        Some(found) if found.as_str() != expected.digest => {
            if let Some(version) = reading.version.clone().filter(|theirs| expected.moves_forward && is_newer(theirs, expected.version)) {
                return State::Superseded { found, version };
            }
            if expected.kept == Some(found.as_str()) {
                let version = reading.version.or(reading.revision.map(|revision| format!("revision {revision:.12}")));
                return State::Superseded { found, version: version.unwrap_or_else(|| "what was there".to_owned()) };
            }
            let revision = reading.revision.map(|revision| format!("revision {revision:.12}"));
            let version = reading.version.map(|version| format!("version {version}"));
            let created = reading.created.map(|created| format!("made {created}"));
            let about: Vec<String> = [version, revision, created].into_iter().flatten().collect();
            State::Different { found, about: (!about.is_empty()).then(|| about.join(", ")) }
        }
        Some(_) => reading.missing.map_or(State::Complete, State::Incomplete),
    }
}

fn is_newer(theirs: &str, ours: &str) -> bool {
    matches!((theirs.parse::<Version>(), ours.parse::<Version>()), (Ok(theirs), Ok(ours)) if !ours.follows(&theirs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::PlaceErrorKind;

    #[test]
    fn tells_the_five_states_apart() {
        let ours = Digest::of(b"ours");
        let read = |digest: Option<&Digest>, missing: Option<&str>| {
            Ok(Reading { digest: digest.cloned(), missing: missing.map(str::to_owned), ..Reading::default() })
        };
        let word = |reading| compare(Expected { digest: ours.as_str(), version: "1.0.0", moves_forward: true, kept: None }, reading).word();
        assert_eq!(word(read(Some(&ours), None)), "complete");
        assert_eq!(word(read(None, None)), "absent");
        assert_eq!(word(read(Some(&ours), Some("1 blob"))), "incomplete");
        assert_eq!(word(read(Some(&Digest::of(b"theirs")), None)), "different");
        let newer = Reading { digest: Some(Digest::of(b"theirs")), version: Some("1.0.1".into()), ..Reading::default() };
        assert_eq!(word(Ok(newer)), "superseded");
        let down = PlaceError { kind: PlaceErrorKind::Unavailable, message: "down".into(), hint: None };
        assert_eq!(word(Err(down)), "unknown");
        assert_eq!(word(Ok(Reading { hidden: Some("no".into()), ..Reading::default() })), "hidden");
    }
}
