//! Publishing as a transaction that remembers. Declares the ports (`Target`, `Step`), decides the order, runs the
//! steps, keeps the journal, and writes down what is where. Knows no host and no protocol: `registry`, `forge` and
//! `remote` implement the ports, `cli/wire` joins them.

mod after;
mod engine;
mod journal;
pub mod order;
mod overrides;
mod placements;
mod port;
mod results;
mod store_target;

pub use after::After;
pub use engine::{Engine, StepReport, StepState};
pub use journal::{Entry, EntryKind, History, Journal};
pub use overrides::Overrides;
pub use placements::{PLACEMENTS_SCHEMA_VERSION, Placement, PlacementError, PlacementState, Placements, Totals};

pub use port::{
    ApprovedArtifact, Content, Cx, Depth, File, Image, Inquiry, Lineage, Observation, PlaceError, PlaceErrorKind, Placed, Preflight,
    Problem, Reading, Stage, Step, StepName, Target, Verified, VerifyError,
};
pub use results::to_results;
pub use store_target::StoreTarget;
