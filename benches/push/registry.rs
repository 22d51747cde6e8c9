//! A registry for measurements: speaks TLS, takes everything, keeps only what clients ask for again (which blobs there
//! are, and the manifests), and is as slow as it is told to be.
//!
//!     registry --certificates DIR [--latency MILLIS] [--rate MIB_PER_S] [--h2]
//!
//! Writes `ca.pem`, `cert.pem` and `key.pem` into the directory unless they are there, and prints its port.
//! `GET /stats` tells requests and bytes since the last `GET /reset`, which also forgets all content.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "a program of its own that says where it listens"
)]

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use stagefreight::core::Digest;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

#[derive(Default)]
struct Registry {
    latency: Duration,
    rate: Option<f64>,
    // When the bytes taken in so far may have arrived, at the given rate.
    line_free: Mutex<Option<Instant>>,
    content: Mutex<Content>,
    requests: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Default)]
struct Content {
    blobs: HashSet<String>,
    manifests: HashMap<String, (String, Bytes)>,
    sessions: HashMap<String, u64>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut registry = Registry::default();
    let (mut certificates, mut h2) = (PathBuf::from("."), false);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<f64>().ok()).expect("a number");
        match argument.as_str() {
            "--latency" => registry.latency = Duration::from_secs_f64(number() / 1000.0),
            "--rate" => registry.rate = Some(number() * 1024.0 * 1024.0),
            "--h2" => h2 = true,
            "--certificates" => certificates = arguments.next().expect("a directory").into(),
            other => panic!("{other} is not an option"),
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(serve(Arc::new(registry), &certificates, h2));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A private authority and a certificate for loopback, kept for the other servers of the measurement.
fn certify(directory: &Path) {
    if directory.join("cert.pem").exists() {
        return;
    }
    let authority_key = rcgen::KeyPair::generate().expect("key");
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "measurement authority");
    let authority_certificate = authority.self_signed(&authority_key).expect("authority");
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().expect("key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).expect("names").signed_by(&key, &issuer).expect("certificate");
    for (name, text) in [("ca.pem", authority_certificate.pem()), ("key.pem", key.serialize_pem()), ("cert.pem", certificate.pem())] {
        std::fs::write(directory.join(name), text).expect("certificate file");
    }
}

async fn serve(registry: Arc<Registry>, certificates: &Path, h2: bool) {
    certify(certificates);
    let chain =
        CertificateDer::pem_file_iter(certificates.join("cert.pem")).expect("cert.pem").collect::<Result<Vec<_>, _>>().expect("PEM");
    let key = PrivateKeyDer::from_pem_file(certificates.join("key.pem")).expect("key.pem");
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).expect("certificate");
    config.alpn_protocols = if h2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("address").port());
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _slower = stream.set_nodelay(true);
        let (registry, acceptor) = (Arc::clone(&registry), acceptor.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let service = service_fn(move |request| Arc::clone(&registry).answer(request));
            let _ended = if is_h2 {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.initial_stream_window_size(1 << 20).initial_connection_window_size(4 << 20);
                builder.serve_connection(TokioIo::new(stream), service).await
            } else {
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
            };
        });
    }
}

impl Registry {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (head, body) = request.into_parts();
        let (path, query) = (head.uri.path().to_owned(), head.uri.query().unwrap_or_default().to_owned());
        match path.as_str() {
            "/stats" => {
                let text = format!("{} {}\n", self.requests.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
                return Ok(Response::new(Full::new(text.into())));
            }
            "/reset" => {
                *lock(&self.content) = Content::default();
                self.requests.store(0, Ordering::Relaxed);
                self.bytes.store(0, Ordering::Relaxed);
                return Ok(Response::new(Full::default()));
            }
            _ => {}
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let manifest = path.contains("/manifests/") && head.method == "PUT";
        let (received, bytes) = self.take_in(body, manifest).await?;
        tokio::time::sleep(self.latency).await;
        let kind = head.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(self.respond(head.method.as_str(), &path, &query, kind, received, &bytes))
    }

    /// Reads a body to its end and keeps it only when it is a manifest.
    async fn take_in(&self, mut body: Incoming, keep: bool) -> Result<(u64, Bytes), hyper::Error> {
        let (mut received, mut kept) = (0, Vec::new());
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            received += data.len() as u64;
            if keep {
                kept.extend_from_slice(&data);
            }
            if let Some(rate) = self.rate {
                let due = {
                    let mut line_free = lock(&self.line_free);
                    let now = Instant::now();
                    let due = line_free.filter(|free| *free > now).unwrap_or(now) + Duration::from_secs_f64(data.len() as f64 / rate);
                    *line_free = Some(due);
                    due
                };
                tokio::time::sleep_until(due).await;
            }
        }
        self.bytes.fetch_add(received, Ordering::Relaxed);
        Ok((received, kept.into()))
    }

    fn respond(&self, method: &str, path: &str, query: &str, kind: &str, received: u64, body: &Bytes) -> Response<Full<Bytes>> {
        let answer = |status: StatusCode, headers: &[(&str, &str)], body: Bytes| {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            response.body(Full::new(body)).expect("an answer")
        };
        let nothing = Bytes::new;
        let missing = || answer(StatusCode::NOT_FOUND, &[], nothing());
        let parameter = |name: &str| {
            let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let mut content = lock(&self.content);
        let Some(rest) = path.strip_prefix("/v2/") else { return missing() };
        if rest.is_empty() {
            return answer(StatusCode::OK, &[], "{}".into());
        }
        if let Some((name, reference)) = rest.rsplit_once("/manifests/") {
            if method == "PUT" {
                let digest = Digest::of(body).to_string();
                for key in [reference, digest.as_str()] {
                    content.manifests.insert(format!("{name} {key}"), (kind.to_owned(), body.clone()));
                }
                return answer(StatusCode::CREATED, &[("docker-content-digest", &digest), ("location", path)], nothing());
            }
            let Some((kind, raw)) = content.manifests.get(&format!("{name} {reference}")) else { return missing() };
            let digest = Digest::of(raw).to_string();
            return answer(StatusCode::OK, &[("docker-content-digest", &digest), ("content-type", kind)], raw.clone());
        }
        if let Some((name, id)) = rest.rsplit_once("/blobs/uploads/") {
            let lends = content.blobs.contains(&format!("{} {}", parameter("from"), parameter("mount")));
            return match method {
                "POST" if lends => {
                    content.blobs.insert(format!("{name} {}", parameter("mount")));
                    answer(StatusCode::CREATED, &[("docker-content-digest", &parameter("mount"))], nothing())
                }
                "POST" => {
                    let id = content.sessions.len().to_string();
                    content.sessions.insert(id.clone(), 0);
                    answer(StatusCode::ACCEPTED, &[("location", &format!("{path}{id}")), ("range", "0-0")], nothing())
                }
                "PATCH" => {
                    let held = content.sessions.entry(id.to_owned()).or_default();
                    *held += received;
                    let range = format!("0-{}", held.saturating_sub(1));
                    answer(StatusCode::ACCEPTED, &[("location", path), ("range", &range)], nothing())
                }
                "PUT" => {
                    let digest = parameter("digest");
                    content.blobs.insert(format!("{name} {digest}"));
                    answer(StatusCode::CREATED, &[("docker-content-digest", &digest), ("location", path)], nothing())
                }
                _ => answer(StatusCode::NO_CONTENT, &[], nothing()),
            };
        }
        match rest.rsplit_once("/blobs/") {
            Some((name, digest)) if content.blobs.contains(&format!("{name} {digest}")) => {
                answer(StatusCode::OK, &[("docker-content-digest", digest)], nothing())
            }
            _ => missing(),
        }
    }
}
