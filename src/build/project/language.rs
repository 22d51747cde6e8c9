//! Languages, by the files their tools read, with the version these files ask for.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Result;
use crate::fs;

/// Manifests are a few kilobytes.
const MAX_MANIFEST: u64 = 1 << 20;

/// Languages whose files stand in the root; below it only manifests count, not locks.
const MARKERS: [(&str, &str); 12] = [
    ("go.mod", "Go"),
    ("Cargo.toml", "Rust"),
    ("package.json", "Node"),
    ("pyproject.toml", "Python"),
    ("requirements.txt", "Python"),
    ("Pipfile", "Python"),
    ("pom.xml", "Java"),
    ("build.gradle", "Java"),
    ("build.gradle.kts", "Java"),
    ("Gemfile", "Ruby"),
    ("composer.json", "PHP"),
    ("mix.exs", "Elixir"),
];

/// A language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FoundLanguage {
    /// Its name: `Go`.
    pub name: String,
    /// The file that says so, below the repository.
    pub file: String,
    /// The version that is asked for, as it is written: `1.24`, `>=20`.
    pub version: Option<String>,
}

impl FoundLanguage {
    pub(super) fn among(root: &Path, files: &[String]) -> Result<Vec<Self>> {
        let mut found: Vec<Self> = Vec::new();
        let mut paths: Vec<&String> = files.iter().collect();
        paths.sort_by_key(|path| (path.matches('/').count(), (*path).clone()));
        for path in paths {
            let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
            let Some((_, name)) = MARKERS.iter().find(|(marker, _)| *marker == file) else { continue };
            let same_place = |known: &Self| known.name == *name && known.file.rsplit_once('/').map_or("", |(at, _)| at) == directory;
            if found.iter().any(same_place) {
                continue;
            }
            let version = version(root, directory, file)?;
            found.push(Self { name: (*name).to_owned(), file: path.clone(), version });
        }
        Ok(found)
    }
}

fn version(root: &Path, directory: &str, file: &str) -> Result<Option<String>> {
    let read = |name: &str| -> Result<Option<String>> {
        let path = root.join(directory).join(name);
        if !fs::is_file(&path) {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&fs::read_regular(&path, MAX_MANIFEST)?).into_owned()))
    };
    let text = read(file)?.unwrap_or_default();
    let said = match file {
        "go.mod" => text.lines().find_map(|line| line.strip_prefix("go ")).map(str::to_owned),
        "Cargo.toml" => match read("rust-toolchain.toml")? {
            Some(toolchain) => value(&toolchain, "channel"),
            None => value(&text, "rust-version"),
        },
        "package.json" => match read(".nvmrc")? {
            Some(version) => Some(version),
            None => {
                serde_json::from_str::<serde_json::Value>(&text).ok().and_then(|json| Some(json["engines"]["node"].as_str()?.to_owned()))
            }
        },
        "pyproject.toml" | "requirements.txt" | "Pipfile" => match read(".python-version")? {
            Some(version) => Some(version),
            None => value(&text, "requires-python").or_else(|| value(&text, "python_version")),
        },
        "pom.xml" => between(&text, "<maven.compiler.release>", "<").or_else(|| between(&text, "<java.version>", "<")),
        "build.gradle" | "build.gradle.kts" => between(&text, "JavaLanguageVersion.of(", ")"),
        _ => None,
    };
    // Foreign text that will stand in a comment.
    let said = said.map(|text| text.trim().trim_start_matches('v').to_owned());
    Ok(said.filter(|text| !text.is_empty() && text.len() <= 40 && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')))
}

// `key = "value"` of a TOML file, wherever it stands.
fn value(text: &str, key: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.trim_start().strip_prefix('='))?;
    Some(line.split('#').next()?.trim().trim_matches(['"', '\'']).to_owned())
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    Some(text.split_once(before)?.1.split_once(after)?.0.to_owned())
}
