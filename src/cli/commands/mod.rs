//! One file per command: it reads its inputs, calls the rooms, writes what they decided, and prints.

pub mod builder;
pub mod cache;
pub mod check;
pub mod ci;
pub mod cleanup;
pub mod completions;
pub mod config;
pub mod copy;
pub mod diff;
pub mod init;
pub mod inspect;
pub(in crate::cli) mod inspected;
mod inspected_screen;
pub mod inventory;
pub mod ls;
pub mod manifest;
pub mod merge;
pub mod mirror;
pub mod notes;
pub mod perform;
pub mod plan;
pub mod preflight;
pub mod publish;
pub mod pull;
pub mod receipt;
pub mod registry;
pub mod release;
pub mod remote;
pub mod review;
pub mod status;
pub mod store;
pub mod verify;
pub mod version;

use super::args::Command;
use super::session::Session;
use crate::error::Result;

/// Runs one command.
pub fn run(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::Builder(command) => builder::run(session, &command),
        Command::Plan => plan::run(session),
        Command::Cache(command) => cache::run(session, &command),
        Command::Ci(command) => ci::run(session, &command),
        Command::Cleanup(args) => cleanup::run(session, &args),
        Command::Copy(args) => copy::run(session, &args),
        Command::Pull(args) => pull::run(session, &args),
        Command::Mirror(args) => mirror::run(session, &args),
        Command::Diff(args) => diff::run(session, &args),
        Command::Ls(args) => ls::run(session, &args),
        Command::Check(args) => check::run(session, &args),
        Command::Preflight(args) => preflight::run(session, &args),
        Command::Perform(args) => perform::run(session, &args),
        Command::Merge(args) => merge::run(session, &args),
        Command::Review(args) => review::run(session, &args),
        Command::Publish(args) => publish::run(session, &args),
        Command::Verify(args) => verify::run(session, &args),
        Command::Status(args) => status::run(session, &args),
        Command::Store(command) => store::run(session, command),
        Command::Completions(args) => completions::run(session, &args),
        Command::Init(args) => init::run(session, &args),
        Command::Inspect(args) => inspect::run(session, &args),
        Command::Inventory(args) => inventory::run(session, &args),
        Command::Config(command) => config::run(session, command),
        Command::Manifest(command) => manifest::run(session, command),
        Command::Registry(command) => registry::run(session, command),
        Command::Remote(command) => remote::run(session, &command),
        Command::Receipt(command) => receipt::run(session, &command),
        Command::Release(command) => release::run(session, &command),
        Command::Notes(command) => notes::run(session, &command),
        Command::Version => version::run(session),
    }
}
