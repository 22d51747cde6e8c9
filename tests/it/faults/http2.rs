//! What HTTP/2 adds: streams that are refused, and connections that are taken down while requests are under way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use h2::Reason;
use h2::server::SendResponse;
use hyper::body::Bytes;
use hyper::{Request, Response};
use stagefreight::publish::StepState;
use stagefreight::rehearse::registry::{Options, Server};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::release::{Publisher, Release, TAGS};
use super::{readback, row};
use crate::support::tls::Authority;

/// What happens to the n-th stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// RST_STREAM with REFUSED_STREAM: not looked at (RFC 9113 §8.7).
    Refused,
    /// GOAWAY that leaves it out, and the connection ends (RFC 9113 §6.8).
    Goaway,
    /// GOAWAY that lets it end; later ones need another connection.
    Graceful,
    /// It is done, and RST_STREAM comes in place of the answer.
    LostAnswer,
}

/// Ends TLS for a plain registry, speaks HTTP/2 where the client does, and does one fault to one stream.
struct Front {
    to: SocketAddr,
    fault: Fault,
    nth: usize,
    streams: AtomicUsize,
    fired: AtomicUsize,
    /// Held for writing while a connection is taken down; a new one begins after that.
    ending: RwLock<()>,
    client: reqwest::Client,
}

impl Front {
    async fn start(authority: &Authority, to: SocketAddr, fault: Fault, nth: usize) -> (Arc<Self>, String) {
        let acceptor = authority.acceptor(authority.identity("localhost", 2099), &["h2", "http/1.1"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let host = format!("localhost:{}", listener.local_addr().expect("address").port());
        #[expect(clippy::disallowed_methods, reason = "it plays the server's side")]
        let client = reqwest::Client::builder().no_proxy().build().expect("client");
        let front =
            Arc::new(Self { to, fault, nth, streams: AtomicUsize::new(0), fired: AtomicUsize::new(0), ending: RwLock::default(), client });
        let serving = Arc::clone(&front);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&serving).connection(acceptor.clone(), stream));
            }
        });
        (front, host)
    }

    async fn connection(self: Arc<Self>, acceptor: TlsAcceptor, stream: TcpStream) {
        drop(self.ending.read().await);
        let Ok(mut tls) = acceptor.accept(stream).await else { return };
        if tls.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.streams_of(tls).await;
        } else if let Ok(mut plain) = TcpStream::connect(self.to).await {
            let _cut = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
        }
    }

    async fn streams_of(self: Arc<Self>, tls: TlsStream<TcpStream>) {
        let Ok(mut connection) = h2::server::handshake(tls).await else { return };
        let mut forwards = JoinSet::new();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            let hit = self.streams.fetch_add(1, Ordering::SeqCst) + 1 == self.nth;
            if hit {
                self.fired.fetch_add(1, Ordering::SeqCst);
            }
            match self.fault {
                Fault::Refused if hit => {
                    respond.send_reset(Reason::REFUSED_STREAM);
                    continue;
                }
                Fault::Goaway if hit => {
                    drop((request, respond));
                    // What arrived whole still reaches the registry, as behind a real proxy. Another connection begins after
                    // that: otherwise it would be luck whether one that asks is told that the bytes are there.
                    let _ending = self.ending.write().await;
                    connection.abrupt_shutdown(Reason::NO_ERROR);
                    let _closed = std::future::poll_fn(|cx| connection.poll_closed(cx)).await;
                    drop(connection);
                    while forwards.join_next().await.is_some() {}
                    return;
                }
                Fault::Graceful if hit => connection.graceful_shutdown(),
                _ => {}
            }
            let front = Arc::clone(&self);
            forwards.spawn(async move { front.forward(request, respond, hit).await });
        }
        forwards.detach_all();
    }

    async fn forward(&self, request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>, hit: bool) -> Option<()> {
        let (head, mut incoming) = request.into_parts();
        let mut body = Vec::new();
        while let Some(piece) = incoming.data().await {
            let piece = piece.ok()?;
            incoming.flow_control().release_capacity(piece.len()).ok()?;
            body.extend_from_slice(&piece);
        }
        let url = format!("http://{}{}", self.to, head.uri.path_and_query()?);
        let mut headers = head.headers;
        headers.remove("content-length");
        let answer = self.client.request(head.method, url).headers(headers).body(body).send().await.ok()?;
        if hit && self.fault == Fault::LostAnswer {
            respond.send_reset(Reason::INTERNAL_ERROR);
            return None;
        }
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer.headers().iter().filter(|(name, _)| !["connection", "transfer-encoding"].contains(&name.as_str())) {
            response = response.header(name, value);
        }
        let content = answer.bytes().await.ok()?;
        let mut stream = respond.send_response(response.body(()).ok()?, content.is_empty()).ok()?;
        if !content.is_empty() {
            stream.send_data(content, true).ok()?;
        }
        Some(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_connections_that_end_early_cost_neither_bytes_nor_the_run() {
    let authority = Authority::new();
    // The first stream of all, some in the middle of blobs and sessions, and some among manifests and tags.
    for nth in [1, 2, 5, 9, 14, 20] {
        for fault in [Fault::Refused, Fault::Goaway, Fault::Graceful, Fault::LostAnswer] {
            let dir = tempfile::tempdir().expect("directory");
            let release = Release::write(&dir.path().join("image"));
            let server = Server::start(Options::new(dir.path().join("registry"))).await.expect("server");
            let (front, host) = Front::start(&authority, server.addr, fault, nth).await;
            let publisher = Publisher { authority: Some(authority.file(dir.path())), ..Publisher::default() };
            let reports = publisher.publish(&release, &[host], dir.path()).await;
            assert_eq!(front.fired.load(Ordering::SeqCst), 1, "{fault:?} {nth}: HTTP/2 was spoken and came so far");
            let open: Vec<_> = reports.iter().filter(|report| !matches!(report.state, StepState::Complete | StepState::Placed)).collect();
            assert!(open.is_empty(), "{fault:?} of stream {nth}: {open:#?}");
            let visible = readback::tags(server.addr);
            for (tag, _) in TAGS {
                assert_eq!(visible.get(tag), Some(&release.digest), "{fault:?} of stream {nth}: {tag}");
            }
            for (digest, count) in row::arrivals(&server.log().entries()) {
                assert!(count <= 1, "{fault:?} of stream {nth}: {digest} arrived {count} times");
            }
            server.shutdown().await;
        }
    }
}
