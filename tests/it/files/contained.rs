//! Programs and commands in images, by a real BuildKit. The image is one the config builds itself: no registry is needed.

use super::{artifact, outputs, said, workspace};
use crate::support::{docker, path_with_components};

const CONFIG: &str = r#"
builds:
  tools: { kind: docker, builder: buildx }
  tool:
    kind: binary
    builder: command
    image: "build:tools"
    command: [sh, -c, "printf '#!/bin/sh\\necho %s of %s\\n' \"$(cat text)\" \"$WHO\" >{output}"]
    env: { WHO: "{version} $HOME" }
    platforms: [linux/amd64]
  app:
    kind: docker
    builder: buildx
    dockerfile: app.Dockerfile
    platforms: [linux/amd64]
    stage: { from: tool, as: "bin/tool" }
  listing:
    kind: command
    image: "build:tools"
    command: ls / >listing.txt
    outputs: [{ type: file, source: listing.txt }]
"#;

#[test]
fn a_builder_runs_in_an_image_and_what_it_makes_comes_out() {
    docker();
    let busybox = std::fs::read("/bin/busybox").expect("a static busybox: scripts/components install busybox");
    let dockerfile =
        "FROM scratch\nCOPY --chmod=755 busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"/bin\"]\nENV PATH=/bin\n";
    let path = path_with_components().into_string().expect("PATH is text");
    let sf = workspace(CONFIG)
        .env("PATH", &path)
        .file("busybox", busybox)
        .file("Dockerfile", dockerfile)
        .file("text", "the text")
        .file("Dockerfile.dockerignore", "nothing\n")
        .file("app.Dockerfile", "FROM scratch\nCOPY . /\n")
        .file(".dockerignore", "bin\nbusybox\n!text\n")
        .git()
        .tag("v1.0.0");
    sf.run(&["perform"]).code(0);
    let made = outputs(&sf);
    let tool = artifact(&made, "binary:tool-linux-amd64");
    assert_eq!(tool["binary"]["toolchain"], "build:tools");
    let path = tool["binary"]["path"].as_str().expect("path");
    assert_eq!(sf.read(path), "#!/bin/sh\necho the text of 1.0.0 $HOME\n", "no shell reads what the config did not give to one");
    assert!(said(&sf, path, &[]).starts_with("the text of 1.0.0 /"));
    // What is staged is there although the ignore file names it, and what the ignore file names is not.
    let image = artifact(&made, "docker:app")["digest"].as_str().expect("digest").to_owned();
    let hash = sf.run(&["inspect", &image, "--hash", "/bin/tool"]).code(0);
    assert!(hash.stdout().contains(tool["digest"].as_str().expect("digest").trim_start_matches("sha256:")), "{}", hash.stdout());
    let tree = sf.run(&["inspect", &image, "--tree"]).code(0);
    assert!(tree.stdout().contains("/text") && !tree.stdout().contains("busybox"), "{}", tree.stdout());
    let listing = sf.read(".stagefreight/dist/listing.txt");
    assert!(listing.lines().any(|name| name == "work") && !listing.lines().any(|name| name == "home"), "it ran in the image: {listing}");
    assert!(!sf.path().join("listing.txt").exists(), "nothing was written here");
    assert_eq!(made["artifacts"].as_array().map(Vec::len), Some(4), "what it ran in is thrown away: {made}");

    sf.write(".stagefreight.yml", format!("version: 1\n{}", CONFIG.replace("ls / >listing.txt", "echo first; ls /nowhere")));
    sf.commit("a failure");
    let run = sf.run(&["perform"]).code(1);
    assert!(run.stderr().contains("build listing failed") && run.stderr().contains("/nowhere"), "{}", run.stderr());
}
