//! Logging in at a remote, and asking who we are there.

use tokio_util::sync::CancellationToken;

use super::executor::Ask;
use super::failure::Failure;
use super::handle::Remote;
use super::naming::printable;
use super::protocol::{Command, LoginRequest, WhoamiRequest, limits};

/// Who we are, as the remote sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// It knows us.
    pub authenticated: bool,
    /// As whom.
    pub subject: Option<String>,
    /// Who vouches for it.
    pub issuer: Option<String>,
    /// Until when.
    pub expires_at: Option<String>,
}

/// What to do to log in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instructions {
    /// The code to type.
    pub user_code: String,
    /// Where to type it.
    pub verification_uri: String,
    /// How long the code works, in seconds; 0 when the adapter does not say.
    pub expires_in_seconds: u64,
}

impl Remote {
    /// Who are we there? Not being logged in is an answer.
    pub async fn whoami(&self, cancel: &CancellationToken) -> Result<Identity, Failure> {
        let (executor, _) = self.able(Command::AuthWhoami, cancel).await?;
        let request_id = self.request_id();
        let answer = executor.ask(Ask { message: &WhoamiRequest {}, request_id: &request_id, repeatable: true }, cancel).await?;
        let said = |text: Option<String>| text.filter(|text| !text.is_empty()).map(|text| printable(&text, limits::MAX_TEXT));
        let identity = answer.identity;
        Ok(Identity {
            authenticated: identity.authenticated,
            subject: said(identity.subject),
            issuer: said(identity.issuer),
            expires_at: said(identity.expires_at),
        })
    }

    /// Begins a device login. The adapter notices by itself when it is done.
    pub async fn login(&self, cancel: &CancellationToken) -> Result<Instructions, Failure> {
        let (executor, _) = self.able(Command::AuthLogin, cancel).await?;
        let request_id = self.request_id();
        let answer = executor.ask(Ask { message: &LoginRequest {}, request_id: &request_id, repeatable: false }, cancel).await?;
        Ok(Instructions {
            user_code: printable(&answer.instructions.user_code, 200),
            verification_uri: printable(&answer.instructions.verification_uri, limits::MAX_TEXT),
            expires_in_seconds: u64::try_from(answer.instructions.expires_in_seconds).unwrap_or(0),
        })
    }
}
