//! The daemon itself: its place on disk, its start, the wait until it answers, its end.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::means::{Means, look};
use crate::build::backend::{self, Address, Control, dial};
use crate::core::duration::human;
use crate::error::{Error, Kind, Result};
use crate::event::Events;
use crate::fs::{self, Lock, LockError};
use crate::names::env;
use crate::process::{Background, Child, Running};
use crate::world::World;

/// A daemon opens its databases and looks at the kernel; on a busy machine that takes seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two attempts to reach it.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs of one repository at the same time, each with a cache of its own; more must wait for one to end.
const SLOTS: usize = 8;

/// How much of its log goes into an error.
const LOG_TAIL: usize = 5;

/// A private BuildKit daemon. Dropping it stops it with everything it runs; its cache stays for the next run.
#[derive(Debug)]
pub struct Daemon {
    // Stopped before its place is let go.
    process: Background,
    address: Address,
    says: backend::Daemon,
    _slot: Lock,
}

impl Daemon {
    /// Starts one for a builder's name and waits until it answers at `socket`.
    pub async fn start(
        world: &World,
        own_dir: &Path,
        name: &str,
        socket: &Path,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let means = look(world).map_err(|why| Error::missing(format!("cannot start a private BuildKit daemon: {why}")))?;
        let (root, slot) = take_slot(&dir_of(own_dir, name))?;
        reap(&root, events).await?;
        let begun = Instant::now();
        let log = root.with_extension("log");
        let address = Address::Unix(socket.to_owned());
        let child = command(world, &means, &root, socket).background(fs::create_private(&log)?)?;
        note(&root, child.pid())?;
        let mut daemon = Self { process: child, says: backend::Daemon::default(), address, _slot: slot };
        daemon.says = daemon.answer(world, &log, cancel).await?;
        let version = daemon.says.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
        let how = if means.rootless.is_some() { ", rootless" } else { "" };
        events.detail(format!("started a private BuildKit{version}{how} in {}: cache in {}", human(begun.elapsed()), root.display()));
        Ok(daemon)
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What it says of itself.
    pub fn says(&self) -> &backend::Daemon {
        &self.says
    }

    async fn answer(&mut self, world: &World, log: &Path, cancel: &CancellationToken) -> Result<backend::Daemon> {
        let begun = Instant::now();
        loop {
            if let Ok(stream) = dial(world, &self.address, None).await
                && let Ok(control) = Control::over(stream).await
            {
                match tokio::time::timeout(PATIENCE, control.daemon()).await {
                    Ok(Ok(says)) => return Ok(says),
                    Ok(Err(why)) => return Err(unusable(&why, log)),
                    Err(_) => return Err(unusable("it does not answer", log)),
                }
            }
            if let Some(status) = self.process.ended() {
                return Err(unusable(&format!("it ended with {status}"), log));
            }
            if begun.elapsed() > PATIENCE {
                return Err(unusable(&format!("it does not listen after {}", human(PATIENCE)), log));
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = cancel.cancelled() => return Err(Error::new(Kind::Terminated, "interrupted while starting a BuildKit daemon")),
            }
        }
    }
}

/// Takes the caches of a builder's name away. `false` when there are none.
pub async fn remove(world: &World, own_dir: &Path, name: &str, cancel: &CancellationToken) -> Result<bool> {
    let dir = dir_of(own_dir, name);
    let names = fs::names_in(&dir)?;
    let mut locks = Vec::new();
    for slot in names.iter().filter_map(|name| name.strip_suffix(".lock")) {
        let lock = Lock::try_take(&dir.join(format!("{slot}.lock"))).map_err(|error| match error {
            LockError::Held(_) => Error::failed(format!("builder {name} is in use by another job")).hint("wait for it to end"),
            LockError::Path(error) => error.into(),
        })?;
        reap(&dir.join(slot), &Events::none()).await?;
        locks.push(lock);
    }
    if let Err(error) = fs::remove_tree(&dir) {
        // Files of a rootless daemon belong to users that only its namespace knows.
        let Some(rootlesskit) = look(world).ok().and_then(|means| means.rootless) else { return Err(error.into()) };
        let said = Child::new(world, rootlesskit).args(["rm", "-rf", "--", &dir.display().to_string()]).run(cancel).await?;
        if !said.success() || fs::exists(&dir) {
            return Err(Error::failed(format!("cannot remove {}: {}", dir.display(), said.tail(2))));
        }
    }
    Ok(!names.is_empty())
}

fn dir_of(own_dir: &Path, name: &str) -> PathBuf {
    own_dir.join("buildkit").join(name)
}

/// The first place that no other run uses.
fn take_slot(dir: &Path) -> Result<(PathBuf, Lock)> {
    fs::create_own_dir(dir)?;
    for slot in 0..SLOTS {
        match Lock::try_take(&dir.join(format!("{slot}.lock"))) {
            Ok(lock) => return Ok((dir.join(slot.to_string()), lock)),
            Err(LockError::Held(_)) => {}
            Err(LockError::Path(error)) => return Err(error.into()),
        }
    }
    Err(Error::failed(format!("{SLOTS} runs of this repository have private BuildKit daemons already"))
        .hint("run this again when one ended"))
}

/// `PID TICKS` of the daemon in a place, for the run that finds it there after ours was killed.
fn note(root: &Path, pid: u32) -> Result<()> {
    let Some(running) = Running::of(pid) else { return Ok(()) };
    let text = format!("{} {}\n", running.pid, running.began);
    Ok(fs::write_atomic(&root.with_extension("pid"), text.as_bytes(), 0o600)?)
}

/// Ends a daemon whose run was killed: we hold its place's lock, so nobody uses it.
async fn reap(root: &Path, events: &Events) -> Result<()> {
    let path = root.with_extension("pid");
    let Ok(bytes) = fs::read_bounded(&path, 64) else { return Ok(()) };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut fields = text.split_whitespace().map(str::parse::<u64>);
    if let (Some(Ok(pid)), Some(Ok(began))) = (fields.next(), fields.next())
        && let Ok(pid) = u32::try_from(pid)
        && (Running { pid, began }).is_there()
    {
        events.info(format!("ending the BuildKit daemon of a run that was killed (process {pid})"));
        let ended = tokio::task::spawn_blocking(move || Running { pid, began }.end()).await;
        if !ended.unwrap_or(false) {
            return Err(Error::failed(format!("the BuildKit daemon of a run that was killed does not end: process {pid}"))
                .hint(format!("end it, then remove {}", path.display())));
        }
    }
    fs::remove_file(&path)?;
    Ok(())
}

fn command(world: &World, means: &Means, root: &Path, socket: &Path) -> Child {
    let mut words: Vec<String> = Vec::new();
    // The system ends the daemon when we are killed. Where setpriv is missing, the next run does.
    if let (Some(setpriv), None) = (&means.ends_with_us, &means.rootless) {
        words.extend([setpriv.display().to_string(), "--pdeathsig".into(), "TERM".into(), "--".into()]);
    }
    words.extend(means.rootless.iter().map(|rootlesskit| rootlesskit.display().to_string()));
    words.push(means.daemon.display().to_string());
    words.extend(["--root".into(), root.display().to_string()]);
    // Both sockets are ours alone: the usual places may belong to another daemon, or to root.
    words.extend(["--addr".into(), format!("unix://{}", socket.display())]);
    words.push(format!("--otel-socket-path={}", socket.with_extension("otel").display()));
    words.extend(["--containerd-worker=false".into(), "--oci-worker=true".into()]);
    words.push(format!("--oci-worker-binary={}", means.runtime.display()));
    if means.rootless.is_some() {
        words.push("--rootless".into());
    }
    if means.shares_processes {
        words.push("--oci-worker-no-process-sandbox".into());
    }
    let mut words = words.into_iter();
    let child = Child::new(world, words.next().unwrap_or_default()).args(words);
    // runc keeps its state there; without root the usual place is not ours.
    match (&means.rootless, socket.parent()) {
        (Some(_), Some(private)) => child.env(env::XDG_RUNTIME_DIR, private.display().to_string()),
        _ => child,
    }
}

fn unusable(why: &str, log: &Path) -> Error {
    let text = fs::read_bounded(log, 16 * 1024 * 1024).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = &lines[lines.len().saturating_sub(LOG_TAIL)..];
    let mut error = Error::failed(format!("the private BuildKit daemon cannot be used: {why}"));
    for line in tail {
        error = error.note(line.chars().take(400).collect::<String>());
    }
    if text.contains("operation not permitted") || text.contains("permission denied") {
        return error
            .hint("in a pod or container: permit user namespaces (seccomp and AppArmor profiles Unconfined), or run it privileged");
    }
    error.hint(format!("its whole log is {}", log.display()))
}
