//! A repository that real BuildKit daemons build: busybox, a RUN step for each platform, nothing pulled.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use stagefreight::core::Digest;

use super::by_hand::ByHand;
use crate::support::{Sf, path_with_components};

/// Both run natively on an amd64 machine.
pub const PLATFORMS: [&str; 2] = ["linux/386", "linux/amd64"];

const DOCKERFILE: &str = "FROM scratch\nCOPY busybox /bin/busybox\nSHELL [\"/bin/busybox\", \"sh\", \"-c\"]\nARG TARGETARCH\n\
    RUN /bin/busybox mkdir -p /data/deep && echo $TARGETARCH >/data/arch && /bin/busybox ln -s ../arch /data/deep/link && \
    /bin/busybox chmod 0640 /data/arch\nENTRYPOINT [\"/bin/busybox\"]\n";

/// A workspace; `settings` are further sections of the config, `build` further keys of the build.
pub fn workspace(platforms: &[&str], settings: &str, build: &str) -> Sf {
    let config = format!(
        "version: 1\n{settings}builds:\n  app: {{ kind: docker, builder: buildx, platforms: [{}]{build} }}\n",
        platforms.join(", ")
    );
    let busybox = std::fs::read("/bin/busybox").expect("a static busybox: scripts/components install busybox");
    let sf = Sf::new()
        .file("Dockerfile", DOCKERFILE)
        .file("busybox", busybox)
        // The config is no part of the commit, so that the commit, which is in the image, is the same for every config.
        .file(".gitignore", ".stagefreight/\n.stagefreight.yml\n")
        .file(".dockerignore", "*\n!busybox\n")
        .file(".stagefreight.yml", config);
    std::fs::set_permissions(sf.path().join("busybox"), std::fs::Permissions::from_mode(0o755)).expect("mode");
    std::fs::create_dir(sf.outside().join("tmp")).expect("directory");
    let tmp = sf.outside().join("tmp").display().to_string();
    let cache = sf.outside().join("cache").display().to_string();
    let path = path_with_components().into_string().expect("text");
    sf.env("PATH", &path).env("TMPDIR", &tmp).env("XDG_CACHE_HOME", &cache).git().tag("v1.0.0")
}

/// `builder.nodes` with a daemon for each of [`PLATFORMS`].
pub fn nodes(addresses: [&str; 2]) -> String {
    let node = |(address, platform)| format!("    - {{ endpoint: \"{address}\", platforms: [{platform}] }}\n");
    format!("builder:\n  nodes:\n{}", addresses.into_iter().zip(PLATFORMS).map(node).collect::<String>())
}

/// Builds, and tells where the image lies.
#[track_caller]
pub fn perform(sf: &Sf) -> (PathBuf, Digest) {
    sf.run(&["perform"]).code(0);
    let left = std::fs::read_dir(sf.outside().join("tmp")).expect("directory").count();
    assert_eq!(left, 0, "private directories are removed");
    made(sf)
}

/// Where the image lies that the last perform or merge made.
pub fn made(sf: &Sf) -> (PathBuf, Digest) {
    let digest: Digest = sf.artifact_digest().parse().expect("digest");
    (sf.path().join(".stagefreight/objects/sha256").join(digest.hex()), digest)
}

/// The same build typed by hand: what the plan says, as arguments of buildx.
#[track_caller]
pub fn by_hand(sf: &Sf, daemon: &str, provenance: &str) -> (PathBuf, Digest) {
    let plan: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/plan.json")).expect("JSON");
    let step = &plan["builds"][0];
    let labels = step["labels"].as_object().expect("labels").iter();
    let mut more: Vec<String> = labels.map(|(key, value)| format!("--label={key}={}", value.as_str().expect("text"))).collect();
    more.push("--no-cache".to_owned());
    let platforms: Vec<&str> = step["platforms"].as_array().expect("platforms").iter().filter_map(|text| text.as_str()).collect();
    let hand = ByHand {
        daemon,
        context: &sf.path(),
        platforms: &platforms.join(","),
        provenance,
        epoch: step["source_date_epoch"].as_i64().expect("epoch"),
        more: &more.iter().map(String::as_str).collect::<Vec<_>>(),
    };
    hand.build(&sf.outside().join("by-hand"))
}
