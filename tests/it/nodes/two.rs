//! Two BuildKit daemons, a platform on each, from the config to the registry.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use stagefreight::build::merge::Entry;

use super::compare::digests;
use super::real::{PLATFORMS, by_hand, made, nodes, perform, workspace};
use crate::backend::place::Daemon;
use crate::buildx::bench::manifest;
use crate::support::{Registry, component};

fn two(dir: &tempfile::TempDir) -> [Daemon; 2] {
    ["one", "two"].map(|name| Daemon::unix(&dir.path().join(name)))
}

fn settings(daemons: &[Daemon; 2]) -> String {
    nodes([&daemons[0].address, &daemons[1].address])
}

#[test]
fn two_nodes_give_the_digest_that_one_gives() {
    let dir = tempfile::tempdir().expect("directory");
    let daemons = two(&dir);
    let annotations = ", annotations: { \"index:org.example.note\": \"a<b\", \"manifest:org.example.own\": \"1\" }";
    for build in ["", annotations] {
        let sf = workspace(&PLATFORMS, &settings(&daemons), build);
        let one = workspace(&PLATFORMS, "", build).env("BUILDKIT_HOST", &daemons[0].address);
        assert_eq!(perform(&sf).1, perform(&one).1, "{build}");
    }
}

#[test]
fn attested_platforms_of_two_nodes_are_published_as_one_index_that_every_client_reads() {
    let dir = tempfile::tempdir().expect("directory");
    let daemons = two(&dir);
    let registry = Registry::v3(false);
    let host = &registry.host;
    let publish = format!(
        "{}registries: {{ here: {{ provider: generic, url: \"http://{host}\", default_path: acme/app }} }}\n\
         publish: {{ image: {{ kind: registry, build: app, registry: here, tags: [\"{{version}}\"] }} }}\n",
        settings(&daemons)
    );
    let sf = workspace(&PLATFORMS, &publish, ", provenance: max");
    let run = sf.run(&["perform", "-v"]).code(0);
    let shown = run.stderr();
    assert!(shown.contains("building app side by side: linux/386 on sf-") && shown.contains("; linux/amd64 on sf-"), "{shown}");
    assert!(shown.contains("app linux/386") && shown.contains("app linux/amd64"), "progress is told apart: {shown}");
    let (layout, root) = made(&sf);
    let entries: Vec<Entry> = manifest(&layout, &root).manifests.iter().map(Entry::from).collect();
    let images = digests(&layout, &root);
    let attested: Vec<&str> = entries.iter().filter_map(Entry::attests).collect();
    assert_eq!(attested, PLATFORMS.map(|platform| images[platform].as_str()), "each image has its attestation, in order");
    let (hand_layout, hand_root) = by_hand(&sf, &daemons[0].address, "mode=max");
    assert_eq!(images, digests(&hand_layout, &hand_root));

    sf.run(&["review"]).code(0);
    sf.run(&["publish"]).code(0);
    let reference = format!("{host}/acme/app:1.0.0");
    let read = |program: &str, of: &str, args: &[&str]| {
        let output = Command::new(component(program, of)).args(args).env("HOME", dir.path()).output().expect("it runs");
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    // Downloading layers, crane refuses every attestation manifest of BuildKit's, since it counts no statement as a layer;
    // so the whole index is checked without them, and each image with them.
    read("crane", "crane", &["validate", "--insecure", "--fast", "--remote", &reference]);
    for platform in PLATFORMS {
        read("crane", "crane", &["validate", "--insecure", "--platform", platform, "--remote", &reference]);
    }
    assert_eq!(read("crane", "crane", &["digest", "--insecure", &reference]).trim(), root.as_str());
    let tls = format!("reg={host},tls=disabled");
    let seen = read("regctl", "regctl", &["manifest", "get", "--host", &tls, "--format", "{{jsonPretty .}}", &reference]);
    let seen: Value = serde_json::from_str(&seen).expect("JSON");
    assert_eq!(seen["manifests"].as_array().map(Vec::len), Some(4));
    for platform in PLATFORMS {
        let (os, arch) = platform.split_once('/').expect("os/arch");
        let image = format!("docker://{reference}");
        let args = ["inspect", "--tls-verify=false", "--override-os", os, "--override-arch", arch, &image];
        let seen: Value = serde_json::from_str(&read("skopeo", "skopeo", &args)).expect("JSON");
        assert_eq!((&seen["Os"], &seen["Architecture"]), (&Value::from(os), &Value::from(arch)));
        let copied = dir.path().join(format!("copied-{arch}"));
        let target = format!("oci:{}:x", copied.display());
        read("skopeo", "skopeo", &["copy", "--src-tls-verify=false", "--override-os", os, "--override-arch", arch, &image, &target]);
    }
}

#[test]
fn a_step_that_fails_on_one_node_stops_the_other_and_names_the_node() {
    let dir = tempfile::tempdir().expect("directory");
    let daemons = two(&dir);
    let sf = workspace(&PLATFORMS, &settings(&daemons), "");
    let steps = "RUN if [ $TARGETARCH = 386 ]; then echo no such luck; exit 7; fi; /bin/busybox sleep 300\n";
    sf.write("Dockerfile", sf.read("Dockerfile") + steps);
    sf.commit("fails on 386");
    let begun = Instant::now();
    let text = sf.run(&["perform"]).code(1).stderr();
    assert!(begun.elapsed() < Duration::from_secs(60), "the other platform is not waited for");
    assert!(text.contains("error: linux/386 on sf-") && text.contains("exit code 7") && text.contains("no such luck"), "{text}");
    assert!(text.contains("stopped: linux/amd64 on sf-"), "{text}");
    assert!(!sf.path().join(".stagefreight/outputs.json").exists() && !sf.path().join(".stagefreight/objects/sha256").exists());
}

#[test]
fn a_platform_no_node_serves_is_refused_with_what_they_serve() {
    let dir = tempfile::tempdir().expect("directory");
    let daemons = two(&dir);
    let sf = workspace(&["linux/386", "linux/s390x"], &settings(&daemons), "");
    let text = sf.run(&["perform"]).code(2).stderr();
    assert!(text.contains("error: no node builds app for linux/s390x\n"), "{text}");
    assert!(text.contains("-0  linux/386\n") && text.contains("-1  linux/amd64\n"), "{text}");
}

#[test]
fn parts_from_two_jobs_with_buildkit_become_what_one_job_makes() {
    let dir = tempfile::tempdir().expect("directory");
    let daemons = two(&dir);
    let job = |daemon: &Daemon| {
        workspace(&PLATFORMS, "", ", annotations: { \"index:org.example.note\": x }").env("BUILDKIT_HOST", &daemon.address)
    };
    let whole = job(&daemons[0]);
    perform(&whole);
    let parts: Vec<_> = PLATFORMS.iter().zip(&daemons).map(|(platform, daemon)| (job(daemon), *platform)).collect();
    let joined = job(&daemons[0]);
    for (part, platform) in &parts {
        part.run(&["perform", "--platform", platform]).code(0);
    }
    let paths: Vec<String> = parts.iter().map(|(part, _)| part.path().display().to_string()).collect();
    joined.run(&["merge", &paths[0], &paths[1]]).code(0);
    assert_eq!(made(&joined).1, made(&whole).1);
}
