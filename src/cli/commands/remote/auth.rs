//! `stagefreight remote whoami|login`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::remotes::{self, RemoteOptions};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::remote::Remote;

/// Which remote.
#[derive(Debug, Args)]
pub struct AuthArgs {
    /// Name of the remote
    #[arg(value_name = "REMOTE")]
    name: String,
    #[command(flatten)]
    options: RemoteOptions,
}

/// Who we are at a remote.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Whoami {
    /// The remote.
    remote: String,
    /// It knows us.
    authenticated: bool,
    /// As whom.
    subject: Option<String>,
    /// Who vouches for it.
    issuer: Option<String>,
    /// Until when.
    expires_at: Option<String>,
}

/// What to do to log in.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Login {
    /// The remote.
    remote: String,
    /// The code to type.
    user_code: String,
    /// Where to type it.
    verification_uri: String,
    /// How long the code works, in seconds; 0 when the adapter does not say.
    expires_in_seconds: u64,
}

/// Asks who we are.
pub fn whoami(session: &Session, args: &AuthArgs) -> Result<()> {
    let remote = Remote::new(&remotes::host(session, &args.options)?, remotes::one(session, &args.name, &args.options)?);
    let identity = session.block_on(async { Ok(remote.whoami(&session.cancel).await?) })?;
    let whoami = Whoami {
        remote: args.name.clone(),
        authenticated: identity.authenticated,
        subject: identity.subject,
        issuer: identity.issuer,
        expires_at: identity.expires_at,
    };
    session.print(&whoami, |whoami| match (&whoami.subject, whoami.authenticated) {
        (Some(subject), true) => format!("{subject}\n"),
        (None, true) => "logged in\n".to_owned(),
        (_, false) => "not logged in\n".to_owned(),
    })?;
    if whoami.authenticated {
        return Ok(());
    }
    let hint = format!("set the variables of `remotes.{0}.secrets`, or `stagefreight remote login {0}`", args.name);
    Err(Error::missing(format!("remote `{}` does not know us", args.name)).hint(hint))
}

/// Begins a login.
pub fn login(session: &Session, args: &AuthArgs) -> Result<()> {
    let remote = Remote::new(&remotes::host(session, &args.options)?, remotes::one(session, &args.name, &args.options)?);
    let instructions = session.block_on(async { Ok(remote.login(&session.cancel).await?) })?;
    let login = Login {
        remote: args.name.clone(),
        user_code: instructions.user_code,
        verification_uri: instructions.verification_uri,
        expires_in_seconds: instructions.expires_in_seconds,
    };
    session.print(&login, |login| {
        let time = match login.expires_in_seconds {
            0 => String::new(),
            seconds => format!(" within {}", crate::core::duration::human(std::time::Duration::from_secs(seconds))),
        };
        format!("open {} and type {}{time}\n", login.verification_uri, login.user_code)
    })
}
