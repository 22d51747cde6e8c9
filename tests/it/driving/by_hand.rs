//! The same digests as the tools give when they are run by hand.

use std::process::Command;

use stagefreight::core::Digest;
use stagefreight::core::oci::ManifestKind;
use stagefreight::plan::BuildStep;

use super::rig::{ALL, By, solve};
use crate::buildx::bench::{Bench, Buildkitd, EPOCH, blob, host, manifest, path, step};
use crate::support::component;

/// Digests of the platform manifests of a layout, attestations left out: those hold times and ids.
fn platforms(layout: &std::path::Path, root: &Digest) -> Vec<String> {
    let root_manifest = manifest(layout, root);
    if root_manifest.kind == ManifestKind::Image {
        return vec![root.to_string()];
    }
    let of_platform = |entry: &&stagefreight::core::oci::Descriptor| !entry.annotations.contains_key("vnd.docker.reference.type");
    root_manifest.manifests.iter().filter(of_platform).map(|entry| entry.digest.to_string()).collect()
}

#[tokio::test]
async fn buildx_by_hand_and_every_tool_of_ours_make_the_same_image() {
    let daemon = Buildkitd::start();
    let both = step(&["linux/amd64", "linux/386"]);
    for (step, provenance) in [(host(), None), (host(), Some("max")), (both.clone(), None), (both, Some("min"))] {
        let bench = Bench::with_busybox("ARG A\nRUN echo \"$A\" >/made\nCMD [\"/made\"]\n");
        let mut step = BuildStep { provenance: provenance.map(Into::into), ..step };
        step.args.insert("A".into(), "one two".into());
        step.buildkit.annotations.insert("org.example.a".into(), "b, c".into());

        let state = bench.dir.path().join("state");
        let layout = bench.dir.path().join("by-hand");
        let buildx = |args: &[&str]| {
            let done = Command::new(component("buildx", "buildkit"))
                .args(args)
                .env_clear()
                .env("PATH", path())
                .env("HOME", bench.dir.path())
                .env("BUILDX_CONFIG", &state)
                .env("SOURCE_DATE_EPOCH", EPOCH.to_string())
                .current_dir(bench.ws())
                .output()
                .expect("buildx runs");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        buildx(&["create", "--name", "hand", "--driver", "remote", &daemon.address]);
        let attest = provenance.map_or("--provenance=false".to_owned(), |mode| format!("--provenance=mode={mode}"));
        let output = format!("type=oci,tar=false,dest={},rewrite-timestamp=true", layout.display());
        let metadata = bench.dir.path().join("metadata.json").display().to_string();
        buildx(&[
            "build",
            "--builder",
            "hand",
            "--platform",
            &step.platforms.join(","),
            "--build-arg",
            "A=one two",
            "--label",
            "org.opencontainers.image.revision=abc",
            "--annotation",
            "org.example.a=b, c",
            &attest,
            "--output",
            &output,
            "--metadata-file",
            &metadata,
            ".",
        ]);
        let index: serde_json::Value = serde_json::from_slice(&std::fs::read(layout.join("index.json")).expect("index")).expect("json");
        let root: Digest = index["manifests"][0]["digest"].as_str().expect("digest").parse().expect("digest");
        let expected = platforms(&layout, &root);
        assert_eq!(expected.len(), step.platforms.len());

        for by in ALL {
            let solved = solve(by, &daemon, &bench, &step).await.unwrap_or_else(|error| panic!("{by:?}: {error:?}"));
            assert_eq!(platforms(&solved.layout, &solved.digest), expected, "{by:?} {provenance:?}");
            assert_eq!(solved.digest == root, provenance.is_none(), "{by:?}: without attestations the index is the same too");
            // What two platforms have in common is one step.
            assert_eq!(solved.work.steps.len(), 1 + step.platforms.len(), "{by:?}: {:?}", solved.work);
            let annotated: serde_json::Value =
                serde_json::from_slice(&blob(&solved.layout, &expected[0].parse().expect("digest"))).expect("manifest");
            assert_eq!(annotated["annotations"]["org.example.a"], "b, c");
        }
    }
}

#[tokio::test]
async fn work_tells_what_was_found_and_what_ran() {
    let daemon = Buildkitd::start();
    let bench = Bench::with_busybox("RUN sleep 0.3\nCOPY changed /\n");
    for (at, by) in [By::Buildx, By::Buildctl, By::BuildxPlain].into_iter().enumerate() {
        bench.file("changed", format!("{at}"));
        let solved = solve(by, &daemon, &bench, &host()).await.expect("built");
        let ran: Vec<bool> = solved.work.steps.iter().map(|step| step.ran.is_some()).collect();
        let all = at == 0;
        let mut told: Vec<(String, bool)> = solved.work.steps.iter().map(|step| step.name.clone()).zip(ran).collect();
        told.sort();
        let expected = [("[1/3] COPY busybox /bin/busybox", all), ("[2/3] RUN sleep 0.3", all), ("[3/3] COPY changed /", true)];
        assert_eq!(told, expected.map(|(name, ran)| (name.to_owned(), ran)), "{by:?}");
    }
}
