//! What an adapter says of itself when asked `--capabilities`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `kind` of every remote adapter.
pub const REMOTE_ADAPTER: &str = "remote_adapter";

/// The whole answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Name without the prefix of the file name.
    #[serde(default)]
    pub name: String,
    /// [`REMOTE_ADAPTER`].
    #[serde(default)]
    pub kind: String,
    /// The highest protocol version it speaks. 0: it did not say.
    #[serde(default)]
    pub deploy_protocol_version: i64,
    /// Its own version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Which commands it answers.
    #[serde(default)]
    pub features: CapabilityFeatures,
    /// How it authenticates.
    #[serde(default)]
    pub auth: CapabilityAuth,
    /// What it bears.
    #[serde(default)]
    pub limits: CapabilityLimits,
    /// Whatever else it says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, Value>,
}

/// Which commands it answers. Absent means no.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapabilityFeatures {
    /// `push.prepare` and `push.finalize`.
    #[serde(default)]
    pub prepare_finalize: bool,
    /// It uploads by itself. Version 1 has no command for it: an adapter that does sends the bytes in `push.prepare` and
    /// answers `upload.method: "skip"`.
    #[serde(default)]
    pub direct_upload: bool,
    /// `pull.prepare` and `pull.finalize`.
    #[serde(default)]
    pub pull: bool,
    /// `runs.sync`.
    #[serde(default)]
    pub runs_sync: bool,
    /// `auth.login`.
    #[serde(default)]
    pub auth_login: bool,
    /// `auth.whoami`.
    #[serde(default)]
    pub whoami: bool,
    /// *Additive.* The same `idempotency_key` never makes a second release: `push.prepare` and `push.finalize` may be
    /// asked again after a crash, and answer with the release that exists.
    #[serde(default)]
    pub idempotent: bool,
    /// *Additive.* It takes `sidecars` in `push.prepare`.
    #[serde(default)]
    pub sidecars: bool,
}

/// How it authenticates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapabilityAuth {
    /// Ways to log in: see [`AuthMode`]. Unknown words are kept.
    #[serde(default)]
    pub modes: Vec<String>,
    /// Where it keeps tokens: `os_keychain`, `encrypted_file`, `env_var`.
    #[serde(default)]
    pub token_storage: Vec<String>,
}

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// A code typed into a web page.
    DeviceCode,
    /// A token of the CI's identity provider.
    OidcToken,
    /// A key.
    ApiKey,
}

impl AuthMode {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeviceCode => "device_code",
            Self::OidcToken => "oidc_token",
            Self::ApiKey => "api_key",
        }
    }
}

/// What it bears. 0 or absent: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapabilityLimits {
    /// Largest pack, in bytes.
    #[serde(default)]
    pub max_pack_bytes: i64,
    /// The same as the older kit spells it. Read when `max_pack_bytes` says nothing; not written by us unless set.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_pack_size: i64,
    /// Runs in one `runs.sync`.
    #[serde(default)]
    pub max_runs_per_sync: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference to the field")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl CapabilityLimits {
    /// Largest pack, in bytes; `None` without a limit.
    pub fn pack_bytes(&self) -> Option<u64> {
        [self.max_pack_bytes, self.max_pack_size].into_iter().filter_map(positive).min()
    }

    /// Runs in one `runs.sync`; `None` without a limit.
    pub fn runs_per_sync(&self) -> Option<usize> {
        positive(self.max_runs_per_sync).and_then(|count| usize::try_from(count).ok())
    }
}

fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}

impl Capabilities {
    /// Does it speak that version or a later one?
    pub fn supports_protocol(&self, version: i64) -> bool {
        self.deploy_protocol_version >= version
    }

    /// Does it know that way to log in?
    pub fn supports_auth_mode(&self, mode: AuthMode) -> bool {
        self.auth.modes.iter().any(|known| known == mode.name())
    }

    /// Does it answer that command?
    pub fn supports(&self, command: super::Command) -> bool {
        use super::Command as C;
        match command {
            C::PushPrepare | C::PushFinalize => self.features.prepare_finalize,
            C::PullPrepare | C::PullFinalize => self.features.pull,
            C::RunsSync => self.features.runs_sync,
            C::AuthLogin => self.features.auth_login,
            C::AuthWhoami => self.features.whoami,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_the_largest_pack_count() {
        let read = |text: &str| serde_json::from_str::<CapabilityLimits>(text).expect("limits");
        assert_eq!(read(r#"{"max_pack_size":5}"#).pack_bytes(), Some(5));
        assert_eq!(read(r#"{"max_pack_bytes":7,"max_pack_size":0}"#).pack_bytes(), Some(7));
        assert_eq!(read(r#"{"max_pack_bytes":7,"max_pack_size":5}"#).pack_bytes(), Some(5));
        assert_eq!(read("{}").pack_bytes(), None);
        assert_eq!(read(r#"{"max_pack_bytes":-1}"#).pack_bytes(), None);
    }

    #[test]
    fn what_is_not_declared_is_not_supported() {
        let capabilities: Capabilities = serde_json::from_str(r#"{"name":"x","features":{"pull":true}}"#).expect("capabilities");
        assert!(capabilities.supports(super::super::Command::PullPrepare));
        assert!(!capabilities.supports(super::super::Command::PushPrepare));
        assert!(!capabilities.supports_protocol(1));
    }
}
