//! What an image's own program says its version is: the one thing about an image that is learned by running it, and
//! only when somebody asks for it (spec/build.md J, `ImageVersion` and `ImageEnvFingerprint`).

use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Image;
use crate::build::backend::{Session, Tool};
use crate::build::load::{Loaded, load};
use crate::core::Digest;
use crate::error::{Error, Result};
use crate::process::Child;
use crate::world::World;

/// A program that has said its version by then, or does not mean to.
const DEADLINE: Duration = Duration::from_secs(60);

/// What it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidVersion {
    /// Standard output, without the white space around it.
    pub output: String,
    /// SHA-256 of standard output as it came, every line ended by a newline.
    pub fingerprint: Digest,
}

/// Loads the image into the local docker engine under a name of its own, runs it with `command` appended, as `docker run
/// IMAGE COMMAND…` does, and takes container and name away again. It gets no network, no capabilities and a root it cannot
/// write to, and sixty seconds.
///
/// # Errors
/// `Missing` without the docker client; `Failed` when the engine refuses the image, or the program fails or says nothing.
pub async fn say_version(
    world: &World,
    workspace: &Path,
    scratch: &Path,
    image: &Image,
    command: &[String],
    cancel: &CancellationToken,
) -> Result<SaidVersion> {
    let closure = image.layout().closure_unhashed(&image.digest())?;
    let name = format!("stagefreight-inspect:{}", world.random_hex(6));
    let container = name.replace(':', "-");
    let names = [name.clone()];
    load(world, workspace, scratch, Loaded { layout: image.layout(), closure: &closure, names: &names }, cancel).await?;
    let session = Session::open(world, workspace)?;
    let docker = |args: &[&str]| -> Child { Tool::Docker.bare(world, &session).args(args.iter().copied()).deadline(DEADLINE) };
    let confined = ["--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "256"];
    let run = docker(&["run", "--rm", "--pull", "never", "--name", &container]).args(confined).arg(&name).args(command);
    let ended = run.run(cancel).await;
    // Nothing of the question stays, whatever the answer was; a container that ended is gone already. These do not stop
    // when the run is cancelled: they are what cancelling leaves to do.
    let unstoppable = CancellationToken::new();
    let _gone = docker(&["rm", "--force", &container]).run(&unstoppable).await;
    let _untagged = docker(&["rmi", &name]).run(&unstoppable).await;
    let ended = ended.map_err(|error| Error::from(error).context(format!("cannot ask the image for its version ({})", words(command))))?;
    if !ended.success() {
        let said = ended.tail(2);
        return Err(Error::failed(format!("the image's program fails when asked for its version ({}): {said}", words(command)))
            .hint("the words go behind IMAGE as with `docker run`: an entry point gets them as its arguments"));
    }
    let output = ended.stdout.trim().to_owned();
    if output.is_empty() {
        return Err(Error::failed(format!("the image's program says nothing when asked for its version ({})", words(command)))
            .hint("name the words that make it print one to standard output"));
    }
    Ok(SaidVersion { output, fingerprint: Digest::of(ended.stdout.as_bytes()) })
}

fn words(command: &[String]) -> String {
    format!("`{}`", command.join(" ").escape_debug())
}
