//! `epack-remote-oci`: a remote that is a repository of an OCI registry.
//!
//! A composition root like `cli/wire`: it joins the registry client with the kit for adapters, which know nothing of each
//! other (docs/design/0015-adapters.md).

mod shelf;

use std::process::ExitCode;

use stagefreight::remote::adapter::{Releases, run};
use stagefreight::world::World;

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    match World::of_process() {
        Ok(world) => ExitCode::from(run(&world, &Releases::new(shelf::Repositories), args, &mut std::io::stdin().lock())),
        Err(_) => ExitCode::from(3),
    }
}
