//! What every step that makes files gets.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::Toolbox;
use crate::event::Events;
use crate::names;
use crate::world::World;

/// Surroundings of a step.
#[derive(Debug, Clone, Copy)]
pub struct FileCx<'a> {
    /// The process.
    pub world: &'a World,
    /// The repository.
    pub workspace: &'a PathBuf,
    /// Toolchains that were found.
    pub toolbox: &'a Toolbox,
    /// Ends the step early: its whole process group.
    pub cancel: &'a CancellationToken,
    /// Where progress goes.
    pub events: &'a Events,
    /// Threads for packing.
    pub threads: usize,
}

impl FileCx<'_> {
    /// Where a step writes before its files are complete. The same in every run, since programs may remember it.
    pub(super) fn making(&self, step: &str) -> PathBuf {
        self.workspace.join(names::path::MAKING).join(step)
    }
}
