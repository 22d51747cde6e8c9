//! The embedded builder: what it writes, what it refuses, and that it makes what BuildKit makes.

mod parity;
mod repo;

use std::io::Read as _;
use std::process::Command;

use proptest::prelude::*;
use repo::*;
use stagefreight::build::embedded::{Embedded, needs_buildkit};
use stagefreight::build::{BuildCx, Builder as _, Built};
use stagefreight::core::Digest;
use stagefreight::error::Kind;
use stagefreight::event::Events;
use tokio_util::sync::CancellationToken;

#[test]
fn what_is_written_is_valid_oci_and_the_closure_is_whole() {
    let repo = with_files("FROM scratch\nARG TARGETARCH\nCOPY app /app-$TARGETARCH\nCOPY conf /conf\nENTRYPOINT [\"/app\"]\n");
    let built = repo
        .build_as("multi", 2, |step| step.platforms = vec!["linux/amd64".into(), "linux/arm64".into(), "linux/arm/v7".into()])
        .expect("builds");
    let index: oci_spec::image::ImageIndex = serde_json::from_slice(&blob(&built.layout, built.digest.as_str())).expect("an index");
    assert_eq!(index.manifests().len(), 3);
    let mut conf_layers = std::collections::BTreeSet::new();
    for (entry, arch) in index.manifests().iter().zip(["amd64", "arm64", "arm"]) {
        let manifest: oci_spec::image::ImageManifest =
            serde_json::from_slice(&blob(&built.layout, entry.digest().as_ref())).expect("a manifest");
        let config: oci_spec::image::ImageConfiguration =
            serde_json::from_slice(&blob(&built.layout, manifest.config().digest().as_ref())).expect("a config");
        assert_eq!(config.architecture().to_string(), arch);
        assert_eq!(config.rootfs().diff_ids().len(), manifest.layers().len());
        for (layer, diff_id) in manifest.layers().iter().zip(config.rootfs().diff_ids()) {
            let packed = blob(&built.layout, layer.digest().as_ref());
            assert_eq!(packed.len() as u64, layer.size());
            let mut bytes = Vec::new();
            flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).expect("one gzip member");
            assert_eq!(Digest::of(&bytes).as_str(), diff_id);
        }
        conf_layers.insert(manifest.layers()[1].digest().to_string());
        let one = Built { digest: entry.digest().to_string().parse().expect("digest"), ..built.clone() };
        assert!(tree(&one).contains_key(&format!("app-{arch}")));
    }
    assert_eq!(conf_layers.len(), 1, "the layer that is the same on all platforms is one blob");
    let layout = stagefreight::store::Layout::open(&built.layout).expect("layout");
    layout.closure(&built.digest).expect("everything is there");
    assert_eq!(layout.entries().expect("entries")[0].digest, built.digest);
}

#[test]
fn zstd_layers_say_so() {
    let repo = with_files("FROM scratch\nCOPY . /\n");
    let built = repo.build_as("zstd", 2, |step| step.compression = "zstd".into()).expect("builds");
    let manifest = json(&built.layout, built.digest.as_str());
    assert_eq!(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd");
    assert_eq!(tree(&built), tree(&repo.build()));
}

#[test]
fn our_own_state_never_enters_the_context() {
    let repo = with_files("FROM scratch\nCOPY . /\n").file(".stagefreight/outputs.json", "{}", 0o644).file(
        ".dockerignore",
        "!.stagefreight\n",
        0o644,
    );
    assert!(!tree(&repo.build()).keys().any(|path| path.contains("stagefreight")));
}

#[test]
fn labels_of_the_plan_and_clamped_times_are_in_the_image() {
    let repo = with_files("FROM scratch\nLABEL a=1 b=1\nCOPY app LICENSE /\n");
    let old = std::fs::File::options().write(true).open(repo.root().join("LICENSE")).expect("file");
    old.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000)).expect("time");
    let built = repo.build_as("labels", 1, |step| drop(step.labels.insert("b".into(), "2".into()))).expect("builds");
    let config = config(&built);
    assert_eq!(config["config"]["Labels"], serde_json::json!({"a": "1", "b": "2"}));
    assert_eq!(config["created"], "2023-11-14T22:13:20Z");
    let manifest = json(&built.layout, built.digest.as_str());
    let packed = blob(&built.layout, manifest["layers"][0]["digest"].as_str().expect("digest"));
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
    let times: Vec<u64> = archive.entries().expect("tar").map(|e| e.expect("entry").header().mtime().expect("mtime")).collect();
    assert_eq!(times, [1000, 1_700_000_000], "LICENSE keeps its old time, app's is clamped");
}

#[test]
fn mistakes_are_named_with_file_line_and_a_way_out() {
    let says = |repo: &Repo, message: &str, hint: &str| {
        let error = repo.fails();
        assert!(error.message().contains(message), "{}", error.message());
        assert!(error.hint_text().unwrap_or_default().contains(hint), "{:?}", error.hint_text());
        error
    };
    let run = says(
        &with_files("FROM scratch\nCOPY app /\nRUN make\n"),
        "Dockerfile:3: RUN make: RUN runs a command",
        "install docker with buildx",
    );
    assert_eq!(run.kind(), Kind::Usage);
    says(&with_files("FROM scratch\nCOPY ap /\n"), "Dockerfile:2: COPY ap /: ap is not in the build context", "there is app");
    says(&with_files("FROM scratch\nCOPY ../secret /\n"), "../secret is not in the build context", "does not leave it");
    says(&with_files("FROM scratch\nCOPY site/outside /\n"), "site/outside is not in the build context", "");
    says(&with_files("FROM scratch\nCOPY --chown=nobody app /\n"), "user nobody is not in /etc/passwd", "numeric");
    says(&with_files("FROM scratch\nCOPY app conf /x\n"), "must be a directory", "end it with `/`");
    says(&with_files("FROM scratch\nADD https://example.com/x /\n"), "ADD downloads a remote source", "BuildKit");
    says(&with_files("FROM scratch\nCOPY --chmod=rwx app /\n"), "--chmod=rwx is not a mode", "0755");
    says(&with_files("FROM scratch\nBOGUS\n"), "Dockerfile:2:", "");
    says(&with_files("FROM nowhere/x\n"), "Dockerfile:1: cannot get the base image nowhere/x", "");
    says(&with_files("ARG B\nFROM $B\n"), "names no image", "builds.app.args");
    says(&with_files("FROM scratch\nLABEL a=${X:?set X}\n"), "set X", "");
    says(&with_files("FROM scratch AS a\n").target("b"), "no stage `b`", "it has a");
    assert!(needs_buildkit("FROM scratch\nRUN x\n", None).is_some());
    let outside = with_files("FROM scratch\n").build_as("x", 1, |step| step.context = "../..".into()).expect_err("outside");
    assert_eq!((outside.kind(), outside.message()), (Kind::Usage, "build context `../..` is outside the repository"));
    let missing = with_files("FROM scratch\n").build_as("x", 1, |step| step.dockerfile = "no/Dockerfile".into()).expect_err("missing");
    assert!(missing.hint_text().is_some_and(|hint| hint.contains("builds.app.dockerfile")));
}

#[test]
fn a_base_in_a_layout_of_the_workspace_is_found_by_tag_or_alone() {
    let (kept, base) = with_files("FROM scratch\nCOPY conf /conf\n").build_kept();
    let repo = with_files("FROM oci-layout://bases/conf\nCOPY app /\n");
    let copy = Command::new("cp").arg("-r").arg(&base.layout).arg(repo.root().join("conf-layout")).status().expect("cp");
    assert!(copy.success());
    std::fs::create_dir_all(repo.root().join("bases")).expect("dir");
    std::fs::rename(repo.root().join("conf-layout"), repo.root().join("bases/conf")).expect("move");
    let built = repo.build();
    assert_eq!(built.bases, [("oci-layout://bases/conf".to_owned(), base.digest.to_string())]);
    assert!(tree(&built).contains_key("conf/app.toml") && tree(&built).contains_key("app"));
    // A layer of the base that was tampered with is noticed.
    let manifest = json(&base.layout, base.digest.as_str());
    let layer = manifest["layers"][0]["digest"].as_str().expect("digest").replace(':', "/");
    std::fs::write(repo.root().join("bases/conf/blobs").join(layer), b"other bytes").expect("tamper");
    assert!(repo.fails().message().contains("is damaged"));
    drop(kept);
}

#[test]
fn cancelling_ends_the_build() {
    let repo = with_files("FROM scratch\nCOPY . /\n");
    let cx = BuildCx::new(repo.root(), repo.dir.path().join("c"), CancellationToken::new(), Events::none());
    std::fs::create_dir_all(&cx.scratch).expect("scratch");
    cx.cancel.cancel();
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let error = runtime.block_on(Embedded::new(Vec::new()).build(&cx, &repo.step())).expect_err("cancelled");
    assert_eq!(error.kind(), Kind::Interrupted);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_same_inputs_give_the_same_digest(
        names in proptest::collection::btree_set("[a-e]{1,3}(/[a-e]{1,3}){0,2}x", 1..12),
        sizes in proptest::collection::vec(0_usize..3_000_000, 12),
        later in 0_u64..100_000,
        threads in 2_usize..6,
        zstd in any::<bool>(),
    ) {
        let build = |reversed: bool, later: u64, threads: usize| {
            let mut repo = Repo::new("FROM scratch\nCOPY . /\nCOPY --chmod=700 . /again\n");
            let mut files: Vec<_> = names.iter().zip(&sizes).collect();
            if reversed {
                files.reverse();
            }
            for (name, size) in files {
                let content: Vec<u8> = (0..*size).map(|i| (i * i / 7).to_le_bytes()[0]).collect();
                repo = repo.file(name, content, 0o644);
                let file = std::fs::File::options().write(true).open(repo.root().join(name)).expect("file");
                file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(EPOCH as u64 + later)).expect("time");
            }
            repo.build_as("out", threads, |step| step.compression = if zstd { "zstd".into() } else { "gzip".into() }).expect("builds").digest
        };
        prop_assert_eq!(build(false, 0, 1), build(true, later, threads));
    }
}
