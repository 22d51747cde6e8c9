//! Builds that make files, expanded to steps: one per program and platform, one per archive, one per command.

mod archives;
mod local;
mod staged;
mod steps;
mod types;

pub(super) use staged::staged;
pub(super) use steps::steps;
pub use types::{ArchiveStep, CommandStep, FileStep, PackedFile, PlannedOutput, PlannedWorkplace, ProgramStep, StagedFile, StepWork};
