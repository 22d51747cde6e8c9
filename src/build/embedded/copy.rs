//! `COPY` as BuildKit's file operation does it: which sources match, where they land, what they look like there.

use std::path::{Path, PathBuf};

use super::glob;
use super::ignore::Ignore;
use super::layer::Changes;
use super::mode::Mode;
use super::tree::{Node, NodeKind, Tree, normal};

/// One `COPY` or `ADD`.
#[derive(Debug)]
pub struct Copy<'a> {
    /// Where from.
    pub from: &'a Tree,
    /// How people call it: `the build context`, `stage build`.
    pub from_name: &'a str,
    /// Destination, absolute; a trailing slash makes it a directory.
    pub dest: &'a str,
    /// `--chown`, resolved.
    pub owner: Option<(u64, u64)>,
    /// `--chmod`.
    pub mode: Option<&'a Mode>,
    /// Times newer than this become this, seconds since 1970.
    pub epoch: i64,
    /// `--exclude`.
    pub exclude: &'a Ignore,
    /// `--parents`: keep the sources' directories.
    pub parents: bool,
}

/// Why a copy is not possible. The caller adds file and line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CopyError {
    /// One sentence.
    pub message: String,
    /// The next action.
    pub hint: Option<String>,
}

fn fail<T>(message: String, hint: Option<&str>) -> Result<T, CopyError> {
    Err(CopyError { message, hint: hint.map(str::to_owned) })
}

/// What a copy changes: the stage's tree, and the list of changes that becomes the layer.
#[derive(Debug)]
pub struct Target<'a> {
    /// The tree as instructions so far left it.
    pub tree: &'a mut Tree,
    /// What this instruction adds.
    pub changes: &'a mut Changes,
}

impl Target<'_> {
    fn put(&mut self, path: &Path, node: Node) {
        self.tree.put(path, node.clone());
        self.changes.insert(path.to_owned(), node);
    }

    /// Makes a directory and what is missing above it, mode 0755. Existing ones keep what they have.
    pub fn make_dirs(&mut self, path: &Path, owner: (u64, u64), mtime: i64) -> Result<(), CopyError> {
        let mut missing: Vec<&Path> = path.ancestors().take_while(|p| !self.tree.is_dir(p)).collect();
        missing.reverse();
        for dir in missing {
            if self.tree.contains(dir) {
                return fail(
                    format!("/{} is not a directory", dir.display()),
                    Some("choose another destination, or do not copy a file there first"),
                );
            }
            self.put(dir, Node::dir(owner, mtime));
        }
        Ok(())
    }
}

impl Copy<'_> {
    /// The paths in the source that one source word names, in order.
    pub fn matches(&self, word: &str) -> Result<Vec<PathBuf>, CopyError> {
        let wanted = normal(Path::new(word));
        let text = wanted.to_string_lossy().into_owned();
        if !glob::has_wildcard(&text) {
            let plain = unquote(&text);
            let path = Path::new(&plain);
            return match self.from.resolve(path) {
                Some(target) if self.from.contains(&target) => Ok(vec![path.to_owned()]),
                _ => Err(self.not_found(word, path)),
            };
        }
        // Directories before the first wildcard are taken by name, through links.
        let parts: Vec<&str> = text.split('/').collect();
        let fixed = parts.iter().take_while(|part| !glob::has_wildcard(part)).count();
        let base = PathBuf::from(unquote(&parts[..fixed].join("/")));
        let pattern = parts[fixed..].join("/");
        let Some(base) = self.from.resolve(&base) else { return Err(self.not_found(word, &base)) };
        let mut found: Vec<PathBuf> = Vec::new();
        for (path, _) in self.from.below(&base) {
            let inside = found.last().is_some_and(|above| path.starts_with(above));
            let relative = path.strip_prefix(&base).unwrap_or(path).to_string_lossy().into_owned();
            // What is below a match comes with it.
            if !inside && glob::matches(&pattern, &relative) {
                found.push(path.to_owned());
            }
        }
        Ok(found)
    }

    fn not_found(&self, word: &str, path: &Path) -> CopyError {
        let parent = path.parent().unwrap_or(Path::new(""));
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let mut near: Vec<(f64, String)> = self
            .from
            .iter()
            .filter(|(candidate, _)| candidate.parent() == Some(parent))
            .filter_map(|(candidate, _)| {
                let other = candidate.file_name()?.to_string_lossy().into_owned();
                Some((strsim::jaro_winkler(&name, &other), candidate.display().to_string()))
            })
            .filter(|(score, _)| *score > 0.75)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.truncate(3);
        let names: Vec<String> = near.into_iter().map(|(_, name)| name).collect();
        let hint = if !names.is_empty() {
            format!("there is {}", names.join(", "))
        } else if word.split('/').any(|part| part == "..") {
            "sources are looked for below the build context; `..` does not leave it".to_owned()
        } else {
            "check the path, and that no ignore file leaves it out".to_owned()
        };
        CopyError { message: format!("{word} is not in {}", self.from_name), hint: Some(hint) }
    }

    /// Where the destination is in the target: links on the way followed inside it.
    pub fn destination(&self, target: &Target<'_>) -> Result<PathBuf, CopyError> {
        match target.tree.resolve(Path::new(self.dest)) {
            Some(path) => Ok(path),
            None => fail(format!("{} leads through a loop of links", self.dest), None),
        }
    }

    /// Prepares the directory the destination is in, or is.
    pub fn prepare(&self, target: &mut Target<'_>) -> Result<(), CopyError> {
        let dest = self.destination(target)?;
        let owner = self.owner.unwrap_or((0, 0));
        let dir = if self.dest.ends_with('/') { Some(dest.as_path()) } else { dest.parent() };
        target.make_dirs(dir.unwrap_or(Path::new("")), owner, self.epoch)
    }

    /// Copies one matched source.
    pub fn copy(&self, source: &Path, target: &mut Target<'_>) -> Result<(), CopyError> {
        self.prepare(target)?;
        let Some(real) = self.from.resolve(source).filter(|real| self.from.contains(real)) else {
            return fail(
                format!("{} in {} is a link to something that is not there", source.display(), self.from_name),
                Some("links are followed inside the build context only"),
            );
        };
        let is_dir = self.from.is_dir(&real);
        let owner = self.owner.unwrap_or((0, 0));
        let mut dest = self.destination(target)?;
        if self.parents {
            let kept = if is_dir { source } else { source.parent().unwrap_or(Path::new("")) };
            self.copy_parents(kept, &dest, target)?;
            dest = dest.join(source);
        } else if is_dir {
            target.make_dirs(&dest, owner, self.epoch)?;
        } else if target.tree.is_dir(&dest) {
            dest = dest.join(source.file_name().unwrap_or_default());
        } else if let Some(above) = dest.parent() {
            target.make_dirs(above, owner, self.epoch)?;
        }
        let Some(node) = self.from.get(&real) else {
            return self.copy_below(&real, &dest, target);
        };
        if is_dir { self.copy_below(&real, &dest, target) } else { self.place(&dest, node, target) }
    }

    fn copy_parents(&self, kept: &Path, dest: &Path, target: &mut Target<'_>) -> Result<(), CopyError> {
        target.make_dirs(dest, self.owner.unwrap_or((0, 0)), self.epoch)?;
        let mut above: Vec<&Path> = kept.ancestors().filter(|p| !p.as_os_str().is_empty()).collect();
        above.reverse();
        for dir in above {
            if let Some(node) = self.from.get(dir).filter(|node| node.is_dir()) {
                self.place(&dest.join(dir), node, target)?;
            }
        }
        Ok(())
    }

    fn copy_below(&self, dir: &Path, dest: &Path, target: &mut Target<'_>) -> Result<(), CopyError> {
        let mut verdicts: Vec<(PathBuf, Vec<bool>)> = Vec::new();
        for (path, node) in self.from.below(dir) {
            let relative = path.strip_prefix(dir).unwrap_or(path);
            verdicts.retain(|(above, _)| path.starts_with(above));
            let above = verdicts.last().map_or(&[][..], |(_, verdict)| verdict.as_slice());
            let (left_out, verdict) = self.exclude.check(relative, above);
            if node.is_dir() {
                verdicts.push((path.to_owned(), verdict));
            }
            if left_out {
                continue;
            }
            self.place(&dest.join(relative), node, target)?;
        }
        Ok(())
    }

    // Puts one node, with the owner, mode and time the copy asks for.
    fn place(&self, dest: &Path, node: &Node, target: &mut Target<'_>) -> Result<(), CopyError> {
        if matches!(node.kind, NodeKind::Socket) {
            return Ok(());
        }
        let existing = target.tree.get(dest);
        if node.is_dir() && existing.is_some_and(|there| !there.is_dir()) {
            return fail(
                format!("a directory would replace /{}, which is not one", dest.display()),
                Some("if it is a link to a directory, copy to the directory it points to"),
            );
        }
        if !node.is_dir() && target.tree.is_dir(dest) {
            return fail(format!("a file would replace the directory /{}", dest.display()), None);
        }
        let mut node = node.clone();
        if let Some((uid, gid)) = self.owner {
            (node.uid, node.gid) = (uid, gid);
        }
        if let (Some(mode), false) = (self.mode, matches!(node.kind, NodeKind::Link(_))) {
            node.mode = mode.apply(node.mode, node.is_dir());
        }
        node.mtime = node.mtime.min(self.epoch);
        target.put(dest, node);
        Ok(())
    }
}

fn unquote(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tree::Content;
    use super::*;

    fn file(mode: u32) -> Node {
        Node { kind: NodeKind::File(Content::Inline(b"x"[..].into())), mode, ..Node::dir((0, 0), 100) }
    }

    fn context() -> Tree {
        let mut tree = Tree::default();
        for (path, mode) in [("app", 0o755), ("a.txt", 0o640), ("b.txt", 0o644), ("dir/one", 0o600), ("dir/sub/two", 0o644)] {
            for dir in Path::new(path).ancestors().skip(1).filter(|p| !p.as_os_str().is_empty()) {
                tree.put(dir, Node { mode: 0o700, ..Node::dir((0, 0), 100) });
            }
            tree.put(Path::new(path), file(mode));
        }
        tree.put(Path::new("to-app"), Node { kind: NodeKind::Link("app".into()), ..Node::dir((0, 0), 100) });
        tree.put(Path::new("out"), Node { kind: NodeKind::Link("../../etc/passwd".into()), ..Node::dir((0, 0), 100) });
        tree.put(Path::new("dir/link"), Node { kind: NodeKind::Link("/etc/passwd".into()), ..Node::dir((0, 0), 100) });
        tree
    }

    fn run(sources: &[&str], dest: &str) -> Result<Vec<String>, CopyError> {
        let (from, exclude) = (context(), Ignore::default());
        let copy = Copy {
            from: &from,
            from_name: "the build context",
            dest,
            owner: None,
            mode: None,
            epoch: 50,
            exclude: &exclude,
            parents: false,
        };
        let (mut tree, mut changes) = (Tree::default(), Changes::new());
        let mut target = Target { tree: &mut tree, changes: &mut changes };
        for word in sources {
            for path in copy.matches(word)? {
                copy.copy(&path, &mut target)?;
            }
        }
        assert!(changes.values().all(|node| node.mtime == 50));
        let show = |path: &PathBuf, node: &Node| match &node.kind {
            NodeKind::Dir => format!("{}/ {:o}", path.display(), node.mode),
            NodeKind::Link(to) => format!("{} -> {}", path.display(), to.display()),
            _ => format!("{} {:o}", path.display(), node.mode),
        };
        Ok(changes.iter().map(|(path, node)| show(path, node)).collect())
    }

    #[test]
    fn lands_where_buildkit_lands_it() {
        let ok = |sources: &[&str], dest: &str| run(sources, dest).expect("copies");
        assert_eq!(ok(&["app"], "/bin/tool"), ["bin/ 755", "bin/tool 755"]);
        assert_eq!(ok(&["app"], "/bin/"), ["bin/ 755", "bin/app 755"]);
        assert_eq!(ok(&["/app"], "/"), ["app 755"]);
        // A directory's contents are copied; the destination itself is made fresh, what is inside keeps its mode.
        assert_eq!(ok(&["dir"], "/d"), ["d/ 755", "d/link -> /etc/passwd", "d/one 600", "d/sub/ 700", "d/sub/two 644"]);
        assert_eq!(ok(&["dir/."], "/d/"), ok(&["dir"], "/d"));
        assert_eq!(ok(&["*.txt"], "/t/"), ["t/ 755", "t/a.txt 640", "t/b.txt 644"]);
        assert_eq!(ok(&["d*/o*"], "/t/"), ["t/ 755", "t/one 600"]);
        assert_eq!(ok(&["dir", "app"], "/t/").len(), 6);
        // A source that is a link is followed, keeping its own name.
        assert_eq!(ok(&["to-app"], "/t/"), ["t/ 755", "t/to-app 755"]);
        assert!(ok(&["*.none"], "/t/").is_empty());
    }

    #[test]
    fn names_what_is_missing_and_what_is_near() {
        let error = run(&["a.txd"], "/").expect_err("missing");
        assert_eq!(error.message, "a.txd is not in the build context");
        assert!(error.hint.is_some_and(|hint| hint.contains("a.txt")));
        assert!(run(&["../secret"], "/").expect_err("outside").hint.is_some_and(|hint| hint.contains("does not leave")));
        assert!(run(&["out"], "/").is_err(), "a link out of the context leads nowhere");
        assert!(run(&["app", "dir"], "/app").is_err(), "a directory over a file");
    }
}
