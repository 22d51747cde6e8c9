//! One layer: the nodes an instruction added or changed, written as a tar in path order.
//!
//! Headers are POSIX ustar; what does not fit (long or non-ASCII names, extended attributes) goes into a pax header
//! (POSIX.1-2008, "pax Extended Header"). No user names, no access times: two builds write the same bytes.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::layer_source::check;
use super::tree::{Content, Node, NodeKind};
use crate::core::{Algorithm, Digest, Digester, PathError};
use crate::error::{Error, Result};
use crate::fs;

/// What an instruction added or changed, by path.
pub type Changes = BTreeMap<PathBuf, Node>;

/// Names a set of changes by metadata and by where the contents come from, so that the same layer of a second platform
/// is not made twice. Valid within one build.
pub fn identity(changes: &Changes) -> Digest {
    let mut hash = Digester::new(Algorithm::Sha256);
    for (path, node) in changes {
        let content = match &node.kind {
            NodeKind::File(Content::Layer { source, offset, size }) => format!("{}@{offset}+{size}", source.path().display()),
            kind => format!("{kind:?}"),
        };
        hash.update(path.as_os_str().as_bytes());
        hash.update(format!("\0{content}\0{:o} {} {} {} {:?}\n", node.mode, node.uid, node.gid, node.mtime, node.xattrs).as_bytes());
    }
    hash.finish()
}

/// Writes the tar.
pub fn write(changes: &Changes, out: &mut dyn Write, cancel: &CancellationToken) -> Result<()> {
    let mut buffer = vec![0; 1 << 18];
    for (path, node) in changes {
        check(cancel)?;
        let io = |e: std::io::Error| Error::failed("cannot write a layer").because(&e);
        out.write_all(&headers(path, node)).map_err(io)?;
        if let NodeKind::File(content) = &node.kind {
            copy(content, out, &mut buffer, cancel)?;
            let padding = (512 - content.size() % 512) % 512;
            out.write_all(&[0; 512][..usize::try_from(padding).unwrap_or(0)]).map_err(io)?;
        }
    }
    out.write_all(&[0; 1024]).map_err(|e| Error::failed("cannot write a layer").because(&e))
}

fn copy(content: &Content, out: &mut dyn Write, buffer: &mut [u8], cancel: &CancellationToken) -> Result<()> {
    let io = |e: std::io::Error| Error::failed("cannot write a layer").because(&e);
    match content {
        Content::Inline(bytes) => out.write_all(bytes).map_err(io),
        Content::Disk { path, size } => {
            let mut file = fs::open_regular(path)?.0;
            let copied = pump(&mut file, *size, out, buffer, path, cancel)?;
            let more = file.read(&mut buffer[..1]).map_err(PathError::at("read", path))?;
            if copied < *size || more > 0 {
                return Err(Error::failed(format!("{} changed while it was being read", path.display()))
                    .hint("let nothing write to the build context during the build"));
            }
            Ok(())
        }
        Content::Layer { source, offset, size } => {
            let copied = pump(&mut source.open(*offset, *size)?, *size, out, buffer, source.path(), cancel)?;
            if copied < *size {
                return Err(Error::failed(format!("{} ends early", source.path().display())));
            }
            Ok(())
        }
    }
}

fn pump(from: &mut dyn Read, size: u64, out: &mut dyn Write, buffer: &mut [u8], path: &Path, cancel: &CancellationToken) -> Result<u64> {
    let mut done = 0;
    while done < size {
        let want = usize::try_from(size - done).unwrap_or(usize::MAX).min(buffer.len());
        let n = from.read(&mut buffer[..want]).map_err(PathError::at("read", path))?;
        if n == 0 {
            break;
        }
        check(cancel)?;
        out.write_all(&buffer[..n]).map_err(|e| Error::failed("cannot write a layer").because(&e))?;
        done += n as u64;
    }
    Ok(done)
}

fn headers(path: &Path, node: &Node) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    let mut pax = Vec::new();
    let mut name = path.as_os_str().as_bytes().to_vec();
    header.set_mode(node.mode);
    header.set_uid(node.uid);
    header.set_gid(node.gid);
    header.set_mtime(u64::try_from(node.mtime).unwrap_or(0));
    header.set_size(0);
    match &node.kind {
        NodeKind::Dir => {
            name.push(b'/');
            header.set_entry_type(tar::EntryType::Directory);
        }
        NodeKind::File(content) => {
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(content.size());
        }
        NodeKind::Link(target) => {
            header.set_entry_type(tar::EntryType::Symlink);
            let target = target.as_os_str().as_bytes();
            if target.len() > 100 || !target.is_ascii() {
                record(&mut pax, "linkpath", target);
            }
            let field = &mut header.as_old_mut().linkname;
            let len = target.len().min(field.len());
            field[..len].copy_from_slice(&target[..len]);
        }
        NodeKind::Special(kind, major, minor) => {
            header.set_entry_type(*kind);
            // ustar headers have both fields.
            let _ustar = header.set_device_major(*major).and_then(|()| header.set_device_minor(*minor));
        }
        // Sockets never reach a layer: COPY leaves them out.
        NodeKind::Socket => return Vec::new(),
    }
    if !set_name(&mut header, &name) {
        record(&mut pax, "path", &name);
    }
    for (name, value) in &node.xattrs {
        record(&mut pax, &format!("SCHILY.xattr.{name}"), value);
    }
    header.set_cksum();
    let mut bytes = Vec::with_capacity(512);
    if !pax.is_empty() {
        let mut extended = tar::Header::new_ustar();
        extended.set_entry_type(tar::EntryType::XHeader);
        set_name(&mut extended, b"PaxHeaders/entry");
        extended.set_mode(0o644);
        extended.set_uid(0);
        extended.set_gid(0);
        extended.set_mtime(0);
        extended.set_size(pax.len() as u64);
        extended.set_cksum();
        bytes.extend_from_slice(extended.as_bytes());
        pax.resize(pax.len().div_ceil(512) * 512, 0);
        bytes.extend_from_slice(&pax);
    }
    bytes.extend_from_slice(header.as_bytes());
    bytes
}

// Puts a name into the header's 100 bytes, or splits it at a slash into 155 and 100. False when a pax record is needed.
fn set_name(header: &mut tar::Header, name: &[u8]) -> bool {
    let Some(ustar) = header.as_ustar_mut() else { return false };
    let split = if name.len() <= 100 {
        Some(None)
    } else {
        // The slash between the fields is not stored; both parts must be non-empty.
        let last = name.len() - 1;
        (1..last.min(156)).rev().find(|at| name[*at] == b'/' && name.len() - at - 1 <= 100).map(Some)
    };
    match split {
        Some(None) => ustar.name[..name.len()].copy_from_slice(name),
        Some(Some(at)) => {
            ustar.prefix[..at].copy_from_slice(&name[..at]);
            ustar.name[..name.len() - at - 1].copy_from_slice(&name[at + 1..]);
        }
        None => ustar.name.copy_from_slice(&name[..100]),
    }
    split.is_some() && name.is_ascii()
}

// `length key=value\n`, where length counts its own digits.
fn record(pax: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    pax.extend_from_slice(format!("{length} {key}=").as_bytes());
    pax.extend_from_slice(value);
    pax.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_finds_names_of_any_length_attributes_and_links() {
        let mut changes = Changes::new();
        let long = format!("{}/{}", "d".repeat(120), "f".repeat(90));
        let longer = format!("{}/{}", "d".repeat(200), "f".repeat(150));
        let inline = |text: &str| NodeKind::File(Content::Inline(text.as_bytes().into()));
        let file = Node {
            kind: inline("hello"),
            mode: 0o4755,
            uid: 7,
            gid: 8,
            mtime: 9,
            xattrs: vec![("security.x".into(), b"\0\x01=".to_vec())],
        };
        for name in ["short", &long, &longer, "ünï"] {
            changes.insert(name.into(), file.clone());
        }
        changes.insert("link".into(), Node { kind: NodeKind::Link("t".repeat(130).into()), ..file.clone() });
        changes.insert("dir".into(), Node::dir((1, 2), 3));
        let mut bytes = Vec::new();
        write(&changes, &mut bytes, &CancellationToken::new()).expect("writes");
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut seen = Vec::new();
        for entry in archive.entries().expect("entries") {
            let mut entry = entry.expect("entry");
            let path = entry.path().expect("path").to_string_lossy().trim_end_matches('/').to_owned();
            if path == "link" {
                assert_eq!(entry.link_name().expect("link").expect("link").as_os_str().len(), 130);
            } else if path != "dir" {
                assert_eq!((entry.header().mode().ok(), entry.header().uid().ok()), (Some(0o4755), Some(7)));
                let records: Vec<_> =
                    entry.pax_extensions().expect("pax").expect("pax").filter_map(Result::ok).map(|r| r.value_bytes().to_vec()).collect();
                assert!(records.contains(&b"\0\x01=".to_vec()));
                let mut text = String::new();
                entry.read_to_string(&mut text).expect("content");
                assert_eq!(text, "hello");
            }
            seen.push(path);
        }
        assert_eq!(seen, changes.keys().map(|p| p.to_string_lossy().into_owned()).collect::<Vec<_>>());
    }

    #[test]
    fn a_file_that_changed_is_an_error() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("f");
        fs::write_atomic(&path, b"12345", 0o644).expect("file");
        for size in [4, 6] {
            let node = Node { kind: NodeKind::File(Content::Disk { path: path.clone(), size }), ..Node::dir((0, 0), 0) };
            let result = write(&Changes::from([("f".into(), node)]), &mut Vec::new(), &CancellationToken::new());
            assert!(result.is_err_and(|e| e.message().contains("changed while")));
        }
    }
}
