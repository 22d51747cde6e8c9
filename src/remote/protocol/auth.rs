//! `auth.login` and `auth.whoami`.

use serde::{Deserialize, Serialize};

use super::{Command, Message};

/// Begins a device login. Version 1 has no message for its end: the adapter finishes it on its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LoginRequest {}

/// What the person in front of the screen must do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginResponse {
    /// The instructions.
    pub instructions: LoginInstructions,
}

/// Type this there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginInstructions {
    /// The code to type.
    pub user_code: String,
    /// Where to type it.
    pub verification_uri: String,
    /// How long the code works, in seconds.
    #[serde(default)]
    pub expires_in_seconds: i64,
}

/// Asks who we are. Not being logged in is an answer, not a failure.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct WhoamiRequest {}

/// Who we are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoamiResponse {
    /// The identity.
    pub identity: WhoamiIdentity,
}

/// Who we are, as the remote sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoamiIdentity {
    /// It knows us.
    pub authenticated: bool,
    /// As whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Who vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Until when, RFC 3339.
    #[serde(default, skip_serializing_if = "super::pack::is_blank")]
    pub expires_at: Option<String>,
}

impl Message for LoginRequest {
    const COMMAND: Command = Command::AuthLogin;
    type Response = LoginResponse;
}

impl Message for WhoamiRequest {
    const COMMAND: Command = Command::AuthWhoami;
    type Response = WhoamiResponse;
}
