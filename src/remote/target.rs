//! A remote as a place to publish to: the implementation of `publish`'s ports. Adapters of version 1 cannot be asked what is
//! there, so the receipts say it: none, and the bytes are placed; one that waits for an answer, and it is asked again or
//! stopped at; one of a release, and there is nothing to do.

use std::path::Path;
use std::sync::Arc;

use super::executor::Ask;
use super::failure::{Failure, FailureKind};
use super::handle::Remote;
use super::protocol::{Command, PackRef, PullPrepareRequest};
use super::push::{self, PushOrder};
use super::receipt::PushStatus;
use crate::core::{BoxFuture, Digest, RemoteRelease};
use crate::error::{Error, Kind};
use crate::manifest::Destination;
use crate::publish::{
    ApprovedArtifact, Content, Cx, Depth, Inquiry, Observation, PlaceError, PlaceErrorKind, Placed, Preflight, Problem, Reading, Stage,
    Step, StepName, Target, Verified, VerifyError,
};

/// One remote of the config.
#[derive(Debug)]
pub struct RemoteTarget {
    name: String,
    remote: Arc<Remote>,
}

impl RemoteTarget {
    /// A target of this name.
    pub fn new(name: &str, remote: Remote) -> Self {
        Self { name: name.to_owned(), remote: Arc::new(remote) }
    }
}

impl Target for RemoteTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn preflight<'a>(&'a self, cx: &'a Cx, _: Inquiry) -> BoxFuture<'a, Preflight> {
        Box::pin(async move {
            let mut found = Preflight::default();
            match self.look(cx).await {
                Ok(checked) => found.checked.extend(checked),
                Err(failure) => {
                    let error = Error::from(failure);
                    let kind = if error.kind() == Kind::Missing { Kind::Missing } else { Kind::Failed };
                    found.problems.push(Problem { kind, message: error.message().to_owned(), hint: error.hint_text().map(str::to_owned) });
                }
            }
            found
        })
    }

    fn bind(&self, artifact: &ApprovedArtifact) -> Vec<Box<dyn Step>> {
        let step = |destination: &Destination| -> Box<dyn Step> {
            Box::new(ReleaseStep {
                name: StepName(format!("release:{}", destination.name)),
                destination: destination.name.clone(),
                remote: Arc::clone(&self.remote),
                order: order(artifact, destination),
                digest: artifact.digest.clone(),
            })
        };
        artifact.destinations.iter().map(step).collect()
    }

    fn read<'a>(&'a self, cx: &'a Cx, destination: &'a Destination, _: Depth) -> BoxFuture<'a, Result<Reading, PlaceError>> {
        Box::pin(async move { self.look_for(cx, destination).await.map_err(PlaceError::from) })
    }

    fn fetch<'a>(&'a self, _: &'a Cx, at: &'a Destination, _: &'a Digest, _: &'a Path) -> BoxFuture<'a, Result<(), PlaceError>> {
        Box::pin(async move {
            Err(PlaceError {
                kind: PlaceErrorKind::Rejected,
                message: format!("{} holds a file, and images are fetched from registries", at.name),
                hint: None,
            })
        })
    }
}

impl RemoteTarget {
    // Its adapter runs, speaks our language, and knows us where it can tell.
    async fn look(&self, cx: &Cx) -> Result<Vec<String>, Failure> {
        let (executor, capabilities) = self.remote.able(Command::PushPrepare, &cx.cancel).await?;
        self.remote.identity()?;
        let version = if capabilities.version.is_empty() { String::new() } else { format!(" {}", capabilities.version) };
        let adapter = format!("adapter {}{} ({})", executor.adapter().file_name(), version, executor.adapter().digest().short());
        let mut checked = vec![super::printable(&adapter, 200)];
        if capabilities.features.whoami {
            let identity = self.remote.whoami(&cx.cancel).await?;
            if !identity.authenticated {
                let name = &self.remote.settings().name;
                return Err(Failure::new(FailureKind::Credentials, format!("remote `{name}` does not know us"))
                    .hint(format!("set the variables of `remotes.{name}.secrets`, or log in: `stagefreight remote login {name}`")));
            }
            checked.push(format!("logged in as {}", identity.subject.unwrap_or_else(|| "somebody".to_owned())));
        }
        Ok(checked)
    }

    // Adapters that can pull are asked; for others the receipts answer.
    async fn look_for(&self, cx: &Cx, destination: &Destination) -> Result<Reading, Failure> {
        let Ok(digest) = destination.digest.parse::<Digest>() else { return Ok(Reading::default()) };
        let remote = &*self.remote;
        let there = |version: Option<String>| Reading { digest: Some(digest.clone()), version, ..Reading::default() };
        let executor = remote.executor().await?;
        if executor.capabilities(&cx.cancel).await?.features.pull {
            let request = PullPrepareRequest {
                remote: remote.settings().name.clone(),
                target: remote.target(None, None),
                pack_ref: PackRef::digest(digest.as_str()),
                identity: remote.identity()?,
            };
            let request_id = remote.request_id();
            return match executor.ask(Ask { message: &request, request_id: &request_id, repeatable: true }, &cx.cancel).await {
                Ok(answer) => Ok(Reading { digest: answer.pack.digest.parse().ok(), version: answer.pack.version, ..Reading::default() }),
                Err(failure) if failure.kind == FailureKind::NotFound => Ok(Reading::default()),
                Err(failure) => Err(failure),
            };
        }
        let key = push::key_of(remote, &order_of(destination), &digest);
        let found = remote.host().receipts.find(&remote.settings().name, &key)?;
        let released = found.filter(|found| found.receipt.status == PushStatus::Released);
        Ok(released.map(|found| there(found.receipt.sent.version)).unwrap_or_default())
    }
}

/// One file that must be a release at a remote.
#[derive(Debug)]
struct ReleaseStep {
    name: StepName,
    destination: String,
    remote: Arc<Remote>,
    order: Result<PushOrder, Failure>,
    digest: Digest,
}

impl Step for ReleaseStep {
    fn name(&self) -> &StepName {
        &self.name
    }

    // What it makes is visible and cannot be taken back.
    fn stage(&self) -> Stage {
        Stage::Visible
    }

    fn needs(&self) -> &[StepName] {
        &[]
    }

    fn destination(&self) -> Option<&str> {
        Some(&self.destination)
    }

    fn observe<'a>(&'a self, _: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move { self.look().unwrap_or_else(|failure| Observation::Unknown(failure.into())) })
    }

    fn place<'a>(&'a self, cx: &'a Cx, _: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move {
            let order = self.order.as_ref().map_err(|failure| PlaceError::from(failure.clone()))?;
            let pushed = push::push(&self.remote, order, &cx.cancel).await.map_err(PlaceError::from)?;
            let writes = u64::from(pushed.sent > 0) + u64::from(!pushed.already);
            Ok(Placed { digest: Some(self.digest.clone()), sent: pushed.sent, writes, ..Placed::default() })
        })
    }

    fn verify<'a>(&'a self, _: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        Box::pin(async move {
            match self.look() {
                Ok(Observation::Complete { digest }) => Ok(Verified { digest, by: "receipt".to_owned() }),
                Ok(_) => Err(VerifyError::Mismatch { expected: self.digest.to_string(), found: "no receipt".to_owned() }),
                Err(failure) => Err(VerifyError::Unreadable(failure.into())),
            }
        })
    }
}

impl ReleaseStep {
    // What the receipts say. Nothing is asked of the adapter: it could not answer.
    fn look(&self) -> Result<Observation, Failure> {
        let order = self.order.as_ref().map_err(Clone::clone)?;
        let key = push::key_of(&self.remote, order, &self.digest);
        let found = self.remote.host().receipts.find(&self.remote.settings().name, &key)?;
        let Some(found) = found else { return Ok(Observation::Absent) };
        let incomplete = |missing: &str| Observation::Partial { missing: missing.to_owned() };
        Ok(match found.receipt.status {
            PushStatus::Released if found.receipt.runs.failed.is_empty() || !self.remote.settings().runs.require_success => {
                Observation::Complete { digest: Some(self.digest.clone()) }
            }
            PushStatus::Released => incomplete("the release is there, and records of runs are not"),
            PushStatus::Finalizing if push::is_stuck(&found.receipt) => {
                Observation::Unknown(push::unsettled(&found.path, &found.receipt).into())
            }
            PushStatus::Finalizing => incomplete("a release was asked for and its answer is not known"),
            PushStatus::Begun | PushStatus::Uploaded | PushStatus::Failed => incomplete("a push began and made no release"),
        })
    }
}

fn order(artifact: &ApprovedArtifact, destination: &Destination) -> Result<PushOrder, Failure> {
    let Content::File(file) = &artifact.content else {
        return Err(Failure::new(FailureKind::Usage, format!("{} is an image, and remotes hold files", artifact.id)));
    };
    let order = order_of(destination);
    let name = if order.name.is_empty() { file.name.clone() } else { order.name.clone() };
    Ok(PushOrder {
        path: file.path.clone(),
        name,
        known: Some(artifact.digest.clone()),
        revision: Some(artifact.revision.clone()).filter(|revision| !revision.is_empty()),
        ..order
    })
}

// What the destinations file says of it, without the bytes.
fn order_of(destination: &Destination) -> PushOrder {
    let settings = destination.settings.clone().and_then(|settings| serde_json::from_value::<RemoteRelease>(settings).ok());
    let RemoteRelease { file, labels, notes, channel, prerelease, checksums } = settings.unwrap_or_default();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    PushOrder {
        name: file,
        stream: some(&destination.path),
        version: some(&destination.tag),
        channel,
        prerelease,
        labels,
        notes,
        checksums,
        ..PushOrder::default()
    }
}
