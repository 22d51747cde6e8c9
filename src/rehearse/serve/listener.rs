//! Listening, connections, and a stop that lets answers finish.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::memory::Memory;
use super::patience::Patience;
use crate::error::{Error, Result};

/// How long answers under way may take after a stop was asked for.
const GRACE: Duration = Duration::from_secs(5);

/// Header lines one request may have.
const MOST_HEADERS: usize = 100;

/// Bytes the head of a request may have; also what a connection buffers.
const HEAD: usize = 64 * 1024;

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections at the same time; further ones wait.
    pub connections: usize,
    /// A connection on which nothing moves for this long is closed.
    pub idle: Duration,
}

/// A server that is listening. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Running<E> {
    /// Where it listens.
    pub addr: SocketAddr,
    log: Memory<E>,
    stop: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl<E> Running<E> {
    /// `127.0.0.1:5000`, the host part of references.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// `http://127.0.0.1:5000`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What was asked so far.
    pub fn log(&self) -> &Memory<E> {
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

impl<E> Drop for Running<E> {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Listens; what is wrong with an address that cannot be had is said.
pub async fn bind(wanted: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(wanted).await.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there; choose another port, or port 0 for a free one",
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need privileges; choose a higher one",
            _ => "choose an address of this machine, such as 127.0.0.1:5000",
        };
        Error::failed(format!("cannot listen on {wanted}")).because(&error).hint(hint)
    })
}

/// Serves on the current runtime. An error of `answer` closes the connection without an answer.
pub fn start<E, B, F, X>(
    listener: TcpListener,
    bounds: Bounds,
    log: Memory<E>,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) -> Result<Running<E>>
where
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
    F: Future<Output = std::result::Result<Response<B>, X>> + Send + 'static,
    X: std::error::Error + Send + Sync + 'static,
{
    let addr = listener.local_addr().map_err(|error| Error::failed("cannot tell where the server listens").because(&error))?;
    let stop = CancellationToken::new();
    let task = tokio::spawn(accept(listener, bounds, stop.clone(), answer));
    Ok(Running { addr, log, stop, task: Some(task) })
}

async fn accept<B, F, X>(
    listener: TcpListener,
    bounds: Bounds,
    stop: CancellationToken,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) where
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
    F: Future<Output = std::result::Result<Response<B>, X>> + Send + 'static,
    X: std::error::Error + Send + Sync + 'static,
{
    let room = Arc::new(Semaphore::new(bounds.connections.max(1)));
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
                let (answer, stop) = (answer.clone(), stop.clone());
                connections.spawn(async move {
                    converse(stream, bounds.idle, stop, answer).await;
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

async fn converse<B, F, X>(stream: TcpStream, idle: Duration, stop: CancellationToken, answer: impl Fn(Request<Incoming>) -> F)
where
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
    F: Future<Output = std::result::Result<Response<B>, X>>,
    X: std::error::Error + Send + Sync + 'static,
{
    let _slower = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_headers(MOST_HEADERS)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(Patience::new(stream, idle)), service_fn(answer));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // How a connection ended is of no interest: what happened on it is in the log.
        _ended = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ended = connection.await;
}
