//! The test mode: every request that is in form succeeds, nothing is read, kept or reached.

use std::collections::BTreeMap;

use super::{About, Adapter, Asked, Result};
use crate::core::{BoxFuture, Digest};
use crate::remote::protocol::{
    DownloadInfo, FinalizeRequest, FinalizeResponse, PackMetadata, PrepareRequest, PrepareResponse, PullFinalizeRequest,
    PullFinalizeResponse, PullPrepareRequest, PullPrepareResponse, ReleaseResult, RunStatus, RunSyncItem, RunsSyncRequest,
    RunsSyncResponse, UploadInfo, WhoamiResponse,
};

/// An address that leads nowhere (RFC 6761 §6.4).
const NOWHERE: &str = "https://hermetic.invalid";

/// A stand-in with another adapter's name and features. Conformance tools push files that do not exist and finalize tokens
/// nobody gave out; an adapter that believed those in earnest would be broken, so it is asked this way instead.
#[derive(Debug)]
pub struct Hermetic {
    about: About,
}

impl Hermetic {
    /// In place of this adapter.
    pub fn of(adapter: &dyn Adapter) -> Self {
        Self { about: adapter.about() }
    }

    fn address(&self, what: &str) -> String {
        format!("{NOWHERE}/{}/{what}", self.about.name)
    }
}

impl Adapter for Hermetic {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn push_prepare<'a>(&'a self, asked: Asked<'a>, request: PrepareRequest) -> BoxFuture<'a, Result<PrepareResponse>> {
        let upload = UploadInfo {
            method: "PUT".to_owned(),
            url: self.address("upload"),
            headers: BTreeMap::from([("Content-Type".to_owned(), "application/octet-stream".to_owned())]),
            expires_at: Some(asked.settings.world().clock.now().to_string()),
        };
        let finalize_token = format!("hermetic-{}", request.pack.digest);
        Box::pin(async move { Ok(PrepareResponse { upload, finalize_token, ..PrepareResponse::default() }) })
    }

    fn push_finalize<'a>(&'a self, asked: Asked<'a>, request: FinalizeRequest) -> BoxFuture<'a, Result<FinalizeResponse>> {
        let release = ReleaseResult {
            release_id: "rel_hermetic".to_owned(),
            pack_digest: request.pack.digest,
            created_at: Some(asked.settings.world().clock.now().to_string()),
            canonical_ref: Some("rel_hermetic".to_owned()),
        };
        let links = BTreeMap::from([("release".to_owned(), self.address("releases/rel_hermetic"))]);
        Box::pin(async move { Ok(FinalizeResponse { release, links, ..FinalizeResponse::default() }) })
    }

    fn pull_prepare<'a>(&'a self, asked: Asked<'a>, _request: PullPrepareRequest) -> BoxFuture<'a, Result<PullPrepareResponse>> {
        let download = DownloadInfo { method: "GET".to_owned(), url: self.address("download"), ..DownloadInfo::default() };
        let pack = PackMetadata {
            digest: Digest::of(b"").to_string(),
            size_bytes: Some(0),
            created_at: Some(asked.settings.world().clock.now().to_string()),
            release_id: Some("rel_hermetic".to_owned()),
            ..PackMetadata::default()
        };
        Box::pin(async move { Ok(PullPrepareResponse { download, pack, finalize_token: "hermetic-pull".to_owned() }) })
    }

    fn pull_finalize<'a>(&'a self, _asked: Asked<'a>, _request: PullFinalizeRequest) -> BoxFuture<'a, Result<PullFinalizeResponse>> {
        Box::pin(async move { Ok(PullFinalizeResponse { confirmed: Some(true) }) })
    }

    fn runs_sync<'a>(&'a self, _asked: Asked<'a>, request: RunsSyncRequest) -> BoxFuture<'a, Result<RunsSyncResponse>> {
        let accepted = |run: &crate::remote::protocol::RunInfo| RunSyncItem {
            run_id: run.run_id.clone(),
            status: RunStatus::Accepted.name().to_owned(),
        };
        let items: Vec<RunSyncItem> = request.runs.iter().map(accepted).collect();
        let answer = RunsSyncResponse { accepted: i64::try_from(items.len()).unwrap_or_default(), items, ..RunsSyncResponse::default() };
        Box::pin(async move { Ok(answer) })
    }

    fn auth_whoami<'a>(&'a self, _asked: Asked<'a>) -> BoxFuture<'a, Result<WhoamiResponse>> {
        Box::pin(async move { Ok(WhoamiResponse::default()) })
    }
}
