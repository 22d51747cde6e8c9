//! Layers and archives as places to read from: their list of entries, and any file's bytes by offset.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tokio_util::sync::CancellationToken;

use super::tree::{Content, Node, NodeKind, Tree};
use crate::core::{Digest, PathError};
use crate::error::{Error, Result};
use crate::fs;

/// More than any real layer unpacks to: a compression bomb ends here.
const MAX_UNPACKED: u64 = 64 << 30;
/// More entries than any real layer has.
const MAX_ENTRIES: usize = 4_000_000;

/// A tar, possibly compressed, on disk. Its uncompressed form is written to scratch the first time bytes are wanted.
#[derive(Debug)]
pub struct LayerSource {
    packed: PathBuf,
    scratch: PathBuf,
    unpacked: OnceLock<PathBuf>,
}

/// How a tar is compressed, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not compressed.
    Plain,
    /// gzip (RFC 1952).
    Gzip,
    /// zstd (RFC 8878).
    Zstd,
    /// bzip2, which is not read here.
    Bzip2,
    /// xz, which is not read here.
    Xz,
}

impl Packing {
    /// By the magic bytes.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::Plain,
        }
    }
}

/// The first bytes of a file.
pub fn head(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::open_regular(path)?.0.take(512).read_to_end(&mut bytes).map_err(PathError::at("read", path))?;
    Ok(bytes)
}

/// Would `ADD` unpack this file? Decided by content, as BuildKit does: something that unpacks to a tar header.
pub fn is_archive(path: &Path) -> Result<bool> {
    let mut head = head(path)?;
    match Packing::of(&head) {
        // Only archives come in these in practice; reading them is refused with a clear error.
        Packing::Bzip2 | Packing::Xz => return Ok(true),
        Packing::Gzip | Packing::Zstd => {
            let mut inner = Vec::new();
            let readable =
                unpacking(path).and_then(|reader| reader.take(512).read_to_end(&mut inner).map_err(|e| Error::failed(e.to_string())));
            if readable.is_err() {
                return Ok(false);
            }
            head = inner;
        }
        Packing::Plain => {}
    }
    if head.len() < 512 {
        return Ok(false);
    }
    let mut header = tar::Header::new_old();
    header.as_mut_bytes().copy_from_slice(&head[..512]);
    let claimed = header.cksum().unwrap_or(0);
    header.set_cksum();
    Ok(head.iter().any(|b| *b != 0) && header.cksum().is_ok_and(|sum| sum == claimed))
}

fn unpacking(path: &Path) -> Result<Box<dyn Read + Send>> {
    let doing = || format!("cannot unpack {}", path.display());
    let packing = Packing::of(&head(path)?);
    let file = io::BufReader::with_capacity(1 << 18, fs::open_regular(path)?.0);
    Ok(match packing {
        Packing::Plain => Box::new(file),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(file).map_err(|e| Error::failed(doing()).because(&e))?),
        Packing::Bzip2 | Packing::Xz => {
            return Err(Error::failed(format!("{}: archives in this compression are not unpacked without BuildKit", doing()))
                .hint("pack it with gzip or zstd, or select `builder: buildx`"));
        }
    })
}

impl LayerSource {
    /// A tar at `packed`; `scratch` takes the uncompressed form.
    pub fn new(packed: &Path, scratch: &Path) -> Self {
        Self { packed: packed.to_owned(), scratch: scratch.to_owned(), unpacked: OnceLock::new() }
    }

    /// A stable name of where the bytes come from.
    pub fn path(&self) -> &Path {
        &self.packed
    }

    /// Checks the file against its digest, so that nothing is read from a tampered layer.
    pub fn verify(&self, digest: &Digest, cancel: &CancellationToken) -> Result<()> {
        let mut file = fs::open_regular(&self.packed)?.0;
        let mut hash = digest.digester();
        let mut buffer = vec![0; 1 << 18];
        loop {
            let n = file.read(&mut buffer).map_err(PathError::at("read", &self.packed))?;
            if n == 0 {
                break;
            }
            check(cancel)?;
            hash.update(&buffer[..n]);
        }
        let found = hash.finish();
        if found == *digest {
            return Ok(());
        }
        Err(Error::failed(format!("layer {digest} of a base image is damaged: its bytes hash to {found}"))
            .hint("fetch the base image again"))
    }

    /// Applies the tar to a tree. `layer` gives `.wh.` names their meaning (image-spec, "Whiteouts"); in an archive
    /// they are refused, because in our layer they would hide files. Returns the paths in the tar's order.
    pub fn apply(self: &std::sync::Arc<Self>, tree: &mut Tree, at: &Path, layer: bool, cancel: &CancellationToken) -> Result<Vec<PathBuf>> {
        let fail = |e: &dyn std::error::Error| Error::failed(format!("cannot read the tar {}", self.packed.display())).because(e);
        let mut archive = tar::Archive::new(unpacking(&self.packed)?.take(MAX_UNPACKED));
        let mut touched = Vec::new();
        for entry in archive.entries().map_err(|e| fail(&e))? {
            let mut entry = entry.map_err(|e| fail(&e))?;
            check(cancel)?;
            if touched.len() > MAX_ENTRIES {
                return Err(Error::failed(format!("{} lists more than {MAX_ENTRIES} files", self.packed.display())));
            }
            if matches!(entry.header().entry_type(), tar::EntryType::XGlobalHeader) {
                continue;
            }
            let inside = safe(&entry.path().map_err(|e| fail(&e))?).ok_or_else(|| {
                Error::failed(format!(
                    "{} holds a path that leaves it: {}",
                    self.packed.display(),
                    entry.path().map(|p| p.display().to_string()).unwrap_or_default()
                ))
            })?;
            if inside.as_os_str().is_empty() {
                continue;
            }
            let name = inside.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            if let Some(hidden) = name.strip_prefix(".wh.") {
                let parent = at.join(inside.parent().unwrap_or(Path::new("")));
                if !layer {
                    return Err(Error::failed(format!("{} holds {name}: such names hide files in an image", self.packed.display())));
                }
                if hidden == ".wh..opq" {
                    tree.remove_below(&parent);
                } else {
                    tree.remove(&parent.join(hidden));
                }
                continue;
            }
            let path = at.join(&inside);
            let node = self.node(&mut entry, tree, at).map_err(|e| fail(&e))?;
            // A tar may leave directories out.
            let missing: Vec<PathBuf> = path.ancestors().skip(1).take_while(|p| !tree.is_dir(p)).map(Path::to_owned).collect();
            for dir in missing.into_iter().rev() {
                tree.put(&dir, Node::dir((0, 0), node.mtime));
                touched.push(dir);
            }
            tree.put(&path, node);
            touched.push(path);
        }
        Ok(touched)
    }

    fn node<R: Read>(self: &std::sync::Arc<Self>, entry: &mut tar::Entry<'_, R>, tree: &Tree, at: &Path) -> io::Result<Node> {
        let mut xattrs = Vec::new();
        if let Some(records) = entry.pax_extensions()? {
            for record in records {
                let record = record?;
                if let Some(name) = record.key().ok().and_then(|key| key.strip_prefix("SCHILY.xattr.")) {
                    xattrs.push((name.to_owned(), record.value_bytes().to_vec()));
                }
            }
        }
        xattrs.sort();
        let header = entry.header();
        let numbers = |h: &tar::Header| (h.device_major().ok().flatten().unwrap_or(0), h.device_minor().ok().flatten().unwrap_or(0));
        let (mode, uid, gid) = (header.mode()? & 0o7777, header.uid()?, header.gid()?);
        let mtime = i64::try_from(header.mtime()?).unwrap_or(0);
        let target = || entry.link_name()?.map(std::borrow::Cow::into_owned).ok_or_else(|| io::Error::other("a link without a target"));
        let kind = match header.entry_type() {
            tar::EntryType::Directory => NodeKind::Dir,
            tar::EntryType::Symlink => NodeKind::Link(target()?),
            tar::EntryType::Link => {
                let target = at.join(safe(&target()?).ok_or_else(|| io::Error::other("a hard link that leaves the archive"))?);
                // A hard link is the same file under a second name.
                return tree
                    .get(&target)
                    .cloned()
                    .ok_or_else(|| io::Error::other(format!("a hard link to {}, which is not there", target.display())));
            }
            special @ (tar::EntryType::Char | tar::EntryType::Block | tar::EntryType::Fifo) => {
                let (major, minor) = numbers(header);
                NodeKind::Special(special, major, minor)
            }
            kind if kind.is_file() || kind.is_contiguous() => {
                NodeKind::File(Content::Layer { source: self.clone(), offset: entry.raw_file_position(), size: entry.size() })
            }
            other => return Err(io::Error::other(format!("an entry of type {other:?}, which is not supported"))),
        };
        Ok(Node { kind, mode, uid, gid, mtime, xattrs })
    }

    /// Reads a stretch of the uncompressed tar.
    pub fn open(&self, offset: u64, size: u64) -> Result<io::Take<File>> {
        let path = self.unpack()?;
        let mut file = fs::open(&path)?;
        file.seek(SeekFrom::Start(offset)).map_err(PathError::at("read", &path))?;
        Ok(file.take(size))
    }

    fn unpack(&self) -> Result<PathBuf> {
        if let Some(path) = self.unpacked.get() {
            return Ok(path.clone());
        }
        if Packing::of(&head(&self.packed)?) == Packing::Plain {
            return Ok(self.unpacked.get_or_init(|| self.packed.clone()).clone());
        }
        let scratch = fs::Scratch::below(&self.scratch, "unpacked")?;
        // Kept until the build's scratch directory goes.
        let path = scratch.path().join("layer.tar");
        let mut file = fs::create_new(&path)?;
        io::copy(&mut unpacking(&self.packed)?.take(MAX_UNPACKED), &mut file).map_err(PathError::at("write", &path))?;
        std::mem::forget(scratch);
        Ok(self.unpacked.get_or_init(|| path).clone())
    }
}

/// Fails when the build was cancelled.
pub fn check(cancel: &CancellationToken) -> Result<()> {
    if cancel.is_cancelled() { Err(Error::new(crate::error::Kind::Interrupted, "the build was interrupted")) } else { Ok(()) }
}

// `./a/b`, `/a/b` → `a/b`; nothing with `..`.
fn safe(path: &Path) -> Option<PathBuf> {
    let leaves = path.components().any(|c| matches!(c, std::path::Component::ParentDir));
    if leaves { None } else { Some(super::tree::normal(path)) }
}
