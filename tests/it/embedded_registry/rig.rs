//! A registry in this process and a plain HTTP/1.1 client that hides nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use stagefreight::core::Digest;
use stagefreight::rehearse::registry::{Options, Running, Server};

/// Image manifest media type.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Index media type.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry with a directory of its own.
pub struct Registry {
    runtime: tokio::runtime::Runtime,
    running: Option<Running>,
    pub dir: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Registry {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
        let mut options = Options::new(dir.path().join("registry"));
        change(&mut options);
        let running = runtime.block_on(Server::start(options)).expect("the registry starts");
        Self { runtime, running: Some(running), dir }
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("running")
    }

    pub fn host(&self) -> String {
        self.running().host()
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("registry")
    }

    /// A second server on the same directory.
    pub fn twin(&self) -> Running {
        self.runtime.block_on(Server::start(Options::new(self.data()))).expect("a second server")
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        send(&self.host(), method, path, headers, body).expect("an answer")
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// Pushes a blob in the plainest way; gives its digest.
    pub fn blob(&self, name: &str, bytes: &[u8]) -> String {
        let digest = Digest::of(bytes).to_string();
        let answer = self.send("POST", &format!("/v2/{name}/blobs/uploads/?digest={digest}"), &[], bytes);
        assert_eq!(answer.status, 201, "{answer:?}");
        digest
    }

    /// Opens an upload session; gives its location.
    pub fn session(&self, name: &str) -> String {
        self.send("POST", &format!("/v2/{name}/blobs/uploads/"), &[], b"").expect(202).header("location")
    }

    /// Pushes a small image under a tag; gives its digest and bytes.
    pub fn image(&self, name: &str, reference: &str, content: &str) -> (String, Vec<u8>) {
        let raw = self.manifest_of(name, content, "");
        self.put(name, reference, &raw).expect(201);
        (Digest::of(&raw).to_string(), raw)
    }

    /// An image manifest whose blobs are pushed; `more` is spliced into the document.
    pub fn manifest_of(&self, name: &str, content: &str, more: &str) -> Vec<u8> {
        let config = self.blob(name, b"{}");
        let layer = self.blob(name, content.as_bytes());
        let size = content.len();
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":2}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{layer}","size":{size}}}]{more}}}"#
        )
        .into_bytes()
    }

    pub fn put(&self, name: &str, reference: &str, raw: &[u8]) -> Answer {
        self.send("PUT", &format!("/v2/{name}/manifests/{reference}"), &[("Content-Type", MANIFEST)], raw)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.shutdown());
        }
    }
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, String::from_utf8_lossy(&self.body));
        self
    }

    pub fn header(&self, name: &str) -> String {
        self.maybe(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    pub fn maybe(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The code of the first error.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().expect("an error code").to_owned()
    }
}

/// One request on a connection of its own. An early end of the answer is an error.
pub fn send(host: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<Answer> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nUser-Agent: rig\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) && !body.is_empty() || method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20)))?;
    stream.write_all(head.as_bytes())?;
    // A server that refuses early may close before it took everything.
    let _early = stream.write_all(body);
    read_answer(&mut stream, method == "HEAD")
}

/// Reads one answer to its end.
pub fn read_answer(stream: &mut TcpStream, head: bool) -> std::io::Result<Answer> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let cut = |text: &str| std::io::Error::new(std::io::ErrorKind::UnexpectedEof, text.to_owned());
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut lines = text.lines();
            let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(|| cut("no status"))?;
            let headers: Vec<(String, String)> =
                lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
            let wanted = if head { 0 } else { length.unwrap_or(0) };
            let mut body = bytes.split_off(end + 4);
            while body.len() < wanted {
                match stream.read(&mut buffer)? {
                    0 => return Err(cut("the body ended early")),
                    count => body.extend_from_slice(&buffer[..count]),
                }
            }
            return Ok(Answer { status, headers, body });
        }
        match stream.read(&mut buffer)? {
            0 => return Err(cut("the head ended early")),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// Bytes of sha-512, for the other registered algorithm.
pub fn sha512(bytes: &[u8]) -> String {
    let mut digester = stagefreight::core::Digester::new(stagefreight::core::Algorithm::Sha512);
    digester.update(bytes);
    digester.finish().to_string()
}

/// Compares a generated part of a document with what it should be, or writes it when `UPDATE_GENERATED=1`.
pub fn generated(file: &str, name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(&path).expect("the document");
    let (open, close) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end: {name} -->"));
    let start = text.find(&open).expect("the opening marker") + open.len();
    let end = text[start..].find(&close).expect("the closing marker") + start;
    if std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
        std::fs::write(&path, format!("{}{expected}{}", &text[..start], &text[end..])).expect("written");
        return;
    }
    assert_eq!(&text[start..end], expected, "{file} is out of date: run UPDATE_GENERATED=1 cargo test --test it embedded_registry");
}
