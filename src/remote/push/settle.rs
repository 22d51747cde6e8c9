//! A person looked at the remote and says whether a release was made that nobody heard of.

use crate::core::Timestamp;
use crate::remote::failure::{Failure, FailureKind};
use crate::remote::receipt::{AnyReceipt, PushReceipt, PushStatus, Receipts, ReleaseReceipt};

/// What was seen at the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The release is there, with this id.
    Released(String),
    /// No release is there.
    NotReleased,
}

/// Writes down what was seen, into a receipt that waits for an answer.
pub fn settle(receipts: &Receipts, path: &str, settlement: Settlement, now: Timestamp) -> Result<PushReceipt, Failure> {
    let AnyReceipt::Push(mut receipt) = receipts.read(path)? else {
        return Err(Failure::new(FailureKind::Usage, format!("{path} is the receipt of a pull")));
    };
    if receipt.status != PushStatus::Finalizing {
        let message = format!("{path} waits for no answer: its push is {}", receipt.status.name());
        return Err(Failure::new(FailureKind::Usage, message).hint("only a push that asked for a release and got no answer is settled"));
    }
    match settlement {
        Settlement::Released(release_id) => {
            receipt.status = PushStatus::Released;
            receipt.error = None;
            receipt.release = Some(ReleaseReceipt {
                release_id,
                pack_digest: receipt.pack.file_digest.clone(),
                created_at: String::new(),
                canonical_ref: String::new(),
                settled_by_hand: true,
            });
        }
        Settlement::NotReleased => receipt.status = PushStatus::Failed,
    }
    receipts.update(path, &mut receipt, now)?;
    Ok(*receipt)
}
