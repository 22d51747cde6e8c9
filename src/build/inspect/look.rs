//! Looking through all layers once: the files they make together, what each adds, and what is carried along unseen.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use tokio_util::sync::CancellationToken;

use super::Limits;
use super::archive::{Archive, Entry, EntryKind};
use super::image::Image;
use super::layer::LayerReader;
use super::resolve::shown;
use super::tree::{FileKind, NodeId, Tree, TreeError, Watch};
use crate::core::oci::media_type;
use crate::core::{Algorithm, Digest, Digester};
use crate::error::{Error, Kind, Result};

/// How many hidden files are told by name.
const SHOWN_HIDDEN: usize = 20;
const BUFFER: usize = 128 * 1024;

/// What one layer adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerUse {
    /// Bytes of its uncompressed tar.
    pub unpacked: u64,
    /// Entries of its tar.
    pub entries: u64,
    /// Bytes of the files in it.
    pub content: u64,
    /// Of these, bytes that no file of the image has: overwritten or removed by a later layer.
    pub wasted: u64,
}

/// A file a later layer hides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// Its path, rooted.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// The layer that holds it.
    pub layer: u16,
    /// The layer that hides it.
    pub hidden_by: u16,
}

/// What was seen.
#[derive(Debug)]
pub struct Looked {
    /// The files.
    pub tree: Tree,
    /// The layers, in order.
    pub layers: Vec<LayerUse>,
    /// The largest hidden files, largest first.
    pub hidden: Vec<Hidden>,
}

/// Keeps the largest.
struct Largest {
    hidden: Vec<Hidden>,
    by: u16,
}

impl Watch for Largest {
    fn hidden(&mut self, tree: &Tree, id: NodeId) {
        let node = tree.node(id);
        if node.size == 0 || (self.hidden.len() == SHOWN_HIDDEN && self.hidden.last().is_some_and(|least| least.size >= node.size)) {
            return;
        }
        let found = Hidden { path: shown(&tree.path(id)), size: node.size, layer: node.layer, hidden_by: self.by };
        let place = self.hidden.partition_point(|other| other.size >= found.size);
        self.hidden.insert(place, found);
        self.hidden.truncate(SHOWN_HIDDEN);
    }
}

/// Reads every layer of an image, each checked against its digest.
///
/// # Errors
/// `Unverified` for a damaged layer; `Failed` for one that is no tar, is hostile or not distributed with the image.
pub fn look(image: &Image, limits: Limits, cancel: &CancellationToken) -> Result<Looked> {
    let mut tree = Tree::new(limits);
    let mut layers = Vec::new();
    let mut watch = Largest { hidden: Vec::new(), by: 0 };
    for (number, layer) in image.layers().iter().enumerate() {
        if media_type::is_foreign_layer(&layer.media_type) {
            return Err(Error::failed(format!("layer {} is not distributed with the image", layer.digest))
                .hint("only its host has the files of such an image; --file and --tree cannot look into it"));
        }
        watch.by = u16::try_from(number).map_err(|_| Error::failed("the image has more than 65535 layers"))?;
        let mut archive = Archive::new(LayerReader::open(image.layout(), layer, true, &limits, cancel)?);
        let mut usage = LayerUse::default();
        let mut entry = Entry::default();
        let outcome = loop {
            match archive.next(&mut entry) {
                Ok(false) => break Ok(()),
                Ok(true) => {}
                Err(error) => break Err(error),
            }
            usage.entries += 1;
            if entry.kind == EntryKind::File {
                usage.content += entry.size;
            }
            // Counted apart from the tree: entries that replace each other, and whiteouts, take time without taking room.
            if usage.entries > u64::from(limits.entries) {
                return Err(too_much(&format!("layer {} lists more than {} files", layer.digest, limits.entries)));
            }
            tree.apply(&entry, watch.by, &mut watch).map_err(|error| too_much(&error.to_string()))?;
        };
        let reader = archive.into_inner();
        if let Err(error) = outcome {
            return Err(reader.failed(&error));
        }
        usage.unpacked = reader.finish()?;
        layers.push(usage);
    }
    count_wasted(&tree, &mut layers);
    Ok(Looked { tree, layers, hidden: watch.hidden })
}

fn too_much(what: &str) -> Error {
    Error::failed(what).hint("no real image is made like this; it was not looked at further")
}

/// Lays one entry of a layer over a tree, as [`look`] does for every entry.
///
/// # Errors
/// When the tree's limits are reached.
pub fn lay(tree: &mut Tree, entry: &Entry, layer: u16) -> std::result::Result<(), TreeError> {
    tree.apply(entry, layer, &mut Largest { hidden: Vec::new(), by: layer })
}

// What a layer's files weigh, less what is seen of them. Hard links share their bytes.
fn count_wasted(tree: &Tree, layers: &mut [LayerUse]) {
    let mut shared = HashSet::new();
    let mut seen = vec![0_u64; layers.len()];
    let _counted = tree.walk::<()>(|file| {
        let node = tree.node(file.id);
        if node.kind == FileKind::File
            && node.offset != u64::MAX
            && (!node.shared || shared.insert((node.content_layer, node.offset)))
            && let Some(seen) = seen.get_mut(usize::from(node.content_layer))
        {
            *seen += node.size;
        }
        Ok(())
    });
    for (layer, seen) in layers.iter_mut().zip(seen) {
        layer.wasted = layer.content.saturating_sub(seen);
    }
}

impl Looked {
    /// Finds a regular file, links followed.
    ///
    /// # Errors
    /// `Missing` when nothing is there; `Failed` for directories, devices and what has no bytes.
    pub fn file(&self, path: &str) -> Result<NodeId> {
        let id = self.tree.find(path.as_bytes()).map_err(|error| {
            Error::new(Kind::Missing, format!("cannot read {path} of the image: {error}"))
                .hint("`stagefreight inspect … --tree` lists its files")
        })?;
        self.check(id).map_err(|what| {
            Error::failed(format!("cannot read {path} of the image: {what}")).hint("name a regular file; `--tree` lists them")
        })?;
        Ok(id)
    }

    fn check(&self, id: NodeId) -> std::result::Result<(), &'static str> {
        let node = self.tree.node(id);
        match node.kind {
            FileKind::Dir => Err("it is a directory"),
            FileKind::Char | FileKind::Block | FileKind::Fifo => Err("it is a device or pipe"),
            FileKind::Symlink => Err("it is a link"),
            FileKind::File if node.offset == u64::MAX => Err("it is a hard link to a file that is not in the image"),
            FileKind::File if node.sparse => Err("it is stored as a sparse file, which is not read here"),
            FileKind::File => Ok(()),
        }
    }

    /// Writes the bytes of files, each once, a layer at a time and in the order in which they lie there. `with` is told
    /// which file begins and gets its bytes.
    pub fn read(
        &self,
        image: &Image,
        files: &[NodeId],
        limits: &Limits,
        cancel: &CancellationToken,
        with: &mut dyn FnMut(NodeId, &[u8]) -> io::Result<()>,
    ) -> Result<()> {
        let mut wanted: Vec<(u16, u64, u64, NodeId)> = files
            .iter()
            .map(|id| {
                let node = self.tree.node(*id);
                (node.content_layer, node.offset, node.size, *id)
            })
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let layers = image.layers();
        let mut open: Option<(u16, LayerReader)> = None;
        let mut buffer = vec![0; BUFFER];
        // Two names of one file begin at the same place: its bytes are given to both.
        let mut at = 0;
        while let Some((layer, offset, size, _)) = wanted.get(at).copied() {
            let same = wanted[at..].iter().take_while(|other| (other.0, other.1) == (layer, offset)).count();
            let Some(descriptor) = layers.get(usize::from(layer)) else { return Err(Error::failed("a file of a layer that is not there")) };
            if open.as_ref().is_none_or(|(number, _)| *number != layer) {
                open = Some((layer, LayerReader::open(image.layout(), descriptor, false, limits, cancel)?));
            }
            let Some((_, reader)) = &mut open else { continue };
            let ids: Vec<NodeId> = wanted[at..at + same].iter().map(|(.., id)| *id).collect();
            if let Err(error) = stretch(reader, offset, size, &mut buffer, &mut |bytes| ids.iter().try_for_each(|id| with(*id, bytes))) {
                return Err(reader.failed(&error));
            }
            at += same;
        }
        Ok(())
    }

    /// SHA-256 of files.
    pub fn hash(&self, image: &Image, files: &[NodeId], limits: &Limits, cancel: &CancellationToken) -> Result<HashMap<NodeId, Digest>> {
        let mut hashes: HashMap<NodeId, Digester> = files.iter().map(|id| (*id, Digester::new(Algorithm::Sha256))).collect();
        self.read(image, files, limits, cancel, &mut |id, bytes| {
            if let Some(hash) = hashes.get_mut(&id) {
                hash.update(bytes);
            }
            Ok(())
        })?;
        Ok(hashes.into_iter().map(|(id, hash)| (id, hash.finish())).collect())
    }

    /// Writes a file's bytes.
    pub fn write(&self, image: &Image, file: NodeId, out: &mut dyn Write, limits: &Limits, cancel: &CancellationToken) -> Result<()> {
        self.read(image, &[file], limits, cancel, &mut |_, bytes| out.write_all(bytes))
    }
}

// Moves on to `offset` of the uncompressed tar and gives `size` bytes from there.
fn stretch(
    reader: &mut LayerReader,
    offset: u64,
    size: u64,
    buffer: &mut [u8],
    with: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    use io::Read as _;
    let mut left = offset.checked_sub(reader.unpacked()).ok_or_else(|| io::Error::other("files of a layer overlap"))?;
    let mut skipping = true;
    loop {
        if left == 0 {
            if !skipping || size == 0 {
                return Ok(());
            }
            (skipping, left) = (false, size);
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = reader.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= read as u64;
        if !skipping {
            with(&buffer[..read])?;
        }
    }
}
