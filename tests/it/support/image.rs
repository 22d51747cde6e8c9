//! Small images in OCI layouts, made without any builder.

use std::path::Path;

use stagefreight::core::Digest;
use stagefreight::core::oci::{Descriptor, media_type};
use stagefreight::store::{Layout, LayoutWriter};

/// What an image is made of.
pub struct Image<'a> {
    pub version: &'a str,
    pub revision: &'a str,
    /// Contents of the layers. Not real tar files: registries do not look.
    pub layers: Vec<Vec<u8>>,
    pub platforms: &'a [&'a str],
}

impl Image<'_> {
    /// Writes the layout and tells the digest of its root: an index, or with one platform a manifest.
    pub fn write(&self, into: &Path) -> Digest {
        let writer = LayoutWriter::create(into).expect("layout");
        let mut children = Vec::new();
        for platform in self.platforms {
            let (os, arch) = platform.split_once('/').expect("os/arch");
            let mut layers: Vec<Descriptor> =
                self.layers.iter().map(|layer| writer.put_bytes(media_type::OCI_LAYER, layer).expect("layer")).collect();
            layers.push(writer.put_bytes(media_type::OCI_LAYER, platform.as_bytes()).expect("layer of the platform"));
            let diff_ids: Vec<String> = layers.iter().map(|layer| layer.digest.to_string()).collect();
            let config = serde_json::json!({
                "os": os, "architecture": arch, "created": "2026-07-01T12:00:00Z",
                "config": {"Labels": {
                    "org.opencontainers.image.version": self.version,
                    "org.opencontainers.image.revision": self.revision,
                }},
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
            });
            let config = writer.put_bytes(media_type::OCI_CONFIG, config.to_string().as_bytes()).expect("config");
            let manifest = serde_json::json!({
                "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": layers,
            });
            let manifest = writer.put_bytes(media_type::OCI_MANIFEST, manifest.to_string().as_bytes()).expect("manifest");
            let mut child = serde_json::to_value(&manifest).expect("descriptor");
            child["platform"] = serde_json::json!({"os": os, "architecture": arch});
            children.push((manifest, child));
        }
        let root = if let [(manifest, _)] = children.as_slice() {
            manifest.clone()
        } else {
            let manifests: Vec<_> = children.into_iter().map(|(_, child)| child).collect();
            let index = serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests});
            writer.put_bytes(media_type::OCI_INDEX, index.to_string().as_bytes()).expect("index")
        };
        let layout: Layout = writer.finish(&root).expect("finished layout");
        layout.closure(&root.digest).expect("a whole image");
        root.digest
    }
}
