//! A small HTTP/1.1 service: `/` greets, `/healthz` says it is alive. Standard library only.
//!
//! `HELLO_ADDR` is where it listens, `0.0.0.0:8080` when unset.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use std::{env, thread};

/// Longer requests are none of ours.
const MAX_REQUEST: u64 = 16 * 1024;

/// A client that says nothing for this long is dropped.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> io::Result<()> {
    let address = env::var("HELLO_ADDR").unwrap_or_else(|_| "0.0.0.0:8080".to_owned());
    let listener = TcpListener::bind(&address)?;
    println!("hello {} listens on {}", env!("CARGO_PKG_VERSION"), listener.local_addr()?);
    for stream in listener.incoming() {
        // A client that goes away is its own affair; the service goes on.
        let Ok(stream) = stream else { continue };
        thread::spawn(move || answer(&stream));
    }
    Ok(())
}

/// Reads one request and sends one answer.
fn answer(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream.take(MAX_REQUEST)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The headers say nothing we need; they end at the first empty line.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let (status, body) = respond(&request);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Status line and body for a request line such as `GET /healthz HTTP/1.1`.
fn respond(request: &str) -> (&'static str, String) {
    let mut words = request.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    match (method, path) {
        ("GET", "/") => ("200 OK", format!("hello from version {}\n", env!("CARGO_PKG_VERSION"))),
        ("GET", "/healthz") => ("200 OK", "ok\n".to_owned()),
        ("GET", _) => ("404 Not Found", "there is nothing here\n".to_owned()),
        _ => ("405 Method Not Allowed", "only GET is served\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::respond;

    #[test]
    fn answers_what_it_serves_and_refuses_the_rest() {
        assert_eq!(respond("GET /healthz HTTP/1.1"), ("200 OK", "ok\n".to_owned()));
        assert!(respond("GET /?a=b HTTP/1.1").1.starts_with("hello from version"));
        assert_eq!(respond("GET /x HTTP/1.1").0, "404 Not Found");
        assert_eq!(respond("POST / HTTP/1.1").0, "405 Method Not Allowed");
        assert_eq!(respond("").0, "405 Method Not Allowed");
    }
}
