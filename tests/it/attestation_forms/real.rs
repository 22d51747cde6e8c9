//! Attestations that BuildKit made.

use serde_json::Value;
use stagefreight::core::Digest;
use stagefreight::core::oci::attestation;

use super::adopted::{client, discovered, manifest};
use crate::buildx::bench::{Buildkitd, manifest as stored};
use crate::nodes::real::{PLATFORMS, made, workspace};
use crate::support::Registry;

#[test]
fn provenance_of_buildkit_reaches_each_registry_in_its_form() {
    let daemon = Buildkitd::start();
    let (v2, olareg, v3) = (Registry::v2(false), Registry::olareg(), Registry::v3(false));
    let forms = [(&v2, "referrers"), (&olareg, "tag"), (&v3, "none")];
    let mut settings = "registries:\n".to_owned();
    for (registry, form) in forms {
        settings.push_str(&format!("  {form}: {{ url: \"http://{}\", default_path: acme/app, attestations: {form} }}\n", registry.host));
    }
    settings
        .push_str("publish: { image: { kind: registry, build: app, registry: [referrers, tag, none], tags: [\"{version}\", latest] } }\n");
    let sf = workspace(&PLATFORMS, &settings, ", provenance: max").env("BUILDKIT_HOST", &daemon.address).prepared();
    for _ in 0..2 {
        sf.run(&["publish"]).code(0);
    }
    assert_eq!(sf.placements()["totals"]["writes"], 0);
    sf.run(&["verify"]).code(0);
    let (layout, root) = made(&sf);
    let built = stored(&layout, &root);
    let images: Vec<&Digest> =
        built.manifests.iter().filter(|one| attestation::attested_by(&one.annotations).is_none()).map(|one| &one.digest).collect();
    assert_eq!((images.len(), built.manifests.len()), (2, 4));
    let mut digests = Vec::new();
    for (registry, _) in forms {
        let reference = format!("{}/acme/app:1.0.0", registry.host);
        // Without attestations among its children, an index is read layer by layer by anybody.
        client("crane", &["validate", "--insecure", "--remote", &reference]);
        digests.push(client("crane", &["digest", "--insecure", &reference]));
    }
    assert!(digests.iter().all(|digest| *digest == digests[0] && digest != root.as_str()), "{digests:?}");
    for image in images {
        let found = discovered(&format!("{}/acme/app", v2.host), image);
        let [(predicate, referrer)] = found.as_slice() else { panic!("{found:?}") };
        assert!(predicate.starts_with("https://slsa.dev/provenance/"), "{predicate}");
        let tls = format!("reg={},tls=disabled", v2.host);
        let statement = client("regctl", &["artifact", "get", "--host", &tls, &format!("{}/acme/app@{referrer}", v2.host)]);
        let statement: Value = serde_json::from_str(&statement).expect("a statement");
        assert_eq!(statement["predicateType"], predicate.as_str());
        let under = manifest(&format!("{}/acme/app:sha256-{}.att", olareg.host, image.hex()));
        assert_eq!(under["layers"], manifest(&format!("{}/acme/app@{referrer}", v2.host))["layers"]);
        assert!(discovered(&format!("{}/acme/app", v3.host), image).is_empty());
    }
}
