//! What goes and what stays, from the config; and which images are protected.

use std::time::Duration;

use globset::{GlobBuilder, GlobMatcher};

use super::inventory::Image;
use crate::config::{CacheKeep, Cleanup};
use crate::error::{Error, Result};

/// The rules of `build_cache.cleanup`, ready to be applied.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The first failure ends it.
    pub required: bool,
    /// Age at which images without a name go.
    pub dangling: Option<Duration>,
    /// Age at which images no container uses go.
    pub unreferenced: Option<Duration>,
    /// Time after its end at which a container goes.
    pub exited: Option<Duration>,
    /// What of the build cache stays.
    pub cache: Option<CacheKeep>,
    /// Networks without containers go.
    pub networks: bool,
    protected: Vec<Protected>,
}

/// One entry of the list of images that stay.
#[derive(Debug, Clone)]
enum Protected {
    /// `sha256:…`: an image's id, or the digest it is known by at a registry.
    Digest(String),
    /// A glob over references, as it was written.
    Glob(String, GlobMatcher),
}

impl Policy {
    /// From the config.
    pub fn new(cleanup: &Cleanup) -> Result<Self> {
        Ok(Self {
            required: cleanup.required,
            dangling: cleanup.dangling_images,
            unreferenced: cleanup.unreferenced_images,
            exited: cleanup.exited_containers,
            cache: cleanup.build_cache,
            networks: cleanup.unused_networks,
            protected: cleanup.protect.iter().map(|text| Protected::new(text)).collect::<Result<_>>()?,
        })
    }

    /// The entry that protects an image, when one does. An image stays with all its names when one of them is protected:
    /// its bytes are what is worth keeping.
    pub fn protects<'a>(&'a self, image: &Image) -> Option<&'a str> {
        self.protected.iter().find(|protected| protected.matches(image)).map(Protected::text)
    }
}

impl Protected {
    fn new(text: &str) -> Result<Self> {
        if text.starts_with("sha256:") && !text.contains('*') {
            return Ok(Self::Digest(text.to_owned()));
        }
        // `*` goes beyond `/`: what is protected is rather too much than too little.
        let glob = GlobBuilder::new(text).literal_separator(false).build();
        let glob = glob.map_err(|error| Error::usage(format!("cleanup cannot protect `{text}`")).because(&error))?;
        Ok(Self::Glob(text.to_owned(), glob.compile_matcher()))
    }

    fn text(&self) -> &str {
        match self {
            Self::Digest(text) | Self::Glob(text, _) => text,
        }
    }

    fn matches(&self, image: &Image) -> bool {
        match self {
            Self::Digest(digest) => {
                image.id == *digest || image.digests.iter().any(|name| name.split_once('@').is_some_and(|(_, of)| of == digest))
            }
            Self::Glob(_, glob) => image.tags.iter().chain(&image.digests).any(|name| forms(name).iter().any(|form| glob.is_match(form))),
        }
    }
}

/// A reference in every form people write it in: with and without its tag or digest, and with the host and the
/// `library/` that docker leaves out.
fn forms(reference: &str) -> Vec<String> {
    let repository = match reference.split_once('@') {
        Some((repository, _)) => repository,
        // A colon before a slash is a port.
        None => match reference.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => repository,
            _ => reference,
        },
    };
    let mut forms = vec![reference.to_owned(), repository.to_owned()];
    let host = repository.split('/').next().unwrap_or_default();
    let has_host = repository.contains('/') && (host.contains(['.', ':']) || host == "localhost");
    if !has_host {
        let prefixes: &[&str] = if repository.contains('/') { &["docker.io/"] } else { &["library/", "docker.io/", "docker.io/library/"] };
        for prefix in prefixes {
            forms.push(format!("{prefix}{reference}"));
            forms.push(format!("{prefix}{repository}"));
        }
    }
    forms
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn policy(protect: &[&str]) -> Policy {
        let hour = Some(Duration::from_secs(3600));
        let cleanup = Cleanup {
            enabled: true,
            protect: protect.iter().map(|&text| text.to_owned()).collect(),
            dangling_images: hour,
            unreferenced_images: hour,
            exited_containers: hour,
            unused_networks: true,
            ..Cleanup::default()
        };
        Policy::new(&cleanup).expect("a policy")
    }

    #[test]
    fn globs_protect_names_in_every_form_and_digests_protect_bytes() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let image = |tags: &[&str], digests: &[&str]| Image {
            id: format!("sha256:{}", "b".repeat(64)),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            digests: digests.iter().map(|&name| name.to_owned()).collect(),
            ..Image::default()
        };
        let at = format!("ghcr.io/acme/app@{digest}");
        for (protect, tags, digests, expected) in [
            ("acme/*", &["acme/app:1"][..], &[][..], true),
            ("acme/app", &["acme/app:1"], &[], true),
            ("acme/app:1", &["acme/app:2", "acme/app:1"], &[], true),
            ("acme/app:2*", &["acme/app:1"], &[], false),
            ("docker.io/acme/*", &["acme/app:1"], &[], true),
            ("docker.io/library/debian:12", &["debian:12"], &[], true),
            ("node:22*", &["node:22-slim"], &[], true),
            ("node:22*", &["example.com/node:22"], &[], false),
            ("localhost:5000/*", &["localhost:5000/a/b:1"], &[], true),
            ("localhost:5000/app", &["localhost:5000/app"], &[], true),
            ("docker.io/*", &["localhost:5000/app:1"], &[], false),
            ("ghcr.io/acme/*", &[], &[at.as_str()], true),
            (digest.as_str(), &[], &[at.as_str()], true),
            (digest.as_str(), &["x:1"], &[], false),
            ("sha256:*", &["x:1"], &[], false),
        ] {
            assert_eq!(policy(&[protect]).protects(&image(tags, digests)).is_some(), expected, "{protect} {tags:?} {digests:?}");
        }
        let unnamed = image(&[], &[]);
        assert_eq!(policy(&["*", &unnamed.id]).protects(&unnamed), Some(unnamed.id.as_str()), "and dangling ones by their id");
    }
}
