//! Others who write the same tags, things that get lost, other machines, files that were edited.

use serde_json::{Value, json};
use stagefreight::core::oci::attestation;
use stagefreight::rehearse::fault::FaultPlan;

use super::adopted::{Scene, TAGS, client, discovered, manifest, scene, seeded};
use crate::support::release::Registries;
use crate::support::{Registry, Sf};

/// Another build of the same commit: the same images, other statements.
fn built_again(scene: &Scene) {
    std::fs::remove_dir_all(scene.sf.path().join(".stagefreight")).expect("a fresh workspace");
    let place = format!("{}/acme/app:1.4.0", scene.seed.servers[0].host());
    client("crane", &["delete", "--insecure", &place]);
    let again = seeded(&scene.sf, &scene.seed, "again", "second");
    assert!(again.images == scene.image.images && again.root != scene.image.root);
    scene.sf.run(&["perform"]).code(0);
    scene.sf.run(&["review"]).code(0);
}

#[test]
fn another_build_of_the_same_images_adds_its_statements() {
    let (v2, olareg) = (Registry::v2(false), Registry::olareg());
    let scene = scene(&[(&v2.host, ", attestations: tag"), (&olareg.host, ", attestations: referrers")]);
    scene.publish();
    let before = scene.expected("r0");
    built_again(&scene);
    assert_eq!(scene.expected("r0"), before, "the image is the same, so its tags are in place");
    // The seed's other tags are of the first build, and movable; here only the statements count.
    scene.sf.run(&["publish", "--skip", "seed"]).code(0);
    for image in &scene.image.images {
        let under = manifest(&format!("{}/acme/app:sha256-{}.att", v2.host, image.hex()));
        assert_eq!(under["layers"].as_array().map(Vec::len), Some(4));
        assert_eq!(discovered(&format!("{}/acme/app", olareg.host), image).len(), 4);
    }
    scene.sf.run(&["publish", "--skip", "seed", "--deep"]).code(0);
    assert_eq!(scene.sf.placements()["totals"]["writes"], 0);
}

#[test]
fn what_is_of_another_kind_under_the_tag_stays() {
    let olareg = Registry::olareg();
    let scene = scene(&[(&olareg.host, ", attestations: tag")]);
    let repository = format!("{}/acme/app", olareg.host);
    let tag = format!("{repository}:sha256-{}.att", scene.image.images[0].hex());
    // What cosign puts there: a manifest of signed envelopes.
    let envelope = scene.sf.outside().join("envelope");
    std::fs::write(&envelope, "signed").expect("file");
    let file = format!("{}:application/vnd.dsse.envelope.v1+json", envelope.display());
    client("oras", &["push", "--plain-http", "--disable-path-validation", "--artifact-type", "application/x.cosign", &tag, &file]);
    let theirs = manifest(&tag);
    let run = scene.sf.run(&["publish"]).code(4);
    assert!(run.stderr().contains("is of another kind than our attestations"), "{}", run.stderr());
    assert!(run.stderr().contains("attestations: referrers"), "{}", run.stderr());
    assert_eq!(manifest(&tag), theirs);
    assert!(client("crane", &["ls", "--insecure", &repository]).lines().all(|tag| !TAGS.contains(&tag)), "no name without its evidence");
}

#[test]
fn what_got_lost_is_found_missing_and_brought_again() {
    let registries = Registries::described(vec![(FaultPlan::default(), true), (FaultPlan::default(), false)]);
    let (one, other) = (registries.servers[0].host(), registries.servers[1].host());
    let scene = scene(&[(&one, ", attestations: referrers"), (&other, ", attestations: tag")]);
    scene.publish();
    let image = &scene.image.images[0];
    let (_, referrer) = discovered(&format!("{one}/acme/app"), image).remove(0);
    client("crane", &["delete", "--insecure", &format!("{one}/acme/app@{referrer}")]);
    let told = scene.sf.run(&["verify"]).code(7);
    assert!(told.stdout().contains(&format!("missing attestation {referrer}")), "{}", told.stdout());
    scene.sf.run(&["publish", "--deep"]).code(0);
    scene.sf.run(&["verify"]).code(0);
    client("crane", &["delete", "--insecure", &format!("{other}/acme/app:sha256-{}.att", image.hex())]);
    let told = scene.sf.run(&["verify"]).code(7);
    assert!(told.stdout().contains("missing attestations under the tag"), "{}", told.stdout());
    scene.sf.run(&["publish", "--deep"]).code(0);
    scene.sf.run(&["verify"]).code(0);
}

#[test]
fn another_machine_comes_to_the_same_digests() {
    let olareg = Registry::olareg();
    let scene = scene(&[(&olareg.host, ", attestations: referrers, platforms: [linux/amd64]")]);
    scene.publish();
    let digest = scene.expected("r0");
    scene.sf.run(&["store", "pack", "store.tar"]).code(0);
    // Nothing derived travels: the store holds the image as it was built.
    let objects = std::fs::read_dir(scene.sf.path().join(".stagefreight/objects/sha256")).expect("objects").count();
    assert_eq!(objects, 1);
    let elsewhere = Sf::new();
    for file in ["outputs.json", "destinations.json", "review.json"] {
        elsewhere.write(&format!(".stagefreight/{file}"), scene.sf.read(&format!(".stagefreight/{file}")));
    }
    std::fs::copy(scene.sf.path().join("store.tar"), elsewhere.path().join("store.tar")).expect("copy");
    elsewhere.run(&["store", "unpack", "store.tar"]).code(0);
    elsewhere.run(&["publish"]).code(0);
    let placements = elsewhere.placements();
    assert_eq!(placements["totals"]["writes"], 0);
    let expected: Vec<&Value> = placements["destinations"].as_array().expect("list").iter().map(|one| &one["found"]).collect();
    assert_eq!(expected[3..], vec![&json!(digest); 3]);
    let left = std::fs::read_dir(elsewhere.path().join(".stagefreight")).expect("directory");
    let left: Vec<_> =
        left.filter_map(|one| one.expect("entry").file_name().into_string().ok()).filter(|name| name.starts_with(".sf-")).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_record_that_does_not_follow_from_the_bytes_is_refused() {
    let scene = scene(&[("127.0.0.1:9", ", attestations: referrers")]);
    let right = scene.sf.read(".stagefreight/destinations.json");
    let mut wrong: Value = serde_json::from_str(&right).expect("JSON");
    let derived = &mut wrong["destinations"][3]["derived"];
    assert_eq!(derived["rendition"]["attestations"], "referrers");
    derived["referrers"].as_array_mut().expect("list").pop();
    scene.sf.write(".stagefreight/destinations.json", wrong.to_string());
    let told = scene.sf.run(&["review"]).code(6).stderr();
    assert!(told.contains("does not follow from the bytes of docker:app"), "{told}");
    let foreign = right.replace(&format!("\"from\": \"{}\"", scene.image.root), &format!("\"from\": \"{}\"", scene.image.images[0]));
    assert_ne!(foreign, right);
    scene.sf.write(".stagefreight/destinations.json", foreign);
    let told = scene.sf.run(&["review"]).code(6).stderr();
    assert!(told.contains("which is not among the outputs"), "{told}");
    assert_eq!(attestation::tag_of(&scene.image.images[0]), format!("sha256-{}.att", scene.image.images[0].hex()));
}
