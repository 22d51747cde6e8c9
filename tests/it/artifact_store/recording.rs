//! A proxy in front of a plain HTTP server: keeps the first line of every request, and may answer some of them itself.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Decides about a request by its first line and how many came before: an answer of its own, or nothing to let it pass.
type Decide = dyn Fn(&str, usize) -> Option<String> + Send + Sync;

/// The proxy.
pub struct Recording {
    pub host: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Recording {
    pub fn start(to: &str, decide: impl Fn(&str, usize) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("address").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, to, decide): (_, _, Arc<Decide>) = (Arc::clone(&asked), to.to_owned(), Arc::new(decide));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, to, decide) = (Arc::clone(&log), to.clone(), Arc::clone(&decide));
                std::thread::spawn(move || {
                    let _cut = one_request(stream, &to, &log, decide.as_ref());
                });
            }
        });
        Self { host, asked }
    }

    /// Method and path of every request, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("log").clone()
    }

    pub fn clear(&self) {
        self.asked.lock().expect("log").clear();
    }
}

fn one_request(client: TcpStream, to: &str, log: &Mutex<Vec<String>>, decide: &Decide) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut client = client;
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let lower = line.to_ascii_lowercase();
        if let Some(text) = lower.strip_prefix("content-length:") {
            length = text.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            break;
        }
        // One request per connection, so that each is seen.
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let first = head.lines().next().unwrap_or_default().to_owned();
    let before = {
        let mut log = log.lock().expect("log");
        log.push(first.rsplit_once(' ').map_or(first.clone(), |(line, _)| line.to_owned()));
        log.len() - 1
    };
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if let Some(answer) = decide(&first, before) {
        return client.write_all(answer.as_bytes());
    }
    let mut server = TcpStream::connect(to)?;
    server.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    server.write_all(&body)?;
    // The client is told that the connection ends, and reads to the end.
    let mut answers = BufReader::new(server);
    loop {
        let mut line = String::new();
        if answers.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            client.write_all(b"Connection: close\r\n\r\n")?;
            break;
        }
        if !line.to_ascii_lowercase().starts_with("connection:") {
            client.write_all(line.as_bytes())?;
        }
    }
    std::io::copy(&mut answers, &mut client)?;
    Ok(())
}
