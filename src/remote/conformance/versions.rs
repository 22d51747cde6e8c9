//! Releases beside each other: versions, pre-releases, targets, and bytes that are not the announced ones.

use std::path::PathBuf;

use super::asking::Said;
use super::bench::Bench;
use crate::core::Digest;
use crate::fs;
use crate::remote::protocol::{
    FinalizePack, FinalizeRequest, FinalizeResponse, PackInfo, PackRef, PrepareRequest, PullPrepareRequest, ReleaseInfo, TargetConfig,
};

/// What is seen here, in the order of the probes.
const ALL: [&str; 5] = ["SF-020", "SF-021", "SF-022", "SF-023", "SF-024"];

/// Bytes of one release.
const SIZE: usize = 4_099;

/// A file of its own for each release.
struct Edition {
    path: PathBuf,
    digest: Digest,
    size: i64,
}

impl Bench<'_> {
    /// The whole of it. Only after a push that went well.
    pub async fn versions(&mut self) {
        if !self.capabilities.features.prepare_finalize {
            self.findings.skip(&ALL, "it does not declare prepare_finalize");
            return;
        }
        if !self.pushed {
            self.findings.unproven(&ALL, "no push worked, so no version could be pushed");
            return;
        }
        self.short_of_bytes().await;
        let pulls = self.capabilities.features.pull;
        if !pulls {
            self.findings.skip(&["SF-020", "SF-021", "SF-024"], "it does not declare pull");
        }
        let first = match self.edition("first") {
            Ok(first) => first,
            Err(error) => return self.findings.unproven(&["SF-020", "SF-021", "SF-022", "SF-024"], &error.to_string()),
        };
        if let Err(why) = self.released(&first, "1.0.0", false).await {
            return self.findings.unproven(&["SF-020", "SF-021", "SF-022", "SF-024"], &format!("a push of version 1.0.0: {why}"));
        }
        if pulls {
            let found = self.found(PackRef::version("1.0.0"), self.target()).await;
            self.findings.check("SF-020", found.as_deref() == Ok(first.digest.as_str()), || told("version 1.0.0", &found));
            self.pre_release().await;
            let stranger = TargetConfig { environment: Some(format!("{}-other", self.id)), ..self.target() };
            let found = self.found(PackRef::latest(), stranger).await;
            self.findings.check("SF-024", found.is_err(), || told("the latest of an environment without releases", &found));
        }
        self.taken(&first, pulls).await;
    }

    async fn pre_release(&mut self) {
        let Ok(early) = self.edition("early") else { return };
        if let Err(why) = self.released(&early, "1.1.0-rc.1", true).await {
            self.findings.skip(&["SF-021"], &format!("it makes no pre-releases: {why}"));
            return;
        }
        let found = self.found(PackRef::latest(), self.target()).await;
        let right = found.as_ref().is_ok_and(|digest| digest != early.digest.as_str());
        self.findings.check("SF-021", right, || told("the latest, after a pre-release", &found));
    }

    /// The same version again, with other bytes.
    async fn taken(&mut self, first: &Edition, pulls: bool) {
        let Ok(other) = self.edition("other") else { return };
        let said = self.released(&other, "1.0.0", false).await;
        self.findings.check("SF-022", said.is_err(), || "version 1.0.0 was pushed with other bytes, and it made a release".to_owned());
        if pulls {
            let found = self.found(PackRef::version("1.0.0"), self.target()).await;
            self.findings.check("SF-022", found.as_deref() == Ok(first.digest.as_str()), || {
                told("version 1.0.0, after other bytes were refused", &found)
            });
        }
    }

    /// Fewer bytes arrive than were announced.
    async fn short_of_bytes(&mut self) {
        let (Ok(whole), Ok(half)) = (self.edition("whole"), self.edition("half")) else { return };
        if let Err(error) = fs::write_atomic(&half.path, &vec![7; SIZE / 2], 0o644) {
            return self.findings.unproven(&["SF-023"], &error.to_string());
        }
        let prepared = match self.ask(&self.push_of(&whole, "0.9.0", false)).await {
            Said::Yes(prepared, _) if prepared.upload.is_skip() => {
                return self.findings.skip(&["SF-023"], "it takes the bytes in push.prepare");
            }
            Said::Yes(prepared, _) => prepared,
            said => return self.findings.unproven(&["SF-023"], &format!("push.prepare: {}", said.why())),
        };
        // A place that refuses them is as good as an adapter that does.
        let arrived = self.upload(&prepared.upload, &half.path).await.is_ok();
        let said = self.ask(&self.finalize_of(&whole, &prepared.finalize_token)).await;
        self.findings
            .check("SF-023", !arrived || matches!(said, Said::No(_)), || format!("push.finalize after half of the bytes: {}", said.why()));
    }

    fn edition(&self, name: &str) -> fs::Result<Edition> {
        let mut bytes = vec![0; SIZE];
        self.world.random.fill(&mut bytes);
        let path = self.surroundings.packs().join(format!("{name}.bytes"));
        fs::write_atomic(&path, &bytes, 0o644)?;
        Ok(Edition { path, digest: Digest::of(&bytes), size: i64::try_from(SIZE).unwrap_or_default() })
    }

    fn push_of(&self, edition: &Edition, version: &str, prerelease: bool) -> PrepareRequest {
        let digest = edition.digest.to_string();
        let pack = PackInfo {
            path: edition.path.display().to_string(),
            digest: digest.clone(),
            file_digest: Some(digest),
            size_bytes: edition.size,
            name: Some("conformance.epack".to_owned()),
            ..PackInfo::default()
        };
        let release = ReleaseInfo { version: Some(version.to_owned()), prerelease, ..ReleaseInfo::default() };
        PrepareRequest { remote: "conformance".to_owned(), target: self.target(), pack, release, ..PrepareRequest::default() }
    }

    fn finalize_of(&self, edition: &Edition, token: &str) -> FinalizeRequest {
        let pack = FinalizePack {
            path: edition.path.display().to_string(),
            digest: edition.digest.to_string(),
            size_bytes: edition.size,
            ..FinalizePack::default()
        };
        let finalize_token = token.to_owned();
        FinalizeRequest { remote: "conformance".to_owned(), target: self.target(), pack, finalize_token, ..FinalizeRequest::default() }
    }

    /// A whole push, or why there is no release.
    async fn released(&mut self, edition: &Edition, version: &str, prerelease: bool) -> Result<FinalizeResponse, String> {
        let prepared = match self.ask(&self.push_of(edition, version, prerelease)).await {
            Said::Yes(prepared, _) => prepared,
            said => return Err(said.why()),
        };
        self.upload(&prepared.upload, &edition.path).await.map_err(|problem| problem.to_string())?;
        match self.ask(&self.finalize_of(edition, &prepared.finalize_token)).await {
            Said::Yes(released, _) => Ok(released),
            said => Err(said.why()),
        }
    }

    /// The digest a pull offers, or why it offers nothing.
    async fn found(&mut self, pack_ref: PackRef, target: TargetConfig) -> Result<String, String> {
        let target = TargetConfig { stream: None, ..target };
        let request = PullPrepareRequest { remote: "conformance".to_owned(), target, pack_ref, ..PullPrepareRequest::default() };
        match self.ask(&request).await {
            Said::Yes(answer, _) => Ok(answer.pack.digest),
            said => Err(said.why()),
        }
    }
}

fn told(asked: &str, found: &Result<String, String>) -> String {
    match found {
        Ok(digest) => format!("{asked}: it offers `{}`", super::asking::short(digest)),
        Err(why) => format!("{asked}: {why}"),
    }
}
