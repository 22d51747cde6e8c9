//! Image references as an inventory reads them: name, version, digest, and what the tag says about the base's base.

/// An image reference taken apart. Nothing is checked: a reference may hold variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// Registry and path, as written.
    pub repository: String,
    /// Last part of the path.
    pub name: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest, `sha256:…`.
    pub digest: Option<String>,
}

/// Distributions by what tags call them (spec/build.md L.3): prefix, name, version; without a version, the rest is it.
const DISTRIBUTIONS: [(&str, &str, Option<&str>); 12] = [
    ("alpine", "alpine", None),
    ("debian", "debian", None),
    ("ubuntu", "ubuntu", None),
    ("trixie", "debian", Some("13")),
    ("bookworm", "debian", Some("12")),
    ("bullseye", "debian", Some("11")),
    ("buster", "debian", Some("10")),
    ("noble", "ubuntu", Some("24.04")),
    ("jammy", "ubuntu", Some("22.04")),
    ("focal", "ubuntu", Some("20.04")),
    ("wolfi", "wolfi", None),
    ("ubi", "ubi", None),
];

impl BaseImage {
    /// Takes a reference apart: `host:5000/x:1`, `name@sha256:…`, `name:tag@sha256:…`. A `:` before the last `/` is a
    /// port, not a tag.
    pub fn parse(text: &str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        // A variable may hold colons and slashes of its own (`${V:-1/2}`).
        let flat = without_braces(rest);
        let slash = flat.rfind('/').map_or(0, |at| at + 1);
        let (repository, tag) = match flat[slash..].find(':') {
            Some(colon) => (&rest[..slash + colon], Some(rest[slash + colon + 1..].to_owned())),
            None => (rest, None),
        };
        let name = repository.get(slash..).unwrap_or(repository).to_owned();
        Self { repository: repository.to_owned(), name, tag: tag.filter(|tag| !tag.is_empty()), digest }
    }

    /// The version: the tag up to its first `-`.
    pub fn version(&self) -> Option<&str> {
        self.tag.as_deref().map(|tag| tag.split_once('-').map_or(tag, |(version, _)| version))
    }

    /// The distribution the image is built on, as far as its tag says: name and perhaps version.
    pub fn lineage(&self) -> Option<(&'static str, Option<String>)> {
        let (_, suffix) = self.tag.as_deref()?.split_once('-')?;
        // `slim-bookworm`, `apache-bookworm`: the distribution is not always the first word.
        suffix.split('-').find_map(distribution)
    }

    /// The distribution of the image, itself included: `debian:12`, `python:3.12-alpine3.20`. Where the tag says nothing,
    /// the image's own name.
    pub fn distribution(&self) -> (String, Option<String>) {
        let own = DISTRIBUTIONS.iter().find(|(prefix, name, _)| prefix == name && *name == self.name);
        let said = self.tag.as_deref().and_then(|tag| tag.split('-').find_map(distribution));
        match (own, said) {
            (Some((_, name, _)), Some((same, version))) if same == *name => (same.to_owned(), version),
            (Some((_, name, _)), _) => {
                let number = self.version().filter(|version| version.starts_with(|c: char| c.is_ascii_digit()));
                ((*name).to_owned(), number.map(str::to_owned))
            }
            (None, Some((name, version))) => (name.to_owned(), version),
            (None, None) => (self.name.clone(), None),
        }
    }
}

fn distribution(word: &str) -> Option<(&'static str, Option<String>)> {
    let (prefix, name, version) = DISTRIBUTIONS.iter().find(|(prefix, ..)| word.starts_with(prefix))?;
    let rest = &word[prefix.len()..];
    // `alpine3.23`, not `alpinelinux`.
    if !rest.is_empty() && !rest.starts_with(|c: char| c.is_ascii_digit() || c == '$') {
        return None;
    }
    let version = version.map_or_else(|| Some(rest.to_owned()).filter(|rest| !rest.is_empty()), |known| Some(known.to_owned()));
    Some((name, version))
}

// The same text with what stands in `${…}` hidden, byte for byte.
fn without_braces(text: &str) -> String {
    let mut depth = 0_usize;
    let mut last = ' ';
    text.chars()
        .map(|c| {
            match c {
                '{' if last == '$' || depth > 0 => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            last = c;
            // As long as the character it hides, so that places stay the same.
            if depth > 0 && matches!(c, ':' | '/' | '@') { '_' } else { c }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_references_apart() {
        for (text, repository, name, tag, digest) in [
            ("alpine", "alpine", "alpine", None, None),
            ("alpine:3.20", "alpine", "alpine", Some("3.20"), None),
            ("host:5000/x:1", "host:5000/x", "x", Some("1"), None),
            ("host:5000/x", "host:5000/x", "x", None, None),
            ("ghcr.io/a/b@sha256:ab", "ghcr.io/a/b", "b", None, Some("sha256:ab")),
            ("a/b:1-slim@sha256:ab", "a/b", "b", Some("1-slim"), Some("sha256:ab")),
            ("x:${V:-1/2}", "x", "x", Some("${V:-1/2}"), None),
            ("${REG}/x:1", "${REG}/x", "x", Some("1"), None),
            ("x:", "x", "x", None, None),
        ] {
            let found = BaseImage::parse(text);
            let expected = (repository, name, tag, digest);
            assert_eq!((&*found.repository, &*found.name, found.tag.as_deref(), found.digest.as_deref()), expected, "{text}");
        }
    }

    #[test]
    fn reads_versions_and_lineage_of_tags() {
        for (text, version, lineage) in [
            ("golang:1.26.1-alpine3.23", Some("1.26.1"), Some(("alpine", Some("3.23")))),
            ("node:22-alpine", Some("22"), Some(("alpine", None))),
            ("python:3.12-slim-bookworm", Some("3.12"), Some(("debian", Some("12")))),
            ("python:3.12-bullseye", Some("3.12"), Some(("debian", Some("11")))),
            ("node:20-buster", Some("20"), Some(("debian", Some("10")))),
            ("x:1-jammy", Some("1"), Some(("ubuntu", Some("22.04")))),
            ("x:1-focal", Some("1"), Some(("ubuntu", Some("20.04")))),
            ("x:1-noble", Some("1"), Some(("ubuntu", Some("24.04")))),
            ("x:1-debian12", Some("1"), Some(("debian", Some("12")))),
            ("x:1-ubuntu24.04", Some("1"), Some(("ubuntu", Some("24.04")))),
            ("python:3.12-slim", Some("3.12"), None),
            ("x:1-alpinelinux", Some("1"), None),
            ("alpine:3.20", Some("3.20"), None),
            ("alpine", None, None),
        ] {
            let image = BaseImage::parse(text);
            let found = image.lineage();
            assert_eq!(image.version(), version, "{text}");
            assert_eq!(found.as_ref().map(|(name, version)| (*name, version.as_deref())), lineage, "{text}");
        }
        for (text, name, version) in [
            ("debian:bookworm-slim", "debian", Some("12")),
            ("alpine:3.20", "alpine", Some("3.20")),
            ("ubuntu:latest", "ubuntu", None),
            ("python:3.12-alpine3.20", "alpine", Some("3.20")),
            ("fedora:41", "fedora", None),
        ] {
            assert_eq!(BaseImage::parse(text).distribution(), (name.to_owned(), version.map(str::to_owned)), "{text}");
        }
    }
}
