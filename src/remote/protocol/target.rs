//! Where at the remote, and as whom.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::core::Secret;

/// Where at the remote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetConfig {
    /// Workspace of the remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Environment of the remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Stream the pack belongs to, such as `acme/app`. Not sent with a pull.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
}

/// As whom. Only sent when it is configured: old adapters expect a text here and refuse an object.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AuthHints {
    /// `oidc_token`, `api_key`, `device_code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// A token of the CI's identity provider.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "token")]
    pub token: Option<Secret>,
    /// What the token says, where the sender knows it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
}

/// The one place a secret is written: into the request on an adapter's standard input.
mod token {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Secret;

    #[expect(clippy::ref_option, reason = "serde's `with` passes a reference to the field")]
    pub(super) fn serialize<S: Serializer>(token: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
        match token {
            Some(token) => serializer.serialize_some(token.expose()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}
