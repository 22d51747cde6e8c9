//! From the paths a container's tools print to the files of the repository, so that an annotation lands on its line.

use std::path::{Component, Path, PathBuf};

use crate::core::Problem;
use crate::fs;

/// A Dockerfile beyond this is not one.
const MAX_DOCKERFILE: u64 = 1 << 20;

/// COPY instructions looked at.
const MAX_SOURCES: usize = 64;

/// Where a distribution, a toolchain or a package manager keeps its own files: never the repository's.
const FOREIGN: [&str; 10] = ["usr", "lib", "lib64", "opt/java", "root/.cargo", "root/.rustup", "go/pkg/mod", "rustc", "nix", "proc"];

/// The directories of a workspace that files may have come from.
#[derive(Debug)]
pub struct Places {
    workspace: PathBuf,
    roots: Vec<String>,
}

impl Places {
    /// For a build of `context` by `dockerfile`, both below the workspace. The context itself comes first, then every
    /// directory a COPY or ADD takes from it.
    pub fn new(workspace: &Path, context: &str, dockerfile: &str) -> Self {
        let context = tidy(context);
        let mut roots = vec![context.clone()];
        if let Ok(bytes) = fs::read_bounded(&workspace.join(dockerfile), MAX_DOCKERFILE) {
            for source in sources(&String::from_utf8_lossy(&bytes)) {
                let root = join(&context, &tidy(&source));
                if !roots.contains(&root) && inside(&root) && roots.len() < MAX_SOURCES && fs::is_dir(&workspace.join(&root)) {
                    roots.push(root);
                }
            }
        }
        Self { workspace: workspace.to_owned(), roots }
    }

    /// The same problem about the file of the repository, where there is one; else as it was.
    #[must_use]
    pub fn mapped(&self, mut problem: Problem) -> Problem {
        if let Some(found) = problem.file.as_deref().and_then(|file| self.find(file)) {
            problem.file = Some(found);
        }
        problem
    }

    /// The longest end of the path that is a file below one of the roots.
    fn find(&self, printed: &str) -> Option<String> {
        let printed = printed.strip_prefix("file://").unwrap_or(printed);
        let path = tidy(printed);
        if !inside(&path) || path.is_empty() || FOREIGN.iter().any(|dir| Path::new(&path).starts_with(dir) && printed.starts_with('/')) {
            return None;
        }
        let mut end = path.as_str();
        loop {
            for root in &self.roots {
                let candidate = join(root, end);
                if fs::is_file(&self.workspace.join(&candidate)) {
                    return Some(candidate);
                }
            }
            // Of a relative path nothing is cut off: the tool ran where it is.
            if !printed.starts_with('/') {
                return None;
            }
            end = end.split_once('/')?.1;
        }
    }
}

/// Without `./`, doubled slashes and a leading or trailing slash.
fn tidy(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

fn join(root: &str, path: &str) -> String {
    if root.is_empty() { path.to_owned() } else { format!("{root}/{path}") }
}

fn inside(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// What COPY and ADD take from the context. Instructions over several lines are read as far as their first line.
fn sources(dockerfile: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in dockerfile.lines() {
        let mut words = line.split_whitespace();
        if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("COPY") || word.eq_ignore_ascii_case("ADD")) {
            continue;
        }
        let words: Vec<&str> = words.collect();
        if words.iter().any(|word| word.starts_with("--from=")) {
            continue;
        }
        let plain = words.iter().map(|word| word.trim_matches(['[', ']', ',', '"'])).filter(|word| !word.starts_with("--"));
        let plain: Vec<&str> = plain.filter(|word| !word.is_empty()).collect();
        let sources = plain.split_last().map_or(&[][..], |(_, sources)| sources);
        found.extend(sources.iter().filter(|source| !source.contains(['$', '*', '?', ':'])).map(|source| (*source).to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the test lays out files")]

    use super::*;

    fn workspace(files: &[&str], dockerfile: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("dir");
        for file in files {
            std::fs::create_dir_all(dir.path().join(file).parent().expect("parent")).expect("dir");
            std::fs::write(dir.path().join(file), "x").expect("file");
        }
        std::fs::write(dir.path().join("Dockerfile"), dockerfile).expect("file");
        dir
    }

    #[test]
    fn finds_the_file_that_was_copied() {
        let dir = workspace(
            &["app/src/main.rs", "app/server/cmd/main.go", "main.go", "app/usr/x.c"],
            "FROM x\nWORKDIR /src\nCOPY . .\ncopy [\"server/\", \"/srv/\"]\nCOPY --from=build /gone /x\nADD http://x/y /z\nCOPY $A b\n",
        );
        let places = Places::new(dir.path(), "./app/", "Dockerfile");
        let find = |file: &str| places.mapped(Problem::new("x", "m").at(file, Some(1), None)).file.expect("a file");
        for (printed, expected) in [
            ("src/main.rs", "app/src/main.rs"),
            ("./src/main.rs", "app/src/main.rs"),
            ("/src/src/main.rs", "app/src/main.rs"),
            ("file:///build/src/main.rs", "app/src/main.rs"),
            ("cmd/main.go", "app/server/cmd/main.go"),
            ("/srv/cmd/main.go", "app/server/cmd/main.go"),
            // Not below the context, not the repository's, or leading out of it.
            ("main.go", "main.go"),
            ("gone.go", "gone.go"),
            ("../main.go", "../main.go"),
            ("/usr/x.c", "/usr/x.c"),
            ("/go/pkg/mod/src/main.rs", "/go/pkg/mod/src/main.rs"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(find(printed), expected, "{printed:?}");
        }
    }

    #[test]
    fn a_context_of_the_whole_workspace_and_no_dockerfile() {
        let dir = workspace(&["src/a.py"], "");
        let places = Places::new(dir.path(), ".", "Gone");
        assert_eq!(places.find("/app/src/a.py").as_deref(), Some("src/a.py"));
    }
}
