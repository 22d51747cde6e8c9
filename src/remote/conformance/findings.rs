//! What was found while asking, requirement by requirement.

use std::collections::BTreeMap;

use super::report::{Outcome, Status, outcomes};
use super::requirement::Requirement;
use crate::core::Redactor;

/// Judgements so far. Many probes speak about the same requirement: one failure decides, and the first one is told.
#[derive(Debug, Default)]
pub struct Findings {
    found: BTreeMap<&'static str, (Status, Option<String>)>,
    redactor: Redactor,
}

impl Findings {
    /// None yet. What adapters say is quoted without the secrets the redactor knows.
    pub fn new(redactor: Redactor) -> Self {
        Self { found: BTreeMap::new(), redactor }
    }

    /// It is met, as far as was seen.
    pub fn pass(&mut self, id: &'static str) {
        self.note(id, Status::Pass, None);
    }

    /// It is not met.
    pub fn fail(&mut self, id: &'static str, message: impl Into<String>) {
        self.note(id, Status::Fail, Some(message.into()));
    }

    /// It does not apply.
    pub fn skip(&mut self, ids: &[&'static str], reason: &str) {
        for id in ids {
            self.note(id, Status::Skip, Some(reason.to_owned()));
        }
    }

    /// There was no occasion to see it.
    pub fn unproven(&mut self, ids: &[&'static str], reason: &str) {
        for id in ids {
            self.note(id, Status::Unproven, Some(reason.to_owned()));
        }
    }

    /// Met or not.
    pub fn check(&mut self, id: &'static str, met: bool, message: impl FnOnce() -> String) {
        if met { self.pass(id) } else { self.fail(id, message()) }
    }

    fn note(&mut self, id: &'static str, status: Status, text: Option<String>) {
        debug_assert!(Requirement::of(id).is_some(), "{id} is not in the table");
        let rank = |status| match status {
            Status::Fail => 3,
            Status::Unproven => 2,
            Status::Pass => 1,
            Status::Skip => 0,
        };
        let text = text.map(|text| self.redactor.redact(&text).chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect());
        match self.found.get(id) {
            Some((before, _)) if rank(*before) >= rank(status) => {}
            _ => drop(self.found.insert(id, (status, text))),
        }
    }

    /// Outcomes of the whole table. What nobody came to is unproven.
    pub fn outcomes(&self) -> Vec<Outcome> {
        outcomes(|id| self.found.get(id).cloned().unwrap_or((Status::Unproven, Some("the examination did not come to it".to_owned()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_decides_and_the_first_is_told() {
        let mut findings = Findings::default();
        findings.skip(&["C-001"], "none");
        findings.pass("C-001");
        findings.fail("C-001", "first");
        findings.fail("C-001", "second");
        findings.pass("C-001");
        let outcome = findings.outcomes().into_iter().find(|outcome| outcome.id == "C-001").expect("outcome");
        assert_eq!((outcome.status, outcome.message.as_deref()), (Status::Fail, Some("first")));
        let other = findings.outcomes().into_iter().find(|outcome| outcome.id == "C-002").expect("outcome");
        assert_eq!(other.status, Status::Unproven);
    }
}
