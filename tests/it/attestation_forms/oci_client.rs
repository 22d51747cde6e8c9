//! oci-client as another reader of what was published: a library in our own language that shares no code with us.

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use stagefreight::core::Digest;
use stagefreight::core::oci::{attestation, media_type};

use super::adopted::scene;
use crate::support::Registry;

#[test]
fn another_library_reads_images_and_finds_their_statements() {
    let (v2, olareg) = (Registry::v2(false), Registry::olareg());
    let scene = scene(&[(&v2.host, ", attestations: referrers"), (&olareg.host, ", attestations: referrers")]);
    scene.publish();
    let digest = scene.expected("r0");
    // Only for its making: everything here is plain HTTP.
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    for host in [&v2.host, &olareg.host] {
        let client = Client::new(ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() });
        let reference = |rest: &str| format!("{host}/acme/app{rest}").parse::<Reference>().expect("a reference");
        let anybody = RegistryAuth::Anonymous;
        runtime.block_on(async {
            let (raw, told) = client.pull_manifest_raw(&reference(":1.4.0"), &anybody, &[media_type::OCI_INDEX]).await.expect("the index");
            assert_eq!((Digest::of(&raw).as_str(), told.as_str()), (digest.as_str(), digest.as_str()));
            for image in &scene.image.images {
                let place = reference(&format!("@{image}"));
                let (manifest, told) = client.pull_image_manifest(&place, &anybody).await.expect("an image");
                assert_eq!(told, image.as_str());
                for blob in manifest.layers.iter().chain([&manifest.config]) {
                    // It hashes what it gets.
                    let mut bytes = Vec::new();
                    client.pull_blob(&place, blob, &mut bytes).await.expect("a blob");
                    assert_eq!(i64::try_from(bytes.len()).expect("a length"), blob.size);
                }
                let referrers = client.pull_referrers(&place, Some(attestation::IN_TOTO)).await.expect("referrers");
                assert_eq!(referrers.manifests.len(), 2, "{host}: {referrers:?}");
                for referrer in referrers.manifests {
                    let (statement, _) =
                        client.pull_image_manifest(&reference(&format!("@{}", referrer.digest)), &anybody).await.expect("a statement");
                    assert_eq!(statement.subject.expect("subject").digest, image.as_str());
                }
            }
        });
    }
}
