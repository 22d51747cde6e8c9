//! The `stagefreight` binary: collects what the process knows and hands it to the library.

use std::process::ExitCode;

use stagefreight::world::World;

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    match World::of_process() {
        Ok(world) => ExitCode::from(stagefreight::cli::run(world, args)),
        Err(_) => ExitCode::from(3),
    }
}
