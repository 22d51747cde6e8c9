//! What will be made and where it will go, and why: a pure function of config, pipeline, git facts, builder facts
//! and the time. The plan that is printed is the plan that is executed.
//!
//! May use `core`, `names`, `error`, `event`, `config`, `ci` and the plain facts of `git`. No files, no children, no
//! clock: everything arrives in [`Inputs`].

mod builds;
pub mod cache;
mod destinations;
mod files;
mod fingerprint;
#[cfg(test)]
mod fixtures;
mod inputs;
mod layout;
mod planner;
mod refs;
mod slug;
mod template;
mod types;
mod version;
mod when;

pub use destinations::{FilesHome, Installable, Making, chooses, files_home};
pub use files::{ArchiveStep, CommandStep, FileStep, PackedFile, PlannedOutput, PlannedWorkplace, ProgramStep, StagedFile, StepWork};
pub use fingerprint::clean as clean_path;
pub use inputs::{ComponentFile, DockerfileFacts, Inputs, Surroundings};
pub use planner::plan;
pub use refs::{complete, project_name};
pub use slug::tag_slug;
pub use types::{
    BuildStep, BuilderChoice, BuilderKind, CacheRef, Plan, PlannedCache, PlannedDestination, PlannedTarget, SCHEMA_VERSION, Skipped,
    VersionInfo, WrittenRequirements,
};
