//! Listening, connections, and a stop that lets answers finish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::log::RequestLog;
use super::options::Options;
use super::patience::Patience;
use super::service::State;
use crate::error::{Error, Result};

/// How long answers under way may take after a stop was asked for.
const GRACE: Duration = Duration::from_secs(5);

/// Header lines one request may have.
const MOST_HEADERS: usize = 100;

/// Bytes the head of a request may have; also what a connection buffers.
const HEAD: usize = 64 * 1024;

/// Starts registries.
#[derive(Debug)]
pub struct Server;

/// A registry that is listening. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    log: RequestLog,
    stop: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Server {
    /// Opens the directory, binds, and serves on the current runtime.
    pub async fn start(options: Options) -> Result<Running> {
        let wanted = options.addr;
        let state = tokio::task::spawn_blocking(move || State::new(options)).await;
        let state = Arc::new(state.map_err(|error| Error::failed("cannot open the registry").because(&error))??);
        let listener = TcpListener::bind(wanted).await.map_err(|error| refused(wanted, &error))?;
        let addr = listener.local_addr().map_err(|error| refused(wanted, &error))?;
        let (log, stop) = (state.log.clone(), CancellationToken::new());
        let task = tokio::spawn(accept(listener, state, stop.clone()));
        Ok(Running { addr, log, stop, task: Some(task) })
    }
}

impl Running {
    /// `127.0.0.1:5000`, the host part of references.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// `http://127.0.0.1:5000`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What was asked so far.
    pub fn log(&self) -> &RequestLog {
        &self.log
    }

    /// Stops listening, lets answers under way finish for a few seconds, and closes.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            let _stopped = task.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(state.options.limits.connections.max(1)));
    let mut connections = JoinSet::new();
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = Arc::clone(&room).acquire_owned() => permit,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        // Those that ended are forgotten as we go.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let (state, stop) = (Arc::clone(&state), stop.clone());
                connections.spawn(async move {
                    converse(stream, state, stop).await;
                    drop(permit);
                });
            }
            // Out of file descriptors, or a client that was gone already.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    drop(listener);
    let finish = async { while connections.join_next().await.is_some() {} };
    let _impatient = tokio::time::timeout(GRACE, finish).await;
}

async fn converse(stream: TcpStream, state: Arc<State>, stop: CancellationToken) {
    let _slower = stream.set_nodelay(true);
    let idle = state.options.limits.idle;
    let service = service_fn(move |request| Arc::clone(&state).answer(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_headers(MOST_HEADERS)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(Patience::new(stream, idle)), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // How a connection ended is of no interest: what happened on it is in the log.
        _ended = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ended = connection.await;
}

fn refused(addr: SocketAddr, error: &std::io::Error) -> Error {
    let hint = match error.kind() {
        std::io::ErrorKind::AddrInUse => "another program listens there; choose another port, or port 0 for a free one",
        std::io::ErrorKind::PermissionDenied => "ports below 1024 need privileges; choose a higher one",
        _ => "give --addr an address of this machine, such as 127.0.0.1:5000",
    };
    Error::failed(format!("cannot listen on {addr}")).because(error).hint(hint)
}
