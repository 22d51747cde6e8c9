//! A finished image into the local docker engine, for use on this machine: the very bytes of the store, not a second
//! build.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::backend::{Session, Tool};
use crate::core::oci::{DescriptorPlatform, Manifest, ManifestKind};
use crate::core::{Digest, PathError, Platform};
use crate::error::{Error, Result};
use crate::fs::{self, Scratch};
use crate::store::{Closure, Layout};
use crate::world::World;

/// Engines unpack what they load.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// An image of the store.
#[derive(Debug, Clone, Copy)]
pub struct Loaded<'a> {
    /// Its layout.
    pub layout: &'a Layout,
    /// Everything it consists of.
    pub closure: &'a Closure,
    /// What the engine shall call it, at least one: `stagefreight:dev`.
    pub names: &'a [String],
}

/// Loads it. The archive on the way lies in `scratch` and is removed.
///
/// # Errors
/// `Missing` without the docker client, `Failed` when the engine refuses it.
pub async fn load(world: &World, workspace: &Path, scratch: &Path, image: Loaded<'_>, cancel: &CancellationToken) -> Result<()> {
    let archive = Scratch::below(scratch, "load")?;
    let file = archive.path().join("image.tar");
    write(&file, image)?;
    let session = Session::open(world, workspace)?;
    let child = Tool::Docker.bare(world, &session).args(["load", "--input", &file.display().to_string()]);
    let done = child.deadline(DEADLINE).run(cancel).await.map_err(|error| {
        Error::from(error).context("cannot load the image into the local engine").hint("install docker, or take `load` out of the config")
    })?;
    if done.success() {
        return Ok(());
    }
    Err(Error::failed(format!("the docker engine does not load the image: {}", done.tail(2)))
        .hint("look at `docker info`; take `load` out of the config where no engine is"))
}

/// An OCI layout in a tar file, with docker's own list beside it for engines without the containerd image store.
fn write(file: &Path, image: Loaded<'_>) -> Result<()> {
    let at = || PathError::at("write", file);
    let mut tar = tar::Builder::new(fs::create_new(file)?);
    let root = &image.closure.root;
    let index: Vec<_> = image
        .names
        .iter()
        .map(|name| {
            let tag = name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
            json!({
                "mediaType": root.media_type, "digest": root.digest, "size": root.size,
                "annotations": { "io.containerd.image.name": qualified(name), "org.opencontainers.image.ref.name": tag },
            })
        })
        .collect();
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": index });
    let mut texts = vec![("oci-layout", json!({ "imageLayoutVersion": "1.0.0" })), ("index.json", index)];
    if let Some(own) = of_this_machine(image.closure)
        && let Some(config) = &own.config
    {
        let layers: Vec<String> = own.layers.iter().map(|layer| blob(&layer.digest)).collect();
        texts.push(("manifest.json", json!([{ "Config": blob(&config.digest), "RepoTags": image.names, "Layers": layers }])));
    }
    for (name, text) in texts {
        let text = text.to_string();
        append(&mut tar, name, text.len() as u64, text.as_bytes()).map_err(at())?;
    }
    for digest in image.closure.digests() {
        let (content, size) = image.layout.open_blob(digest)?;
        append(&mut tar, &blob(digest), size, content).map_err(at())?;
    }
    tar.into_inner().map_err(at())?;
    Ok(())
}

fn append(tar: &mut tar::Builder<std::fs::File>, name: &str, size: u64, content: impl std::io::Read) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, content)
}

fn blob(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

/// `stagefreight:dev` is `docker.io/library/stagefreight:dev` to the engine.
fn qualified(name: &str) -> String {
    match name.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => name.to_owned(),
        Some(_) => format!("docker.io/{name}"),
        None => format!("docker.io/library/{name}"),
    }
}

/// The image of this machine's platform.
fn of_this_machine(closure: &Closure) -> Option<&Manifest> {
    let root = closure.root_manifest()?;
    if root.kind == ManifestKind::Image {
        return Some(root);
    }
    let host = Platform::host();
    let ours =
        root.manifests.iter().find(|entry| entry.platform.as_ref().and_then(DescriptorPlatform::platform).as_ref() == Some(&host))?;
    closure.manifests.iter().find(|(descriptor, _)| descriptor.digest == ours.digest).map(|(_, manifest)| manifest)
}
