//! Derivations of an image made here: exact bytes, and everything that is refused.

use super::*;
use crate::core::Platform;

/// A layout with an index in BuildKit's manner, written over several lines, and the digests of its images.
struct Attested {
    _dir: tempfile::TempDir,
    layout: Layout,
    image: Closure,
    images: Vec<Digest>,
}

fn put(writer: &LayoutWriter, kind: &str, value: &serde_json::Value) -> Descriptor {
    writer.put_bytes(kind, value.to_string().as_bytes()).expect("blob")
}

fn attested(platforms: &[&str], about_nobody: bool) -> Attested {
    let dir = tempfile::tempdir().expect("directory");
    let writer = LayoutWriter::create(&dir.path().join("image")).expect("layout");
    let shared = writer.put_bytes(media_type::OCI_LAYER, b"shared").expect("layer");
    let (mut images, mut first, mut then) = (Vec::new(), Vec::new(), Vec::new());
    for platform in platforms {
        let (os, arch) = platform.split_once('/').expect("os/arch");
        let config = put(&writer, media_type::OCI_CONFIG, &serde_json::json!({"os": os, "architecture": arch}));
        let own = writer.put_bytes(media_type::OCI_LAYER, platform.as_bytes()).expect("layer");
        let manifest =
            serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": [shared, own]});
        let manifest = put(&writer, media_type::OCI_MANIFEST, &manifest);
        first.push(format!(
            "    {{\n      \"mediaType\": \"{}\",\n      \"digest\": \"{}\",\n      \"size\": {},\n      \"x-later\": [1.50],\n      \"platform\": {{ \"architecture\": \"{arch}\", \"os\": \"{os}\" }}\n    }}",
            manifest.media_type, manifest.digest, manifest.size
        ));
        let unknown =
            put(&writer, media_type::OCI_CONFIG, &serde_json::json!({"os": "unknown", "architecture": "unknown", "of": platform}));
        let mut layers = Vec::new();
        for predicate in ["https://slsa.dev/provenance/v1", "https://spdx.dev/Document"] {
            let statement = format!("{predicate} of {platform}");
            let statement = writer.put_bytes(attestation::IN_TOTO, statement.as_bytes()).expect("statement");
            let annotations = [(attestation::PREDICATE_TYPE.to_owned(), predicate.to_owned())].into();
            layers.push(Descriptor { annotations, ..statement });
        }
        let attests = serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": unknown, "layers": layers});
        let attests = put(&writer, media_type::OCI_MANIFEST, &attests);
        let about = if about_nobody { Digest::of(b"nobody") } else { manifest.digest.clone() };
        then.push(format!(
            "    {{ \"mediaType\": \"{}\", \"digest\": \"{}\", \"size\": {}, \"annotations\": {{ \"vnd.docker.reference.digest\": \"{about}\", \"vnd.docker.reference.type\": \"attestation-manifest\" }}, \"platform\": {{ \"architecture\": \"unknown\", \"os\": \"unknown\" }} }}",
            attests.media_type, attests.digest, attests.size
        ));
        images.push(manifest.digest);
    }
    let entries: Vec<String> = first.into_iter().chain(then).collect();
    let index = format!(
        "{{\n  \"schemaVersion\": 2,\n  \"mediaType\": \"{}\",\n  \"manifests\": [\n{}\n  ],\n  \"annotations\": {{ \"a\": \"\\u0062\" }}\n}}",
        media_type::OCI_INDEX,
        entries.join(",\n")
    );
    let root = writer.put_bytes(media_type::OCI_INDEX, index.as_bytes()).expect("index");
    let layout = writer.finish(&root).expect("layout");
    let image = layout.closure(&root.digest).expect("a whole image");
    Attested { _dir: dir, layout, image, images }
}

fn both() -> Attested {
    attested(&["linux/amd64", "linux/arm64"], false)
}

fn rendition(attestations: AttestationForm, platforms: &[&str]) -> Rendition {
    Rendition { attestations, platforms: platforms.iter().map(|text| text.parse::<Platform>().expect("platform").normalized()).collect() }
}

impl Attested {
    fn derive(&self, attestations: AttestationForm, platforms: &[&str]) -> Option<Derivation> {
        derive(&self.image, &rendition(attestations, platforms)).expect("a derivation")
    }

    fn refused(&self, attestations: AttestationForm, platforms: &[&str]) -> String {
        derive(&self.image, &rendition(attestations, platforms)).expect_err("refused").to_string()
    }
}

#[test]
fn nothing_left_out_is_the_image_as_it_was_built() {
    let image = both();
    assert_eq!(image.derive(AttestationForm::Index, &[]), None);
    assert_eq!(image.derive(AttestationForm::Index, &["linux/arm64", "linux/amd64"]), None);
    let without = image.derive(AttestationForm::None, &[]).expect("a derivation");
    let dir = tempfile::tempdir().expect("directory");
    let layout = without.write(&image.layout, &dir.path().join("derived")).expect("layout");
    let again = layout.closure(&without.root.digest()).expect("a whole image");
    for form in [AttestationForm::None, AttestationForm::Referrers, AttestationForm::Tag] {
        assert_eq!(derive(&again, &rendition(form, &[])).expect("a derivation"), None, "deriving twice changes nothing");
    }
    // One platform alone is no index, and carries no attestation.
    let one = image.layout.closure(&image.images[0]).expect("one image");
    assert_eq!(derive(&one, &rendition(AttestationForm::None, &["linux/amd64"])).expect("a derivation"), None);
}

#[test]
fn what_is_kept_of_an_index_stays_byte_for_byte() {
    let image = both();
    let without = image.derive(AttestationForm::None, &["linux/arm64"]).expect("a derivation");
    let manifest = image.image.manifests.iter().find(|(listed, _)| listed.digest == image.images[1]).expect("arm64");
    let expected = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"manifests\":[{{\n      \"mediaType\": \"{}\",\n      \"digest\": \"{}\",\n      \"size\": {},\n      \"x-later\": [1.50],\n      \"platform\": {{ \"architecture\": \"arm64\", \"os\": \"linux\" }}\n    }}],\"annotations\":{{ \"a\": \"\\u0062\" }}}}",
        media_type::OCI_INDEX,
        media_type::OCI_MANIFEST,
        manifest.0.digest,
        manifest.0.size
    );
    assert_eq!(String::from_utf8_lossy(&without.root.raw), expected);
    assert!(without.attestations.is_empty());
    // Index, manifest, config, two layers: what the size counts is what is written.
    let dir = tempfile::tempdir().expect("directory");
    let layout = without.write(&image.layout, &dir.path().join("derived")).expect("layout");
    let closure = layout.closure(&without.root.digest()).expect("whole");
    assert_eq!((closure.manifests.len(), closure.blobs.len(), closure.size), (2, 3, without.size));
    let kept = image.derive(AttestationForm::Index, &["linux/arm64"]).expect("a derivation");
    let lines: Vec<_> = kept.root.manifests.iter().map(|entry| attestation::attested_by(&entry.annotations)).collect();
    assert_eq!(lines, [None, Some(image.images[1].as_str())], "an attestation goes where its image goes");
}

#[test]
fn each_statement_becomes_a_referrer_of_its_image() {
    let image = both();
    let derived = image.derive(AttestationForm::Referrers, &[]).expect("a derivation");
    assert_eq!(derived.root, image.derive(AttestationForm::None, &[]).expect("a derivation").root);
    let told: Vec<(&str, &str)> = derived
        .attestations
        .iter()
        .map(|one| {
            (
                one.manifest.subject.as_ref().expect("subject").digest.as_str(),
                one.manifest.annotations[attestation::PREDICATE_TYPE].as_str(),
            )
        })
        .collect();
    let (first, second) = (image.images[0].as_str(), image.images[1].as_str());
    let (provenance, sbom) = ("https://slsa.dev/provenance/v1", "https://spdx.dev/Document");
    assert_eq!(told, [(first, provenance), (first, sbom), (second, provenance), (second, sbom)]);
    let statement = Descriptor::of(attestation::IN_TOTO, format!("{provenance} of linux/amd64").as_bytes());
    let size = image.image.manifests.iter().find(|(listed, _)| listed.digest == image.images[0]).expect("amd64").0.size;
    let expected = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"artifactType\":\"application/vnd.in-toto+json\",\
         \"config\":{{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2,\"data\":\"e30=\"}},\
         \"layers\":[{{\"annotations\":{{\"in-toto.io/predicate-type\":\"{provenance}\"}},\"digest\":\"{}\",\"mediaType\":\"application/vnd.in-toto+json\",\"size\":{}}}],\
         \"subject\":{{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"{first}\",\"size\":{size}}},\
         \"annotations\":{{\"in-toto.io/predicate-type\":\"{provenance}\"}}}}",
        statement.digest, statement.size
    );
    assert_eq!(String::from_utf8_lossy(&derived.attestations[0].manifest.raw), expected);
    oci_spec::image::ImageManifest::from_reader(derived.attestations[0].manifest.raw.as_slice()).expect("others read it");
    let dir = tempfile::tempdir().expect("directory");
    let layout = derived.write(&image.layout, &dir.path().join("derived")).expect("layout");
    let mut size = layout.closure(&derived.root.digest()).expect("whole").size + 2;
    for one in &derived.attestations {
        let closure = layout.closure(&one.manifest.digest()).expect("whole");
        size += closure.size - 2;
        assert_eq!(closure.root.digest, one.manifest.digest());
    }
    assert_eq!(size, derived.size);
    assert_eq!(layout.entries().expect("entries").len(), 5);
}

#[test]
fn statements_about_one_image_share_a_tag() {
    let image = both();
    let derived = image.derive(AttestationForm::Tag, &["linux/amd64"]).expect("a derivation");
    let [only] = derived.attestations.as_slice() else { panic!("{:?}", derived.attestations) };
    assert_eq!(only.tag, Some(format!("sha256-{}.att", image.images[0].hex())));
    assert_eq!((only.manifest.layers.len(), only.manifest.subject.as_ref()), (2, None));
    assert_eq!(only.manifest.artifact_type.as_deref(), Some(attestation::IN_TOTO));
}

#[test]
fn what_cannot_be_told_apart_is_refused() {
    let image = both();
    assert!(image.refused(AttestationForm::Index, &["linux/s390x"]).contains("it has no image for linux/s390x"));
    let strange = attested(&["linux/amd64"], true);
    assert!(strange.refused(AttestationForm::Referrers, &[]).contains("which it does not list"));
    assert!(strange.refused(AttestationForm::Tag, &[]).contains("which it does not list"));
    assert_eq!(strange.derive(AttestationForm::Index, &[]), None);
    assert_eq!(strange.derive(AttestationForm::None, &[]).expect("a derivation").root.manifests.len(), 1);
}
