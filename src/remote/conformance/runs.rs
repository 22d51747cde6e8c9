//! `runs.sync`: one run that is right, one that is not what it says, and the right one again.

use super::asking::Said;
use super::bench::Bench;
use crate::core::Digest;
use crate::fs;
use crate::remote::protocol::{RunInfo, RunStatus, RunsSyncRequest, RunsSyncResponse};

impl Bench<'_> {
    /// Asks for both, then again.
    pub async fn runs(&mut self) {
        if !self.capabilities.features.runs_sync {
            self.findings.skip(&["REM-024", "SF-017", "SF-018", "SF-019"], "it does not declare runs_sync");
            return;
        }
        let result = format!("{{\"run\":\"{}\"}}", self.id).into_bytes();
        let dir = self.packs().join("conformance.runs/tools/check");
        let run = |id: &str, digest: Digest| RunInfo {
            run_id: id.to_owned(),
            result_path: dir.join(id).join("result.json").display().to_string(),
            result_digest: digest.to_string(),
        };
        let right = run("2026-01-02T03-04-05-000001Z-000001", Digest::of(&result));
        let wrong = run("2026-01-02T03-04-05-000002Z-000002", Digest::of(b"something else"));
        for each in [&right, &wrong] {
            if let Err(error) = fs::write_atomic(std::path::Path::new(&each.result_path), &result, 0o644) {
                self.findings.unproven(&["REM-024", "SF-017", "SF-018", "SF-019"], &error.to_string());
                return;
            }
        }
        let request = |runs: &[&RunInfo]| RunsSyncRequest {
            target: self.target(),
            file_digest: Some(self.surroundings.pack_digest().to_string()),
            pack_digest: Some(self.identity().to_string()),
            runs: runs.iter().map(|run| (*run).clone()).collect(),
        };
        let (both, again) = (request(&[&right, &wrong]), request(&[&right]));
        let said = self.ask(&both).await;
        let Said::Yes(answer, _) = said else {
            self.findings.fail("REM-024", format!("runs.sync: {}", said.why()));
            self.findings.unproven(&["SF-017", "SF-018", "SF-019"], &said.why());
            return;
        };
        self.findings.pass("REM-024");
        self.judge_account(&both, &answer);
        let status = |answer: &RunsSyncResponse, run: &RunInfo| {
            answer.items.iter().find(|item| item.run_id == run.run_id).map(|item| item.status.clone()).unwrap_or_default()
        };
        let (first, second) = (status(&answer, &right), status(&answer, &wrong));
        self.findings.check("SF-017", first == RunStatus::Accepted.name(), || format!("a run that is right is `{first}`"));
        self.findings.check("SF-018", second == RunStatus::Rejected.name(), || {
            format!("a run whose file is not what result_digest says is `{second}`")
        });
        match self.ask(&again).await {
            Said::Yes(answer, _) => {
                self.judge_account(&again, &answer);
                let status = status(&answer, &right);
                let known = status == RunStatus::Duplicate.name();
                self.findings.check("SF-019", known, || format!("the same run a second time is `{status}`"));
            }
            other => self.findings.fail("SF-019", other.why()),
        }
    }

    fn judge_account(&mut self, request: &RunsSyncRequest, answer: &RunsSyncResponse) {
        let words = [RunStatus::Accepted, RunStatus::Rejected, RunStatus::Duplicate].map(RunStatus::name);
        let each = request.runs.iter().all(|run| {
            let items: Vec<_> = answer.items.iter().filter(|item| item.run_id == run.run_id).collect();
            matches!(items.as_slice(), [item] if words.contains(&item.status.as_str()))
        });
        let rejected = answer.items.iter().filter(|item| item.status == words[1]).count();
        let total = usize::try_from(answer.accepted).unwrap_or(usize::MAX).saturating_add(usize::try_from(answer.rejected).unwrap_or(0));
        // Duplicates are counted by some with the accepted ones, by others not at all.
        let duplicates = answer.items.iter().filter(|item| item.status == words[2]).count();
        let counted = usize::try_from(answer.rejected) == Ok(rejected)
            && (total == request.runs.len() || total.saturating_add(duplicates) == request.runs.len());
        self.findings.check("SF-017", each && counted, || {
            format!(
                "{} runs were sent; items name {}, accepted is {}, rejected {}",
                request.runs.len(),
                answer.items.len(),
                answer.accepted,
                answer.rejected
            )
        });
    }
}
