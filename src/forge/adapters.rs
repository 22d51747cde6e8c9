//! Adapters of remotes from releases: the implementation of `remote`'s port. `FORGE:project@tag` names a release, and the
//! file for the platform is found by its name; `#file` behind it says which.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::asset::{AssetState, StoredAsset};
use super::forges::{Forges, ProjectSettings};
use super::port::Forge;
use crate::core::{BoxFuture, Digester, PathError, Platform};
use crate::error::{Error, Result};
use crate::event::Events;
use crate::manifest::DestinationTarget;
use crate::remote::AdapterSource;
use crate::world::World;
use crate::{fs, http};

/// The most an adapter may weigh, in bytes.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// How every adapter's file name begins.
const PREFIX: &str = "epack-remote-";

/// Names of processors, ours first, that files are called by.
const PROCESSORS: [(&str, &[&str]); 3] =
    [("amd64", &["amd64", "x86_64", "x64"]), ("arm64", &["arm64", "aarch64"]), ("arm", &["arm", "armv7", "armhf"])];

/// Names of systems.
const SYSTEMS: [&str; 3] = ["linux", "darwin", "windows"];

/// Brings adapters from the releases of forges.
pub struct ReleaseAdapters {
    forges: Mutex<Forges>,
    /// Forges by the word before the colon; the project in their settings is replaced.
    known: BTreeMap<String, DestinationTarget>,
    workspace: PathBuf,
}

impl ReleaseAdapters {
    /// From these forges, each described as a target is.
    pub fn new(world: &World, events: Events, workspace: &Path, known: BTreeMap<String, DestinationTarget>) -> Self {
        Self { forges: Mutex::new(Forges::new(world, events)), known, workspace: workspace.to_owned() }
    }

    fn project(&self, forge: &str, project: &str) -> Result<(Arc<dyn Forge>, http::Client)> {
        let known = self.known.get(forge).ok_or_else(|| {
            let names: Vec<&str> = self.known.keys().map(String::as_str).collect();
            Error::usage(format!("forge `{forge}` is not defined"))
                .hint(format!("known here: {}; others belong into `forges`", names.join(", ")))
        })?;
        let settings = ProjectSettings { project: project.to_owned(), ..ProjectSettings::of(known)? };
        let settings = serde_json::to_value(settings).map_err(|error| Error::failed("cannot describe the project").because(&error))?;
        let target = DestinationTarget { settings: Some(settings), ..known.clone() };
        self.forges.lock().unwrap_or_else(PoisonError::into_inner).project(&target, &self.workspace)
    }

    async fn bring(&self, reference: &str, platform: &Platform, into: &Path, cancel: &CancellationToken) -> Result<String> {
        let Named { forge, project, tag, file } = Named::parse(reference)?;
        let (forge, http) = self.project(forge, project)?;
        let failed = |error: super::ForgeError| Error::from(error).context(format!("cannot fetch adapter {reference}"));
        let releases = forge.releases_of(tag, cancel).await.map_err(failed)?;
        let release = releases.into_iter().find(super::StoredRelease::is_visible).ok_or_else(|| {
            Error::missing(format!("{} has no release {tag}", forge.place())).hint("look at its releases, and write `FORGE:project@tag`")
        })?;
        let assets = forge.assets(&release.container, cancel).await.map_err(failed)?;
        let asset = chosen(&assets, file, platform).map_err(|problem| {
            let names: Vec<&str> = assets.iter().map(|asset| asset.name.as_str()).take(20).collect();
            Error::missing(format!("release {tag} of {} {problem}", forge.place()))
                .hint(format!("say which with `#FILE` behind the tag; it has {}", names.join(", ")))
        })?;
        let request = forge.download(asset).map_err(failed)?;
        let wrong = |what: String| Error::failed(format!("adapter {reference}: {what}"));
        let mut response = http.send(&request, cancel).await.map_err(|error| wrong("it cannot be read".to_owned()).because(&error))?;
        if !response.status().is_success() {
            return Err(wrong(format!("{} answered {}", response.url(), response.status())));
        }
        let mut hash = Digester::new(crate::core::Algorithm::Sha256);
        let mut out = fs::create_new(into)?;
        let mut size = 0;
        while let Some(piece) = response.chunk().await.map_err(|error| wrong("it did not arrive whole".to_owned()).because(&error))? {
            size += piece.len() as u64;
            if size > MAX_BYTES {
                return Err(wrong(format!("it is larger than {}", crate::core::ByteSize(MAX_BYTES))));
            }
            hash.update(&piece);
            out.write_all(&piece).map_err(PathError::at("write", into))?;
        }
        if asset.holds(size, &hash.finish()) == Some(false) {
            return Err(
                wrong(format!("what arrived is not what the forge says of {}", asset.name)).hint("nothing was installed; try again")
            );
        }
        out.sync_all().map_err(PathError::at("make durable", into))?;
        Ok(asset.name.clone())
    }
}

/// `github:acme/epack-remote-x@v1.2.3#epack-remote-x-linux-amd64`, taken apart.
struct Named<'a> {
    forge: &'a str,
    project: &'a str,
    tag: &'a str,
    file: Option<&'a str>,
}

impl<'a> Named<'a> {
    fn parse(reference: &'a str) -> Result<Self> {
        let parts = || {
            let (forge, rest) = reference.split_once(':')?;
            let (project, rest) = rest.split_once('@')?;
            let (tag, file) = rest.split_once('#').map_or((rest, None), |(tag, file)| (tag, Some(file)));
            (!project.is_empty() && !tag.is_empty() && file != Some("")).then_some(Self { forge, project, tag, file })
        };
        parts().ok_or_else(|| Error::usage(format!("`{reference}` names no release")).hint("write `github:owner/repo@v1.2.3`"))
    }
}

/// The adapter among the files of a release: the one that is named; else the only one whose name speaks of the platform; else
/// the only one that speaks of none.
fn chosen<'a>(assets: &'a [StoredAsset], file: Option<&str>, platform: &Platform) -> std::result::Result<&'a StoredAsset, String> {
    let complete = || assets.iter().filter(|asset| asset.state == AssetState::Complete);
    if let Some(file) = file {
        return complete().find(|asset| asset.name == file).ok_or_else(|| format!("has no file {file}"));
    }
    let text = platform.to_string();
    let mut parts = text.split('/');
    let (os, arch) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let processors = PROCESSORS.iter().find(|(name, _)| *name == arch).map_or(std::slice::from_ref(&arch), |(_, names)| names);
    let adapters: Vec<(&StoredAsset, Words)> =
        complete().filter_map(|asset| Some((asset, Words::of(asset.name.strip_prefix(PREFIX)?)?))).collect();
    let ours: Vec<&StoredAsset> =
        adapters.iter().filter(|(_, words)| words.has(&[os]) && words.has(processors)).map(|(asset, _)| *asset).collect();
    let anywhere = || adapters.iter().filter(|(_, words)| !words.has(&SYSTEMS)).map(|(asset, _)| *asset).collect::<Vec<_>>();
    let found = if ours.is_empty() { anywhere() } else { ours };
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(format!("has no adapter for {text}")),
        several => Err(format!("has {} adapters for {text}", several.len())),
    }
}

/// The words of a file's name. Checksums and signatures beside an adapter are none.
struct Words(Vec<String>);

impl Words {
    fn of(rest: &str) -> Option<Self> {
        let beside = [".sha256", ".sha512", ".sig", ".asc", ".pem", ".json", ".txt", ".sigstore"];
        if beside.iter().any(|ending| rest.ends_with(ending)) {
            return None;
        }
        // `x86_64` is one word, though others are divided by that line.
        Some(Self(rest.replace("x86_64", "amd64").split(['-', '_', '.']).map(str::to_ascii_lowercase).collect()))
    }

    fn has(&self, any: &[&str]) -> bool {
        self.0.iter().any(|word| any.contains(&word.as_str()))
    }
}

impl AdapterSource for ReleaseAdapters {
    fn kind(&self) -> &'static str {
        "release"
    }

    fn fetch<'a>(
        &'a self,
        reference: &'a str,
        platform: &'a Platform,
        into: &'a Path,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move { self.bring(reference, platform, into, cancel).await.map(Some) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assets(names: &[&str]) -> Vec<StoredAsset> {
        let asset = |name: &&str| StoredAsset {
            id: String::new(),
            name: (*name).to_owned(),
            size: None,
            sha256: None,
            state: AssetState::Complete,
            download: None,
            doubles: Vec::new(),
        };
        names.iter().map(asset).collect()
    }

    #[test]
    fn the_file_for_the_platform_is_found_by_its_name() {
        let platform: Platform = "linux/amd64".parse().expect("a platform");
        let name = |names: &[&str], file| chosen(&assets(names), file, &platform).map(|asset| asset.name.clone()).map_err(drop);
        let many = [
            "SHA256SUMS",
            "epack-remote-x-linux-amd64",
            "epack-remote-x-linux-amd64.sha256",
            "epack-remote-x-linux-arm64",
            "epack-remote-x-darwin-amd64",
        ];
        assert_eq!(name(&many, None).as_deref(), Ok("epack-remote-x-linux-amd64"));
        assert_eq!(name(&many, Some("epack-remote-x-linux-arm64")).as_deref(), Ok("epack-remote-x-linux-arm64"));
        assert_eq!(name(&["epack-remote-x_Linux_x86_64"], None).as_deref(), Ok("epack-remote-x_Linux_x86_64"));
        assert_eq!(name(&["epack-remote-x.py", "README"], None).as_deref(), Ok("epack-remote-x.py"));
        assert_eq!(name(&["epack-remote-x-darwin-arm64"], None), Err(()));
        assert_eq!(name(&["epack-remote-x", "epack-remote-y"], None), Err(()));
        assert_eq!(name(&many, Some("nothing")), Err(()));
    }

    #[test]
    fn a_reference_is_taken_apart() {
        let named = Named::parse("code:group/sub/epack-remote-x@v1.2#file").expect("a reference");
        assert_eq!((named.forge, named.project, named.tag, named.file), ("code", "group/sub/epack-remote-x", "v1.2", Some("file")));
        for bad in ["github:acme/x", "github:@v1", "github:acme/x@", "github:acme/x@v1#", "acme/x@v1"] {
            assert!(Named::parse(bad).is_err(), "{bad}");
        }
    }
}
