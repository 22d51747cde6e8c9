//! How one server is to be treated: what the config says, carried to the job that talks to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a config says of a server beside its address. Everything absent means: as the program decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostOptions {
    /// Prefix of the variables that hold a client certificate; never the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Most requests at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Most requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// Retries of one operation, over all its requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
}

impl HostOptions {
    /// Nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
