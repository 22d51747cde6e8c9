//! The files of an image: layers laid over each other in one compact tree.
//!
//! A million files take some 120 MB, so nodes are numbers into a list, names lie one behind the other, and a hash table
//! finds a child by its parent and name.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

use super::Limits;
use super::archive::{Entry, EntryKind};

/// A node's place in its tree.
pub type NodeId = u32;

/// Stands for "no node".
pub(super) const NONE: NodeId = u32::MAX;
/// The root directory, which is always there.
pub const ROOT: NodeId = 0;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A directory.
    Dir,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A pipe.
    Fifo,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub parent: NodeId,
    pub first: NodeId,
    pub next: NodeId,
    previous: NodeId,
    pub name: Text,
    /// Target of a symbolic link; of a hard link, what it was linked to.
    pub link: Text,
    pub kind: FileKind,
    /// It is another name for bytes that stand elsewhere too.
    pub shared: bool,
    /// Stored with holes left out.
    pub sparse: bool,
    /// A directory nothing lists, only something below it.
    pub implied: bool,
    pub mode: u16,
    /// The layer that put it here.
    pub layer: u16,
    /// The layer that holds its bytes: another one for a hard link to a lower file.
    pub content_layer: u16,
    pub uid: u32,
    pub gid: u32,
    pub mtime: i64,
    /// Bytes of a file; major and minor number of a device.
    pub size: u64,
    pub offset: u64,
}

/// A stretch of the tree's text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Text {
    at: u32,
    len: u16,
}

impl Text {
    pub(super) fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// Why a layer cannot be laid over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Over the limit of entries.
    #[error("the image lists more than {0} files")]
    Entries(u32),
    /// Over the limit of names.
    #[error("the names of the image's files are longer than {0} bytes together")]
    Names(u32),
    /// A name no file can have.
    #[error("a file name is longer than 65535 bytes")]
    Name,
}

/// Files hidden by a later layer, as they go.
pub(super) trait Watch {
    /// A file of `layer` with `size` bytes is not seen any more.
    fn hidden(&mut self, tree: &Tree, id: NodeId);
}

/// The files of an image.
pub struct Tree {
    pub(super) nodes: Vec<Node>,
    text: Vec<u8>,
    children: HashTable<NodeId>,
    hasher: RandomState,
    limits: Limits,
    /// The directory of the last entry: most entries follow one of the same directory.
    last: (Vec<u8>, NodeId),
    /// The layer that is being laid over, and directories that hold nothing of lower layers any more: they are looked
    /// through once, however many whiteouts name them.
    clean: (u16, HashSet<NodeId>),
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tree({} nodes)", self.nodes.len())
    }
}

impl Tree {
    /// An empty tree.
    pub fn new(limits: Limits) -> Self {
        let root = Node {
            parent: NONE,
            first: NONE,
            next: NONE,
            previous: NONE,
            name: Text::default(),
            link: Text::default(),
            kind: FileKind::Dir,
            shared: false,
            sparse: false,
            implied: true,
            mode: 0o755,
            layer: 0,
            content_layer: 0,
            uid: 0,
            gid: 0,
            mtime: 0,
            size: 0,
            offset: 0,
        };
        Self {
            nodes: vec![root],
            text: Vec::new(),
            children: HashTable::new(),
            hasher: RandomState::new(),
            limits,
            last: (Vec::new(), NONE),
            clean: (0, HashSet::new()),
        }
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    pub(super) fn text(&self, text: Text) -> &[u8] {
        self.text.get(text.at as usize..text.at as usize + usize::from(text.len)).unwrap_or_default()
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<Text, TreeError> {
        let len = u16::try_from(bytes.len()).map_err(|_| TreeError::Name)?;
        let at = u32::try_from(self.text.len()).ok().filter(|at| *at <= self.limits.names).ok_or(TreeError::Names(self.limits.names))?;
        self.text.extend_from_slice(bytes);
        Ok(Text { at, len })
    }

    fn hash(&self, parent: NodeId, name: &[u8]) -> u64 {
        self.hasher.hash_one((parent, name))
    }

    /// The child of a directory by name.
    pub(super) fn child(&self, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        let same = |id: &NodeId| self.node(*id).parent == parent && self.text(self.node(*id).name) == name;
        self.children.find(self.hash(parent, name), same).copied()
    }

    fn add(&mut self, parent: NodeId, name: &[u8], node: &Node) -> Result<NodeId, TreeError> {
        let id = NodeId::try_from(self.nodes.len())
            .ok()
            .filter(|id| *id <= self.limits.entries)
            .ok_or(TreeError::Entries(self.limits.entries))?;
        let name_text = self.keep(name)?;
        let hash = self.hash(parent, name);
        let next = self.node(parent).first;
        self.nodes.push(Node { parent, next, previous: NONE, name: name_text, ..*node });
        if next != NONE {
            self.nodes[next as usize].previous = id;
        }
        self.nodes[parent as usize].first = id;
        let (nodes, text, hasher) = (&self.nodes, &self.text, &self.hasher);
        self.children.insert_unique(hash, id, |id| {
            let node = &nodes[*id as usize];
            let name = text.get(node.name.at as usize..node.name.at as usize + usize::from(node.name.len)).unwrap_or_default();
            hasher.hash_one((node.parent, name))
        });
        Ok(id)
    }

    // Takes a node out of its directory. What is below it stays reachable from nowhere.
    fn unlink(&mut self, id: NodeId) {
        self.last.1 = NONE;
        let parent = self.node(id).parent;
        let hash = self.hash(parent, self.text(self.node(id).name));
        if let Ok(found) = self.children.find_entry(hash, |other| *other == id) {
            found.remove();
        }
        let Node { next, previous, .. } = *self.node(id);
        if next != NONE {
            self.nodes[next as usize].previous = previous;
        }
        if previous == NONE {
            self.nodes[parent as usize].first = next;
        } else {
            self.nodes[previous as usize].next = next;
        }
    }

    /// Lays one entry of a layer over the tree.
    pub(super) fn apply(&mut self, entry: &Entry, layer: u16, watch: &mut dyn Watch) -> Result<(), TreeError> {
        let path = parts(&entry.path);
        let Some((name, parents)) = path.split_last() else {
            // The root itself.
            let root = &mut self.nodes[ROOT as usize];
            if entry.kind == EntryKind::Dir {
                (root.mode, root.uid, root.gid, root.mtime, root.implied) = facts(entry);
            }
            return Ok(());
        };
        if let Some(hidden) = name.strip_prefix(b".wh.") {
            self.whiteout(parents, hidden, layer, watch);
            return Ok(());
        }
        let parent = self.directory(parents, layer, watch)?;
        let there = self.child(parent, name);
        if let Some(id) = there
            && entry.kind == EntryKind::Dir
            && self.node(id).kind == FileKind::Dir
        {
            let node = &mut self.nodes[id as usize];
            (node.mode, node.uid, node.gid, node.mtime, node.implied) = facts(entry);
            node.layer = layer;
            return Ok(());
        }
        let node = self.made_of(entry, layer)?;
        if let Some(id) = there {
            self.tell_hidden(id, layer, watch);
            self.unlink(id);
        }
        self.add(parent, name, &node)?;
        Ok(())
    }

    fn made_of(&mut self, entry: &Entry, layer: u16) -> Result<Node, TreeError> {
        let (mode, uid, gid, mtime, _) = facts(entry);
        let mut node = Node { layer, content_layer: layer, mode, uid, gid, mtime, implied: false, ..self.nodes[ROOT as usize].clone() };
        (node.first, node.size, node.offset, node.sparse) = (NONE, 0, entry.offset, entry.sparse);
        node.kind = match entry.kind {
            EntryKind::Dir => FileKind::Dir,
            EntryKind::File | EntryKind::HardLink => FileKind::File,
            EntryKind::Symlink => FileKind::Symlink,
            EntryKind::Char => FileKind::Char,
            EntryKind::Block => FileKind::Block,
            EntryKind::Fifo => FileKind::Fifo,
        };
        match entry.kind {
            EntryKind::File => node.size = entry.size,
            EntryKind::Char | EntryKind::Block => node.size = u64::from(entry.device.0) << 32 | u64::from(entry.device.1),
            EntryKind::Symlink => node.link = self.keep(&entry.link)?,
            EntryKind::HardLink => {
                node.shared = true;
                node.link = self.keep(&parts(&entry.link).join(&b'/'))?;
                // The same file under a second name. When its target is not there, it is a file without bytes.
                node.offset = u64::MAX;
                if let Some(target) = self.linked(&entry.link) {
                    let target = &mut self.nodes[target as usize];
                    target.shared = true;
                    node.kind = target.kind;
                    (node.mode, node.uid, node.gid, node.mtime) = (target.mode, target.uid, target.gid, target.mtime);
                    (node.content_layer, node.size, node.offset, node.sparse) =
                        (target.content_layer, target.size, target.offset, target.sparse);
                }
            }
            EntryKind::Dir | EntryKind::Fifo => {}
        }
        Ok(node)
    }

    // What a hard link means: links on the way are followed, the last part is taken as it is.
    fn linked(&self, path: &[u8]) -> Option<NodeId> {
        let parts = parts(path);
        let (name, parents) = parts.split_last()?;
        let parent = self.find_parts(parents, true).ok()?;
        self.child(parent, name).filter(|id| self.node(*id).kind != FileKind::Dir)
    }

    /// The directory of an entry. Links on the way are followed inside the image, as container runtimes do; what is
    /// not there, or is no directory, becomes one.
    fn directory(&mut self, parents: &[&[u8]], layer: u16, watch: &mut dyn Watch) -> Result<NodeId, TreeError> {
        let whole = parents.join(&b'/');
        if self.last.1 != NONE && self.last.0 == whole {
            return Ok(self.last.1);
        }
        let mut at = ROOT;
        for (index, part) in parents.iter().enumerate() {
            let there = self.child(at, part);
            at = match there.map(|id| (id, self.node(id).kind)) {
                Some((id, FileKind::Dir)) => id,
                Some((id, FileKind::Symlink)) => match self.find_parts(&parents[..=index], true) {
                    Ok(target) if self.node(target).kind == FileKind::Dir => target,
                    _ => self.replace_by_directory(at, part, Some(id), layer, watch)?,
                },
                other => self.replace_by_directory(at, part, other.map(|(id, _)| id), layer, watch)?,
            };
        }
        self.last = (whole, at);
        Ok(at)
    }

    fn replace_by_directory(
        &mut self,
        parent: NodeId,
        name: &[u8],
        there: Option<NodeId>,
        layer: u16,
        watch: &mut dyn Watch,
    ) -> Result<NodeId, TreeError> {
        if let Some(id) = there {
            self.tell_hidden(id, layer, watch);
            self.unlink(id);
        }
        let root = self.nodes[ROOT as usize].clone();
        let node = Node { first: NONE, layer, implied: true, mode: 0o755, uid: 0, gid: 0, mtime: 0, ..root };
        self.add(parent, name, &node)
    }

    /// `.wh.name` hides what lower layers have there; `.wh..wh..opq` hides what they have in the directory. What the same
    /// layer holds stays, whichever comes first (image-spec, "Whiteouts"). Other `.wh..wh.` names are AUFS's own.
    fn whiteout(&mut self, parents: &[&[u8]], hidden: &[u8], layer: u16, watch: &mut dyn Watch) {
        let Ok(parent) = self.find_parts(parents, true) else { return };
        if hidden == b".wh..opq" {
            self.hide_below(parent, layer, watch);
        } else if !hidden.starts_with(b".wh.")
            && !matches!(hidden, b"" | b"." | b"..")
            && let Some(id) = self.child(parent, hidden)
        {
            self.hide(id, layer, watch);
        }
    }

    // Hides the part of a node that lower layers made. A directory that this layer put something into stays.
    fn hide(&mut self, id: NodeId, layer: u16, watch: &mut dyn Watch) {
        if self.node(id).kind == FileKind::Dir {
            self.hide_below(id, layer, watch);
            if self.node(id).layer == layer || self.node(id).first != NONE {
                return;
            }
        } else if self.node(id).layer == layer {
            return;
        }
        self.tell_hidden(id, layer, watch);
        self.unlink(id);
    }

    fn hide_below(&mut self, dir: NodeId, layer: u16, watch: &mut dyn Watch) {
        if self.clean.0 != layer {
            self.clean = (layer, HashSet::new());
        }
        // Directories in which something may be hidden, parents before their children.
        let mut dirs = vec![dir];
        let mut at = 0;
        while let Some(dir) = dirs.get(at).copied() {
            at += 1;
            if !self.clean.1.insert(dir) {
                continue;
            }
            let mut child = self.node(dir).first;
            while child != NONE {
                let node = self.node(child);
                let next = node.next;
                if node.kind == FileKind::Dir {
                    dirs.push(child);
                } else if node.layer != layer {
                    self.tell_hidden(child, layer, watch);
                    self.unlink(child);
                }
                child = next;
            }
        }
        // Children before their parents, the directory itself stays.
        for dir in dirs.into_iter().skip(1).rev() {
            if self.node(dir).layer != layer && self.node(dir).first == NONE {
                self.unlink(dir);
            }
        }
    }

    fn tell_hidden(&self, id: NodeId, layer: u16, watch: &mut dyn Watch) {
        let mut pending = vec![id];
        while let Some(id) = pending.pop() {
            let node = self.node(id);
            if node.kind == FileKind::File && node.layer != layer {
                watch.hidden(self, id);
            }
            let mut child = node.first;
            while child != NONE {
                pending.push(child);
                child = self.node(child).next;
            }
        }
    }
}

fn facts(entry: &Entry) -> (u16, u32, u32, i64, bool) {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    (u16::try_from(entry.mode & 0o7777).unwrap_or(0), number(entry.uid), number(entry.gid), entry.mtime, false)
}

/// The parts of a path from the root: `.` and empty parts dropped, `..` worked out and stopping at the root.
pub(super) fn parts(path: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}
