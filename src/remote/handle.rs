//! One remote, ready to be used: its adapter is looked for, verified and asked what it can when it is first needed.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::executor::Executor;
use super::failure::{Failure, FailureKind};
use super::host::Host;
use super::lock::LockFile;
use super::protocol::{AuthHints, Capabilities, Command, TargetConfig};
use super::receipt::{AdapterReceipt, TargetReceipt};
use super::resolve::locate;
use super::transfer::{Rules, Transfer};
use super::verified::VerifiedAdapter;
use crate::core::RemoteSettings;
use crate::event::Event;
use crate::http::OnProgress;
use crate::names;

/// One remote.
#[derive(Debug)]
pub struct Remote {
    pub(super) host: Host,
    pub(super) settings: Arc<RemoteSettings>,
    executor: tokio::sync::OnceCell<Executor>,
}

impl Remote {
    /// From what the config says. Runs nothing.
    pub fn new(host: &Host, settings: RemoteSettings) -> Self {
        Self { host: host.clone(), settings: Arc::new(settings), executor: tokio::sync::OnceCell::new() }
    }

    /// What the config says.
    pub fn settings(&self) -> &RemoteSettings {
        &self.settings
    }

    /// What it is used from.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its adapter, verified.
    pub async fn executor(&self) -> Result<&Executor, Failure> {
        self.executor.get_or_try_init(|| self.prepare()).await
    }

    async fn prepare(&self) -> Result<Executor, Failure> {
        let (host, settings) = (&self.host, &self.settings);
        if host.world.env.is_true(names::env::STAGEFREIGHT_STRICT) && (settings.endpoint.is_some() || settings.auth_endpoint.is_some()) {
            let message = format!("remote `{}` names an endpoint of its own, which is refused here", settings.name);
            return Err(Failure::new(FailureKind::Usage, message).hint("STAGEFREIGHT_STRICT is set; leave `endpoint` out"));
        }
        let lock = LockFile::read(&host.workspace)
            .map_err(|error| Failure::new(FailureKind::Usage, error.message()).hint(error.hint_text().unwrap_or_default()))?;
        let located = locate(&host.world, &host.workspace, settings, &lock, host.policy)?;
        if located.pinned.is_none() {
            let text = format!("the adapter of remote `{}` is not pinned and runs all the same", settings.name);
            host.events.warn(text, Some("pin it: `stagefreight remote lock`".to_owned()));
        }
        let (env, scratch) = (host.world.env.clone(), host.workspace.join(names::path::ROOT));
        let copied = tokio::task::spawn_blocking(move || VerifiedAdapter::prepare(&located.path, located.pinned.as_ref(), &env, &scratch));
        let adapter =
            copied.await.unwrap_or_else(|_| Err(Failure::new(FailureKind::Interrupted, "interrupted while verifying the adapter")))?;
        Ok(Executor::new(&host.world, host.events.clone(), Arc::clone(settings), adapter, Arc::clone(&host.pace)))
    }

    /// What its adapter says it can.
    pub async fn capabilities(&self, cancel: &CancellationToken) -> Result<&Capabilities, Failure> {
        self.executor().await?.capabilities(cancel).await
    }

    /// Its adapter and what it can, when it can answer `command`.
    pub(super) async fn able(&self, command: Command, cancel: &CancellationToken) -> Result<(&Executor, &Capabilities), Failure> {
        let executor = self.executor().await?;
        let capabilities = executor.capabilities(cancel).await?;
        if !capabilities.supports(command) {
            let message = format!("the adapter of remote `{}` does not declare {command}", self.settings.name);
            return Err(Failure::new(FailureKind::Rejected, message).hint("use another adapter, or a version that can"));
        }
        Ok((executor, capabilities))
    }

    /// A fresh id for a request: a random UUID (RFC 9562, version 4).
    pub(super) fn request_id(&self) -> String {
        let mut bytes = [0; 16];
        self.host.world.random.fill(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = base16ct::lower::encode_string(&bytes);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// Where at the remote.
    pub(super) fn target(&self, workspace: Option<&str>, stream: Option<&str>) -> TargetConfig {
        TargetConfig {
            workspace: workspace.map(str::to_owned).or_else(|| self.settings.workspace.clone()),
            environment: self.settings.target_environment.clone(),
            stream: stream.map(str::to_owned),
        }
    }

    /// As whom, when the config says that. A token that is named and not set is an error.
    pub(super) fn identity(&self) -> Result<Option<AuthHints>, Failure> {
        let Some(identity) = &self.settings.identity else { return Ok(None) };
        let token = match &identity.token_env {
            Some(name) => Some(self.host.world.env.secret(name).ok_or_else(|| {
                let message = format!("{name} is not set; remote `{}` takes its token from it", self.settings.name);
                Failure::new(FailureKind::Credentials, message).hint(format!("export {name} in this job"))
            })?),
            None => None,
        };
        Ok(Some(AuthHints { mode: identity.mode.clone(), token, ..AuthHints::default() }))
    }

    /// How bytes travel.
    pub(super) fn transfer(&self, executor: &Executor) -> Transfer {
        Transfer { host: self.host.clone(), rules: Rules::of(&self.settings, &self.host.workspace), redactor: executor.redactor().clone() }
    }

    /// Tells of bytes that move, not for every piece.
    pub(super) fn progress(&self, label: &str, total: Option<u64>) -> OnProgress {
        use std::sync::atomic::{AtomicU64, Ordering};
        let (events, label, told) = (self.host.events.clone(), label.to_owned(), AtomicU64::new(0));
        let id = format!("{}:{label}", self.settings.name);
        let part = total.map_or(8 << 20, |total| (total / 50).max(1 << 20));
        Arc::new(move |done| {
            if done < told.load(Ordering::Relaxed).saturating_add(part) && Some(done) != total {
                return;
            }
            told.store(done, Ordering::Relaxed);
            events.emit(Event::Transfer { id: id.clone(), label: label.clone(), done, total });
        })
    }
}

/// Which adapter, as receipts say it.
pub(super) fn adapter_receipt(executor: &Executor, capabilities: &Capabilities) -> AdapterReceipt {
    let said = |text: &str| super::naming::printable(text, 200);
    AdapterReceipt {
        name: said(&capabilities.name),
        version: said(&capabilities.version),
        digest: executor.adapter().digest().to_string(),
        verified: executor.adapter().is_pinned(),
        idempotent: capabilities.features.idempotent,
    }
}

/// Where at the remote, as receipts say it.
pub(super) fn target_receipt(target: &TargetConfig) -> TargetReceipt {
    let TargetConfig { workspace, environment, stream } = target.clone();
    TargetReceipt { workspace, environment, stream }
}
