//! The command line: arguments, the composition root (`wire`), one file per command. Uses every room; none uses it.

pub mod args;
pub mod check;
pub mod cleanup;
pub mod commands;
pub mod components;
pub mod copying;
pub mod dist;
mod document;
pub mod files;
pub mod forges;
pub mod gather;
pub mod init;
pub mod lineage;
mod load;
pub mod notes;
pub mod perform;
pub mod phases;
pub mod pipeline;
mod placed;
mod preflight;
pub mod publish;
pub mod readback;
mod rehearsed;
pub mod releases;
pub mod remotes;
pub mod rendered;
mod review;
pub mod schemas;
pub mod session;
mod store_open;
pub mod tidy;
mod verification;
pub mod wire;

pub use args::{Cli, Command};
pub use session::{OutputFormat, Session};

use clap::Parser as _;

use crate::error::{Error, Kind};
use crate::world::World;

/// Runs one command line (without the program's name) to its exit code.
pub fn run(world: World, args: impl IntoIterator<Item = String>) -> u8 {
    let args = std::iter::once("stagefreight".to_owned()).chain(args);
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return print_usage(&world, &error),
    };
    let session = match Session::new(world, &cli.global) {
        Ok(session) => session,
        Err((world, error)) => return print_error(&world, &error),
    };
    match commands::run(&session, cli.command) {
        Ok(()) => 0,
        Err(error) => {
            session.finish();
            // Rooms know that they were stopped, the session knows by which signal.
            let stopped = error.kind() == Kind::Terminated;
            let error = if stopped { error.with_kind(session.interruption()) } else { error };
            print_error(&session.world, &error)
        }
    }
}

/// Prints `error: …`, its detail, the excerpt and the hint, and gives the exit code.
fn print_error(world: &World, error: &Error) -> u8 {
    let redactor = world.env.redactor();
    let code = error.kind().exit_code();
    let mut text = format!("error: {}\n", error.message());
    if let Some(excerpt) = error.excerpt_text() {
        text.push_str(excerpt);
        text.push('\n');
    }
    for note in error.notes() {
        if note.is_empty() {
            text.push('\n');
        }
        for line in note.lines() {
            text.push_str("  ");
            text.push_str(line);
            text.push('\n');
        }
    }
    match error.hint_text() {
        Some(hint) => text.push_str(&format!("hint: {hint}        (exit {code})\n")),
        None => text.push_str(&format!("(exit {code})\n")),
    }
    world.eprint(&redactor.redact(&text));
    code
}

fn print_usage(world: &World, error: &clap::Error) -> u8 {
    let text = error.render().to_string();
    if error.use_stderr() {
        world.eprint(&text);
        Kind::Usage.exit_code()
    } else {
        world.print(&text);
        0
    }
}
