//! The receipt of a push while it goes on.

use crate::remote::failure::Failure;
use crate::remote::handle::Remote;
use crate::remote::receipt::{Found, PushReceipt, PushStatus};

/// The receipt, on disk in every state that matters.
#[derive(Debug)]
pub(super) struct Record<'r> {
    remote: &'r Remote,
    /// Where it lies.
    pub path: String,
    /// What it says.
    pub receipt: PushReceipt,
    // A release was asked for by an earlier attempt: until the answer is known, nothing may say otherwise.
    unsettled: bool,
}

impl<'r> Record<'r> {
    /// Goes on with the receipt of an earlier attempt, or begins a new one, before anything is sent.
    pub fn begin(remote: &'r Remote, earlier: Option<Found<PushReceipt>>, mut receipt: PushReceipt) -> Result<Self, Failure> {
        let now = remote.host.now();
        let Some(Found { path, receipt: known }) = earlier else {
            let path = remote.host.receipts.create_push(&mut receipt, now)?;
            return Ok(Self { remote, path, receipt, unsettled: false });
        };
        let unsettled = known.status == PushStatus::Finalizing;
        receipt.created_at = known.created_at;
        receipt.request_ids = known.request_ids;
        receipt.status = if unsettled { PushStatus::Finalizing } else { PushStatus::Begun };
        remote.host.receipts.update(&path, &mut receipt, now)?;
        Ok(Self { remote, path, receipt, unsettled })
    }

    /// Goes on with a receipt as it is.
    pub fn of(remote: &'r Remote, found: Found<PushReceipt>) -> Self {
        let unsettled = found.receipt.status == PushStatus::Finalizing;
        Self { remote, path: found.path, receipt: found.receipt, unsettled }
    }

    /// The id of a request: that of an earlier attempt where there was one, because a repeated question must look the same.
    pub fn request_id(&mut self, command: &str) -> String {
        let fresh = || self.remote.request_id();
        self.receipt.request_ids.entry(command.to_owned()).or_insert_with(fresh).clone()
    }

    /// Moves on, on disk before this returns.
    pub fn set(&mut self, status: PushStatus) -> Result<(), Failure> {
        if status == PushStatus::Released {
            self.unsettled = false;
        }
        self.receipt.status = if self.unsettled { PushStatus::Finalizing } else { status };
        self.save()
    }

    /// Writes down that it failed, with the state that is known for certain.
    pub fn fail(&mut self, failure: &Failure, status: PushStatus) {
        self.receipt.error = Some(failure.message.clone());
        if self.set(status).is_err() {
            let text = format!("the receipt {} could not be completed; it still says `{}`", self.path, self.receipt.status.name());
            self.remote.host.events.warn(text, None);
        }
    }

    /// Writes it.
    pub fn save(&mut self) -> Result<(), Failure> {
        self.remote.host.receipts.update(&self.path, &mut self.receipt, self.remote.host.now())
    }
}
