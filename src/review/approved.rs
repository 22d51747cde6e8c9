//! The proof that these very outputs and destinations were reviewed.

use sha2::{Digest as _, Sha256};

use super::approval::{Approval, REVIEW_SCHEMA_VERSION, Verdict};
use crate::error::{Error, Kind};
use crate::names;

/// Something review approved. There is no other way to make one than [`Approved::check`].
#[derive(Debug, Clone)]
pub struct Approved<T> {
    value: T,
    approval: Approval,
}

/// Why a value is not approved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotApproved {
    /// `review.json` is not what it should be.
    #[error("{file} is not valid: {0}", file = names::path::REVIEW)]
    Invalid(String),
    /// Review said no.
    #[error("review refused these outputs: {0}")]
    Refused(String),
    /// The approval is of other bytes.
    #[error("the approval is not of this {file}: it was given for sha256 {approved:.12}…, the file is {present:.12}…")]
    OtherBytes {
        /// Which file.
        file: &'static str,
        /// Hash the approval names.
        approved: String,
        /// Hash of the file.
        present: String,
    },
}

impl From<NotApproved> for Error {
    fn from(error: NotApproved) -> Self {
        Self::new(Kind::Refused, error.to_string()).hint("run `stagefreight review` on these outputs, then publish")
    }
}

impl<T> Approved<T> {
    /// Binds `value`, which was read from exactly these bytes, to its approval.
    pub fn check(value: T, outputs: &[u8], destinations: &[u8], review: &[u8]) -> Result<Self, NotApproved> {
        let approval: Approval = serde_json::from_slice(review).map_err(|error| NotApproved::Invalid(error.to_string()))?;
        if approval.schema_version != REVIEW_SCHEMA_VERSION {
            return Err(NotApproved::Invalid(format!(
                "schema version {:?}, this program knows \"{REVIEW_SCHEMA_VERSION}\"",
                approval.schema_version
            )));
        }
        if approval.verdict != Verdict::Approved {
            let first = approval.findings.iter().find(|finding| finding.severity == super::Severity::Refuse);
            return Err(NotApproved::Refused(first.map_or_else(|| "no reason recorded".to_owned(), |finding| finding.message.clone())));
        }
        let files = [
            (names::path::OUTPUTS, outputs, &approval.outputs_sha256),
            (names::path::DESTINATIONS, destinations, &approval.destinations_sha256),
        ];
        for (file, bytes, approved) in files {
            let present = sha256_hex(bytes);
            if present != *approved {
                return Err(NotApproved::OtherBytes { file, approved: approved.clone(), present });
            }
        }
        Ok(Self { value, approval })
    }

    /// What was approved.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// Adds to it what follows from its being approved, and from nothing else.
    pub fn extended<E>(mut self, f: impl FnOnce(&mut T, &Approval) -> Result<(), E>) -> Result<Self, E> {
        f(&mut self.value, &self.approval)?;
        Ok(self)
    }

    /// When, RFC 3339.
    pub fn reviewed_at(&self) -> &str {
        &self.approval.reviewed_at
    }
}

/// The hash an approval binds: lower-case hex SHA-256.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(verdict: Verdict, outputs: &[u8], destinations: &[u8]) -> Vec<u8> {
        let approval = Approval {
            schema_version: REVIEW_SCHEMA_VERSION.to_owned(),
            verdict,
            reviewed_at: "2026-07-01T12:00:00Z".to_owned(),
            outputs_sha256: sha256_hex(outputs),
            destinations_sha256: sha256_hex(destinations),
            commit: String::new(),
            verified: Vec::new(),
            findings: Vec::new(),
            basis: None,
        };
        serde_json::to_vec(&approval).expect("json")
    }

    #[test]
    fn binds_both_files_byte_for_byte() {
        let review = approval(Verdict::Approved, b"outputs", b"destinations");
        assert!(Approved::check((), b"outputs", b"destinations", &review).is_ok());
        let other = Approved::check((), b"outputs ", b"destinations", &review);
        assert!(matches!(other, Err(NotApproved::OtherBytes { file: names::path::OUTPUTS, .. })));
        let other = Approved::check((), b"outputs", b"", &review);
        assert!(matches!(other, Err(NotApproved::OtherBytes { file: names::path::DESTINATIONS, .. })));
    }

    #[test]
    fn an_approval_of_a_version_that_did_not_tell_its_basis_is_one() {
        let review = approval(Verdict::Approved, b"o", b"d");
        assert!(!String::from_utf8_lossy(&review).contains("basis"));
        let told = |(): &mut (), approval: &Approval| approval.basis.clone().map_or(Ok(()), Err);
        let approved = Approved::check((), b"o", b"d", &review).expect("approved");
        assert!(approved.extended(told).is_ok());
    }

    #[test]
    fn a_refusal_or_a_broken_file_approves_nothing() {
        let refused = approval(Verdict::Refused, b"o", b"d");
        assert!(matches!(Approved::check((), b"o", b"d", &refused), Err(NotApproved::Refused(_))));
        assert!(matches!(Approved::check((), b"o", b"d", b"{}"), Err(NotApproved::Invalid(_))));
        assert!(matches!(Approved::check((), b"o", b"d", b""), Err(NotApproved::Invalid(_))));
    }
}
