//! TLS in front of a plain server, with certificates of an authority of the test's own; and a proxy that tunnels.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// A certificate authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key in PEM.
pub struct Identity {
    pub cert: String,
    pub key: String,
    chain: Vec<CertificateDer<'static>>,
    der: Vec<u8>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority");
        Self { issuer }
    }

    /// Its certificate as a file.
    pub fn file(&self, dir: &Path) -> PathBuf {
        let path = dir.join("ca.pem");
        std::fs::write(&path, self.issuer.pem()).expect("ca file");
        path
    }

    /// A certificate for a name, good until the end of a year.
    pub fn identity(&self, name: &str, until: i32) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 12, 31);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("key");
        let cert = params.signed_by(&key, &self.issuer).expect("certificate");
        Identity { cert: cert.pem(), key: key.serialize_pem(), chain: vec![cert.der().clone()], der: key.serialize_der() }
    }

    /// Ends TLS with this certificate, and speaks one of these protocols.
    pub fn acceptor(&self, identity: Identity, protocols: &[&str]) -> tokio_rustls::TlsAcceptor {
        let mut config = self.server(identity, false);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        tokio_rustls::TlsAcceptor::from(Arc::new(config))
    }

    fn server(&self, identity: Identity, clients: bool) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().expect("versions");
        let builder = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).expect("root");
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("verifier"),
            )
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.der));
        builder.with_single_cert(identity.chain, key).expect("server certificate")
    }

    /// Ends TLS with this certificate and hands the plain bytes to `to`; with `clients`, only those with a certificate
    /// of this authority come through. Tells the address.
    pub fn front(&self, identity: Identity, to: String, clients: bool) -> String {
        let config = Arc::new(self.server(identity, clients));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("address").to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, to) = (Arc::clone(&config), to.clone());
                std::thread::spawn(move || {
                    let _cut = one_exchange(stream, config, &to);
                });
            }
        });
        address
    }
}

/// One request and its answer: the plain servers of the tests close after each.
fn one_exchange(stream: TcpStream, config: Arc<ServerConfig>, to: &str) -> std::io::Result<()> {
    let mut tls = StreamOwned::new(ServerConnection::new(config).expect("connection"), stream);
    let mut plain = TcpStream::connect(to)?;
    let mut reader = BufReader::new(&mut tls);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            plain.write_all(b"Connection: close\r\n\r\n")?;
            break;
        }
        plain.write_all(line.as_bytes())?;
    }
    std::io::copy(&mut reader.take(length), &mut plain)?;
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer)?;
    tls.write_all(&answer)?;
    tls.conn.send_close_notify();
    tls.flush()
}

/// A proxy that opens tunnels (RFC 9110 §9.3.6) to one address, whatever name is asked for; or refuses them.
pub struct Proxy {
    pub host: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub fn start(to: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("address").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (to, log) = (to.clone(), Arc::clone(&log));
                std::thread::spawn(move || {
                    let _cut = tunnel(stream, to.as_deref(), &log);
                });
            }
        });
        Self { host, asked }
    }

    /// First lines of what was asked.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("log").clone()
    }
}

fn tunnel(client: TcpStream, to: Option<&str>, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    log.lock().expect("log").push(first.trim().to_owned());
    let mut line = first;
    while line.trim() != "" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    let mut client = client;
    let Some(to) = to else { return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") };
    let server = TcpStream::connect(to)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut up_from, mut up_to) = (client.try_clone()?, server.try_clone()?);
    let up = std::thread::spawn(move || std::io::copy(&mut up_from, &mut up_to).and_then(|_| up_to.shutdown(std::net::Shutdown::Write)));
    let mut server = server;
    std::io::copy(&mut server, &mut client)?;
    client.shutdown(std::net::Shutdown::Both)?;
    let _done = up.join();
    Ok(())
}
