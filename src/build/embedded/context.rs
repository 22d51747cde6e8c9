//! The build context as a tree: everything below a directory that no ignore file leaves out. Links are kept as links.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::ignore::{Ignore, Verdict};
use super::tree::{Content, Node, NodeKind, Tree};
use crate::error::{Error, Result};
use crate::fs::{self, EntryKind};
use crate::names;

/// More files than any sensible context has; `COPY . .` of a whole disk ends here.
const MAX_FILES: usize = 2_000_000;
/// The most an ignore file may weigh, in bytes.
const MAX_IGNORE: u64 = 1 << 20;

/// Reads the ignore file that applies: the one named after the Dockerfile, else the context's (BuildKit's precedence).
pub fn ignore_file(dockerfile: &Path, context: &Path) -> Result<Ignore> {
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(".dockerignore");
    for path in [PathBuf::from(own), context.join(".dockerignore")] {
        if !fs::exists(&path) {
            continue;
        }
        let bytes = fs::read_bounded(&path, MAX_IGNORE)?;
        let text = String::from_utf8_lossy(&bytes);
        return Ignore::parse(&text).map_err(|error| {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            Error::usage(format!("{name}, {error}"))
                .hint("patterns are described at docs.docker.com/build/concepts/context/#dockerignore-files")
        });
    }
    Ok(Ignore::default())
}

/// Lists the context. Our own state never enters it, whatever the ignore file says. Owners become 0:0.
pub fn list(root: &Path, ignore: &Ignore) -> Result<Tree> {
    let verdicts = RefCell::new(BTreeMap::<PathBuf, Verdict>::new());
    let ours = Path::new(names::path::ROOT);
    let judge = |path: &Path| {
        let verdicts = verdicts.borrow();
        let above = path.parent().and_then(|parent| verdicts.get(parent)).map_or(&[][..], Vec::as_slice);
        ignore.check(path, above)
    };
    let entries = fs::walk(root, &|path| {
        if path == ours {
            return false;
        }
        let (left_out, verdict) = judge(path);
        verdicts.borrow_mut().insert(path.to_owned(), verdict);
        !left_out || ignore.brings_back()
    })?;
    if entries.len() > MAX_FILES {
        return Err(Error::usage(format!("the build context {} holds more than {MAX_FILES} files", root.display()))
            .hint("leave out what the image does not need, in .dockerignore"));
    }
    let mut tree = Tree::default();
    let mut left_out_dirs = BTreeMap::new();
    for entry in entries {
        if entry.relative == ours {
            continue;
        }
        let kind = match entry.kind {
            EntryKind::Dir => NodeKind::Dir,
            EntryKind::File => NodeKind::File(Content::Disk { path: entry.path.clone(), size: entry.metadata.len() }),
            EntryKind::Link => NodeKind::Link(fs::read_link(&entry.path)?),
            EntryKind::Other => NodeKind::Socket,
        };
        let mode = entry.metadata.mode() & 0o7777;
        let node = Node { kind, mode, uid: 0, gid: 0, mtime: entry.metadata.mtime(), xattrs: Vec::new() };
        if judge(&entry.relative).0 {
            if node.is_dir() {
                left_out_dirs.insert(entry.relative, node);
            }
            continue;
        }
        // A file that was brought back needs the directories it is in.
        for above in entry.relative.ancestors().skip(1) {
            if let Some(dir) = left_out_dirs.remove(above) {
                tree.put(above, dir);
            }
        }
        tree.put(&entry.relative, node);
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(ignore: &str) -> Vec<String> {
        let dir = tempfile::tempdir().expect("dir");
        for name in ["a", ".stagefreight/outputs.json", "docs/keep/x", "docs/drop", "sub/.stagefreight/y"] {
            fs::write_atomic(&dir.path().join(name), b"", 0o644).expect("file");
        }
        let tree = list(dir.path(), &Ignore::parse(ignore).expect("patterns")).expect("list");
        tree.iter().map(|(path, _)| path.display().to_string()).collect()
    }

    #[test]
    fn leaves_out_what_is_ignored_and_our_own_state_always() {
        let everything = ["a", "docs", "docs/drop", "docs/keep", "docs/keep/x", "sub", "sub/.stagefreight", "sub/.stagefreight/y"];
        assert_eq!(listed(""), everything);
        assert_eq!(listed("!.stagefreight"), everything);
        assert_eq!(listed("docs\nsub\n!docs/keep"), ["a", "docs", "docs/keep", "docs/keep/x"]);
        assert_eq!(listed("*"), [""; 0]);
    }
}
