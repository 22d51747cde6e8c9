//! `finalize_token`: what `push.prepare` and `pull.prepare` decided, carried by the host, because it sends little of it
//! again and a process ends with each answer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Record, Result};
use crate::core::Digest;
use crate::remote::protocol::{ErrorCode, ErrorInfo, limits};

/// A push that was prepared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The release it will be.
    pub record: Record,
    /// Names its uploads.
    pub upload: String,
}

/// A pull that was prepared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Hash of the bytes.
    pub digest: Digest,
    /// Their release.
    pub release_id: String,
}

/// What can be carried.
pub trait Token: Serialize + DeserializeOwned {
    /// Begins its text, and says which of them it is.
    const KIND: &'static str;

    /// As text: its kind, its content, and a checksum that tells a token of this adapter from any other text.
    fn seal(&self, adapter: &str) -> Result<String> {
        let content = serde_json::to_vec(self).unwrap_or_default();
        let text = format!("{}.{}.{}", Self::KIND, URL_SAFE_NO_PAD.encode(&content), checksum(adapter, Self::KIND, &content));
        if text.len() > limits::MAX_TOKEN {
            return Err(ErrorInfo::new(ErrorCode::InvalidRequest, "the release says more than a token can carry: shorten its notes"));
        }
        Ok(text)
    }

    /// From text.
    fn open(text: &str, adapter: &str) -> Result<Self> {
        let unknown = || ErrorInfo::new(ErrorCode::NotFound, "finalize_token is not one this adapter gave out for this command");
        let mut parts = text.splitn(3, '.');
        let (Some(kind), Some(content), Some(sum)) = (parts.next(), parts.next(), parts.next()) else { return Err(unknown()) };
        let content = URL_SAFE_NO_PAD.decode(content).map_err(|_| unknown())?;
        if kind != Self::KIND || sum != checksum(adapter, kind, &content) {
            return Err(unknown());
        }
        serde_json::from_slice(&content).map_err(|_| unknown())
    }
}

impl Token for Draft {
    const KIND: &'static str = "push1";
}

impl Token for Ticket {
    const KIND: &'static str = "pull1";
}

fn checksum(adapter: &str, kind: &str, content: &[u8]) -> String {
    super::record::hash(&(adapter, kind, Digest::of(content).as_str()), 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_of_the_same_adapter_and_command_are_read() {
        let ticket = Ticket { digest: Digest::of(b"x"), release_id: "rel_1".to_owned() };
        let text = ticket.seal("fs").expect("token");
        assert_eq!(Ticket::open(&text, "fs").expect("ours"), ticket);
        assert!(Ticket::open(&text, "s3").is_err());
        assert!(Draft::open(&text, "fs").is_err());
        for bad in
            ["test-token", "", "pull1", "pull1..", "pull1.e30.0000000000000000", &text[..text.len() - 1], &text.replace("pull1", "push1")]
        {
            assert!(Ticket::open(bad, "fs").is_err_and(|error| error.code == "not_found"), "{bad}");
        }
    }
}
