//! Dockerfiles, what each image would be called, and what it is built from.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::config::{build_id, is_dockerfile};
use crate::error::Result;
use crate::fs;

/// Directories that hold Dockerfiles of what lies around them.
const BESIDE: [&str; 4] = ["docker", "build", "deploy", ".docker"];
/// Far beyond what people write.
const MAX_DOCKERFILE: u64 = 1 << 20;

/// A Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FoundDockerfile {
    /// Its path below the repository.
    pub path: String,
    /// Id of the build it would be, unique.
    pub id: String,
    /// Build context: its directory, or the repository when it copies from there.
    pub context: String,
    /// It is for development: `Dockerfile.dev`.
    pub development: bool,
}

impl FoundDockerfile {
    pub(super) fn among(root: &Path, files: &[String], name: &str) -> Result<Vec<Self>> {
        let mut paths: Vec<&String> = files.iter().filter(|path| plain(path) && (is_dockerfile(path) || elsewhere(path))).collect();
        paths.sort_by_key(|path| (!is_dockerfile(path), path.contains('/'), (*path).clone()));
        let mut ids = BTreeSet::new();
        let mut found = Vec::with_capacity(paths.len());
        for path in paths {
            let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
            let wanted = build_id(&called(directory, file, name));
            let mut id = wanted.clone();
            for number in 2.. {
                if ids.insert(id.clone()) {
                    break;
                }
                id = format!("{wanted}-{number}");
            }
            found.push(Self { path: path.clone(), id, context: context(root, directory, path)?, development: word(file) == Some("dev") });
        }
        Ok(found)
    }
}

// A config can name it: no colon, brace or line end.
fn plain(path: &str) -> bool {
    path.chars().all(|c| c.is_alphanumeric() || "._-/ +@".contains(c))
}

// Beyond the names that are assumed: in any directory, as repositories of several services have them, and for any word.
fn elsewhere(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let other = |rest: &str| rest.starts_with('.') && ![".md", ".dockerignore"].iter().any(|ending| rest.ends_with(ending));
    let named = |name: &str| file.strip_prefix(name).is_some_and(|rest| rest.is_empty() || other(rest));
    let ending = file.strip_suffix(".dockerfile").is_some_and(|stem| !stem.is_empty());
    named("Dockerfile") || named("Containerfile") || ending
}

// The word that tells a Dockerfile from its neighbours: `worker` of `Dockerfile.worker` and `worker.dockerfile`.
fn word(file: &str) -> Option<&str> {
    let after = file.strip_prefix("Dockerfile.").or_else(|| file.strip_prefix("Containerfile."));
    after.or_else(|| file.strip_suffix(".dockerfile")).filter(|word| !word.is_empty())
}

fn called(directory: &str, file: &str, name: &str) -> String {
    let place = directory.rsplit('/').find(|part| !part.is_empty() && !BESIDE.contains(part));
    match (place, word(file)) {
        // The image itself, whatever its file is called.
        (None, None | Some("production" | "prod" | "build")) => name.to_owned(),
        (None, Some("dev")) => format!("{name}-dev"),
        (None, Some(word)) => word.to_owned(),
        (Some(place), None) => place.to_owned(),
        (Some(place), Some(word)) => format!("{place}-{word}"),
    }
}

// A Dockerfile in a directory of its own is mostly built there. What it copies tells where.
fn context(root: &Path, directory: &str, path: &str) -> Result<String> {
    let last = directory.rsplit('/').next().unwrap_or_default();
    if directory.is_empty() || directory.split('/').all(|part| BESIDE.contains(&part)) {
        return Ok(".".to_owned());
    }
    let own = if BESIDE.contains(&last) { directory.rsplit_once('/').map_or(".", |(parent, _)| parent) } else { directory };
    let text = fs::read_regular(&root.join(path), MAX_DOCKERFILE)?;
    let text = String::from_utf8_lossy(&text);
    let copies: Vec<&str> = text.lines().filter_map(copied).collect();
    let there = |base: &str, source: &str| fs::exists(&root.join(base).join(source.trim_start_matches("./").trim_start_matches('/')));
    let only_at_root = copies.iter().any(|source| !there(own, source) && there(".", source));
    Ok(if only_at_root { ".".to_owned() } else { own.to_owned() })
}

// The first source of a COPY or ADD from the context, when it is a plain path.
fn copied(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let instruction = words.next()?;
    if !instruction.eq_ignore_ascii_case("COPY") && !instruction.eq_ignore_ascii_case("ADD") {
        return None;
    }
    let mut words = words.peekable();
    while let Some(flag) = words.next_if(|word| word.starts_with("--")) {
        if flag.starts_with("--from=") {
            return None;
        }
    }
    words.next().filter(|source| !source.contains(['*', '$', '[', '<', ':']) && *source != ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_called_as_people_would_call_them() {
        for (directory, file, expected) in [
            ("", "Dockerfile", "shop"),
            ("docker", "Dockerfile", "shop"),
            ("", "Dockerfile.dev", "shop-dev"),
            ("", "Dockerfile.worker", "worker"),
            ("docker", "api.dockerfile", "api"),
            ("services/api", "Dockerfile", "api"),
            ("services/api/docker", "Dockerfile", "api"),
            ("services/api", "Dockerfile.migrate", "api-migrate"),
            ("", "Dockerfile.production", "shop"),
        ] {
            assert_eq!(called(directory, file, "shop"), expected, "{directory}/{file}");
        }
    }

    #[test]
    fn copy_tells_where_an_image_is_built() {
        assert_eq!(copied("COPY --chown=1:1 go.mod ./"), Some("go.mod"));
        assert_eq!(copied("copy --from=build /app /app"), None);
        assert_eq!(copied("COPY . ."), None);
        assert_eq!(copied("RUN cp a b"), None);
        assert!(elsewhere("services/api/Dockerfile") && elsewhere("x/Containerfile.web") && elsewhere("Dockerfile.worker"));
        assert!(!elsewhere("x/Dockerfile.md") && !elsewhere("x/Dockerfile.dockerignore") && !elsewhere("x/dockerfile.txt"));
    }
}
