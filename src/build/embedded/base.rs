//! Base images: found in an OCI layout the Dockerfile names, or by the `BaseImages` port, and read as a tree when
//! something is copied out of them or into them.

use std::path::{Component, Path};
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use super::image_config::ImageConfig;
use super::layer_source::LayerSource;
use super::tree::Tree;
use crate::build::inspect::select;
use crate::build::{BaseImage, BaseImages};
use crate::core::oci::{Descriptor, media_type};
use crate::core::{Digest, Platform, Reference};
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::store::Layout;

/// How a Dockerfile names a layout on disk: `oci-layout://PATH[:TAG][@DIGEST]`, the path relative to the workspace.
const LAYOUT_SCHEME: &str = "oci-layout://";
/// The most an image config may weigh, in bytes.
const MAX_CONFIG: u64 = 8 << 20;

/// A base image of one platform.
#[derive(Debug)]
pub struct Base {
    /// Where its blobs are.
    pub layout: Layout,
    /// Its layers.
    pub layers: Vec<Descriptor>,
    /// Its config, ready for a stage.
    pub config: ImageConfig,
    /// What the reference resolved to.
    pub resolved: Digest,
    tree: OnceLock<Arc<Tree>>,
}

impl Base {
    /// Finds the image a reference names.
    pub async fn find(
        sources: &[Arc<dyn BaseImages>],
        text: &str,
        platform: &Platform,
        workspace: &Path,
        scratch: &Path,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        if let Some(path) = text.strip_prefix(LAYOUT_SCHEME) {
            return Self::load(&in_layout(path, platform, workspace)?);
        }
        let reference: Reference = text.parse().map_err(|e| Error::failed(format!("`{text}` is not an image reference")).because(&e))?;
        let mut missing = Error::missing(format!("there is nowhere to get the base image {text} from"))
            .hint("name an OCI layout with `FROM oci-layout://PATH`, or start `FROM scratch`");
        for source in sources {
            match source.fetch(&reference, platform, scratch, cancel).await {
                Ok(found) => return Self::load(&found),
                // The next source may have it.
                Err(error) if error.kind() == Kind::Missing => missing = error,
                Err(error) => return Err(error),
            }
        }
        Err(missing.context(format!("cannot get the base image {text} for {platform}")))
    }

    fn load(found: &BaseImage) -> Result<Self> {
        let layout = Layout::open(&found.layout)?;
        let manifest = layout.read_manifest(&found.manifest)?;
        let damaged = |what: &str| Error::failed(format!("base image {}: {what}", found.manifest));
        let Some(config) = &manifest.config else { return Err(damaged("it is an index, not an image of one platform")) };
        let raw = layout.read_blob(&config.digest, MAX_CONFIG)?;
        let config = ImageConfig::of_base(&raw, manifest.layers.len())
            .ok_or_else(|| damaged("its config does not list one diff id for each layer"))?;
        if !config.list("OnBuild").is_empty() {
            return Err(damaged("it has ONBUILD instructions, which the embedded builder does not run")
                .hint("select `builder: buildx` for this build"));
        }
        let layers = manifest.layers.iter().map(as_oci).collect();
        Ok(Self { layout, layers, config, resolved: found.resolved.clone(), tree: OnceLock::new() })
    }

    /// Its files. Layers are checked against their digests on the way.
    pub fn tree(&self, scratch: &Path, cancel: &CancellationToken) -> Result<Arc<Tree>> {
        if let Some(tree) = self.tree.get() {
            return Ok(tree.clone());
        }
        let mut tree = Tree::default();
        for layer in &self.layers {
            if media_type::is_foreign_layer(&layer.media_type) {
                return Err(Error::failed(format!("layer {} of the base image is not distributed with it", layer.digest)));
            }
            let source = Arc::new(LayerSource::new(&self.layout.blob_path(&layer.digest), scratch));
            source.verify(&layer.digest, cancel)?;
            source.apply(&mut tree, Path::new(""), true, cancel)?;
        }
        Ok(self.tree.get_or_init(|| Arc::new(tree)).clone())
    }
}

// Docker's media types name the same bytes; an OCI manifest calls them by OCI's names.
fn as_oci(layer: &Descriptor) -> Descriptor {
    let mut layer = layer.clone();
    if layer.media_type == media_type::DOCKER_LAYER_GZIP {
        media_type::OCI_LAYER_GZIP.clone_into(&mut layer.media_type);
    }
    layer
}

fn in_layout(text: &str, platform: &Platform, workspace: &Path) -> Result<BaseImage> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => {
            let digest: Digest = digest.parse().map_err(|e| Error::failed(format!("cannot read {LAYOUT_SCHEME}{text}")).because(&e))?;
            (rest, Some(digest))
        }
        None => (text, None),
    };
    let (path, tag) = match rest.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (rest, None),
    };
    if Path::new(path).components().any(|c| matches!(c, Component::ParentDir)) {
        return Err(
            Error::failed(format!("{LAYOUT_SCHEME}{text}: the path may not contain `..`")).hint("name a directory below the workspace")
        );
    }
    let root = workspace.join(path);
    if !fs::exists(&root) {
        return Err(Error::missing(format!("there is no OCI layout at {path}")).hint("the path is relative to the workspace"));
    }
    let layout = Layout::open(&root)?;
    let entries = layout.entries()?;
    let tagged =
        |entry: &&Descriptor| tag.is_none_or(|tag| entry.annotations.get("org.opencontainers.image.ref.name").is_some_and(|t| t == tag));
    let mut chosen = entries.iter().filter(tagged).filter(|entry| digest.as_ref().is_none_or(|d| *d == entry.digest));
    let root = match (chosen.next(), chosen.next(), &digest) {
        (Some(one), None, _) => one.digest.clone(),
        // A digest may also name a manifest inside an index.
        (None, _, Some(digest)) => digest.clone(),
        (None, _, None) => {
            return Err(Error::missing(format!(
                "the OCI layout {path} has no image{}",
                tag.map(|t| format!(" tagged {t}")).unwrap_or_default()
            )));
        }
        (Some(_), Some(_), _) => {
            return Err(Error::failed(format!("the OCI layout {path} holds several images")).hint("choose one with `:TAG` or `@sha256:…`"));
        }
    };
    let manifest = select(&layout, &root, Some(platform))?;
    Ok(BaseImage { layout: layout.path().to_owned(), manifest, resolved: root })
}
