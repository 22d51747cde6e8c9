//! A server that answers what a test tells it to: for the things real registries only do on bad days.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// What to do about it.
pub enum Reply {
    /// Status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Close the connection without a word.
    Cut,
    /// Send half of what was promised, then close.
    Truncated(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Say nothing for this long, then close.
    Silence(std::time::Duration),
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), Vec::new())
    }
}

type Handler = dyn FnMut(&Asked) -> Reply + Send;

/// A running script. Threads end with the process: they hold nothing but a socket.
pub struct Scripted {
    pub host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    pub fn start(handler: impl FnMut(&Asked) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("address").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let handler: Arc<Mutex<Box<Handler>>> = Arc::new(Mutex::new(Box::new(handler)));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                std::thread::spawn(move || {
                    let _cut = serve(&stream, &handler, &log);
                });
            }
        });
        Self { host, asked }
    }

    /// Everything that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("log").clone()
    }

    /// `GET /v2/`, … in order.
    pub fn lines(&self) -> Vec<String> {
        self.asked().iter().map(|asked| format!("{} {}", asked.method, asked.target)).collect()
    }
}

fn serve(stream: &TcpStream, handler: &Mutex<Box<Handler>>, log: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(()) };
    if !target.starts_with('/') {
        return Ok(());
    }
    let mut asked = Asked { method: method.to_owned(), target: target.to_owned(), headers: BTreeMap::new(), body: Vec::new() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        asked.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = asked.headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    reader.by_ref().take(length).read_to_end(&mut asked.body)?;
    let reply = (handler.lock().expect("handler"))(&asked);
    let head = asked.method == "HEAD";
    log.lock().expect("log").push(asked);
    let mut out = stream;
    match reply {
        Reply::Cut => {}
        Reply::Silence(duration) => std::thread::sleep(duration),
        Reply::Answer(status, headers, body) => {
            write_head(&mut out, status, &headers, body.len())?;
            if !head {
                out.write_all(&body)?;
            }
        }
        Reply::Truncated(status, headers, body) => {
            write_head(&mut out, status, &headers, body.len())?;
            out.write_all(&body[..body.len() / 2])?;
        }
    }
    out.flush()?;
    stream.shutdown(std::net::Shutdown::Both)
}

fn write_head(out: &mut impl std::io::Write, status: u16, headers: &[(&str, String)], length: usize) -> std::io::Result<()> {
    write!(out, "HTTP/1.1 {status} Scripted\r\nConnection: close\r\n")?;
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
        write!(out, "Content-Length: {length}\r\n")?;
    }
    for (name, value) in headers {
        write!(out, "{name}: {value}\r\n")?;
    }
    write!(out, "\r\n")
}
