//! A child used as a connection: what is written goes to its standard input, what it writes is read.

use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{ChildStdin, ChildStdout};

use super::child::{Child, ChildError};

/// A running child as a stream of bytes, such as `ssh host docker system dial-stdio`. Dropping it kills the child.
#[derive(Debug)]
pub struct Connected {
    child: tokio::process::Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl Child {
    /// Starts it as a connection. What it says on standard error is lost; its deadline is the caller's to keep.
    pub fn connect(self) -> Result<Connected, ChildError> {
        let program = self.program_name();
        let mut child = self.start(Stdio::piped(), Stdio::piped(), Stdio::null())?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok(Connected { child, stdin, stdout }),
            _ => Err(ChildError::Io { program, source: std::io::Error::other("its pipes are not there") }),
        }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _gone = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

impl AsyncRead for Connected {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connected {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stdin).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(cx)
    }
}
