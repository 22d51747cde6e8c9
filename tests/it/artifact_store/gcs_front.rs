//! A front that translates what is written to Google Cloud Storage by its XML API, which real clients use, into the JSON
//! API, which is all the emulator knows. Reads of objects and lists are the emulator's own.
//!
//! Conditions (`x-goog-if-generation-match`) become `ifGenerationMatch` of the JSON API; uploads in parts are put
//! together here.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::servers::exchange;

type Uploads = Arc<Mutex<HashMap<String, Vec<(u32, Vec<u8>)>>>>;

/// The front.
pub struct GcsFront {
    pub host: String,
}

struct Asked {
    method: String,
    target: String,
    head: String,
    condition: Option<String>,
    body: Vec<u8>,
}

impl GcsFront {
    /// In front of an emulator, with a bucket that is made.
    pub fn start(to: &str, bucket: &str) -> Self {
        let body = format!("{{\"name\":\"{bucket}\"}}");
        let made = exchange(
            to,
            &format!(
                "POST /storage/v1/b?project=test HTTP/1.1\r\nHost: {to}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            ),
        );
        assert!(made.starts_with("HTTP/1.1 200"), "{made}");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("address").to_string();
        let (to, uploads, writing) = (to.to_owned(), Uploads::default(), Arc::new(Mutex::new(())));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (to, uploads, writing) = (to.clone(), Arc::clone(&uploads), Arc::clone(&writing));
                std::thread::spawn(move || {
                    let _cut = serve(stream, &to, &uploads, &writing);
                });
            }
        });
        Self { host }
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Option<Asked>> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut head, mut length, mut condition) = (String::new(), 0, None);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line == "\r\n" {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(text) = lower.strip_prefix("content-length:") {
            length = text.trim().parse().unwrap_or(0);
        }
        if let Some(text) = lower.strip_prefix("x-goog-if-generation-match:") {
            condition = Some(text.trim().to_owned());
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Asked { method, target, head, condition, body }))
}

fn serve(mut stream: TcpStream, to: &str, uploads: &Uploads, writing: &Mutex<()>) -> std::io::Result<()> {
    let Some(asked) = read(&stream)? else { return Ok(()) };
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let (bucket, object) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned));
    let upload = parameter("uploadId");
    match (asked.method.as_str(), upload) {
        ("POST", None) if query.contains("uploads") => {
            let id = format!("upload-{}", uploads.lock().expect("uploads").len());
            uploads.lock().expect("uploads").insert(id.clone(), Vec::new());
            let xml = format!(
                "<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{object}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
            );
            answer(&mut stream, 200, "OK", &[], &xml)
        }
        ("PUT", Some(id)) => {
            let part = parameter("partNumber").and_then(|number| number.parse().ok()).unwrap_or(0);
            uploads.lock().expect("uploads").get_mut(&id).expect("an upload").push((part, asked.body));
            answer(&mut stream, 200, "OK", &[("ETag", format!("\"{id}-{part}\""))], "")
        }
        ("POST", Some(id)) => {
            let mut parts = uploads.lock().expect("uploads").remove(&id).unwrap_or_default();
            parts.sort_by_key(|(part, _)| *part);
            let whole: Vec<u8> = parts.into_iter().flat_map(|(_, bytes)| bytes).collect();
            write(to, bucket, object, &whole, None);
            let xml = format!(
                "<CompleteMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{object}</Key><ETag>\"{id}\"</ETag></CompleteMultipartUploadResult>"
            );
            answer(&mut stream, 200, "OK", &[("x-goog-generation", "1".to_owned())], &xml)
        }
        ("DELETE", Some(id)) => {
            uploads.lock().expect("uploads").remove(&id);
            answer(&mut stream, 204, "No Content", &[], "")
        }
        ("PUT", None) => {
            // The emulator judges the condition and writes in two steps.
            let _one_at_a_time = writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let said = write(to, bucket, object, &asked.body, asked.condition.as_deref());
            if said.starts_with("HTTP/1.1 412") {
                return answer(&mut stream, 412, "Precondition Failed", &[], "");
            }
            assert!(said.starts_with("HTTP/1.1 200"), "{said}");
            answer(&mut stream, 200, "OK", &[("ETag", "\"written\"".to_owned()), ("x-goog-generation", "1".to_owned())], "")
        }
        ("DELETE", None) => {
            let request = format!("DELETE /storage/v1/b/{bucket}/o/{object} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n");
            let said = exchange(to, &request);
            if said.starts_with("HTTP/1.1 404") {
                answer(&mut stream, 404, "Not Found", &[], "")
            } else {
                answer(&mut stream, 204, "No Content", &[], "")
            }
        }
        _ => {
            let mut server = TcpStream::connect(to)?;
            // The emulator serves objects under its own name only.
            let kept = asked.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("host:"));
            let head = kept.fold(String::new(), |head, line| head + line + "\r\n");
            server.write_all(format!("{head}Host: {to}\r\nConnection: close\r\n\r\n").as_bytes())?;
            server.write_all(&asked.body)?;
            std::io::copy(&mut server, &mut stream)?;
            Ok(())
        }
    }
}

fn write(to: &str, bucket: &str, object: &str, bytes: &[u8], condition: Option<&str>) -> String {
    let condition = condition.map_or_else(String::new, |generation| format!("&ifGenerationMatch={generation}"));
    let mut stream = TcpStream::connect(to).expect("connect");
    let head = format!(
        "POST /upload/storage/v1/b/{bucket}/o?uploadType=media&name={object}{condition} HTTP/1.1\r\nHost: {to}\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    let _refused_early = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(bytes));
    let mut said = Vec::new();
    // It may hang up once it has answered, without having read everything.
    let ended = stream.read_to_end(&mut said);
    assert!(!said.is_empty(), "no answer: {ended:?}");
    String::from_utf8_lossy(&said).into_owned()
}

fn answer(stream: &mut TcpStream, status: u16, reason: &str, headers: &[(&str, String)], body: &str) -> std::io::Result<()> {
    let headers = headers.iter().fold(String::new(), |all, (name, value)| all + name + ": " + value + "\r\n");
    write!(stream, "HTTP/1.1 {status} {reason}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}
