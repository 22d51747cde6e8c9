//! Object stores on loopback, each with its own data, ended when dropped: versitygw, azurite, fake-gcs-server.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::component;
use crate::support::ports::free_port;

/// The root user of the S3 server.
pub const S3_USER: (&str, &str) = ("testkey", "testsecret1234");

/// Account and key that azurite has by itself; documented by its makers, no secret.
pub const AZURE_ACCOUNT: &str = "devstoreaccount1";
pub const AZURE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running server.
pub struct Server {
    pub host: String,
    child: Child,
    dir: tempfile::TempDir,
}

impl Server {
    fn start(describe: impl Fn(u16, &Path) -> Command) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let port = free_port();
        let mut command = describe(port, dir.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the server starts");
        let mut server = Self { host: format!("127.0.0.1:{port}"), child, dir };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(&server.host).is_err() {
            assert!(server.child.try_wait().expect("child").is_none(), "the server ended at once");
            assert!(Instant::now() < deadline, "the server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// An S3 server with a bucket called `test`.
    pub fn s3() -> Self {
        Self::start(|port, dir| {
            // A directory is a bucket.
            std::fs::create_dir_all(dir.join("data/test")).expect("bucket");
            std::fs::create_dir_all(dir.join("meta")).expect("metadata");
            let mut command = Command::new(component("versitygw", "s3"));
            command
                .env("ROOT_ACCESS_KEY", S3_USER.0)
                .env("ROOT_SECRET_KEY", S3_USER.1)
                .args(["--port", &format!("127.0.0.1:{port}"), "--region", "us-east-1", "posix", "--sidecar"])
                .arg(dir.join("meta"))
                .arg(dir.join("data"));
            command
        })
    }

    /// Azure Blob Storage, empty.
    pub fn azure() -> Self {
        Self::start(|port, dir| {
            let mut command = Command::new(component("azurite-blob", "azure"));
            command.current_dir(dir).args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
            command.args(["--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"]);
            command
        })
    }

    /// Google Cloud Storage's JSON API, empty.
    pub fn gcs() -> Self {
        Self::start(|port, dir| {
            let mut command = Command::new(component("fake-gcs-server", "gcs"));
            let host = format!("127.0.0.1:{port}");
            command.args(["-scheme", "http", "-host", "127.0.0.1", "-port", &port.to_string(), "-backend", "filesystem"]);
            command.arg("-filesystem-root").arg(dir.join("data"));
            command.args(["-public-host", &host, "-external-url", &format!("http://{host}")]);
            command
        })
    }

    /// Its data.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Makes a container: what the library for object stores does not do.
pub fn azure_container(host: &str, name: &str) {
    let date = http_date();
    let version = "2021-08-06";
    let to_sign = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{version}\n/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{name}\nrestype:container"
    );
    let key = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, AZURE_KEY).expect("key");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let signature = aws_lc_rs::hmac::sign(&key, to_sign.as_bytes());
    let signature = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, signature.as_ref());
    let request = format!(
        "PUT /{AZURE_ACCOUNT}/{name}?restype=container HTTP/1.1\r\nHost: {host}\r\nx-ms-date: {date}\r\nx-ms-version: {version}\r\n\
         Authorization: SharedKey {AZURE_ACCOUNT}:{signature}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let answer = exchange(host, &request);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

/// One request and its answer.
pub fn exchange(host: &str, request: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = TcpStream::connect(host).expect("connect");
    stream.write_all(request.as_bytes()).expect("request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answer");
    String::from_utf8_lossy(&answer).into_owned()
}

fn http_date() -> String {
    let output = Command::new("date").args(["-u", "+%a, %d %b %Y %H:%M:%S GMT"]).env("LC_ALL", "C").output().expect("date");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
