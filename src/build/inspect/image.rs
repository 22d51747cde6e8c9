//! One platform's image in a layout: its manifest, and what its config says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::core::oci::{Descriptor, DescriptorPlatform, Manifest, ManifestKind, media_type};
use crate::core::{Digest, Platform};
use crate::error::{Error, Result};
use crate::store::Layout;

/// The most a config may weigh, in bytes.
const MAX_CONFIG: u64 = 8 << 20;
/// Indexes within indexes.
const MAX_DEPTH: usize = 8;

/// An image of one platform.
#[derive(Debug, Clone)]
pub struct Image {
    layout: Layout,
    root: Digest,
    manifest: Manifest,
    config: Value,
}

/// What manifest and config say, before any layer is read.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ImageSummary {
    /// Digest of what was asked for: an index, or the image itself.
    pub root: String,
    /// Digest of the image's manifest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// Digest of its config, which Docker calls the image's id.
    pub config_digest: Option<String>,
    /// `os/architecture[/variant]`, as the config says.
    pub platform: Option<String>,
    /// When it was made, as the config says.
    pub created: Option<String>,
    /// Who made it, as the config says.
    pub author: Option<String>,
    /// Bytes of all layers, as they are stored.
    pub size: u64,
    /// What is started.
    pub entrypoint: Vec<String>,
    /// Its arguments, or what is started where there is no entry point.
    pub cmd: Vec<String>,
    /// Environment, `NAME=value`.
    pub env: Vec<String>,
    /// Directory it is started in.
    pub working_dir: Option<String>,
    /// User it is started as.
    pub user: Option<String>,
    /// Ports, `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// Volumes.
    pub volumes: Vec<String>,
    /// Signal that ends it.
    pub stop_signal: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// Layers, the lowest first.
    pub layers: Vec<LayerSummary>,
}

/// One layer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LayerSummary {
    /// Digest of the stored bytes.
    pub digest: String,
    /// Media type.
    pub media_type: String,
    /// Stored bytes.
    pub size: u64,
    /// Digest of the uncompressed tar, as the config says.
    pub diff_id: Option<String>,
    /// The instruction that made it, as the config's history says.
    pub created_by: Option<String>,
}

impl Image {
    /// Opens the image of a platform below a root. Without a platform: the host's, or the only one.
    pub fn open(layout: &Layout, root: &Digest, platform: Option<&Platform>) -> Result<Self> {
        let digest = select(layout, root, platform)?;
        let manifest = layout.read_manifest(&digest)?;
        let config = match &manifest.config {
            Some(config) => serde_json::from_slice(&layout.read_blob(&config.digest, MAX_CONFIG)?).unwrap_or(Value::Null),
            None => Value::Null,
        };
        Ok(Self { layout: layout.clone(), root: root.clone(), manifest, config })
    }

    /// Where its blobs are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Digest of its manifest.
    pub fn digest(&self) -> Digest {
        self.manifest.digest()
    }

    /// Its layers, the lowest first.
    pub fn layers(&self) -> &[Descriptor] {
        &self.manifest.layers
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.config["config"]["Labels"][key].as_str()
    }

    fn list(&self, key: &str) -> Vec<String> {
        let items = self.config["config"][key].as_array();
        items.into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    }

    fn keys(&self, key: &str) -> Vec<String> {
        self.config["config"][key].as_object().into_iter().flat_map(|map| map.keys().cloned()).collect()
    }

    /// The word that names the program it starts, with `PATH` and working directory to find it.
    pub fn command(&self) -> Option<(String, String, String)> {
        let word = self.list("Entrypoint").into_iter().chain(self.list("Cmd")).next()?;
        let env = self.list("Env");
        let path = env
            .iter()
            .find_map(|pair| pair.strip_prefix("PATH="))
            .unwrap_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        let directory = text(&self.config["config"]["WorkingDir"]).unwrap_or_default();
        Some((word, path.to_owned(), directory))
    }

    /// What manifest and config say.
    pub fn summary(&self) -> ImageSummary {
        let config = &self.config["config"];
        let os = text(&self.config["os"]).zip(text(&self.config["architecture"]));
        let variant = text(&self.config["variant"]).map(|variant| format!("/{variant}")).unwrap_or_default();
        let labels = config["Labels"].as_object().into_iter().flatten();
        // History has an entry for each instruction; those without a layer say so.
        let history = self.config["history"].as_array().into_iter().flatten();
        let mut history = history.filter(|entry| entry["empty_layer"] != Value::Bool(true));
        let diff_ids = self.config["rootfs"]["diff_ids"].as_array();
        let layers = self.manifest.layers.iter().enumerate().map(|(number, layer)| LayerSummary {
            digest: layer.digest.to_string(),
            media_type: layer.media_type.clone(),
            size: layer.size,
            diff_id: diff_ids.and_then(|ids| text(ids.get(number)?)),
            created_by: history.next().and_then(|entry| text(&entry["created_by"])),
        });
        ImageSummary {
            root: self.root.to_string(),
            digest: self.digest().to_string(),
            media_type: self.manifest.media_type.clone(),
            config_digest: self.manifest.config.as_ref().map(|config| config.digest.to_string()),
            platform: os.map(|(os, arch)| format!("{os}/{arch}{variant}")),
            created: text(&self.config["created"]),
            author: text(&self.config["author"]),
            size: self.manifest.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add),
            entrypoint: self.list("Entrypoint"),
            cmd: self.list("Cmd"),
            env: self.list("Env"),
            working_dir: text(&config["WorkingDir"]),
            user: text(&config["User"]),
            exposed_ports: self.keys("ExposedPorts"),
            volumes: self.keys("Volumes"),
            stop_signal: text(&config["StopSignal"]),
            labels: labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect(),
            annotations: self.manifest.annotations.clone(),
            layers: layers.collect(),
        }
    }
}

/// The entry of an index for a platform: exactly that, or of its architecture. Without a platform, the host's or the
/// only one.
///
/// # Errors
/// When there is none; the hint lists what there is.
pub fn choose<'a>(index: &'a Manifest, platform: Option<&Platform>) -> Result<&'a Descriptor> {
    let of = |entry: &Descriptor| entry.platform.as_ref().and_then(DescriptorPlatform::platform);
    let host = Platform::host();
    let wanted = platform.unwrap_or(&host);
    let exact = index.manifests.iter().find(|entry| of(entry).as_ref() == Some(wanted));
    let near = || index.manifests.iter().find(|entry| of(entry).is_some_and(|p| p.os == wanted.os && p.arch == wanted.arch));
    // An index may hold one index without platforms (containerd's export), and attestations beside the one image.
    let nested = || index.manifests.iter().find(|entry| media_type::is_index(&entry.media_type));
    let only = || {
        let mut images = index.manifests.iter().filter(|entry| entry.platform.is_none() || of(entry).is_some());
        images.next().filter(|_| platform.is_none() && images.next().is_none())
    };
    exact.or_else(near).or_else(nested).or_else(only).ok_or_else(|| {
        let has: Vec<String> = index.manifests.iter().filter_map(of).map(|p| p.to_string()).collect();
        let hint = if has.is_empty() { "it lists no platforms".to_owned() } else { format!("it has {}", has.join(", ")) };
        Error::failed(format!("the image has no {wanted}")).hint(hint)
    })
}

/// Digest of the image of a platform below a root: the root itself, or what [`choose`] finds.
pub(in crate::build) fn select(layout: &Layout, root: &Digest, platform: Option<&Platform>) -> Result<Digest> {
    let mut at = root.clone();
    for _ in 0..MAX_DEPTH {
        let manifest = layout.read_manifest(&at)?;
        if manifest.kind == ManifestKind::Image {
            return Ok(at);
        }
        at = choose(&manifest, platform)?.digest.clone();
    }
    Err(Error::failed(format!("the indexes of {root} are nested more than {MAX_DEPTH} deep")))
}

/// A text that says something.
fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}
