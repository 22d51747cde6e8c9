//! A tree as a list: its files in the order of their paths.

use super::tree::{FileKind, NONE, NodeId, ROOT, Tree};

/// One file as it is listed.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// Its node.
    pub id: NodeId,
    /// Path from the root, without a slash in front.
    pub path: &'a [u8],
    /// What it is.
    pub kind: FileKind,
    /// Permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes; 0 for what is no file.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Number of the layer it comes from, from 0.
    pub layer: u16,
    /// Target of a symbolic link, or the other name of a hard link.
    pub link: Option<&'a [u8]>,
    /// It is a hard link.
    pub hard_link: bool,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// No layer lists this directory; something below it made it.
    pub implied: bool,
}

impl Tree {
    /// Path of a node, without a slash in front.
    pub fn path(&self, id: NodeId) -> Vec<u8> {
        let mut parts = Vec::new();
        let mut at = id;
        while at != ROOT && at != NONE {
            parts.push(self.text(self.node(at).name));
            at = self.node(at).parent;
        }
        parts.reverse();
        parts.join(&b'/')
    }

    /// Calls `with` for every file in the order of paths, part by part; directories come before what is in them. Stops
    /// at the first error.
    pub fn walk<E>(&self, mut with: impl FnMut(Listed<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut path = Vec::new();
        // Nodes to come, in reverse order, with the length of the path of their directory.
        let mut pending = self.sorted(ROOT, 0);
        while let Some((id, length)) = pending.pop() {
            path.truncate(length);
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(self.text(self.node(id).name));
            with(self.listed(id, &path))?;
            if self.node(id).kind == FileKind::Dir {
                pending.extend(self.sorted(id, path.len()));
            }
        }
        Ok(())
    }

    fn sorted(&self, dir: NodeId, length: usize) -> Vec<(NodeId, usize)> {
        let mut children = Vec::new();
        let mut child = self.node(dir).first;
        while child != NONE {
            children.push((child, length));
            child = self.node(child).next;
        }
        children.sort_unstable_by(|a, b| self.text(self.node(b.0).name).cmp(self.text(self.node(a.0).name)));
        children
    }

    pub(super) fn listed<'a>(&'a self, id: NodeId, path: &'a [u8]) -> Listed<'a> {
        let node = self.node(id);
        let device = matches!(node.kind, FileKind::Char | FileKind::Block);
        #[expect(clippy::cast_possible_truncation, reason = "the halves were put together from two u32")]
        let numbers = ((node.size >> 32) as u32, node.size as u32);
        Listed {
            id,
            path,
            kind: node.kind,
            mode: node.mode,
            uid: node.uid,
            gid: node.gid,
            size: if node.kind == FileKind::File { node.size } else { 0 },
            mtime: node.mtime,
            layer: node.layer,
            link: (!node.link.is_empty()).then(|| self.text(node.link)),
            hard_link: node.shared && !node.link.is_empty() && node.kind == FileKind::File,
            device: device.then_some(numbers),
            implied: node.implied,
        }
    }

    /// How many files and directories there are.
    pub fn len(&self) -> usize {
        self.children_of(ROOT)
    }

    /// Is there nothing in it?
    pub fn is_empty(&self) -> bool {
        self.node(ROOT).first == NONE
    }

    fn children_of(&self, dir: NodeId) -> usize {
        let mut count = 0;
        let mut pending = vec![dir];
        while let Some(dir) = pending.pop() {
            let mut child = self.node(dir).first;
            while child != NONE {
                count += 1;
                pending.push(child);
                child = self.node(child).next;
            }
        }
        count
    }
}
