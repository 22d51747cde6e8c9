//! One file per command: it reads its inputs, calls the rooms, writes what they decided, and prints.

pub mod ci;
pub mod config;
pub mod copy;
pub mod manifest;
pub mod plan;
pub mod registry;
pub mod version;

use super::args::Command;
use super::session::Session;
use crate::error::Result;

/// Runs one command.
pub fn run(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::Plan => plan::run(session),
        Command::Ci(command) => ci::run(session, &command),
        Command::Copy(args) => copy::run(session, &args),
        Command::Config(command) => config::run(session, command),
        Command::Manifest(command) => manifest::run(session, command),
        Command::Registry(command) => registry::run(session, command),
        Command::Version => version::run(session),
    }
}
