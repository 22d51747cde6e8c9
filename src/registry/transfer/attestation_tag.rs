//! Statements about an image under a tag made of its digest, for registries and readers without referrers. As with
//! referrers there may be several publishers, and each adds its own.

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::push::{PushReport, push_closure};
use super::shared_tag::{SharedTag, with_entries};
use crate::core::oci::{Manifest, attestation};
use crate::registry::client::Client;
use crate::registry::error::RegistryError;
use crate::registry::work::Work;
use crate::store::{Closure, Layout};

/// What is under the tag of attestations, seen by somebody who wants his there too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Every statement of ours, whoever wrote it.
    Ours,
    /// Statements of others, to which ours can be added.
    Others,
    /// Something of another kind, such as cosign's signed attestations: not ours to write.
    Foreign,
}

/// How what is there stands to ours.
pub fn held(there: &Manifest, ours: &Manifest) -> Held {
    if ours.layers.iter().all(|layer| there.layers.iter().any(|other| other.digest == layer.digest)) {
        Held::Ours
    } else if there.artifact_type.as_deref() == Some(attestation::IN_TOTO) {
        Held::Others
    } else {
        Held::Foreign
    }
}

/// Makes a tag hold the statements of a manifest of the layout, beside those that are there.
pub async fn attest_under_tag(
    client: &Client,
    work: &Work,
    path: &str,
    layout: &Layout,
    (tag, ours): (&str, &Closure),
    cancel: &CancellationToken,
) -> Result<PushReport, RegistryError> {
    let Some(manifest) = ours.root_manifest() else { return Ok(PushReport::default()) };
    // Not the manifest: under the tag may come to stand another one, with more statements.
    let blobs = Closure { manifests: Vec::new(), ..ours.clone() };
    let mut report = push_closure(client, work, path, layout, &blobs, cancel).await?;
    let facts = work.host(client.host());
    let shared =
        SharedTag { client, facts: &facts, path, tag, doing: format!("put attestations under {}/{path}:{tag}", client.host()), cancel };
    report.writes += shared.add(|there| held(there, manifest) == Held::Ours, |there| with(there, manifest)).await?;
    report.sent += manifest.raw.len() as u64;
    Ok(report)
}

fn with(there: Option<&Manifest>, ours: &Manifest) -> Result<Manifest, String> {
    let Some(there) = there else { return Ok(ours.clone()) };
    if held(there, ours) == Held::Foreign {
        return Err("what is there is of another kind, and was left alone".to_owned());
    }
    let parsed = |manifest: &Manifest| serde_json::from_slice::<Value>(&manifest.raw).map_err(|error| error.to_string());
    let mut layers = parsed(ours)?["layers"].take();
    let layers = layers.as_array_mut().map(std::mem::take).unwrap_or_default();
    let is_new = |layer: &Value| !there.layers.iter().any(|other| layer["digest"] == other.digest.as_str());
    with_entries(parsed(there)?, "layers", layers.into_iter().filter(is_new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::oci::{Descriptor, media_type};

    fn manifest(kind: &str, statements: &[&str]) -> Manifest {
        let layers: Vec<Descriptor> = statements.iter().map(|text| Descriptor::of(attestation::IN_TOTO, text.as_bytes())).collect();
        let raw = serde_json::json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "artifactType": kind, "x-unknown": [1],
            "config": Descriptor::of(media_type::OCI_EMPTY, b"{}"), "layers": layers,
        });
        Manifest::parse(raw.to_string().into_bytes()).expect("manifest")
    }

    #[test]
    fn statements_of_others_stay_and_foreign_things_are_left_alone() {
        let ours = manifest(attestation::IN_TOTO, &["provenance", "sbom"]);
        let others = manifest(attestation::IN_TOTO, &["older", "sbom"]);
        assert_eq!(held(&ours, &ours), Held::Ours);
        assert_eq!(held(&others, &ours), Held::Others);
        let both = with(Some(&others), &ours).expect("both");
        assert_eq!(both.layers.iter().map(|layer| &layer.digest).collect::<Vec<_>>(), {
            let all = [&others.layers[0], &others.layers[1], &ours.layers[0]];
            all.map(|layer| &layer.digest).to_vec()
        });
        assert!(String::from_utf8_lossy(&both.raw).contains("\"x-unknown\":[1]"));
        assert_eq!(held(&both, &ours), Held::Ours);
        assert_eq!(with(None, &ours).expect("the first"), ours);
        let signed = manifest("application/vnd.dsse.envelope.v1+json", &["signed"]);
        assert_eq!(held(&signed, &ours), Held::Foreign);
        assert!(with(Some(&signed), &ours).is_err());
        // Somebody else took ours along.
        let copied = manifest("application/vnd.dsse.envelope.v1+json", &["signed", "provenance", "sbom"]);
        assert_eq!(held(&copied, &ours), Held::Ours);
    }
}
