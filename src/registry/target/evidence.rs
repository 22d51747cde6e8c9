//! The step that brings what goes with an artifact: what refers to it, or attestations under tags of their own.

use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::core::{BoxFuture, Digest};
use crate::publish::{Cx, Observation, PlaceError, Placed, Stage, Step, StepName, Verified, VerifyError};
use crate::registry::error::RegistryError;

/// One kind of what goes with an image, in one repository.
pub(super) trait Evidence: Send + Sync {
    /// The image and the repository.
    fn shared(&self) -> &Shared;

    /// The word in the step's name.
    fn kind(&self) -> &'static str;

    /// Digests of all of it.
    fn digests(&self) -> Vec<Digest>;

    /// All of it, for messages.
    fn expected(&self) -> String;

    /// What of it is not there.
    fn missing<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<String>, PlaceError>>;

    /// Brings it.
    fn place<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Placed, RegistryError>>;
}

/// After the bytes, because some registries want a subject before what refers to it; before every name, so that whoever
/// sees the tag finds the evidence.
pub(super) struct EvidenceStep<E> {
    evidence: E,
    name: StepName,
    needs: [StepName; 1],
}

impl<E: Evidence> EvidenceStep<E> {
    /// After the step that brings the bytes. What was completed for one image need not be complete for the same image with
    /// other evidence, so both are in the step's name.
    pub(super) fn new(evidence: E, bytes: StepName) -> Self {
        let digests = evidence.digests();
        let all: Vec<&str> = digests.iter().map(Digest::as_str).collect();
        let mark = Digest::of(all.join("\n").as_bytes());
        let mark = &mark.hex()[..12];
        let shared = evidence.shared();
        let name = StepName(format!("{}:{}/{}@{}+{mark}", evidence.kind(), shared.client.host(), shared.path, shared.artifact.digest));
        Self { evidence, name, needs: [bytes] }
    }
}

impl<E: Evidence> Step for EvidenceStep<E> {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        Stage::Evidence
    }

    fn needs(&self) -> &[StepName] {
        &self.needs
    }

    fn destination(&self) -> Option<&str> {
        None
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move {
            // The bytes step has just found every tag in place, which are set after this step.
            if cx.completed.contains(&self.name.0) && self.evidence.shared().looks.is_in_place() {
                return Observation::Complete { digest: None };
            }
            match self.evidence.missing(&cx.cancel).await {
                Ok(missing) if missing.is_empty() => Observation::Complete { digest: None },
                Ok(missing) => Observation::Partial { missing: missing.join(", ") },
                Err(error) => Observation::Unknown(error),
            }
        })
    }

    fn place<'a>(&'a self, cx: &'a Cx, _: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move { Ok(self.evidence.place(&cx.cancel).await?) })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        Box::pin(async move {
            match self.evidence.missing(&cx.cancel).await {
                Ok(missing) if missing.is_empty() => Ok(Verified { digest: None, by: super::tag::READ_BY.to_owned() }),
                Ok(missing) => {
                    let expected = self.evidence.expected();
                    Err(VerifyError::Mismatch { expected, found: format!("all but {}", missing.join(", ")) })
                }
                Err(error) => Err(VerifyError::Unreadable(error)),
            }
        })
    }
}
