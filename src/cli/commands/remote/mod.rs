//! `stagefreight remote …`: adapters, and what is pushed and pulled through them.

mod add;
mod auth;
mod conformance;
mod list;
mod lock;
mod pull;
mod push;

pub(in crate::cli) use add::Added;
pub(in crate::cli) use auth::{Login, Whoami};
pub(in crate::cli) use conformance::Examined;
pub(in crate::cli) use list::Listing;
pub(in crate::cli) use lock::Locked;
pub(in crate::cli) use pull::PulledPack;
pub(in crate::cli) use push::PushedPack;

use clap::Subcommand;

use crate::cli::session::Session;
use crate::error::Result;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum RemoteCommand {
    /// Write a remote into the config and pin its adapter
    Add(add::AddArgs),
    /// Pin adapters by digest in stagefreight.lock.yaml, and fetch those that are pinned and not here
    Lock(lock::LockArgs),
    /// Show how each remote's adapter stands: pinned, changed, missing
    List(list::ListArgs),
    /// Compare every adapter with stagefreight.lock.yaml
    Verify(list::VerifyArgs),
    /// Pin adapters anew, as they are now
    Update(lock::UpdateArgs),
    /// Push a file
    Push(push::PushArgs),
    /// Pull a pack
    Pull(pull::PullArgs),
    /// Show who we are at a remote
    Whoami(auth::AuthArgs),
    /// Begin a login at a remote
    Login(auth::AuthArgs),
    /// Examine a remote adapter: what it answers, and what it refuses
    ///
    /// Runs the adapter as a host does, pushes a file through it and pulls it back, and asks for what must not work.
    /// Exits with 0 when the level is reached, with 7 when it is not.
    Conformance(conformance::ConformanceArgs),
}

/// Runs it.
pub fn run(session: &Session, command: &RemoteCommand) -> Result<()> {
    match command {
        RemoteCommand::Add(args) => add::run(session, args),
        RemoteCommand::Lock(args) => lock::lock(session, args),
        RemoteCommand::List(args) => list::list(session, args),
        RemoteCommand::Verify(args) => list::verify(session, args),
        RemoteCommand::Update(args) => lock::update(session, args),
        RemoteCommand::Push(args) => push::run(session, args),
        RemoteCommand::Pull(args) => pull::run(session, args),
        RemoteCommand::Whoami(args) => auth::whoami(session, args),
        RemoteCommand::Login(args) => auth::login(session, args),
        RemoteCommand::Conformance(args) => conformance::run(session, args),
    }
}
