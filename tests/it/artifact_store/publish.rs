//! Publishing to an artifact store: kind `store`.

use serde_json::Value;

use crate::support::Sf;

fn workspace(path: &str) -> Sf {
    let config = format!(
        "version: 1\nbuilds:\n  app: {{ kind: docker, builder: embedded, platforms: [linux/amd64] }}\n  tool: {{ kind: command, command: \"cp app tool.bin\", outputs: [{{ type: file, source: tool.bin }}] }}\n\
         store: {{ releases: {{ kind: file, dir: artifacts, fsync: false }} }}\n\
         publish:\n  all: {{ kind: store, build: [app, tool], store: releases, path: \"{path}\" }}\n"
    );
    Sf::new()
        .file("Dockerfile", "FROM scratch\nCOPY app /app\n")
        .file("app", "#!/bin/true\n".repeat(200))
        .file(".gitignore", ".stagefreight/\nartifacts/\ntool.bin\n")
        .file(".stagefreight.yml", config)
        .git()
        .tag("v1.4.0")
}

fn released(sf: &Sf) -> Value {
    sf.run(&["perform"]).code(0);
    sf.run(&["review"]).code(0);
    sf.run(&["publish", "--output", "json"]).code(0).json()
}

#[test]
fn images_and_files_are_stored_read_back_and_found_again() {
    let sf = workspace("acme/app/{version}");
    let placed = released(&sf);
    assert_eq!(placed["totals"]["complete"], 2, "{placed:#}");
    let listed = sf.run(&["store", "ls", "releases"]).code(0).stdout();
    assert_eq!(listed, "acme/app/1.4.0/archive/tool.bin\nacme/app/1.4.0/docker/app\n");
    sf.run(&["store", "get", "releases", "acme/app/1.4.0/archive/tool.bin", "--data", "back"]).code(0);
    assert_eq!(sf.read("back"), sf.read("app"));
    let said: Value =
        serde_json::from_str(&sf.run(&["store", "get", "releases", "acme/app/1.4.0/docker/app", "--manifest", "-"]).code(0).stdout())
            .expect("JSON");
    assert_eq!((said["form"].as_str(), said["version"].as_str()), (Some("oci-archive"), Some("1.4.0")));
    assert_eq!(said["digest"].as_str(), Some(sf.artifact_digest().as_str()));
    // Again: nothing is written.
    let pointer = sf.path().join("artifacts/refs/acme/app/1.4.0/docker/app@");
    let before = pointer.metadata().and_then(|meta| meta.modified()).expect("pointer");
    let again = sf.run(&["publish", "--output", "json"]).code(0).json();
    assert_eq!(again["totals"]["complete"], 2);
    assert_eq!(pointer.metadata().and_then(|meta| meta.modified()).expect("pointer"), before);
    sf.run(&["verify"]).code(0);
    let status = sf.run(&["status", "--output", "json"]).code(0).json();
    assert!(
        status["destinations"].as_array().is_some_and(|all| all.len() == 2 && all.iter().all(|one| one["state"] == "complete")),
        "{status:#}"
    );
    // The archive of the image is one that others read.
    sf.run(&["store", "get", "releases", "acme/app/1.4.0/docker/app", "--data", "image.tar"]).code(0);
    let copied = sf.run(&["copy", "./image.tar", "./layout/", "--output", "json"]).code(0).json();
    assert_eq!(copied["digest"].as_str(), Some(sf.artifact_digest().as_str()));
}

#[test]
fn a_job_publishes_what_another_built_and_handed_over_through_a_store() {
    let sf = workspace("acme/app/{version}");
    sf.run(&["perform"]).code(0);
    sf.run(&["review"]).code(0);
    let packed = sf.run(&["store", "pack", "--to", "releases", "jobs/17", "--output", "json"]).code(0).json();
    assert_eq!((&packed["images"], packed["files"].as_u64() > Some(0)), (&Value::from(1), true), "{packed:#}");
    // The next job has the JSON files alone.
    for bytes in ["objects", "dist"] {
        std::fs::remove_dir_all(sf.path().join(".stagefreight").join(bytes)).expect("removed");
    }
    sf.run(&["publish"]).code(1);
    let unpacked = sf.run(&["store", "unpack", "--from", "releases", "jobs/17", "--output", "json"]).code(0).json();
    assert_eq!(unpacked, packed);
    let placed = sf.run(&["publish", "--output", "json"]).code(0).json();
    assert_eq!(placed["totals"]["complete"], 2, "{placed:#}");
    sf.run(&["verify"]).code(0);
}

#[test]
fn an_immutable_reference_that_holds_something_else_is_a_conflict() {
    let sf = workspace("acme/app/{version}");
    released(&sf);
    sf.write("other", "something else");
    sf.run(&["store", "put", "releases", "acme/app/1.4.0/archive/tool.bin", "--data", "other"]).code(0);
    let refused = sf.run(&["publish"]).code(4).stderr();
    assert!(refused.contains("releases:acme/app/1.4.0/archive/tool.bin"), "{refused}");
    assert_eq!(sf.run(&["store", "get", "releases", "acme/app/1.4.0/archive/tool.bin", "--data", "-"]).code(0).stdout(), "something else");
    sf.run(&["verify"]).code(7);
}

#[test]
fn damaged_bytes_are_found_by_verify_and_healed_by_publish() {
    let sf = workspace("acme/app/{version}");
    released(&sf);
    let pointer: Value = serde_json::from_str(&sf.read("artifacts/refs/acme/app/1.4.0/archive/tool.bin@")).expect("pointer");
    let hex = pointer["data"]["digest"].as_str().expect("digest").trim_start_matches("sha256:").to_owned();
    std::fs::remove_file(sf.path().join(format!("artifacts/blobs/sha256/{}/{hex}", &hex[..2]))).expect("removed");
    sf.run(&["verify"]).code(7);
    sf.run(&["publish"]).code(0);
    sf.run(&["verify"]).code(0);
}

#[test]
fn moving_references_move() {
    let sf = workspace("acme/app/edge");
    released(&sf);
    sf.write("app", "#!/bin/false\n");
    sf.commit("second");
    released(&sf);
    sf.run(&["store", "get", "releases", "acme/app/edge/archive/tool.bin", "--data", "-"]).code(0);
    assert_eq!(sf.run(&["store", "get", "releases", "acme/app/edge/archive/tool.bin", "--data", "-"]).code(0).stdout(), "#!/bin/false\n");
}

#[test]
fn what_cannot_be_published_is_said_by_the_plan() {
    let sf = workspace("acme/x y");
    let said = sf.run(&["plan"]).code(2).stderr();
    assert!(said.contains("is not a reference"), "{said}");
}
