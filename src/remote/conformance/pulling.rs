//! Pulling what was pushed, in every way there is, and what is not there.

use serde_json::Value;

use super::asking::Said;
use super::bench::{Bench, Variation};
use super::pushing::judge_time;
use crate::core::Digest;
use crate::remote::protocol::{PackRef, PullFinalizeRequest, PullPrepareRequest, PullPrepareResponse};

/// What needs a pull that went well.
const OF_PULL: [&str; 7] = ["REM-050", "REM-051", "REM-052", "REM-053", "REM-054", "SF-013", "SF-015"];
const OF_CONFIRMATION: [&str; 3] = ["REM-023", "REM-060", "REM-061"];

impl Bench<'_> {
    fn pull(&self, pack_ref: PackRef) -> PullPrepareRequest {
        let target = crate::remote::protocol::TargetConfig { stream: None, ..self.target() };
        PullPrepareRequest { remote: "conformance".to_owned(), target, pack_ref, ..PullPrepareRequest::default() }
    }

    /// The whole way, and its wrong turns.
    pub async fn pulls(&mut self) {
        self.not_there().await;
        let bogus = self.confirmation("test-token", &Digest::of(b"nothing"));
        let said = self.ask(&bogus).await;
        self.findings.check("SF-016", matches!(said, Said::No(_)), || format!("finalize_token `test-token`: {}", said.why()));

        let ours = self.surroundings.pack_digest().clone();
        let latest = self.ask_latest().await;
        let said = self.ask(&self.pull(PackRef::digest(ours.as_str()))).await;
        self.findings.check("REM-022", !matches!(said, Said::Noise(_)), || said.why());
        // An adapter that only pulls has nothing of ours: its latest must do.
        let pushes = self.capabilities.features.prepare_finalize;
        let (answer, by_digest) = match (said, latest) {
            (Said::Yes(answer, _), _) => (answer, true),
            (_, Some(answer)) if !pushes => (answer, false),
            (said, _) => {
                let why = format!("pull.prepare by the digest of what was pushed: {}", said.why());
                self.findings.unproven(&OF_PULL, &why);
                self.findings.unproven(&OF_CONFIRMATION, &why);
                return;
            }
        };
        self.findings.pass("REM-050");
        self.judge_download(&answer, by_digest.then_some(&ours)).await;
        if by_digest {
            self.by_id(&answer, &ours).await;
        } else {
            self.findings.skip(&["SF-013", "SF-015"], "it does not declare prepare_finalize, so nothing of ours is there");
        }
        self.confirm(&answer).await;
    }

    async fn ask_latest(&mut self) -> Option<PullPrepareResponse> {
        let said = self.ask(&self.pull(PackRef::latest())).await;
        let found = match said {
            Said::Yes(answer, _) => Some(answer),
            _ => None,
        };
        if self.pushed {
            let ours = found.as_ref().is_some_and(|answer| answer.pack.digest == self.surroundings.pack_digest().as_str());
            self.findings.check("SF-015", ours, || "the latest release of the place is not what was pushed there last".to_owned());
        }
        found
    }

    async fn not_there(&mut self) {
        let absent = Digest::of(self.canary().as_bytes());
        for (what, pack_ref) in [
            ("digest", PackRef::digest(absent.as_str())),
            ("version", PackRef::version("0.0.0-not-there")),
            ("release_id", PackRef::release_id("rel_000000000000000000000000")),
        ] {
            let said = self.ask(&self.pull(pack_ref)).await;
            self.findings.check("SF-014", matches!(said, Said::No(_)), || format!("a {what} that is not there: {}", said.why()));
        }
    }

    async fn by_id(&mut self, answer: &PullPrepareResponse, ours: &Digest) {
        let Some(id) = &answer.pack.release_id else {
            self.findings.fail("SF-015", "pack.release_id is missing");
            return;
        };
        let said = self.ask(&self.pull(PackRef::release_id(id.as_str()))).await;
        let same = matches!(&said, Said::Yes(answer, _) if answer.pack.digest == ours.as_str());
        self.findings.check("SF-015", same, || format!("by release id: {}", said.why()));
    }

    async fn judge_download(&mut self, answer: &PullPrepareResponse, ours: Option<&Digest>) {
        self.findings.check("REM-051", !answer.download.url.is_empty(), || "download.url is empty".to_owned());
        self.findings.check("REM-054", !answer.finalize_token.is_empty(), || "finalize_token is empty".to_owned());
        judge_time(&mut self.findings, "pack.created_at", answer.pack.created_at.as_deref());
        if let Some(ours) = ours {
            self.findings.check("SF-013", answer.pack.digest == ours.as_str(), || {
                format!("asked for {} it offers `{}`", ours.short(), super::asking::short(&answer.pack.digest))
            });
        }
        let bytes = match self.download(&answer.download).await {
            Ok(bytes) => bytes,
            Err(problem) => {
                let why = format!("the download did not work: {problem}");
                self.refused_address(&problem, &why);
                self.findings.unproven(&["REM-052", "REM-053", "SF-013"], &why);
                return;
            }
        };
        let found = Digest::of(&bytes);
        self.findings.check("REM-052", found.as_str() == answer.pack.digest, || {
            format!("the downloaded bytes hash to {found}, pack.digest is `{}`", super::asking::short(&answer.pack.digest))
        });
        if let Some(ours) = ours {
            self.findings.check("SF-013", found == *ours, || "the downloaded bytes are others than were pushed".to_owned());
        }
        match answer.pack.size_bytes {
            None => self.findings.skip(&["REM-053"], "it says no size_bytes"),
            Some(size) => {
                let right = usize::try_from(size).ok() == Some(bytes.len());
                self.findings.check("REM-053", right, || format!("size_bytes is {size}, there are {}", bytes.len()));
            }
        }
    }

    fn confirmation(&self, token: &str, digest: &Digest) -> PullFinalizeRequest {
        PullFinalizeRequest {
            remote: "conformance".to_owned(),
            target: self.target(),
            digest: Some(digest.to_string()),
            pack_digest: Some(digest.to_string()),
            finalize_token: token.to_owned(),
        }
    }

    async fn confirm(&mut self, answer: &PullPrepareResponse) {
        let request = PullFinalizeRequest {
            digest: Some(answer.pack.digest.clone()),
            pack_digest: Some(answer.pack.digest.clone()),
            finalize_token: answer.finalize_token.clone(),
            ..self.confirmation("", self.surroundings.pack_digest())
        };
        let said = self.ask_changed(&request, &Variation::default(), |_| {}).await;
        self.findings.check("REM-023", !matches!(said, Said::Noise(_)), || said.why());
        match said {
            Said::Yes(_, members) => {
                self.findings.pass("REM-060");
                let confirmed = members.get("confirmed") == Some(&Value::Bool(true));
                self.findings.check("REM-061", confirmed, || "confirmed is not true".to_owned());
            }
            other => {
                self.findings.fail("REM-060", other.why());
                self.findings.unproven(&["REM-061"], &other.why());
            }
        }
    }
}
