//! What images say of themselves: the SBOMs and provenance among their bytes, as files that can be attached elsewhere.

use super::Made;
use crate::core::Digest;
use crate::core::oci::{DescriptorPlatform, Manifest, attestation};
use crate::store::ContentStore;

/// A statement (in-toto) that an image carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Artifact id of the image.
    pub artifact: String,
    /// What it is called as a file: `app-linux-amd64.sbom.json`.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where it lies, relative to the workspace.
    pub path: String,
}

/// Every statement of these images, in the order of their indexes.
pub(super) fn statements(made: &[Made]) -> Vec<Statement> {
    made.iter().flat_map(of_image).collect()
}

fn of_image(made: &Made) -> Vec<Statement> {
    let Some(index) = made.closure.root_manifest() else { return Vec::new() };
    let layout = ContentStore::relative_path(&made.digest);
    let manifest = |digest: &Digest| -> Option<&Manifest> {
        made.closure.manifests.iter().find(|(listed, _)| listed.digest == *digest).map(|(_, manifest)| manifest)
    };
    let mut found: Vec<Statement> = Vec::new();
    for listed in &index.manifests {
        let Some(about) = attestation::attested_by(&listed.annotations) else { continue };
        let image = index.manifests.iter().find(|other| other.digest.as_str() == about);
        let platform = image.and_then(|image| image.platform.as_ref()).and_then(DescriptorPlatform::platform);
        let platform = platform.map(|platform| format!("-{}", platform.to_string().replace('/', "-"))).unwrap_or_default();
        for layer in manifest(&listed.digest).map(|manifest| manifest.layers.as_slice()).unwrap_or_default() {
            if layer.media_type != attestation::IN_TOTO {
                continue;
            }
            let says = layer.annotations.get(attestation::PREDICATE_TYPE).map_or("", String::as_str);
            let stem = format!("{}{platform}.{}", made.step.id, kind_of(says));
            let same = found.iter().filter(|known| known.name.starts_with(&stem)).count();
            let number = if same == 0 { String::new() } else { format!(".{}", same + 1) };
            found.push(Statement {
                artifact: made.record.artifact.clone(),
                name: format!("{stem}{number}.json"),
                digest: layer.digest.clone(),
                size: layer.size,
                path: format!("{layout}/blobs/{}/{}", layer.digest.algorithm().name(), layer.digest.hex()),
            });
        }
    }
    found
}

/// A short word for what a statement says.
fn kind_of(predicate: &str) -> &'static str {
    if predicate.starts_with("https://spdx.dev/") || predicate.starts_with("https://cyclonedx.org/") {
        "sbom"
    } else if predicate.starts_with("https://slsa.dev/provenance/") {
        "provenance"
    } else {
        "statement"
    }
}
