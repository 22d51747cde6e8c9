//! Gates over outputs. `judge` applies the policy to facts the command read from the store; `Approved` is the only
//! value publish accepts, and only this room can make one. Pure: no I/O, no clock.

mod approval;
mod approved;
mod policy;
mod secrets;

pub use approval::{Approval, Basis, ConfigRead, Finding, REVIEW_SCHEMA_VERSION, Severity, Verdict};
pub use approved::{Approved, NotApproved};
pub use policy::{ArtifactFacts, BaseFact, PlatformFacts, Subject, judge};
pub use secrets::looks_secret;
