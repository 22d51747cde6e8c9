//! A push, as the newest and the oldest hosts do it, and everything that must not pass for one.

use super::asking::Said;
use super::bench::{Bench, Variation};
use super::surroundings::Surroundings;
use crate::core::{Digest, Timestamp};
use crate::http::{Url, header};
use crate::remote::protocol::{
    AuthHints, Command, FinalizePack, FinalizeRequest, FinalizeResponse, PackInfo, PrepareRequest, PrepareResponse, ReleaseInfo,
    TargetConfig,
};

/// What needs a push that went well.
const OF_PREPARE: [&str; 7] = ["REM-030", "REM-031", "REM-032", "REM-033", "REM-034", "SF-004", "SF-005"];
const OF_FINALIZE: [&str; 5] = ["REM-040", "REM-041", "REM-042", "SF-008", "SF-009"];

impl Bench<'_> {
    /// Where this examination pushes to: nobody else's releases are there.
    pub fn target(&self) -> TargetConfig {
        let text = |text: &str| Some(text.to_owned());
        TargetConfig { workspace: text("conformance"), environment: text(&self.id), stream: text("conformance/pack") }
    }

    /// The push of the file as the newest hosts ask for it.
    fn push(&self) -> PrepareRequest {
        let pack = PackInfo {
            path: self.surroundings.pack_path().display().to_string(),
            digest: self.identity().to_string(),
            file_digest: Some(self.surroundings.pack_digest().to_string()),
            size_bytes: Surroundings::pack_size(),
            name: Some("conformance.epack".to_owned()),
            ..PackInfo::default()
        };
        let release = ReleaseInfo { labels: vec!["conformance".to_owned()], ..ReleaseInfo::default() };
        PrepareRequest { remote: "conformance".to_owned(), target: self.target(), pack, release, ..PrepareRequest::default() }
    }

    /// What the content is called, which is not the hash of the file.
    pub fn identity(&self) -> Digest {
        Digest::of(self.surroundings.pack_digest().as_str().as_bytes())
    }

    /// The whole way, and its wrong turns.
    pub async fn pushes(&mut self) {
        let push = self.push();
        self.without_credentials(&push).await;
        self.unknown_token().await;
        self.too_large(&push).await;
        let said = self.ask(&push).await;
        // That it answers at all; what it answers comes below.
        self.findings.check("REM-020", !matches!(said, Said::Noise(_)), || said.why());
        let Said::Yes(prepared, _) = said else {
            let why = format!("push.prepare: {}", said.why());
            let hint = "give it what it needs with --set KEY=VALUE and --pass NAME";
            self.findings.unproven(&OF_PREPARE, &format!("{why}; {hint}"));
            self.findings.unproven(&OF_FINALIZE, &why);
            self.findings.unproven(&["REM-021", "REM-082", "SF-007", "SF-012"], &why);
            return;
        };
        self.findings.pass("REM-030");
        self.judge_upload(&prepared);
        self.old_host(&push).await;
        self.strange_members(&push).await;
        self.with_identity(&push).await;
        self.before_the_bytes(&push, &prepared).await;
        if let Err(problem) = self.upload(&prepared.upload, &self.surroundings.pack_path()).await {
            let why = format!("the upload did not work: {problem}");
            self.refused_address(&problem, &why);
            self.findings.unproven(&OF_FINALIZE, &why);
            self.findings.unproven(&["REM-021"], &why);
            return;
        }
        self.findings.pass("SF-012");
        let finalize = self.finalize(&prepared.finalize_token);
        let said = self.ask(&finalize).await;
        self.findings.check("REM-021", !matches!(said, Said::Noise(_)), || said.why());
        let Said::Yes(released, _) = said else {
            let why = format!("push.finalize after the upload: {}", said.why());
            self.findings.fail("REM-040", &why);
            self.findings.unproven(&OF_FINALIZE, &why);
            return;
        };
        self.findings.pass("REM-040");
        self.pushed = true;
        self.judge_release(&released);
        self.again(&push, &finalize, &released).await;
    }

    fn finalize(&self, token: &str) -> FinalizeRequest {
        // Exactly what hosts in use send: no file_digest, no name.
        let pack = FinalizePack {
            path: self.surroundings.pack_path().display().to_string(),
            digest: self.identity().to_string(),
            size_bytes: Surroundings::pack_size(),
            ..FinalizePack::default()
        };
        let finalize_token = token.to_owned();
        FinalizeRequest { remote: "conformance".to_owned(), target: self.target(), pack, finalize_token, ..FinalizeRequest::default() }
    }

    async fn without_credentials(&mut self, push: &PrepareRequest) {
        let stranger = Variation { without_secrets: true, elsewhere: true, ..Variation::default() };
        let said = self.ask_changed(push, &stranger, |_| {}).await;
        self.findings.check("REM-080", !matches!(said, Said::Noise(_)), || format!("push.prepare without credentials: {}", said.why()));
    }

    async fn unknown_token(&mut self) {
        let said = self.ask(&self.finalize("test-token")).await;
        self.findings.check("SF-006", matches!(said, Said::No(_)), || format!("finalize_token `test-token`: {}", said.why()));
    }

    async fn too_large(&mut self, push: &PrepareRequest) {
        let Some(most) = self.capabilities.limits.pack_bytes().and_then(|most| i64::try_from(most).ok()) else {
            self.findings.skip(&["SF-010"], "it declares no max_pack_bytes");
            return;
        };
        let pack = PackInfo { size_bytes: most.saturating_add(1), ..push.pack.clone() };
        let said = self.ask(&PrepareRequest { pack, ..push.clone() }).await;
        self.findings.check("SF-010", matches!(said, Said::No(_)), || format!("a file of max_pack_bytes + 1: {}", said.why()));
    }

    async fn old_host(&mut self, push: &PrepareRequest) {
        let digest = self.surroundings.pack_digest().to_string();
        let plain = Variation::default();
        let said = self.ask_changed(push, &plain, |members| {
            for absent in ["release", "idempotency_key", "sidecars"] {
                members.remove(absent);
            }
            if let Some(pack) = members.get_mut("pack").and_then(serde_json::Value::as_object_mut) {
                pack.retain(|name, _| matches!(name.as_str(), "path" | "size_bytes"));
                pack.insert("digest".to_owned(), digest.into());
            }
        });
        let said = said.await;
        self.findings.check("SF-004", matches!(said, Said::Yes(..)), || {
            format!("push.prepare with path, digest and size_bytes alone: {}", said.why())
        });
    }

    async fn strange_members(&mut self, push: &PrepareRequest) {
        let plain = Variation::default();
        let said = self.ask_changed(push, &plain, |members| {
            members.insert("from_the_future".to_owned(), serde_json::json!({"a": [1, null]}));
            for name in ["target", "pack", "release"] {
                if let Some(object) = members.get_mut(name).and_then(serde_json::Value::as_object_mut) {
                    object.insert("from_the_future".to_owned(), true.into());
                }
            }
        });
        let said = said.await;
        self.findings.check("SF-005", matches!(said, Said::Yes(..)), || format!("push.prepare with unknown members: {}", said.why()));
    }

    async fn with_identity(&mut self, push: &PrepareRequest) {
        let identity =
            AuthHints { mode: Some("oidc_token".to_owned()), token: Some(crate::core::Secret::new(self.canary())), ..AuthHints::default() };
        let said = self.ask(&PrepareRequest { identity: Some(identity), ..push.clone() }).await;
        // It may refuse the identity. It may not fail to read the request.
        let read = match &said {
            Said::Yes(..) => true,
            Said::No(error) => error.code != "invalid_request",
            Said::Noise(_) => false,
        };
        self.findings.check("REM-082", read, || format!("push.prepare with an identity: {}", said.why()));
    }

    async fn before_the_bytes(&mut self, push: &PrepareRequest, prepared: &PrepareResponse) {
        if prepared.upload.is_skip() {
            self.findings.skip(&["SF-007"], "it takes the bytes in push.prepare");
            return;
        }
        let Said::Yes(other, _) = self.ask(push).await else { return };
        let said = self.ask(&self.finalize(&other.finalize_token)).await;
        self.findings.check("SF-007", matches!(said, Said::No(_)), || format!("push.finalize before the upload: {}", said.why()));
    }

    fn judge_upload(&mut self, prepared: &PrepareResponse) {
        let upload = &prepared.upload;
        let findings = &mut self.findings;
        let named = upload.is_skip() || (!upload.method.is_empty() && Url::parse(&upload.url).is_ok());
        findings.check("REM-031", named, || "upload.method is empty, or upload.url no URL".to_owned());
        findings.check("REM-034", !prepared.finalize_token.is_empty(), || "finalize_token is empty".to_owned());
        let sendable = |name: &str, value: &str| {
            header::HeaderName::from_bytes(name.as_bytes()).is_ok() && header::HeaderValue::from_str(value).is_ok()
        };
        let bad = upload.headers.iter().find(|(name, value)| !sendable(name, value)).map(|(name, _)| name.clone());
        findings.check("REM-032", bad.is_none(), || format!("the header `{}` cannot be sent", bad.unwrap_or_default()));
        let now = self.world.clock.now();
        match upload.expires_at.as_deref() {
            None => findings.skip(&["REM-033"], "it says no expires_at"),
            Some(text) => match Timestamp::parse(text) {
                Ok(at) => findings.check("REM-033", at > now, || format!("upload.expires_at is {text}, which is over")),
                Err(error) => findings.fail("SF-011", format!("upload.expires_at: {error}")),
            },
        }
    }

    fn judge_release(&mut self, released: &FinalizeResponse) {
        let release = &released.release;
        let known = [self.identity(), self.surroundings.pack_digest().clone()];
        let findings = &mut self.findings;
        findings.check("REM-041", !release.release_id.is_empty() && !release.pack_digest.is_empty(), || {
            "release_id or pack_digest are empty".to_owned()
        });
        findings.check("SF-009", known.iter().any(|digest| digest.as_str() == release.pack_digest), || {
            format!("release.pack_digest is `{}`, which was not pushed", super::asking::short(&release.pack_digest))
        });
        judge_time(findings, "release.created_at", release.created_at.as_deref());
        let bad = released.links.iter().find(|(_, link)| Url::parse(link).is_err()).map(|(name, _)| name.clone());
        match (released.links.is_empty(), bad) {
            (true, _) => findings.skip(&["REM-042"], "it names no links"),
            (_, None) => findings.pass("REM-042"),
            (_, Some(name)) => findings.fail("REM-042", format!("links.{name} is no URL")),
        }
    }

    /// The same once more: the same finalize, and the whole push.
    async fn again(&mut self, push: &PrepareRequest, finalize: &FinalizeRequest, released: &FinalizeResponse) {
        if !self.capabilities.features.idempotent {
            self.findings.skip(&["SF-008"], "it does not declare itself idempotent");
            return;
        }
        let mut ids = vec![released.release.release_id.clone()];
        let mut troubles = Vec::new();
        let mut note = |said: Said<FinalizeResponse>| match said {
            Said::Yes(answer, _) => ids.push(answer.release.release_id),
            other => troubles.push(other.why()),
        };
        let key = FinalizeRequest { idempotency_key: Some("conformance-1".to_owned()), ..finalize.clone() };
        note(self.ask(&key).await);
        let whole = PrepareRequest { idempotency_key: Some("conformance-1".to_owned()), ..push.clone() };
        if let Said::Yes(prepared, _) = self.ask(&whole).await
            && self.upload(&prepared.upload, &self.surroundings.pack_path()).await.is_ok()
        {
            let request = FinalizeRequest { idempotency_key: Some("conformance-1".to_owned()), ..self.finalize(&prepared.finalize_token) };
            note(self.ask(&request).await);
        }
        ids.dedup();
        self.findings.check("SF-008", ids.len() == 1 && troubles.is_empty(), || {
            format!("{} asked again: releases {}; {}", Command::PushFinalize, ids.join(", "), troubles.join("; "))
        });
    }
}

/// A time of an answer: RFC 3339 or absent.
pub fn judge_time(findings: &mut super::findings::Findings, what: &str, text: Option<&str>) {
    match text {
        None => findings.pass("SF-011"),
        Some(text) => findings.check("SF-011", Timestamp::parse(text).is_ok(), || {
            format!("{what} is `{}`; hosts fail on what is no time, the empty text included", super::asking::short(text))
        }),
    }
}
