//! One method per command of the protocol.

use super::{Result, Settings};
use crate::core::BoxFuture;
use crate::remote::protocol::{
    Capabilities, ErrorCode, ErrorInfo, FinalizeRequest, FinalizeResponse, LoginResponse, PrepareRequest, PrepareResponse,
    PullFinalizeRequest, PullFinalizeResponse, PullPrepareRequest, PullPrepareResponse, RunsSyncRequest, RunsSyncResponse, WhoamiResponse,
};

/// What an adapter says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// Name without the prefix `epack-remote-`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The answer to `--capabilities`.
    pub capabilities: Capabilities,
}

/// A request that passed the checks of its envelope.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Id of the request.
    pub request_id: &'a str,
    /// What the config and the environment say to this adapter.
    pub settings: &'a Settings,
}

/// An adapter. Commands it does not declare in its features are refused before they get here.
pub trait Adapter: Send + Sync {
    /// What it says of itself. Never looks at config, environment or network.
    fn about(&self) -> About;

    /// Where shall the bytes go?
    fn push_prepare<'a>(&'a self, _asked: Asked<'a>, _request: PrepareRequest) -> BoxFuture<'a, Result<PrepareResponse>> {
        undeclared()
    }

    /// The bytes are there: make the release.
    fn push_finalize<'a>(&'a self, _asked: Asked<'a>, _request: FinalizeRequest) -> BoxFuture<'a, Result<FinalizeResponse>> {
        undeclared()
    }

    /// Where are the bytes?
    fn pull_prepare<'a>(&'a self, _asked: Asked<'a>, _request: PullPrepareRequest) -> BoxFuture<'a, Result<PullPrepareResponse>> {
        undeclared()
    }

    /// The bytes arrived and are what they should be.
    fn pull_finalize<'a>(&'a self, _asked: Asked<'a>, _request: PullFinalizeRequest) -> BoxFuture<'a, Result<PullFinalizeResponse>> {
        undeclared()
    }

    /// Take over records of runs.
    fn runs_sync<'a>(&'a self, _asked: Asked<'a>, _request: RunsSyncRequest) -> BoxFuture<'a, Result<RunsSyncResponse>> {
        undeclared()
    }

    /// Begin a device login.
    fn auth_login<'a>(&'a self, _asked: Asked<'a>) -> BoxFuture<'a, Result<LoginResponse>> {
        undeclared()
    }

    /// Who are we?
    fn auth_whoami<'a>(&'a self, _asked: Asked<'a>) -> BoxFuture<'a, Result<WhoamiResponse>> {
        undeclared()
    }
}

fn undeclared<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T>> {
    Box::pin(async { Err(ErrorInfo::new(ErrorCode::InvalidRequest, "this adapter does not know the command")) })
}
