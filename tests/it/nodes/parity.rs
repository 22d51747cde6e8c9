//! The same arguments and the same BuildKit give the same image, whoever types them and however BuildKit is reached.

use super::compare::{digests, images};
use super::real::{PLATFORMS, by_hand, made, perform, workspace};
use crate::backend::place::{Authority, Daemon};
use crate::support::{component, docker};

#[test]
fn perform_gives_what_buildx_gives_by_hand() {
    let dir = tempfile::tempdir().expect("directory");
    let daemon = Daemon::unix(dir.path());
    for platforms in [&PLATFORMS[1..], &PLATFORMS[..]] {
        for (build, provenance) in [("", "false"), (", provenance: max", "mode=max")] {
            let sf = workspace(platforms, "", build).env("BUILDKIT_HOST", &daemon.address);
            let (layout, root) = perform(&sf);
            let (hand_layout, hand_root) = by_hand(&sf, &daemon.address, provenance);
            let (ours, theirs) = (digests(&layout, &root), digests(&hand_layout, &hand_root));
            assert_eq!(ours, theirs, "{platforms:?} {provenance}");
            assert_eq!(ours.keys().collect::<Vec<_>>(), platforms.iter().collect::<Vec<_>>());
            // Provenance holds times and ids; without it the index is the same too.
            assert_eq!(root == hand_root, provenance == "false", "{platforms:?} {provenance}");
        }
    }
}

#[test]
fn every_way_to_the_same_buildkit_gives_the_same_digest() {
    let dir = tempfile::tempdir().expect("directory");
    let platforms = &PLATFORMS[1..];
    let daemon = Daemon::unix(&dir.path().join("plain"));
    let sf = workspace(platforms, "", "").env("BUILDKIT_HOST", &daemon.address);
    let (layout, expected) = perform(&sf);

    let authority = Authority::new();
    let secured = Daemon::tls(&dir.path().join("tls"), &authority);
    let certificates = dir.path().join("client");
    authority.issue(&certificates, "client");
    let sf =
        workspace(platforms, "", "").env("BUILDKIT_HOST", &secured.address).env("BUILDKIT_CERT_PATH", &certificates.display().to_string());
    assert_eq!(perform(&sf).1, expected, "over mutual TLS");

    // No docker, no buildx: buildctl and git alone.
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).expect("directory");
    for (program, of) in [("buildctl", "buildkit"), ("git", "git")] {
        std::os::unix::fs::symlink(component(program, of), bin.join(program)).expect("link");
    }
    let sf = workspace(platforms, "", "").env("BUILDKIT_HOST", &daemon.address).env("PATH", &bin.display().to_string());
    let run = sf.run(&["perform", "-v"]).code(0);
    assert!(run.stderr().contains("buildctl"), "{}", run.stderr());
    assert_eq!(made(&sf).1, expected, "through buildctl");

    let sf = workspace(platforms, "builder: { backend: spawn }\n", "");
    assert_eq!(perform(&sf).1, expected, "on a daemon started for the run");

    // The engine's BuildKit is of another version: it may pack layers differently, and must put the same into them.
    docker();
    // Its steps need no network, and an engine may have none to give.
    let sf = workspace(platforms, "builder: { backend: dind }\n", ", network: none");
    let (engine_layout, engine_root) = perform(&sf);
    let (mut ours, mut theirs) = (images(&layout, &expected), images(&engine_layout, &engine_root));
    let (mut ours, mut theirs) = (ours.remove("linux/amd64").expect("image"), theirs.remove("linux/amd64").expect("image"));
    // How the history words an ARG (`ARG X`, `ARG X=y`) changed between the two versions; it makes no layer.
    for image in [&mut ours, &mut theirs] {
        for step in image.config["history"].as_array_mut().expect("history") {
            if step["created_by"].as_str().is_some_and(|text| text.starts_with("ARG TARGETARCH")) {
                step["created_by"] = "ARG TARGETARCH".into();
            }
        }
    }
    assert_eq!(ours.files, theirs.files);
    assert_eq!(ours.config, theirs.config);
    assert!(ours.files.contains_key("data/deep/link") && ours.files["data/arch"].mode == 0o640, "{:?}", ours.files.keys());
}
