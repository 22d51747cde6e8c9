//! Builds on a real BuildKit: dockerd with its buildx plugin. Nothing is pulled; images are made of `scratch` and a
//! static busybox.

pub mod bench;

use std::sync::Arc;
use std::time::{Duration, Instant};

use stagefreight::build::backend::Tool;
use stagefreight::core::oci::ManifestKind;
use stagefreight::core::{Digest, Timestamp};
use stagefreight::error::Kind;
use stagefreight::event::Event;
use stagefreight::plan::BuildStep;

use crate::support::component;
use bench::{Bench, Buildkitd, EPOCH, blob, host, manifest, names, path, registry, step, told, tree};

#[tokio::test]
async fn builds_an_image_with_run_steps_and_leaves_the_workspace_alone() {
    let bench = Bench::with_busybox(&format!(
        "ARG GREETING=none\nRUN : {:?} && echo \"$GREETING\" >/made && echo seen >&2\nENTRYPOINT [\"/bin/busybox\"]\n",
        Instant::now()
    ));
    let before = names(&bench.ws());
    let mut step = host();
    step.args.insert("GREETING".into(), "hello there".into());
    let built = bench.build(&step).await.expect("built");
    let after: Vec<String> = names(&bench.ws()).into_iter().filter(|name| name != ".stagefreight").collect();
    assert_eq!(after, before);
    assert_eq!(built.build_args_digest, Some(Digest::of(b"GREETING=hello there\n").to_string()));
    assert_eq!(names(&built.layout), ["blobs", "index.json", "oci-layout"]);

    let image = manifest(&built.layout, &built.digest);
    assert_eq!(image.kind, ManifestKind::Image);
    let files = tree(&built.layout, &image);
    assert_eq!(files["made"].1, b"hello there\n");
    let late: Vec<_> = files.iter().filter(|(_, (mtime, _))| *mtime > EPOCH.unsigned_abs()).collect();
    assert!(late.is_empty(), "every time is at most SOURCE_DATE_EPOCH: {late:?}");
    let config: serde_json::Value = serde_json::from_slice(&blob(&built.layout, &image.config.expect("config").digest)).expect("config");
    assert_eq!(config["created"], Timestamp::from_unix(EPOCH).to_string());
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.revision"], "abc");
    assert_eq!(config["config"]["Entrypoint"][0], "/bin/busybox");
    let shown = bench.shown();
    assert!(shown.contains("RUN : Instant") && shown.contains("line: \"seen\""), "{shown}");
}

#[tokio::test]
async fn two_platforms_become_one_index() {
    let bench = Bench::new("FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH}.txt /arch\n");
    bench.file("amd64.txt", "one");
    bench.file("arm64.txt", "two");
    let built = bench.build(&step(&["linux/amd64", "linux/arm64"])).await.expect("built");
    let index = manifest(&built.layout, &built.digest);
    assert_eq!(index.kind, ManifestKind::Index);
    let found: Vec<_> = index
        .manifests
        .iter()
        .map(|entry| {
            let platform =
                entry.platform.as_ref().and_then(stagefreight::core::oci::DescriptorPlatform::platform).expect("platform").to_string();
            let files = tree(&built.layout, &manifest(&built.layout, &entry.digest));
            (platform, String::from_utf8(files["arch"].1.clone()).expect("text"))
        })
        .collect();
    assert_eq!(found, [("linux/amd64".to_owned(), "one".to_owned()), ("linux/arm64".to_owned(), "two".to_owned())]);
}

#[tokio::test]
async fn a_step_that_runs_again_gives_the_same_digest() {
    // The nonce is mounted, not copied: BuildKit cannot use its cache, and the image cannot tell.
    let run = "RUN --mount=type=bind,source=nonce,target=/bin/nonce /bin/busybox mkdir -p /out && echo x >/out/file\n";
    let mut digests = Vec::new();
    for nonce in 0..2 {
        let bench = Bench::with_busybox(run);
        bench.file("nonce", format!("{nonce} {:?}", Instant::now()));
        let built = bench.build(&host()).await.expect("built");
        let shown = bench.shown();
        assert!(!shown.split("Step {").any(|step| step.contains("RUN --mount") && step.contains("Cached")), "it ran: {shown}");
        digests.push(built.digest);
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test]
async fn provenance_is_carried_as_an_attestation() {
    let bench = Bench::with_busybox("RUN echo x >/x\n");
    let mut step = host();
    step.provenance = Some("max".into());
    let built = bench.build(&step).await.expect("built");
    let index = manifest(&built.layout, &built.digest);
    assert_eq!(index.kind, ManifestKind::Index);
    let attestation = index
        .manifests
        .iter()
        .find(|entry| entry.annotations.get("vnd.docker.reference.type").is_some_and(|kind| kind == "attestation-manifest"));
    let attestation = manifest(&built.layout, &attestation.expect("an attestation").digest);
    let statement = String::from_utf8(blob(&built.layout, &attestation.layers[0].digest)).expect("text");
    assert!(statement.contains("https://slsa.dev/provenance/"), "{statement}");

    step.provenance = None;
    let plain = bench.build(&BuildStep { id: "plain".into(), ..step }).await.expect("built");
    assert_eq!(manifest(&plain.layout, &plain.digest).kind, ManifestKind::Image, "and nothing is attested unasked");
}

#[tokio::test]
async fn a_failing_step_fits_on_one_screen() {
    let bench = Bench::with_busybox("RUN for i in 1 2 3; do echo line $i; done; exit 7\n");
    let error = bench.build(&host()).await.expect_err("it fails");
    insta::assert_snapshot!(told(&error), @r#"
    error: build app failed at Dockerfile:4, step `[2/2] RUN for i in 1 2 3; do echo line $i; done; exit 7`: exit code 7 (exit 1)
       2 |     COPY busybox /bin/busybox
       3 |     SHELL ["/bin/busybox", "sh", "-c"]
       4 | >>> RUN for i in 1 2 3; do echo line $i; done; exit 7
      | line 1
      | line 2
      | line 3
    hint: the step's own output is above; `-v` shows the whole build
    "#);
}

#[tokio::test]
async fn a_mistake_in_the_dockerfile_names_its_line() {
    let bench = Bench::new("FROM scratch\nCOPPY a b\n");
    let error = bench.build(&host()).await.expect_err("it fails");
    assert!(
        error.message().starts_with("build app failed at Dockerfile:2: dockerfile parse error on line 2: unknown instruction: COPPY"),
        "{error}"
    );

    let bench = Bench::new("FROM scratch\nCOPY gone /\n");
    let error = bench.build(&host()).await.expect_err("it fails");
    assert!(error.message().contains("\"/gone\": not found"), "{error}");
    assert!(error.hint_text().is_some_and(|hint| hint.contains(".dockerignore")), "{error:?}");

    let bench = Bench::new("FROM scratch\n");
    let error = bench.build(&BuildStep { dockerfile: "Gone".into(), ..host() }).await.expect_err("it fails");
    assert_eq!((error.kind(), error.message()), (Kind::Missing, "the Dockerfile of build app is not there: Gone"));
}

#[tokio::test]
async fn our_own_directory_never_enters_a_context() {
    for rules in [None, Some("!.stagefreight\n"), Some("*\n!.stagefreight/outputs.json\n!**/.stagefreight/**\n!kept\n!sub\n")] {
        let bench = Bench::new("FROM scratch\nCOPY . /\n");
        for name in [".stagefreight/outputs.json", ".stagefreight/objects/x", "sub/kept", "kept"] {
            bench.file(name, name);
        }
        if let Some(rules) = rules {
            bench.file(".dockerignore", rules);
        }
        let built = bench.build(&host()).await.expect("built");
        let files = tree(&built.layout, &manifest(&built.layout, &built.digest));
        assert!(files.contains_key("kept") && files.contains_key("sub/kept"), "{rules:?}: {:?}", files.keys());
        let ours: Vec<_> = files.keys().filter(|name| name.contains(".stagefreight")).collect();
        assert!(ours.is_empty(), "{rules:?}: {ours:?}");
    }
}

#[tokio::test]
async fn dockerfile_and_context_may_lie_apart_each_with_its_ignore_file() {
    let bench = Bench::new("FROM scratch\n");
    bench.file("docker/app.Dockerfile", "FROM scratch\nCOPY . /\n");
    bench.file("docker/app.Dockerfile.dockerignore", "hidden\n");
    for name in ["src/hidden", "src/seen", "src/.stagefreight/x"] {
        bench.file(name, name);
    }
    bench.file("src/.dockerignore", "seen\n");
    let step = BuildStep { dockerfile: "docker/app.Dockerfile".into(), context: "src".into(), ..host() };
    let built = bench.build(&step).await.expect("built");
    let files = tree(&built.layout, &manifest(&built.layout, &built.digest));
    assert_eq!(files.keys().collect::<Vec<_>>(), [".dockerignore", "seen"]);
    assert_eq!(names(&bench.ws().join("docker")), ["app.Dockerfile", "app.Dockerfile.dockerignore"]);
}

#[tokio::test]
async fn secrets_of_the_environment_are_masked_wherever_a_build_prints_them() {
    let secret = "hunter2-of-the-environment";
    let bench = Bench::with_busybox("ARG TOKEN\nRUN echo \"got $TOKEN\"; exit 3\n").env("DEPLOY_TOKEN", secret);
    let mut step = host();
    step.args.insert("TOKEN".into(), secret.into());
    let error = bench.build(&step).await.expect_err("it fails");
    let shown = format!("{}{}", told(&error), bench.shown());
    assert!(!shown.contains(secret) && shown.contains("got ***"), "{shown}");
}

#[tokio::test]
async fn cancelling_ends_every_process_of_the_build() {
    let bench = Bench::with_busybox("RUN echo begun && sleep 120\n");
    let cancel = bench.cancel.clone();
    let events = Arc::clone(&bench.events);
    let watcher = tokio::spawn(async move {
        let begun = |event: &Event| matches!(event, Event::Output { line, .. } if line == "begun");
        while !events.0.lock().expect("events").iter().any(begun) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        cancel.cancel();
        Instant::now()
    });
    let error = bench.build(&host()).await.expect_err("cancelled");
    let cancelled = watcher.await.expect("watcher");
    assert_eq!(error.kind(), Kind::Terminated, "{error}");
    assert!(cancelled.elapsed() < Duration::from_secs(60), "{:?}", cancelled.elapsed());
    let ours = bench.dir.path().display().to_string();
    let left: Vec<String> = std::fs::read_dir("/proc")
        .expect("proc")
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&ours))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_build_that_hangs_ends_at_its_deadline() {
    let bench = Bench::with_busybox("RUN sleep 121\n");
    let error = bench.build_within(&host(), Some(Duration::from_secs(3))).await.expect_err("too long");
    assert!(error.message().starts_with("build app: ") && error.message().ends_with("did not finish within 3.0s"), "{error}");
}

#[tokio::test]
async fn base_images_are_reported_with_the_digest_they_resolved_to() {
    let bench = Bench::new("FROM scratch\nCOPY Dockerfile /base\n");
    let (_server, address) = registry(bench.dir.path()).await;
    let base = bench.build(&BuildStep { id: "base".into(), ..host() }).await.expect("base");
    assert_eq!(base.bases, []);
    let reference = format!("{address}/acme/base:1");
    let pushed = std::process::Command::new(component("crane", "crane")).arg("push").arg(&base.layout).arg(&reference).output();
    let pushed = pushed.expect("crane runs");
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));

    for provenance in [None, Some("min".to_owned())] {
        let id = provenance.clone().unwrap_or_else(|| "plain".to_owned());
        bench.file("Dockerfile", format!("ARG BASE\nFROM ${{BASE}} AS first\nFROM first\nCOPY Dockerfile /own-{id}\n"));
        let mut step = BuildStep { id, provenance, ..host() };
        step.args.insert("BASE".into(), reference.clone());
        let built = bench.build(&step).await.expect("built");
        assert_eq!(built.bases, [(reference.clone(), base.digest.to_string())]);
    }

    bench.file("Dockerfile", format!("FROM {address}/acme/gone:1\n"));
    let error = bench.build(&BuildStep { id: "gone".into(), ..host() }).await.expect_err("there is no such image");
    assert!(error.message().contains("acme/gone:1"), "{error}");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("base image could not be read")), "{error:?}");
}

#[tokio::test]
async fn a_buildkit_daemon_at_an_address_builds_without_docker() {
    let daemon = Buildkitd::start();
    // Only the standalone program is on this PATH: no docker CLI, no engine.
    let bin = tempfile::tempdir().expect("dir");
    std::os::unix::fs::symlink(component("buildx", "buildkit"), bin.path().join("buildx")).expect("link");
    let only_buildctl = tempfile::tempdir().expect("dir");
    std::os::unix::fs::symlink(component("buildctl", "buildkit"), only_buildctl.path().join("buildctl")).expect("link");
    let paths = [
        (Tool::Docker, path()),
        (Tool::Standalone, bin.path().display().to_string()),
        (Tool::Buildctl, only_buildctl.path().display().to_string()),
    ];
    for (tool, path) in paths {
        let bench = Bench::with_busybox("RUN echo x >/x\n").env("BUILDKIT_HOST", &daemon.address).env("PATH", path);
        let found = bench.resolution().await.expect("it looks");
        assert_eq!(found.program().map(|program| program.tool), Some(tool), "{}", found.sentence());
        assert!(found.sentence().contains(&daemon.address), "{}", found.sentence());
        let built = bench.build(&host()).await.expect("built");
        assert_eq!(tree(&built.layout, &manifest(&built.layout, &built.digest))["x"].1, b"x\n");

        let bench = Bench::with_busybox("RUN echo two; exit 9\n").env("BUILDKIT_HOST", &daemon.address);
        let error = bench.build(&host()).await.expect_err("it fails");
        let told = told(&error);
        assert!(
            told.contains("failed at Dockerfile:4, step `[2/2] RUN echo two; exit 9`: exit code 9") && told.contains("| two"),
            "{told}"
        );
    }
}
