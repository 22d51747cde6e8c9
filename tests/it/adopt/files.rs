//! Trees of files: GoReleaser's, cargo-dist's, anybody's.

use super::{AMD64, ARM64, archive, hex, json, program, publish, repository};
use crate::support::Sf;
use crate::support::release::Registries;

/// What `goreleaser release` leaves behind for two platforms (goreleaser.com, "Artifacts").
fn goreleaser(sf: &Sf, commit: &str) {
    let mut sums = String::new();
    let mut entries = vec![r#"{"name":"metadata.json","path":"dist/metadata.json","internal_type":30,"type":"Metadata"}"#.to_owned()];
    for (arch, level, machine) in [("amd64", "_v1", AMD64), ("arm64", "_v8.0", ARM64)] {
        let target = format!("linux_{arch}{level}");
        sf.write(&format!("dist/app_{target}/app"), program(machine, "goreleaser"));
        let name = format!("app_1.4.0_linux_{arch}.tar.gz");
        archive(sf, &format!("dist/app_{target}"), "app", &format!("dist/{name}"));
        let digest = hex(&std::fs::read(sf.path().join("dist").join(&name)).expect("archive"));
        sums.push_str(&format!("{digest}  {name}\n"));
        entries.push(format!(
            r#"{{"name":"app","path":"dist/app_{target}/app","goos":"linux","goarch":"{arch}","target":"{target}","internal_type":4,"type":"Binary","extra":{{"Binary":"app","Builder":"go","Ext":"","ID":"app"}}}}"#
        ));
        entries.push(format!(
            r#"{{"name":"{name}","path":"dist/{name}","goos":"linux","goarch":"{arch}","target":"{target}","internal_type":1,"type":"Archive","extra":{{"Binaries":["app"],"Checksum":"sha256:{digest}","Format":"tar.gz","ID":"default","Replaces":null,"WrappedIn":""}}}}"#
        ));
    }
    sf.write("dist/app_1.4.0_checksums.txt", sums);
    entries.push(
        r#"{"name":"app_1.4.0_checksums.txt","path":"dist/app_1.4.0_checksums.txt","internal_type":12,"type":"Checksum","extra":{}}"#
            .to_owned(),
    );
    entries.push(r#"{"name":"acme/app:1.4.0","path":"acme/app:1.4.0","goos":"linux","goarch":"amd64","internal_type":10,"type":"Docker Image","extra":{}}"#.to_owned());
    sf.write("dist/artifacts.json", format!("[{}]", entries.join(",\n ")));
    sf.write(
        "dist/metadata.json",
        format!(r#"{{"project_name":"app","tag":"v1.4.0","previous_tag":"v1.3.0","version":"1.4.0","commit":"{commit}","date":"2026-07-01T12:00:00Z","runtime":{{"goos":"linux","goarch":"amd64"}}}}"#),
    );
}

fn ids(sf: &Sf) -> Vec<String> {
    let outputs = json(sf, "outputs");
    outputs["artifacts"].as_array().expect("artifacts").iter().map(|artifact| artifact["id"].as_str().expect("id").to_owned()).collect()
}

#[test]
fn a_goreleaser_tree_beside_an_image_that_contains_its_program() {
    let registries = Registries::two();
    let sf = repository(&registries, ", builder: embedded, platforms: [linux/amd64]");
    sf.write("Dockerfile", "FROM scratch\nCOPY dist/app_linux_amd64_v1/app /app\nENTRYPOINT [\"/app\"]\n");
    sf.commit("a Dockerfile");
    sf.git_run(&["tag", "-f", "v1.4.0"]);
    let commit = sf.git_run(&["rev-parse", "HEAD"]);
    goreleaser(&sf, &commit);
    let performed = sf.run(&["perform", "--from", "dist"]).code(0);
    assert!(performed.stderr().contains("docker save acme/app:1.4.0"), "images it lists are spoken of: {}", performed.stderr());
    assert_eq!(
        ids(&sf),
        [
            "docker:app",
            "binary:app-linux-amd64",
            "archive:app_1.4.0_linux_amd64.tar.gz",
            "binary:app-linux-arm64",
            "archive:app_1.4.0_linux_arm64.tar.gz",
            "archive:app_1.4.0_checksums.txt",
        ]
    );
    let outputs = json(&sf, "outputs");
    let binary = &outputs["artifacts"][1];
    assert_eq!(binary["binary"]["os"], "linux");
    assert_eq!(binary["binary"]["arch"], "amd64");
    assert_eq!(binary["binary"]["path"], ".stagefreight/dist/app-linux-amd64/app");
    assert_eq!(binary["version"], "1.4.0");
    assert_eq!(binary["digest"], format!("sha256:{}", hex(&program(AMD64, "goreleaser"))));
    assert_eq!(outputs["artifacts"][2]["archive"]["format"], "tar.gz");
    // From here on only the copies count.
    std::fs::remove_dir_all(sf.path().join("dist")).expect("gone");
    publish(&sf, &registries);
    let results = json(&sf, "published");
    let outcome = |id: &str, body: &str| {
        let all = results["results"].as_array().expect("results");
        let result = all.iter().find(|result| result["artifact_id"] == id).unwrap_or_else(|| panic!("{id} in {results:#}"));
        result["outcomes"][0][body].clone()
    };
    let built = outcome("binary:app-linux-arm64", "binary");
    assert_eq!((&built["status"], &built["sha256"]), (&"success".into(), &hex(&program(ARM64, "goreleaser")).into()));
    assert_eq!(outcome("archive:app_1.4.0_linux_amd64.tar.gz", "archive")["format"], "tar.gz");
    let shown = sf.run(&["manifest", "show", "--output", "json"]).code(0).json();
    assert_eq!(shown["views"]["binary"].as_array().map(Vec::len), Some(2), "{shown:#}");
    assert_eq!(shown["views"]["archive"].as_array().map(Vec::len), Some(3), "{shown:#}");
}

#[test]
fn a_file_that_changed_afterwards_is_refused() {
    let registries = Registries::two();
    let sf = repository(&registries, "");
    sf.write(".stagefreight.yml", "version: 1\n");
    let commit = sf.git_run(&["rev-parse", "HEAD"]);
    goreleaser(&sf, &commit);
    sf.run(&["perform", "--from", "dist/artifacts.json"]).code(0);
    sf.run(&["review"]).code(0);
    let file = ".stagefreight/dist/app_1.4.0_linux_amd64.tar.gz";
    let good = std::fs::read(sf.path().join(file)).expect("archive");
    sf.write(file, "something else");
    let run = sf.run(&["publish"]).code(1);
    assert!(run.stderr().contains("app_1.4.0_linux_amd64.tar.gz hashes to"), "{}", run.stderr());
    let run = sf.run(&["review"]).code(6);
    assert!(run.stderr().contains("archive:app_1.4.0_linux_amd64.tar.gz"), "{}", run.stderr());
    std::fs::remove_file(sf.path().join(file)).expect("gone");
    std::os::unix::fs::symlink("/etc/hostname", sf.path().join(file)).expect("link");
    sf.run(&["review"]).code(6);
    std::fs::remove_file(sf.path().join(file)).expect("gone");
    std::fs::write(sf.path().join(file), good).expect("restored");
    sf.run(&["review"]).code(0);
    sf.run(&["publish"]).code(0);
    sf.run(&["verify"]).code(0);
}

/// What `dist build --output-format=json` prints, and the files it speaks of (axodotdev/cargo-dist).
fn cargo_dist(sf: &Sf) {
    let dir = "target/distrib";
    let mut artifacts = Vec::new();
    for (triple, machine) in [("x86_64-unknown-linux-gnu", AMD64), ("aarch64-unknown-linux-gnu", ARM64)] {
        let inner = format!("app-{triple}");
        sf.write(&format!("{dir}/{inner}/app"), program(machine, "cargo-dist"));
        let name = format!("{inner}.tar.gz");
        archive(sf, dir, &inner, &format!("{dir}/{name}"));
        let digest = hex(&std::fs::read(sf.path().join(dir).join(&name)).expect("archive"));
        sf.write(&format!("{dir}/{name}.sha256"), format!("{digest} *{name}\n"));
        artifacts.push(format!(
            r#""{name}": {{"name": "{name}", "kind": "executable-zip", "target_triples": ["{triple}"], "path": "/home/ci/app/target/distrib/{name}", "assets": [{{"id": "app-{triple}-exe-app", "name": "app", "path": "app", "kind": "executable"}}], "checksum": "{name}.sha256", "checksums": {{"sha256": "{digest}"}}}}"#
        ));
        artifacts.push(format!(
            r#""{name}.sha256": {{"name": "{name}.sha256", "kind": "checksum", "target_triples": ["{triple}"], "path": "/home/ci/app/target/distrib/{name}.sha256"}}"#
        ));
    }
    sf.write(&format!("{dir}/app-installer.sh"), "#!/bin/sh\nexit 0\n");
    artifacts.push(
        r#""app-installer.sh": {"name": "app-installer.sh", "kind": "installer", "target_triples": ["x86_64-unknown-linux-gnu"], "install_hint": "curl", "description": "Install"}"#.to_owned(),
    );
    sf.write(
        &format!("{dir}/dist-manifest.json"),
        format!(
            r#"{{"dist_version": "0.30.0", "announcement_tag": "v1.4.0", "announcement_is_prerelease": false, "releases": [{{"app_name": "app", "app_version": "1.4.0", "artifacts": []}}], "artifacts": {{{}}}, "publish_prereleases": false, "linkage": []}}"#,
            artifacts.join(",\n  ")
        ),
    );
}

#[test]
fn a_cargo_dist_tree() {
    let registries = Registries::two();
    let sf = repository(&registries, ", builder: embedded, platforms: [linux/amd64]");
    sf.write("Dockerfile", "FROM scratch\nCOPY main.go /\n");
    sf.commit("a Dockerfile");
    sf.git_run(&["tag", "-f", "v1.4.0"]);
    cargo_dist(&sf);
    sf.run(&["perform", "--from", "target/distrib"]).code(0);
    assert_eq!(
        ids(&sf),
        [
            "docker:app",
            "archive:app-aarch64-unknown-linux-gnu.tar.gz",
            "archive:app-aarch64-unknown-linux-gnu.tar.gz.sha256",
            "archive:app-installer.sh",
            "archive:app-x86_64-unknown-linux-gnu.tar.gz",
            "archive:app-x86_64-unknown-linux-gnu.tar.gz.sha256",
        ]
    );
    publish(&sf, &registries);
    let manifest = sf.read("target/distrib/dist-manifest.json");
    let digest = manifest.split("\"sha256\": \"").nth(1).and_then(|rest| rest.get(..64)).expect("digest").to_owned();
    sf.write("target/distrib/dist-manifest.json", manifest.replace(&digest, &"0".repeat(64)));
    let run = sf.run(&["perform", "--from", "target/distrib/dist-manifest.json"]).code(1);
    assert!(run.stderr().contains("target/distrib/dist-manifest.json: artifact `app-"), "{}", run.stderr());
    sf.write("target/distrib/dist-manifest.json", manifest.replace("\"name\": \"app-installer.sh\"", "\"name\": \"../../main.go\""));
    let run = sf.run(&["perform", "--from", "target/distrib"]).code(1);
    assert!(run.stderr().contains("artifact `app-installer.sh`") && run.stderr().contains("leads out of the tree"), "{}", run.stderr());
}

#[test]
fn a_directory_without_any_config() {
    let sf = Sf::new().file("main.c", "int main;\n").git().tag("v2.0.0");
    sf.write("out/tool", program(AMD64, "tool"));
    sf.write("out/arm/tool", program(ARM64, "tool"));
    sf.write("out/README.md", "read me\n");
    sf.write("out/SHA256SUMS", format!("{}  README.md\n", hex(b"read me\n")));
    let document = sf.run(&["perform", "--from", "out", "--output", "json"]).code(0).json();
    crate::support::assert_satisfies("command-perform", &document);
    assert_eq!(ids(&sf), ["archive:README.md", "archive:SHA256SUMS", "binary:tool-linux-amd64", "binary:tool-linux-arm64"]);
    for (file, name) in [("outputs", "outputs"), ("plan", "plan"), ("builds", "builds"), ("destinations", "destinations")] {
        crate::support::assert_satisfies(name, &json(&sf, file));
    }
    sf.run(&["review"]).code(0);
    sf.run(&["publish"]).code(0);
    sf.run(&["verify"]).code(0);
    // A plain perform builds, and there is nothing to build from.
    let run = sf.run(&["perform"]).code(2);
    assert!(run.stderr().contains("no Dockerfile"), "{}", run.stderr());
}
