//! What came of an examination, in the form of the public suite's report and with what ours adds.

use schemars::JsonSchema;
use serde::Serialize;

use super::requirement::{Level, REQUIREMENTS};

/// How a requirement was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is met.
    Pass,
    /// It is not.
    Fail,
    /// It does not apply: the feature is not declared, or nothing can be observed.
    Skip,
    /// It applies, and the adapter gave no occasion to see it met. Counts as not met.
    Unproven,
}

/// One requirement's judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Outcome {
    /// Id of the requirement.
    pub id: &'static str,
    /// How much it matters.
    pub level: Level,
    /// The judgement.
    pub status: Status,
    /// What is required.
    pub requirement: &'static str,
    /// What was seen, when it is not met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why it was not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How far an adapter conforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConformanceLevel {
    /// A MUST is not met.
    None,
    /// Every MUST is.
    Minimal,
    /// Every SHOULD is too.
    Standard,
    /// Every MAY is too.
    Full,
}

impl std::fmt::Display for ConformanceLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Standard => "standard",
            Self::Full => "full",
        })
    }
}

/// Counts of one level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tally {
    /// Met.
    pub pass: usize,
    /// Not met.
    pub fail: usize,
    /// Does not apply.
    pub skip: usize,
    /// Not seen met.
    pub unproven: usize,
}

/// Counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Summary {
    /// Of MUST.
    pub must: Tally,
    /// Of SHOULD.
    pub should: Tally,
    /// Of MAY.
    pub may: Tally,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// File name of the adapter.
    pub component: String,
    /// `remote`.
    pub r#type: &'static str,
    /// How far it conforms.
    pub conformance_level: ConformanceLevel,
    /// Every requirement, in the order of the table.
    pub results: Vec<Outcome>,
    /// Counts.
    pub summary: Summary,
    /// What the adapter said of itself, as it said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<serde_json::Value>,
}

impl Report {
    /// Counts and judges as a whole.
    pub fn new(component: String, results: Vec<Outcome>, capabilities: Option<serde_json::Value>) -> Self {
        let mut summary = Summary::default();
        for outcome in &results {
            let tally = match outcome.level {
                Level::Must => &mut summary.must,
                Level::Should => &mut summary.should,
                Level::May => &mut summary.may,
            };
            match outcome.status {
                Status::Pass => tally.pass += 1,
                Status::Fail => tally.fail += 1,
                Status::Skip => tally.skip += 1,
                Status::Unproven => tally.unproven += 1,
            }
        }
        let met = |tally: Tally| tally.fail + tally.unproven == 0;
        let conformance_level = match summary {
            Summary { must, .. } if !met(must) => ConformanceLevel::None,
            Summary { should, .. } if !met(should) => ConformanceLevel::Minimal,
            Summary { may, .. } if !met(may) => ConformanceLevel::Standard,
            _ => ConformanceLevel::Full,
        };
        Self { component, r#type: "remote", conformance_level, results, summary, capabilities }
    }

    /// Requirements that are not met, the gravest first.
    pub fn unmet(&self) -> Vec<&Outcome> {
        let mut unmet: Vec<&Outcome> =
            self.results.iter().filter(|outcome| matches!(outcome.status, Status::Fail | Status::Unproven)).collect();
        unmet.sort_by_key(|outcome| (outcome.level, outcome.status == Status::Unproven));
        unmet
    }
}

/// Outcomes of everything in the table, from what was found.
pub fn outcomes(mut found: impl FnMut(&'static str) -> (Status, Option<String>)) -> Vec<Outcome> {
    let outcome = |requirement: &super::Requirement| {
        let (status, text) = found(requirement.id);
        let (message, reason) = match status {
            Status::Fail => (text, None),
            _ => (None, text),
        };
        Outcome { id: requirement.id, level: requirement.level, status, requirement: requirement.what, message, reason }
    };
    REQUIREMENTS.iter().map(outcome).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(special: &[(&str, Status)]) -> Report {
        let status = |id| special.iter().find(|(other, _)| *other == id).map_or(Status::Pass, |(_, status)| *status);
        Report::new("x".to_owned(), outcomes(|id| (status(id), None)), None)
    }

    #[test]
    fn what_was_never_seen_met_counts_as_not_met_and_what_does_not_apply_does_not() {
        assert_eq!(report(&[]).conformance_level, ConformanceLevel::Full);
        assert_eq!(report(&[("REM-050", Status::Skip)]).conformance_level, ConformanceLevel::Full);
        assert_eq!(report(&[("REM-041", Status::Unproven)]).conformance_level, ConformanceLevel::None);
        assert_eq!(report(&[("C-022", Status::Fail)]).conformance_level, ConformanceLevel::Minimal);
        let bad = report(&[("REM-012", Status::Unproven), ("C-001", Status::Fail)]);
        assert_eq!(bad.unmet().iter().map(|outcome| outcome.id).collect::<Vec<_>>(), ["C-001", "REM-012"]);
        assert_eq!((bad.summary.must.fail, bad.summary.may.unproven), (1, 1));
    }
}
