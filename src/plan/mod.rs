//! What will be made and where it will go, and why: a pure function of config, pipeline, git facts, builder facts
//! and the time. The plan that is printed is the plan that is executed.

mod types;

pub use types::{
    BuildStep, BuilderChoice, BuilderKind, Plan, PlannedDestination, PlannedTarget, SCHEMA_VERSION, Skipped, VersionInfo,
    WrittenRequirements,
};
