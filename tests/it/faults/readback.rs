//! Reading a registry back with nothing of ours: sockets, and hashes of what arrived.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use stagefreight::core::Digest;

use super::release::REPOSITORY;

const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";

/// Status and body of a GET.
pub fn get(addr: SocketAddr, path: &str) -> (u16, Vec<u8>) {
    // The server runs on the same threads: waiting for it must not keep one.
    tokio::task::block_in_place(|| get_blocking(addr, path))
}

fn get_blocking(addr: SocketAddr, path: &str) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(addr).expect("connect");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {ACCEPT}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answer");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("head");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("status");
    (status, answer[end + 4..].to_vec())
}

/// Puts a manifest under a tag, as somebody else would.
pub fn put(addr: SocketAddr, tag: &str, manifest: &str) {
    tokio::task::block_in_place(|| put_blocking(addr, tag, manifest));
}

fn put_blocking(addr: SocketAddr, tag: &str, manifest: &str) {
    let mut stream = TcpStream::connect(addr).expect("connect");
    let length = manifest.len();
    let head = format!("PUT /v2/{REPOSITORY}/manifests/{tag} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(format!("{head}{manifest}").as_bytes()).expect("request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answer");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

/// Every tag of the repository with the digest of what it names, each with everything below it read and hashed.
pub fn tags(addr: SocketAddr) -> BTreeMap<String, Digest> {
    let (status, body) = get(addr, &format!("/v2/{REPOSITORY}/tags/list"));
    if status == 404 {
        return BTreeMap::new();
    }
    let list: serde_json::Value = serde_json::from_slice(&body).expect("list of tags");
    let names = list["tags"].as_array().cloned().unwrap_or_default();
    let mut seen = HashSet::new();
    names.iter().filter_map(|name| name.as_str()).map(|name| (name.to_owned(), whole(addr, name, &mut seen))).collect()
}

/// Reads a manifest and everything below it; panics when something is missing or is not what its digest says.
fn whole(addr: SocketAddr, reference: &str, seen: &mut HashSet<String>) -> Digest {
    let (status, raw) = get(addr, &format!("/v2/{REPOSITORY}/manifests/{reference}"));
    assert_eq!(status, 200, "manifest {reference}");
    let digest = Digest::of(&raw);
    assert!(!reference.contains(':') || reference == digest.as_str(), "{reference} holds {digest}");
    if !seen.insert(digest.to_string()) {
        return digest;
    }
    let manifest: serde_json::Value = serde_json::from_slice(&raw).expect("manifest");
    let blobs = manifest["layers"].as_array().into_iter().flatten().chain(manifest.get("config"));
    for blob in blobs.filter(|blob| blob.get("urls").is_none()) {
        let expected: Digest = blob["digest"].as_str().and_then(|text| text.parse().ok()).expect("digest");
        if seen.insert(expected.to_string()) {
            let (status, bytes) = get(addr, &format!("/v2/{REPOSITORY}/blobs/{expected}"));
            assert_eq!(status, 200, "blob {expected} below {reference}");
            let mut hash = expected.digester();
            hash.update(&bytes);
            assert_eq!(hash.finish(), expected, "a corrupt blob below {reference}");
        }
    }
    for child in manifest["manifests"].as_array().into_iter().flatten() {
        whole(addr, child["digest"].as_str().expect("digest"), seen);
    }
    digest
}

/// What refers to a digest, by the API or by the fallback tag.
pub fn referrers(addr: SocketAddr, subject: &Digest) -> Vec<String> {
    let (status, body) = match get(addr, &format!("/v2/{REPOSITORY}/referrers/{subject}")) {
        (404, _) => get(addr, &format!("/v2/{REPOSITORY}/manifests/{}", subject.as_str().replace(':', "-"))),
        found => found,
    };
    if status != 200 {
        return Vec::new();
    }
    let index: serde_json::Value = serde_json::from_slice(&body).expect("index");
    let entries = index["manifests"].as_array().into_iter().flatten();
    entries.filter_map(|entry| Some(entry["digest"].as_str()?.to_owned())).collect()
}
