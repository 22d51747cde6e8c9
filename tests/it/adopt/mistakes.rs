//! What is said when a source is not what it should be, and that nothing is changed then.

use super::{AMD64, json, program, repository};
use crate::support::release::Registries;
use crate::support::{Image, Sf};

fn layout(sf: &Sf, name: &str, version: &str, platforms: &[&str]) {
    Image { version, revision: "", layers: vec![version.as_bytes().to_vec()], platforms }.write(&sf.path().join(name));
}

#[track_caller]
fn refused(sf: &Sf, code: i32, args: &[&str], words: &[&str]) {
    let run = sf.run(&[&["perform"], args].concat()).code(code);
    for word in words {
        assert!(run.stderr().contains(word), "{word:?} is not in:\n{}", run.stderr());
    }
    assert!(run.stderr().contains("hint:"), "{}", run.stderr());
}

#[test]
fn which_build_an_image_is_must_be_known() {
    let registries = Registries::two();
    let sf = repository(&registries, ", platforms: [linux/amd64]");
    layout(&sf, "out/one", "1", &["linux/amd64"]);
    layout(&sf, "out/two", "2", &["linux/amd64"]);
    layout(&sf, "out/arm", "3", &["linux/arm64"]);
    refused(&sf, 2, &["--from", "web=out/one"], &["there is no build `web`", "builds of images: app"]);
    refused(&sf, 2, &["--from", "app=out/one", "--from", "app=out/two"], &["build `app` has two images"]);
    refused(&sf, 2, &["--from", "out/one", "--from", "out/two"], &["which has no name", "--from app=out/one"]);
    refused(&sf, 2, &["--from", "out/arm"], &["build `app` is for linux/amd64", "is for linux/arm64"]);
    refused(&sf, 3, &["--from", "out/none"], &["there is nothing at out/none"]);
    refused(&sf, 2, &["--from", "main.go"], &["main.go is nothing that can be taken over"]);
    sf.run(&["perform", "--from", "out/one", "--platform", "linux/amd64"]).code(2);
    sf.run(&["perform", "--from", ""]).code(2);
    assert!(!sf.path().join(".stagefreight/outputs.json").exists());
    sf.run(&["perform", "--from", "app=out/one"]).code(0);
    let before = sf.read(".stagefreight/outputs.json");
    refused(&sf, 2, &["--from", "out/arm"], &["linux/arm64"]);
    assert_eq!(sf.read(".stagefreight/outputs.json"), before, "what was there stays");
    let left: Vec<_> = std::fs::read_dir(sf.path().join(".stagefreight")).expect("files").map(|e| e.expect("entry").file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".sf-")), "scratch is gone: {left:?}");
}

#[test]
fn an_image_that_is_not_whole_or_damaged() {
    let registries = Registries::two();
    let sf = repository(&registries, "");
    layout(&sf, "out/image", "1", &["linux/amd64", "linux/arm64"]);
    let blobs = sf.path().join("out/image/blobs/sha256");
    let mut smallest: Vec<_> = std::fs::read_dir(&blobs).expect("blobs").map(|entry| entry.expect("entry").path()).collect();
    smallest.sort_by_key(|path| std::fs::metadata(path).expect("size").len());
    let layer = smallest.first().expect("a layer").clone();
    let good = std::fs::read(&layer).expect("layer");
    std::fs::write(&layer, vec![b'x'; good.len()]).expect("damage");
    refused(&sf, 1, &["--from", "out/image"], &["out/image: blobs/sha256/", "hash to"]);
    std::fs::remove_file(&layer).expect("gone");
    refused(&sf, 1, &["--from", "out/image"], &["out/image: blobs/sha256/", "missing"]);
    std::os::unix::fs::symlink("/etc/hostname", &layer).expect("link");
    refused(&sf, 1, &["--from", "out/image"], &["out/image: blobs/sha256/", "not a regular file"]);
    std::fs::remove_file(&layer).expect("gone");
    std::fs::write(&layer, good).expect("restored");
    sf.run(&["perform", "--from", "out/image"]).code(0);
    assert_eq!(json(&sf, "outputs")["artifacts"][0]["docker"]["dockerfile"], "");
}

#[test]
fn what_others_made_of_another_commit() {
    let registries = Registries::two();
    let sf = repository(&registries, "");
    sf.write(".stagefreight.yml", "version: 1\n");
    sf.write("dist/app_linux_amd64_v1/app", program(AMD64, "x"));
    sf.write(
        "dist/artifacts.json",
        r#"[{"name":"app","path":"dist/app_linux_amd64_v1/app","goos":"linux","goarch":"amd64","target":"linux_amd64_v1","internal_type":4,"type":"Binary","extra":{"Binary":"app"}}]"#,
    );
    sf.write("dist/metadata.json", format!(r#"{{"version":"1.4.0","commit":"{}"}}"#, "ab".repeat(20)));
    refused(&sf, 1, &["--from", "dist"], &["dist/metadata.json: it was made from commit abababababab"]);
    let commit = sf.git_run(&["rev-parse", "HEAD"]);
    sf.write("dist/metadata.json", format!(r#"{{"version":"1.5.0-next","commit":"{commit}"}}"#));
    let run = sf.run(&["perform", "--from", "dist"]).code(0);
    assert!(run.stderr().contains("dist/metadata.json says version 1.5.0-next, and this is 1.4.0"), "{}", run.stderr());
    assert_eq!(json(&sf, "outputs")["artifacts"][0]["version"], "1.5.0-next");
}
