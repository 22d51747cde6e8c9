//! A file tree as data: what a base image, a stage or the build context holds. Contents stay where they are on disk.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::layer_source::LayerSource;

/// How many links may be followed on one path before it is called a loop, as Linux does (path_resolution(7): 40).
const MAX_LINKS: usize = 40;

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
pub enum Content {
    /// A file of the build context.
    Disk {
        /// Where.
        path: PathBuf,
        /// How many bytes it had when it was listed.
        size: u64,
    },
    /// Text of the Dockerfile itself (a here-document).
    Inline(Arc<[u8]>),
    /// Inside a layer or an archive.
    Layer {
        /// Which.
        source: Arc<LayerSource>,
        /// Where the bytes begin in the uncompressed tar.
        offset: u64,
        /// How many there are.
        size: u64,
    },
}

impl Content {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Disk { size, .. } | Self::Layer { size, .. } => *size,
            Self::Inline(bytes) => bytes.len() as u64,
        }
    }
}

/// What a node is.
#[derive(Debug, Clone)]
pub enum NodeKind {
    /// A directory.
    Dir,
    /// A regular file.
    File(Content),
    /// A symbolic link and what it says.
    Link(PathBuf),
    /// A device or pipe of a base image: tar type, major, minor.
    Special(tar::EntryType, u32, u32),
    /// A socket of the context: images cannot hold one.
    Socket,
}

/// One entry of a tree.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Permission bits with set-user-id, set-group-id and sticky: `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Modification time, seconds since 1970.
    pub mtime: i64,
    /// Extended attributes by name.
    pub xattrs: Vec<(String, Vec<u8>)>,
}

impl Node {
    /// A directory as `mkdir` makes it in an image: mode 0755.
    pub fn dir(owner: (u64, u64), mtime: i64) -> Self {
        Self { kind: NodeKind::Dir, mode: 0o755, uid: owner.0, gid: owner.1, mtime, xattrs: Vec::new() }
    }

    /// Is it a directory?
    pub fn is_dir(&self) -> bool {
        matches!(self.kind, NodeKind::Dir)
    }
}

/// Nodes by path. Paths are relative to the root and normal; parents come before their children, because `PathBuf`
/// orders by component. The root itself is always there and not listed.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: BTreeMap<PathBuf, Node>,
}

impl Tree {
    /// The node at a path, not following a link there.
    pub fn get(&self, path: &Path) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// True for the root and every directory.
    pub fn is_dir(&self, path: &Path) -> bool {
        path.as_os_str().is_empty() || self.nodes.get(path).is_some_and(Node::is_dir)
    }

    /// True for the root and everything listed.
    pub fn contains(&self, path: &Path) -> bool {
        path.as_os_str().is_empty() || self.nodes.contains_key(path)
    }

    /// Nodes in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_path(), node))
    }

    /// Everything below a directory, without it.
    pub fn below<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = (&'a Path, &'a Node)> {
        self.nodes
            .range::<Path, _>((std::ops::Bound::Excluded(dir), std::ops::Bound::Unbounded))
            .take_while(move |(path, _)| path.starts_with(dir))
            .map(|(path, node)| (path.as_path(), node))
    }

    /// Puts a node. What is not a directory takes the place of a directory with everything below it.
    pub fn put(&mut self, path: &Path, node: Node) {
        if !node.is_dir() && self.is_dir(path) {
            self.remove_below(path);
        }
        self.nodes.insert(path.to_owned(), node);
    }

    /// Removes a node with everything below it.
    pub fn remove(&mut self, path: &Path) {
        self.remove_below(path);
        self.nodes.remove(path);
    }

    /// Removes everything below a directory and keeps it.
    pub fn remove_below(&mut self, path: &Path) {
        let doomed: Vec<PathBuf> = self.below(path).map(|(path, _)| path.to_owned()).collect();
        for path in doomed {
            self.nodes.remove(&path);
        }
    }

    /// Follows links on the way and at the end, inside this tree: an absolute link starts at its root, `..` stops
    /// there. Parts that do not exist stay as they are. `None` for a loop.
    pub fn resolve(&self, path: &Path) -> Option<PathBuf> {
        let mut links = 0;
        let mut pending: Vec<PathBuf> = reversed(path);
        let mut at = PathBuf::new();
        while let Some(part) = pending.pop() {
            if part.as_os_str() == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&part);
            if let Some(NodeKind::Link(target)) = self.nodes.get(&next).map(|node| &node.kind) {
                links += 1;
                if links > MAX_LINKS {
                    return None;
                }
                if target.is_absolute() {
                    at = PathBuf::new();
                }
                pending.extend(reversed(target));
            } else {
                at = next;
            }
        }
        Some(at)
    }
}

fn reversed(path: &Path) -> Vec<PathBuf> {
    let part = |c: Component<'_>| match c {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        _ => None,
    };
    path.components().rev().filter_map(part).collect()
}

/// A path as the tree writes it: rooted, `.` and `..` worked out, `..` at the root staying there.
pub fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => {
                out.pop();
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(target: &str) -> Node {
        Node { kind: NodeKind::Link(target.into()), ..Node::dir((0, 0), 0) }
    }

    #[test]
    fn links_never_leave_the_tree() {
        let mut tree = Tree::default();
        tree.put(Path::new("usr"), Node::dir((0, 0), 0));
        tree.put(Path::new("lib"), link("usr/lib"));
        tree.put(Path::new("up"), link("../../../etc"));
        tree.put(Path::new("abs"), link("/usr"));
        tree.put(Path::new("loop"), link("loop"));
        assert_eq!(tree.resolve(Path::new("lib/x")), Some("usr/lib/x".into()));
        assert_eq!(tree.resolve(Path::new("up/passwd")), Some("etc/passwd".into()));
        assert_eq!(tree.resolve(Path::new("abs/../abs")), Some("usr".into()));
        assert_eq!(tree.resolve(Path::new("loop")), None);
        assert_eq!(normal(Path::new("/a/../../b/./c/")), PathBuf::from("b/c"));
    }

    #[test]
    fn a_file_in_place_of_a_directory_takes_its_contents_with_it() {
        let mut tree = Tree::default();
        for path in ["a", "a/b", "a/b/c", "a.d"] {
            tree.put(Path::new(path), Node::dir((0, 0), 0));
        }
        assert_eq!(tree.below(Path::new("a")).count(), 2);
        tree.put(Path::new("a"), link("x"));
        assert_eq!(tree.iter().map(|(path, _)| path.to_owned()).collect::<Vec<_>>(), [PathBuf::from("a"), "a.d".into()]);
    }
}
