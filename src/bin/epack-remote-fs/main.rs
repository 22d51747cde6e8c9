//! `epack-remote-fs`: a remote that is a directory.

mod shelf;

use std::process::ExitCode;

use stagefreight::remote::adapter::{Releases, run};
use stagefreight::world::World;

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    match World::of_process() {
        Ok(world) => ExitCode::from(run(&world, &Releases::new(shelf::Directory), args, &mut std::io::stdin().lock())),
        Err(_) => ExitCode::from(3),
    }
}
