//! Images of real builders: buildx, docker, skopeo.

use std::path::{Path, PathBuf};

use super::{json, publish, repository, run};
use crate::support::release::Registries;
use crate::support::{Sf, component, docker, path_with_components};

/// A context that needs no base image.
fn context(sf: &Sf, what: &str) -> PathBuf {
    let dir = sf.outside().join("context");
    std::fs::create_dir_all(&dir).expect("context");
    std::fs::write(dir.join("Dockerfile"), "FROM scratch\nCOPY app /app\nCOPY data /data\nENTRYPOINT [\"/app\"]\n").expect("Dockerfile");
    std::fs::write(dir.join("app"), format!("#!/bin/true {what}\n").repeat(500)).expect("app");
    std::fs::write(dir.join("data"), what).expect("data");
    dir
}

/// `docker buildx build` with these options.
fn buildx(sf: &Sf, what: &str, options: &[&str]) {
    let docker = docker();
    let dir = context(sf, what);
    let output = std::process::Command::new(docker)
        .args(["buildx", "build", "--progress=plain"])
        .args(options)
        .arg(&dir)
        .current_dir(sf.path())
        .env("PATH", path_with_components())
        .output()
        .expect("docker runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// An image of the local engine, removed at the end.
struct Tagged(String);

impl Tagged {
    fn new(name: &str) -> Self {
        Self(format!("sf-adopt/{name}-{}", std::process::id()))
    }
}

impl Drop for Tagged {
    fn drop(&mut self) {
        let _gone = std::process::Command::new(docker()).args(["image", "rm", "-f", &self.0]).output();
    }
}

#[test]
fn an_oci_archive_of_buildx_and_its_metadata() {
    let registries = Registries::two();
    let sf = repository(&registries, "");
    std::fs::create_dir(sf.path().join("out")).expect("out");
    buildx(&sf, "oci", &["--output", "type=oci,dest=out/image.tar", "--metadata-file", "out/metadata.json"]);
    let performed = sf.run(&["perform", "--from", "out/image.tar", "--from", "out/metadata.json"]).code(0);
    assert!(performed.stdout().contains("adopted image archive, out/image.tar"), "{}", performed.stdout());
    let digest = publish(&sf, &registries);
    let metadata: serde_json::Value = serde_json::from_str(&sf.read("out/metadata.json")).expect("JSON");
    assert_eq!(metadata["containerimage.digest"], digest.as_str(), "exactly what buildx built");
    let plan = json(&sf, "plan");
    assert_eq!(plan["builds"][0]["builder"]["kind"], "adopted");
    let records = json(&sf, "builds");
    assert_eq!(records["builds"][0]["origin"], "adopted");
    assert_eq!(records["builds"][0]["by"], "image archive, out/image.tar");

    // The same again: nothing is sent twice.
    registries.clear_logs();
    sf.run(&["perform", "--from", "app=out/image.tar"]).code(0);
    assert_eq!(publish_again(&sf), digest);
    assert_eq!(registries.writes(), 0);

    // Metadata of another build.
    let other = sf.read("out/metadata.json").replace(&digest, &format!("sha256:{}", "1".repeat(64)));
    sf.write("out/other.json", other);
    let run = sf.run(&["perform", "--from", "out/image.tar", "--from", "out/other.json"]).code(1);
    assert!(run.stderr().contains("out/other.json says that sha256:1111"), "{}", run.stderr());
}

fn publish_again(sf: &Sf) -> String {
    sf.run(&["review"]).code(0);
    let run = sf.run(&["publish"]).code(0);
    assert!(run.stdout().contains("0 writes"), "{}", run.stdout());
    sf.artifact_digest()
}

#[test]
fn an_oci_layout_of_buildx_for_two_platforms() {
    let registries = Registries::two();
    let sf = repository(&registries, ", platforms: [linux/amd64, linux/arm64]");
    std::fs::create_dir(sf.path().join("out")).expect("out");
    buildx(&sf, "layout", &["--output", "type=oci,dest=out/image.tar", "--platform", "linux/amd64"]);
    let run_one = sf.run(&["perform", "--from", "out/image.tar"]).code(2);
    assert!(run_one.stderr().contains("build it for linux/arm64 too"), "{}", run_one.stderr());
    buildx(&sf, "layout", &["--output", "type=oci,tar=false,dest=out/layout", "--platform", "linux/amd64,linux/arm64"]);
    sf.run(&["perform", "--from", "out/layout"]).code(0);
    let digest = publish(&sf, &registries);
    // What is published is a copy: the directory belongs to others.
    std::fs::remove_dir_all(sf.path().join("out")).expect("gone");
    sf.run(&["review"]).code(0);
    let platforms = &json(&sf, "outputs")["artifacts"][0]["docker"]["platforms"];
    assert_eq!(*platforms, serde_json::json!(["linux/amd64", "linux/arm64"]), "{digest}");
}

#[test]
fn docker_save_of_today() {
    let registries = Registries::two();
    let sf = repository(&registries, "");
    let image = Tagged::new("app");
    buildx(&sf, "save", &["--load", "-t", &format!("{}:1", image.0)]);
    std::fs::create_dir(sf.path().join("out")).expect("out");
    run(&sf.path(), &docker(), &["save", &format!("{}:1", image.0), "-o", "out/save.tar"]);
    sf.run(&["perform", "--from", "out/save.tar"]).code(0);
    let digest = publish(&sf, &registries);
    // `docker save | gzip` is the same image.
    run(&sf.path(), Path::new("gzip"), &["out/save.tar"]);
    sf.run(&["perform", "--from", "out/save.tar.gz"]).code(0);
    assert_eq!(sf.artifact_digest(), digest);
}

#[test]
fn docker_save_as_it_was_and_as_skopeo_writes_it() {
    let registries = Registries::two();
    let sf = repository(&registries, "");
    let skopeo = component("skopeo", "skopeo");
    std::fs::create_dir(sf.path().join("out")).expect("out");
    buildx(&sf, "legacy", &["--output", "type=oci,dest=out/image.tar"]);
    std::fs::write(sf.path().join("out/policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).expect("policy");
    let copy = |to: &str| {
        run(&sf.path(), &skopeo, &["--policy", "out/policy.json", "copy", "oci-archive:out/image.tar", to]);
    };
    copy("docker-archive:out/one.tar:acme/app:1");
    copy("docker-archive:out/two.tar:acme/app:2");
    sf.run(&["perform", "--from", "out/one.tar"]).code(0);
    let digest = publish(&sf, &registries);
    sf.run(&["perform", "--from", "out/two.tar"]).code(0);
    assert_eq!(sf.artifact_digest(), digest, "made from nothing but config and layers");
    // Another reader takes what was published, and agrees with every layer's hash.
    let host = registries.servers[0].host();
    let from = format!("docker://{host}/acme/app:1.4.0");
    run(
        &sf.path(),
        &skopeo,
        &["--policy", "out/policy.json", "copy", "--src-tls-verify=false", &from, "docker-archive:out/back.tar:acme/app:1"],
    );
    assert_eq!(std::fs::read(sf.path().join("out/back.tar")).expect("back"), std::fs::read(sf.path().join("out/one.tar")).expect("one"));
}
