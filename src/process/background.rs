//! A child that runs beside us until we have no more use for it, such as a daemon of our own.

use std::fs::File;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::child::{Child, ChildError};

/// How long it may take to end after it was asked to. A daemon stops its own children first.
const GRACE: Duration = Duration::from_secs(5);

/// Between two looks whether it ended.
const PAUSE: Duration = Duration::from_millis(10);

/// A running child with its process group. Dropping it ends the whole group: first politely, then not, and waits.
#[derive(Debug)]
pub struct Background {
    child: tokio::process::Child,
    pid: u32,
}

impl Child {
    /// Starts it in the background; what it says goes into `log`. Its deadline does not apply.
    pub fn background(self, log: File) -> Result<Background, ChildError> {
        let program = self.program_name();
        let io = |source| ChildError::Io { program: program.clone(), source };
        let errors = log.try_clone().map_err(io)?;
        let child = self.start(Stdio::null(), Stdio::from(log), Stdio::from(errors))?;
        let pid = child.id().ok_or_else(|| io(std::io::Error::other("it ended at once")))?;
        Ok(Background { child, pid })
    }
}

impl Background {
    /// Its process id, which is that of its group too.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if self.ended().is_some() {
            return;
        }
        signal(self.pid, rustix::process::Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < GRACE {
            if self.ended().is_some() {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        kill_all(self.pid);
        while asked.elapsed() < 2 * GRACE && self.ended().is_none() {
            std::thread::sleep(PAUSE);
        }
    }
}

/// A process as the system knows it: its number may be given again, its number and the moment it began are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Process id.
    pub pid: u32,
    /// When it began, in the system's ticks since it booted.
    pub began: u64,
}

impl Running {
    /// The process of that number, when there is one (`/proc/PID/stat`).
    pub fn of(pid: u32) -> Option<Self> {
        Self::with_parent(pid).map(|(process, _)| process)
    }

    fn with_parent(pid: u32) -> Option<(Self, u32)> {
        let stat = crate::fs::read_bounded(std::path::Path::new(&format!("/proc/{pid}/stat")), 4096).ok()?;
        let stat = String::from_utf8_lossy(&stat).into_owned();
        // The name, in parentheses, may hold anything; a zombie is over.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        if fields.next()? == "Z" {
            return None;
        }
        let parent = fields.next()?.parse().ok()?;
        Some((Self { pid, began: fields.nth(17)?.parse().ok()? }, parent))
    }

    /// Does it still run?
    pub fn is_there(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Ends its process group, which a process of ours leads: politely, then not. `false` when it is still there.
    pub fn end(self) -> bool {
        let ways: [fn(u32); 2] = [|pid| signal(pid, rustix::process::Signal::TERM), kill_all];
        for end in ways {
            if self.is_there() {
                end(self.pid);
            }
            let asked = Instant::now();
            while asked.elapsed() < GRACE && self.is_there() {
                std::thread::sleep(PAUSE);
            }
        }
        !self.is_there()
    }
}

/// Kills a process group, and those below its leader that left it, as containers do.
fn kill_all(pid: u32) {
    let below = descendants(pid);
    signal(pid, rustix::process::Signal::KILL);
    for process in below.into_iter().filter(|process| process.is_there()) {
        if let Some(pid) = i32::try_from(process.pid).ok().and_then(rustix::process::Pid::from_raw) {
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Every process whose parents lead to this one.
fn descendants(pid: u32) -> Vec<Running> {
    let all = crate::fs::names_in(std::path::Path::new("/proc")).unwrap_or_default();
    let all: Vec<(Running, u32)> = all.iter().filter_map(|name| Running::with_parent(name.parse().ok()?)).collect();
    let mut found: Vec<Running> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for (process, of) in &all {
            if *of == parent && !found.contains(process) {
                found.push(*process);
                parents.push(process.pid);
            }
        }
    }
    found
}

fn signal(pid: u32, signal: rustix::process::Signal) {
    if let Some(group) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _gone = rustix::process::kill_process_group(group, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    #[tokio::test]
    async fn a_child_and_its_children_end_with_the_handle() {
        let world = World::of_process().expect("world");
        let dir = tempfile::tempdir().expect("dir");
        let log = crate::fs::create_new(&dir.path().join("log")).expect("log");
        let child = Child::new(&world, "sh").args(["-c", "trap 'exit 0' TERM; sleep 77 & wait"]).background(log).expect("starts");
        let running = Running::of(child.pid()).expect("it runs");
        assert!(running.is_there());
        let begun = Instant::now();
        drop(child);
        assert!(!running.is_there() && begun.elapsed() < GRACE);
        assert!(running.end(), "ending what is over is no failure");
    }
}
