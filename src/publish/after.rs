//! A step that waits for more than its target knows of: a mirror's release for the primary one.

use super::port::{Cx, Observation, PlaceError, Placed, Stage, Step, StepName, Verified, VerifyError};
use crate::core::BoxFuture;

/// The step, with further needs.
pub struct After {
    step: Box<dyn Step>,
    needs: Vec<StepName>,
}

impl After {
    /// Lets a step wait for these as well. They are of its own stage or an earlier one.
    pub fn new(step: Box<dyn Step>, further: impl IntoIterator<Item = StepName>) -> Self {
        let needs = step.needs().iter().cloned().chain(further).collect();
        Self { step, needs }
    }
}

impl Step for After {
    fn name(&self) -> &StepName {
        self.step.name()
    }

    fn stage(&self) -> Stage {
        self.step.stage()
    }

    fn needs(&self) -> &[StepName] {
        &self.needs
    }

    fn destination(&self) -> Option<&str> {
        self.step.destination()
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        self.step.observe(cx)
    }

    fn place<'a>(&'a self, cx: &'a Cx, found: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        self.step.place(cx, found)
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        self.step.verify(cx)
    }
}
