//! What an archive holds: what other steps made and files of the repository, under names that every system can unpack.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use globset::GlobBuilder;

use crate::build::binary::inside;
use crate::build::embedded::layer::Changes;
use crate::build::embedded::tree::{Content, Node, NodeKind};
use crate::core::portable_path;
use crate::error::{Error, Result};
use crate::fs::{self, EntryKind};
use crate::names;
use crate::plan::ArchiveStep;

/// More than any release has.
const MAX_ENTRIES: usize = 500_000;

/// The entries of an archive, all of one time.
///
/// # Errors
/// A file that is not there, a link that leads out, a name that not every system can hold, two files at one name.
pub fn entries(workspace: &Path, step: &ArchiveStep, time: i64, links: bool) -> Result<Changes> {
    let mut collecting = Collecting { workspace, prefix: step.prefix.as_deref(), time, links, nodes: Changes::new() };
    for packed in &step.contents {
        let path = inside(workspace, &packed.path)?;
        collecting.take(&path, &packed.name)?;
    }
    for pattern in &step.include {
        collecting.include(pattern)?;
    }
    collecting.finish()
}

struct Collecting<'a> {
    workspace: &'a Path,
    prefix: Option<&'a str>,
    time: i64,
    links: bool,
    nodes: Changes,
}

impl Collecting<'_> {
    /// A file, or a directory with everything in it.
    fn take(&mut self, path: &Path, name: &str) -> Result<()> {
        if !fs::is_dir(path) {
            return self.file(path, name);
        }
        self.put(name, Node::dir((0, 0), self.time))?;
        for entry in fs::walk(path, &|_| true)? {
            let below = entry.relative.to_str().ok_or_else(|| unportable(&entry.relative.display().to_string(), "is not UTF-8 text"))?;
            let name = format!("{name}/{below}");
            match entry.kind {
                EntryKind::Dir => self.put(&name, Node::dir((0, 0), self.time))?,
                EntryKind::File => self.file(&entry.path, &name)?,
                EntryKind::Link => self.link(&entry.path, &name)?,
                EntryKind::Other => {
                    return Err(Error::failed(format!("{name} is a device, pipe or socket")).hint("an archive holds files: remove it"));
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: &str) -> Result<()> {
        let (_, size) = fs::open_regular(path)?;
        let mode = if fs::is_executable(path) { 0o755 } else { 0o644 };
        let kind = NodeKind::File(Content::Disk { path: path.to_owned(), size });
        self.put(name, Node { kind, mode, uid: 0, gid: 0, mtime: self.time, xattrs: Vec::new() })
    }

    // A link that stays inside is kept where the form of the archive knows links.
    fn link(&mut self, path: &Path, name: &str) -> Result<()> {
        let target = fs::read_link(path)?;
        let mut depth = Path::new(name).components().count().saturating_sub(1);
        for part in target.components() {
            depth = match part {
                Component::Normal(_) => depth + 1,
                Component::CurDir => depth,
                Component::ParentDir if depth > 0 => depth - 1,
                _ => {
                    return Err(Error::failed(format!("{name} is a link to {}, outside of the archive", target.display()))
                        .hint("an archive that is unpacked must not reach beside itself: put the file itself there"));
                }
            };
        }
        if !self.links {
            return Err(Error::failed(format!("{name} is a symbolic link, which a zip archive cannot hold everywhere"))
                .hint("put the file itself there, or use tar.gz"));
        }
        let kind = NodeKind::Link(target);
        self.put(name, Node { kind, mode: 0o777, uid: 0, gid: 0, mtime: self.time, xattrs: Vec::new() })
    }

    /// A path as it is, or a glob: everything below its fixed beginning that matches.
    fn include(&mut self, pattern: &str) -> Result<()> {
        if !pattern.contains(['*', '?', '[', '{']) {
            let path = inside(self.workspace, pattern).map_err(|_| {
                Error::failed(format!("there is no {pattern} to include")).hint("correct `include`; links are not followed")
            })?;
            return self.take(&path, pattern);
        }
        let bad = |error: globset::Error| Error::usage(format!("`include: {pattern}` is not a pattern")).because(&error);
        let glob = GlobBuilder::new(pattern).literal_separator(true).build().map_err(bad)?.compile_matcher();
        let fixed: PathBuf = Path::new(pattern).iter().take_while(|part| !part.to_string_lossy().contains(['*', '?', '[', '{'])).collect();
        // Never through a link; a beginning that is not there matches nothing.
        let beginning = fixed.to_str().ok_or_else(|| unportable(pattern, "is not UTF-8 text"))?;
        let root = match beginning {
            "" => self.workspace.to_owned(),
            _ if !fs::exists(&self.workspace.join(&fixed)) => self.workspace.join(&fixed),
            _ => inside(self.workspace, beginning)?,
        };
        let mut found = false;
        if fs::is_dir(&root) {
            let deep = pattern.contains("**");
            // A pattern without `**` matches at one depth.
            let depth = Path::new(pattern).components().count();
            let enter = |below: &Path| {
                let whole = fixed.join(below);
                whole != Path::new(names::path::ROOT) && whole != Path::new(".git") && (deep || whole.components().count() < depth)
            };
            for entry in fs::walk(&root, &enter)? {
                let whole = fixed.join(&entry.relative);
                if entry.kind != EntryKind::File || !glob.is_match(&whole) {
                    continue;
                }
                let name = whole.to_str().ok_or_else(|| unportable(&whole.display().to_string(), "is not UTF-8 text"))?.to_owned();
                self.file(&entry.path, &name)?;
                found = true;
            }
        }
        if found { Ok(()) } else { Err(Error::failed(format!("nothing matches `include: {pattern}`")).hint("correct the pattern")) }
    }

    fn put(&mut self, name: &str, node: Node) -> Result<()> {
        portable_path(name).map_err(|why| unportable(name, &why))?;
        let path = match self.prefix {
            Some(prefix) => Path::new(prefix).join(name),
            None => PathBuf::from(name),
        };
        let is_dir = node.is_dir();
        if let Some(known) = self.nodes.insert(path.clone(), node)
            && !(known.is_dir() && is_dir)
        {
            return Err(
                Error::failed(format!("two files would both be {} in the archive", path.display())).hint("give each a name of its own")
            );
        }
        if self.nodes.len() > MAX_ENTRIES {
            return Err(Error::failed(format!("the archive would hold more than {MAX_ENTRIES} files")).hint("include less"));
        }
        Ok(())
    }

    /// Adds the directories that entries lie in, and refuses names that differ only in case.
    fn finish(mut self) -> Result<Changes> {
        let mut above: Vec<PathBuf> = Vec::new();
        for path in self.nodes.keys() {
            above.extend(path.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty()).map(Path::to_owned));
        }
        for dir in above {
            match self.nodes.get(&dir) {
                None => {
                    self.nodes.insert(dir, Node::dir((0, 0), self.time));
                }
                Some(node) if node.is_dir() => {}
                Some(_) => return Err(Error::failed(format!("{} would be a file and a directory in the archive", dir.display()))),
            }
        }
        let mut folded: HashMap<String, &Path> = HashMap::new();
        for path in self.nodes.keys() {
            if let Some(other) = folded.insert(path.to_string_lossy().to_lowercase(), path) {
                return Err(Error::failed(format!("{} and {} differ only in case", other.display(), path.display()))
                    .hint("systems without case would keep one of them: rename the other"));
            }
        }
        Ok(self.nodes)
    }
}

fn unportable(name: &str, why: &str) -> Error {
    Error::failed(format!("{} cannot be packed: {why}", name.escape_debug()))
        .hint("rename it: what is released is unpacked on every system")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ArchiveFormat;
    use crate::plan::PackedFile;

    fn step(contents: &[(&str, &str)], include: &[&str]) -> ArchiveStep {
        let packed = |(path, name): &(&str, &str)| PackedFile { artifact: None, path: (*path).into(), name: (*name).into() };
        ArchiveStep {
            format: ArchiveFormat::TarGz,
            prefix: None,
            contents: contents.iter().map(packed).collect(),
            include: include.iter().map(|text| (*text).to_owned()).collect(),
            checksums: true,
            path: "x".into(),
        }
    }

    fn workspace(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("dir");
        for file in files {
            fs::write_atomic(&dir.path().join(file), file.as_bytes(), 0o644).expect("file");
        }
        dir
    }

    fn names(workspace: &Path, step: &ArchiveStep) -> Result<Vec<String>> {
        Ok(entries(workspace, step, 7, true)?.keys().map(|path| path.display().to_string()).collect())
    }

    #[test]
    fn files_trees_and_globs_in_one_order() {
        let ws = workspace(&[
            "out/tool",
            "web/b/c.txt",
            "web/a.txt",
            "LICENSE",
            "docs/one.md",
            "docs/two.md",
            "docs/deep/three.md",
            "docs/x.txt",
        ]);
        let all = step(&[("out/tool", "tool"), ("web", "site")], &["LICENSE", "docs/*.md"]);
        assert_eq!(
            names(ws.path(), &all).expect("entries"),
            ["LICENSE", "docs", "docs/one.md", "docs/two.md", "site", "site/a.txt", "site/b", "site/b/c.txt", "tool"]
        );
        let below = ArchiveStep { prefix: Some("tool-1.0".into()), ..step(&[("out/tool", "tool")], &["docs/**/*.md"]) };
        let deep = names(ws.path(), &below).expect("entries");
        assert!(deep.contains(&"tool-1.0/docs/deep/three.md".to_owned()) && deep.contains(&"tool-1.0/docs/one.md".to_owned()), "{deep:?}");
    }

    #[test]
    fn what_cannot_be_unpacked_everywhere_is_refused() {
        let ws = workspace(&["t/CON", "u/x.", "v/ü", "w/a", "w/A", "y/tool", "z/tool"]);
        for (contents, why) in [
            (vec![("t", "t")], "device on Windows"),
            (vec![("u", "u")], "ends in a dot"),
            (vec![("v", "v")], "beyond ASCII"),
            (vec![("w", "w")], "differ only in case"),
            (vec![("y/tool", "tool"), ("z/tool", "tool")], "two files would both be tool"),
            (vec![("gone", "gone")], "made nothing"),
        ] {
            let error = names(ws.path(), &step(&contents, &[])).expect_err(why);
            assert!(error.message().contains(why), "{error}");
        }
        assert!(names(ws.path(), &step(&[], &["none/*.md"])).is_err_and(|error| error.message().contains("nothing matches")));
        assert!(names(ws.path(), &step(&[], &["gone.txt"])).is_err_and(|error| error.message().contains("no gone.txt")));
    }

    #[test]
    fn links_stay_inside_or_are_refused() {
        let ws = workspace(&["t/a/file"]);
        fs::symlink(Path::new("../a/file"), &ws.path().join("t/a/again")).expect("link");
        assert_eq!(names(ws.path(), &step(&[("t", "t")], &[])).expect("kept"), ["t", "t/a", "t/a/again", "t/a/file"]);
        assert!(entries(ws.path(), &step(&[("t", "t")], &[]), 7, false).is_err_and(|error| error.message().contains("zip")));
        for target in ["/etc/passwd", "../../../x"] {
            let ws = workspace(&["t/file"]);
            fs::symlink(Path::new(target), &ws.path().join("t/out")).expect("link");
            assert!(names(ws.path(), &step(&[("t", "t")], &[])).is_err_and(|error| error.message().contains("outside")), "{target}");
        }
    }
}
