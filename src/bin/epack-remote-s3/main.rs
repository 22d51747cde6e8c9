//! `epack-remote-s3`: a remote that is a bucket of S3, or of anything that speaks as S3 does.

mod shelf;

use std::process::ExitCode;

use stagefreight::remote::adapter::{Releases, run};
use stagefreight::world::World;

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    match World::of_process() {
        Ok(world) => ExitCode::from(run(&world, &Releases::new(shelf::Buckets), args, &mut std::io::stdin().lock())),
        Err(_) => ExitCode::from(3),
    }
}
