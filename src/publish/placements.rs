//! `.stagefreight/placements.json`: what is where after publish. `status` and `verify` read it; a re-run of part of
//! the destinations keeps what it says of the others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::port::{PlaceError, PlaceErrorKind};
use crate::error::Kind;

/// Version of the file's JSON form.
pub const PLACEMENTS_SCHEMA_VERSION: &str = "1";

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Placements {
    /// `"1"`.
    pub schema_version: String,
    /// Checksum of the outputs manifest this belongs to.
    pub outputs_checksum: String,
    /// Full commit id of the artifacts.
    pub commit: String,
    /// Version of the artifacts.
    pub version: String,
    /// Run and job that wrote the file.
    pub run: String,
    /// When publish began, RFC 3339.
    pub started_at: String,
    /// When it ended, RFC 3339.
    pub completed_at: String,
    /// The run was interrupted before all destinations were tried.
    pub interrupted: bool,
    /// Sums over this run.
    pub totals: Totals,
    /// Every destination, in the order of the plan.
    pub destinations: Vec<Placement>,
}

/// Sums over one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// Destinations expected.
    pub expected: u64,
    /// Destinations that hold our bytes now.
    pub complete: u64,
    /// Of those, how many held them before this run.
    pub already_complete: u64,
    /// Of those, how many this run placed.
    pub placed: u64,
    /// Moving names that stand further on and were kept.
    pub superseded: u64,
    /// Required destinations that do not hold them.
    pub missing_required: u64,
    /// Requests that changed something anywhere.
    pub writes: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes that were already there.
    pub reused: u64,
}

/// How a destination stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlacementState {
    /// It held our bytes before this run.
    Complete,
    /// This run made it hold them.
    Placed,
    /// A name that only moves forward stands further on; it was kept.
    Superseded,
    /// A dry run would have placed it.
    WouldPlace,
    /// It could not be done; the error says why.
    Failed,
    /// It holds something else.
    Conflict,
    /// Left out of this run, and nothing is known of it from an earlier one.
    Skipped,
    /// The run was interrupted before it was tried.
    NotTried,
}

impl PlacementState {
    /// It holds our bytes.
    pub fn is_complete(self) -> bool {
        matches!(self, Self::Complete | Self::Placed)
    }
}

/// One destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Placement {
    /// `ghcr.io/acme/app:1.4.0`.
    pub name: String,
    /// `registry_tag`.
    pub kind: String,
    /// Target it is at.
    pub target: String,
    /// Host of the target.
    pub host: String,
    /// Repository path.
    pub path: String,
    /// Tag.
    pub tag: String,
    /// Artifact id.
    pub artifact: String,
    /// Digest it shall hold.
    pub expected: String,
    /// Digest it holds, as far as was read.
    pub found: Option<String>,
    /// How it stands.
    pub state: PlacementState,
    /// Its failure fails the run.
    pub required: bool,
    /// `immutable`, `forward` or `any`.
    pub policy: String,
    /// What a moving name pointed at before.
    pub moved_from: Option<String>,
    /// When it was last read or written, RFC 3339.
    pub at: Option<String>,
    /// Seconds this run spent on it.
    pub seconds: f64,
    /// Why it was overwritten against its policy, when somebody decided that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it was kept or would be placed, in a sentence.
    pub note: Option<String>,
    /// Why it is not complete.
    pub error: Option<PlacementError>,
}

/// Why a destination is not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlacementError {
    /// What sort: `credentials`, `conflict`, `unavailable`, `rejected`, `ambiguous`, `source`, `interrupted`.
    pub kind: String,
    /// The sentence.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl From<&PlaceError> for PlacementError {
    fn from(error: &PlaceError) -> Self {
        Self { kind: error.kind.name().to_owned(), message: error.message.clone(), hint: error.hint.clone() }
    }
}

impl PlaceErrorKind {
    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::Rejected => "rejected",
            Self::Ambiguous => "ambiguous",
            Self::Source => "source",
            Self::Interrupted => "interrupted",
        }
    }

    // What the run ends with when a required destination failed this way.
    fn exit_kind(name: &str) -> Kind {
        match name {
            "credentials" => Kind::Missing,
            "conflict" => Kind::Conflict,
            "unavailable" | "ambiguous" | "interrupted" => Kind::Partial,
            _ => Kind::Failed,
        }
    }
}

impl Placements {
    /// Recounts the totals from the destinations; `writes`, `sent` and `reused` are given, since steps that complete no
    /// destination of their own have a share in them.
    pub fn count(&mut self, writes: u64, sent: u64, reused: u64) {
        let of = |test: &dyn Fn(&Placement) -> bool| self.destinations.iter().filter(|placement| test(placement)).count() as u64;
        self.totals = Totals {
            expected: self.destinations.len() as u64,
            complete: of(&|p| p.state.is_complete()),
            already_complete: of(&|p| p.state == PlacementState::Complete),
            placed: of(&|p| p.state == PlacementState::Placed),
            superseded: of(&|p| p.state == PlacementState::Superseded),
            missing_required: of(&|p| p.required && !p.state.is_complete() && p.state != PlacementState::Superseded),
            writes,
            sent,
            reused,
        };
    }

    /// What the run ends with; `None` when every required destination that was asked for holds our bytes.
    pub fn verdict(&self) -> Option<Kind> {
        self.destinations.iter().filter_map(Placement::verdict).reduce(Kind::worse)
    }
}

impl Placement {
    /// What this destination alone would end the run with.
    pub fn verdict(&self) -> Option<Kind> {
        if !self.required {
            return None;
        }
        match (self.state, &self.error) {
            (PlacementState::Conflict, _) => Some(Kind::Conflict),
            (PlacementState::Failed, Some(error)) => Some(PlaceErrorKind::exit_kind(&error.kind)),
            (PlacementState::Failed, None) => Some(Kind::Failed),
            (PlacementState::NotTried, _) => Some(Kind::Partial),
            _ => None,
        }
    }
}
