//! Finding a file by its path, links followed inside the image only.

use super::tree::{FileKind, NodeId, ROOT, Tree, parts};

/// Links on one path before it is called a loop, as Linux does (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Why nothing is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// Nothing is there.
    #[error("there is no such file in the image")]
    NotFound,
    /// Links lead to each other.
    #[error("its links lead in a circle")]
    Loop,
    /// Something on the way is no directory.
    #[error("something on its path is not a directory")]
    NotADirectory,
}

impl Tree {
    /// The file at a path, links followed. An absolute link begins at the image's root, `..` stops there.
    pub fn find(&self, path: &[u8]) -> Result<NodeId, FindError> {
        self.find_parts(&path.split(|byte| *byte == b'/').collect::<Vec<_>>(), true)
    }

    pub(super) fn find_parts(&self, path: &[&[u8]], follow_last: bool) -> Result<NodeId, FindError> {
        let mut links = 0;
        let mut pending: Vec<Vec<u8>> = path.iter().rev().map(|part| part.to_vec()).collect();
        let mut at = ROOT;
        while let Some(part) = pending.pop() {
            if part.is_empty() || part == b"." {
                continue;
            }
            if self.node(at).kind != FileKind::Dir {
                return Err(FindError::NotADirectory);
            }
            if part == b".." {
                let parent = self.node(at).parent;
                at = if at == ROOT { ROOT } else { parent };
                continue;
            }
            let next = self.child(at, &part).ok_or(FindError::NotFound)?;
            if self.node(next).kind != FileKind::Symlink || (pending.is_empty() && !follow_last) {
                at = next;
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(FindError::Loop);
            }
            let target = self.text(self.node(next).link);
            if target.starts_with(b"/") {
                at = ROOT;
            }
            pending.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
        }
        Ok(at)
    }

    /// The program an image starts: `words` are its entry point or command, `path` its `PATH`.
    pub fn program(&self, word: &str, path: &str, directory: &str) -> Option<NodeId> {
        let runnable = |place: &str| {
            let id = self.find(place.as_bytes()).ok()?;
            (self.node(id).kind == FileKind::File && self.node(id).mode & 0o111 != 0).then_some(id)
        };
        if word.contains('/') {
            let relative = !word.starts_with('/');
            return runnable(&if relative { format!("{directory}/{word}") } else { word.to_owned() });
        }
        path.split(':').find_map(|dir| runnable(&format!("{dir}/{word}")))
    }
}

/// A path as it is written to people: rooted.
pub(super) fn shown(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(&parts(path).join(&b'/')))
}
