//! A child that is asked one thing and answers once: its output is taken as bytes, within bounds, and it is not waited for
//! longer than it runs, whatever it left behind.

use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::child::{Child, ChildError, end_group};

/// How long the pipes of a child that ended may stay open, because something it started holds them.
const PIPE_GRACE: Duration = Duration::from_secs(1);

/// The longest line that is shown at once; longer ones are shown in parts.
const MAX_LINE: usize = 16 * 1024;

/// How much of each stream is kept.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most it may write to standard output, in bytes. One more, and it is killed.
    pub stdout: usize,
    /// How much of standard error is kept, in bytes, from its end.
    pub stderr: usize,
}

/// What such a child did.
#[derive(Debug)]
pub struct Exchanged {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output, as it was written.
    pub stdout: Vec<u8>,
    /// It wrote more than it may.
    pub too_much: bool,
    /// The end of standard error, redacted.
    pub stderr: String,
    /// It ended and left something behind that held its pipes open, which was killed.
    pub left_behind: bool,
}

impl Child {
    /// Runs it: hands it its input, reads its output, and shows each redacted line of standard error as it comes. Its
    /// process group is ended on cancellation, at the deadline, when it writes too much, and when it ended and left
    /// something behind that holds its pipes.
    pub async fn exchange(
        self,
        bounds: Bounds,
        cancel: &CancellationToken,
        on_line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Exchanged, ChildError> {
        let program = self.program_name();
        let io = |source| ChildError::Io { program: program.clone(), source };
        let mut child = self.spawn()?;
        let group = child.id();
        let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let input = self.stdin.clone().unwrap_or_default();
        let (mut out, mut tail) = (Vec::new(), Tail::new(bounds.stderr));
        let ended = {
            let feed = async {
                if let Some(mut pipe) = stdin.take() {
                    // A child may close its input early; its answer tells whether that was an error.
                    let _closed = pipe.write_all(&input).await;
                }
            };
            let mut show = |line: &str| {
                let line = self.redactor.redact(line);
                on_line(&line);
                tail.push(&line);
            };
            let streams = async { tokio::join!(feed, take(stdout, bounds.stdout, &mut out), lines(stderr, &mut show)).1 };
            tokio::pin!(streams);
            let whole = async {
                // Both ends are waited for: output may come after the child ended, and it may end long after its output did.
                let mut too_much = None;
                let mut left_behind = false;
                let status = loop {
                    tokio::select! {
                        over = &mut streams, if too_much.is_none() => {
                            too_much = Some(over);
                            if over {
                                kill_group(group);
                            }
                        }
                        status = child.wait() => break status,
                    }
                };
                if too_much.is_none() {
                    // What is in the pipes is there; what somebody else holds open is not waited for.
                    if let Ok(over) = tokio::time::timeout(PIPE_GRACE, &mut streams).await {
                        too_much = Some(over);
                    } else {
                        left_behind = true;
                        kill_group(group);
                    }
                }
                (too_much.unwrap_or(false), left_behind, status)
            };
            tokio::select! {
                whole = whole => Ok(whole),
                () = cancel.cancelled() => Err(ChildError::Cancelled(program.clone())),
                () = tokio::time::sleep(self.deadline) => Err(ChildError::Deadline { program: program.clone(), after: self.deadline }),
            }
        };
        match ended {
            Ok((too_much, left_behind, status)) => {
                Ok(Exchanged { status: status.map_err(io)?, stdout: out, too_much, stderr: tail.text(), left_behind })
            }
            Err(error) => {
                end_group(group, &mut child).await;
                Err(error)
            }
        }
    }
}

// Reads to the end; `true` when there was more than `limit`.
async fn take(stream: Option<impl AsyncRead + Unpin>, limit: usize, into: &mut Vec<u8>) -> bool {
    let Some(stream) = stream else { return false };
    let mut stream = stream.take(limit as u64 + 1);
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = stream.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        into.extend_from_slice(&buffer[..count]);
    }
    into.len() > limit
}

async fn lines(stream: Option<impl AsyncRead + Unpin>, show: &mut impl FnMut(&str)) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; 8 * 1024];
    let mut line: Vec<u8> = Vec::new();
    let mut finish = |line: &mut Vec<u8>| {
        show(String::from_utf8_lossy(line).trim_end_matches('\r'));
        line.clear();
    };
    while let Ok(count) = stream.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        for byte in &buffer[..count] {
            if *byte == b'\n' || line.len() >= MAX_LINE {
                finish(&mut line);
            }
            if *byte != b'\n' {
                line.push(*byte);
            }
        }
    }
    if !line.is_empty() {
        finish(&mut line);
    }
}

fn kill_group(group: Option<u32>) {
    if let Some(pid) = group.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) {
        let _gone = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

/// The last lines of a stream.
struct Tail {
    text: String,
    limit: usize,
}

impl Tail {
    fn new(limit: usize) -> Self {
        Self { text: String::new(), limit }
    }

    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        if self.text.len() > self.limit * 2 {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let mut from = self.text.len().saturating_sub(self.limit);
        while !self.text.is_char_boundary(from) {
            from += 1;
        }
        self.text.drain(..from);
    }

    fn text(mut self) -> String {
        self.cut();
        self.text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::world::World;

    const BOUNDS: Bounds = Bounds { stdout: 1000, stderr: 100 };

    async fn run(script: &str) -> Result<Exchanged, ChildError> {
        let world = World::of_process().expect("world");
        let child = Child::new(&world, "sh").args(["-c", script]).stdin("question");
        child.exchange(BOUNDS, &CancellationToken::new(), &mut |_| {}).await
    }

    #[tokio::test]
    async fn bytes_go_in_and_come_out_as_they_are() {
        let answer = run(r"cat; printf '\377'; echo loud >&2; exit 3").await.expect("it ran");
        assert_eq!(answer.stdout, b"question\xff");
        assert_eq!((answer.status.code(), answer.too_much, answer.stderr.as_str()), (Some(3), false, "loud\n"));
    }

    #[tokio::test]
    async fn too_much_output_ends_it() {
        let answer = run("yes").await.expect("it ran");
        assert!(answer.too_much && answer.stdout.len() <= 1001 && !answer.status.success());
    }

    #[tokio::test]
    async fn what_it_leaves_behind_is_not_waited_for() {
        let begun = Instant::now();
        let answer = run("sleep 77 & echo done").await.expect("it ran");
        assert_eq!(answer.stdout, b"done\n");
        assert!(begun.elapsed() < Duration::from_secs(60), "the pipe was held by what it started");
    }

    #[tokio::test]
    async fn only_the_end_of_standard_error_is_kept() {
        let answer = run("for n in $(seq 1 200); do echo line $n >&2; done").await.expect("it ran");
        assert!(answer.stderr.len() <= 100 && answer.stderr.ends_with("line 200\n"), "{}", answer.stderr);
    }
}
