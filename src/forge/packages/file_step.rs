//! The step that brings one file: one that was built, or a small document about those.

use std::sync::Arc;

use super::host::{At, FileHost, Held};
use super::target::READ_BY;
use crate::core::{BoxFuture, Digest};
use crate::forge::asset::AssetSource;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::publish::{Cx, Observation, PlaceError, Placed, Stage, Step, StepName, Verified, VerifyError};

/// How often one file is sent when it is not clear what became of it.
const MOST_ATTEMPTS: u64 = 4;

pub(super) struct FileStep {
    host: Arc<dyn FileHost>,
    at: At,
    source: AssetSource,
    // Its bytes, when it lies on no disk.
    document: Option<Vec<u8>>,
    name: StepName,
    destination: String,
    needs: Vec<StepName>,
}

impl FileStep {
    pub(super) fn new(host: Arc<dyn FileHost>, at: At, source: AssetSource, destination: &str) -> Self {
        Self {
            name: step_name(destination, &source.sha256),
            host,
            at,
            source,
            document: None,
            destination: destination.to_owned(),
            needs: Vec::new(),
        }
    }

    /// A document that is sent after the files it tells of.
    pub(super) fn of_document(host: Arc<dyn FileHost>, at: At, bytes: Vec<u8>, destination: &str, needs: Vec<StepName>) -> Self {
        let source = AssetSource {
            name: at.file.clone(),
            path: std::path::PathBuf::new(),
            size: bytes.len() as u64,
            sha256: Digest::of(&bytes),
            media_type: "application/json".to_owned(),
        };
        Self { document: Some(bytes), needs, ..Self::new(host, at, source, destination) }
    }

    async fn send(&self, over: bool, cx: &Cx) -> Result<(), ForgeError> {
        let Some(document) = &self.document else { return self.host.send(&self.at, &self.source, over, &cx.cancel).await };
        let held = if over { self.host.document(&self.at, &cx.cancel).await? } else { None };
        self.host.write(&self.at, document.clone(), held.as_ref(), &cx.cancel).await
    }

    async fn observed(&self, cx: &Cx) -> Result<Observation, ForgeError> {
        let Some(held) = self.host.look(&self.at, &cx.cancel).await? else { return Ok(Observation::Absent) };
        if self.holds(&held, cx).await? {
            return Ok(Observation::Complete { digest: Some(self.source.sha256.clone()) });
        }
        Ok(Observation::Diverged {
            found: describe(&held),
            about: None,
            may_move: false,
            why: "a file of a version is not replaced".to_owned(),
            unjudged: false,
        })
    }

    /// Does it hold our bytes? Where the place tells no digest and the length agrees, what is there is read and hashed,
    /// unless an earlier run brought it and read it back.
    async fn holds(&self, held: &Held, cx: &Cx) -> Result<bool, ForgeError> {
        match (&held.sha256, held.size) {
            (Some(theirs), _) => Ok(*theirs == self.source.sha256),
            (None, Some(size)) if size != self.source.size => Ok(false),
            _ if cx.completed.contains(&self.name.0) => Ok(true),
            _ => Ok(self.host.hash(&self.at, self.source.size, &cx.cancel).await? == Some(self.source.sha256.clone())),
        }
    }

    async fn placed(&self, cx: &Cx, found: &Observation) -> Result<Placed, ForgeError> {
        let over = matches!(found, Observation::Diverged { .. });
        let moved_from = match found {
            Observation::Diverged { found, .. } => Some(found.clone()),
            _ => None,
        };
        let mut writes = 0;
        loop {
            writes += 1;
            let failure = match self.send(over, cx).await {
                Ok(()) => break,
                Err(error) if is_unsettled(&error) => error,
                Err(error) => return Err(error),
            };
            // Neither yes nor no: what is there decides.
            match self.host.look(&self.at, &cx.cancel).await? {
                Some(held) if self.holds(&held, cx).await? => break,
                Some(held) if !over => {
                    let text = format!("{} holds {}, and {} was to be there", self.destination, describe(&held), self.source.sha256);
                    return Err(ForgeError::new(ForgeErrorKind::Conflict, text)
                        .hint("a file of a version is not replaced: release a new version, or remove it there if it is wrong"));
                }
                _ if writes == MOST_ATTEMPTS => return Err(ForgeError { kind: ForgeErrorKind::Unavailable, ..failure }),
                _ => {}
            }
            tokio::select! {
                () = tokio::time::sleep(std::time::Duration::from_millis(100 << writes)) => {}
                () = cx.cancel.cancelled() => return Err(ForgeError::new(ForgeErrorKind::Cancelled, "interrupted")),
            }
        }
        Ok(Placed { digest: Some(self.source.sha256.clone()), sent: self.source.size, reused: 0, writes, moved_from })
    }
}

/// The step that brings these bytes to a file's destination, for those who need it. What an earlier run brought counts for
/// the bytes it brought.
pub(super) fn step_name(destination: &str, sha256: &Digest) -> StepName {
    StepName(format!("file:{destination}@{}", sha256.short()))
}

/// What people are told of a file.
pub(super) fn describe(held: &Held) -> String {
    match (&held.sha256, held.size) {
        (Some(digest), _) => digest.to_string(),
        (None, Some(size)) => format!("{size} bytes of unknown digest"),
        (None, None) => "bytes it tells nothing of".to_owned(),
    }
}

/// Looking tells what became of it.
pub(super) fn is_unsettled(error: &ForgeError) -> bool {
    matches!(error.kind, ForgeErrorKind::Ambiguous | ForgeErrorKind::Exists | ForgeErrorKind::Unavailable)
}

impl Step for FileStep {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        if self.document.is_some() { Stage::Evidence } else { Stage::Bytes }
    }

    fn needs(&self) -> &[StepName] {
        &self.needs
    }

    fn destination(&self) -> Option<&str> {
        Some(&self.destination)
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move { self.observed(cx).await.unwrap_or_else(|error| Observation::Unknown(error.into())) })
    }

    fn place<'a>(&'a self, cx: &'a Cx, found: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move { Ok(self.placed(cx, found).await?) })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        Box::pin(async move {
            let expected = || self.source.sha256.to_string();
            match self.host.look(&self.at, &cx.cancel).await {
                Ok(None) => Err(VerifyError::Mismatch { expected: expected(), found: "nothing".to_owned() }),
                Ok(Some(held)) => {
                    let other = held.sha256.as_ref().is_some_and(|theirs| *theirs != self.source.sha256)
                        || held.size.is_some_and(|size| size != self.source.size);
                    if other {
                        return Err(VerifyError::Mismatch { expected: expected(), found: describe(&held) });
                    }
                    // Without a digest the length is what the place confirms; `verify --deep` reads it back.
                    let digest: Option<Digest> = Some(self.source.sha256.clone());
                    Ok(Verified { digest, by: READ_BY.to_owned() })
                }
                Err(error) => Err(VerifyError::Unreadable(error.into())),
            }
        })
    }
}
