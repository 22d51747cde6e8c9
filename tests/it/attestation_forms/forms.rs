//! What each form publishes, at registries with and without referrers.

use serde_json::{Value, json};
use stagefreight::core::oci::attestation;

use super::adopted::{PREDICATES, client, discovered, manifest, scene, validated};
use crate::support::{Registry, assert_satisfies};

fn children(repository: &str) -> Vec<Value> {
    manifest(&format!("{repository}:1.4.0"))["manifests"].as_array().expect("an index").clone()
}

#[test]
fn as_referrers_every_statement_is_found_from_its_image() {
    let (v2, v3, olareg) = (Registry::v2(false), Registry::v3(false), Registry::olareg());
    let keys = ", attestations: referrers";
    let scene = scene(&[(&v2.host, keys), (&v3.host, keys), (&olareg.host, keys)]);
    scene.publish();
    let destinations: Value = serde_json::from_str(&scene.sf.read(".stagefreight/destinations.json")).expect("JSON");
    assert_satisfies("destinations", &destinations);
    let digest = scene.expected("r0");
    assert!(digest != scene.image.root.as_str() && digest == scene.expected("r2"), "the same bytes come to the same everywhere");
    for registry in [&v2, &v3, &olareg] {
        let repository = format!("{}/acme/app", registry.host);
        validated(&repository, &digest, &[&scene.image.images[0], &scene.image.images[1]]);
        assert_eq!(children(&repository).len(), 2);
        for image in &scene.image.images {
            let found = discovered(&repository, image);
            assert_eq!(found.iter().map(|(predicate, _)| predicate.as_str()).collect::<Vec<_>>(), PREDICATES);
            // A second reader of the list.
            let tls = format!("reg={},tls=disabled", registry.host);
            let filter = attestation::IN_TOTO;
            let reference = format!("{repository}@{image}");
            let listed = client(
                "regctl",
                &["artifact", "list", "--host", &tls, "--filter-artifact-type", filter, "--format", "{{jsonPretty .}}", &reference],
            );
            for (_, digest) in found {
                assert!(listed.contains(&digest), "{listed}");
                let artifact = format!("{repository}@{digest}");
                let statement = client("regctl", &["artifact", "get", "--host", &tls, &artifact]);
                let statement: Value = serde_json::from_str(&statement).expect("a statement");
                assert_eq!(statement["subject"][0]["digest"]["sha256"], image.hex());
            }
        }
    }
    // What one registry gets is what the record says of it.
    let results: Value = serde_json::from_str(&scene.sf.read(".stagefreight/published.json")).expect("JSON");
    let outcomes = results["results"][0]["outcomes"].as_array().expect("outcomes");
    let told: Vec<(&Value, &Value)> = outcomes.iter().map(|one| (&one["push"]["digest"], &one["push"]["observed_digest"])).collect();
    let root = json!(scene.image.root.as_str());
    let digest = json!(digest);
    assert_eq!(told[..3], vec![(&root, &root); 3]);
    assert_eq!(told[3..], vec![(&digest, &digest); 9]);
    scene.sf.run(&["manifest", "verify"]).code(0);
}

#[test]
fn under_a_tag_the_statements_are_found_by_the_name_of_their_image() {
    let (v2, olareg) = (Registry::v2(false), Registry::olareg());
    let scene = scene(&[(&v2.host, ", attestations: tag"), (&olareg.host, ", attestations: tag")]);
    scene.publish();
    let digest = scene.expected("r0");
    for registry in [&v2, &olareg] {
        let repository = format!("{}/acme/app", registry.host);
        validated(&repository, &digest, &[&scene.image.images[0], &scene.image.images[1]]);
        for image in &scene.image.images {
            let under = manifest(&format!("{repository}:sha256-{}.att", image.hex()));
            let predicates: Vec<&str> = under["layers"]
                .as_array()
                .expect("layers")
                .iter()
                .map(|layer| layer["annotations"][attestation::PREDICATE_TYPE].as_str().expect("predicate"))
                .collect();
            assert_eq!(predicates, PREDICATES);
            assert_eq!((&under["artifactType"], &under["subject"]), (&json!(attestation::IN_TOTO), &Value::Null));
            assert!(discovered(&repository, image).is_empty(), "no list of referrers is kept beside");
        }
    }
}

#[test]
fn without_attestations_and_with_some_platforms_an_index_stays_an_index() {
    let (v2, olareg) = (Registry::v2(false), Registry::olareg());
    let scene = scene(&[(&v2.host, ", attestations: none"), (&olareg.host, ", platforms: [linux/arm64]")]);
    scene.publish();
    let (first, second) = (format!("{}/acme/app", v2.host), format!("{}/acme/app", olareg.host));
    validated(&first, &scene.expected("r0"), &[&scene.image.images[0], &scene.image.images[1]]);
    validated(&second, &scene.expected("r1"), &[&scene.image.images[1]]);
    let listed = |repository: &str| children(repository).iter().map(|one| one["digest"].clone()).collect::<Vec<_>>();
    assert_eq!(listed(&first), [json!(scene.image.images[0]), json!(scene.image.images[1])]);
    let kept = children(&second);
    assert_eq!((kept.len(), &kept[0]["digest"]), (2, &json!(scene.image.images[1])));
    assert_eq!(kept[1]["annotations"]["vnd.docker.reference.digest"], scene.image.images[1].as_str());
    let plan = scene.sf.run(&["plan"]).code(0).stdout();
    assert!(plan.contains("only linux/arm64") && plan.contains("no attestations"), "{plan}");
}

#[test]
fn a_platform_that_nobody_builds_is_an_error_of_the_plan() {
    let scene = super::adopted::planned(&[("127.0.0.1:9", ", platforms: [linux/s390x, linux/amd64]")]);
    let told = scene.sf.run(&["plan"]).code(2).stderr();
    assert!(told.contains("registry `r0` gets linux/s390x, which build `app` does not make; it makes linux/amd64, linux/arm64"), "{told}");
    let shown = scene.sf.run(&["config", "show"]).code(0).stdout();
    assert!(shown.contains("linux/s390x"), "{shown}");
}
