//! examples/polyglot: a Rust program for three platforms, a Go service, an image that holds both, archives.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{artifact, outputs, said, workspace};
use crate::support::Sf;

fn example() -> Sf {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/polyglot");
    let sf = workspace("");
    copy(&root, &sf.path());
    sf.env("SF_CI_TAG", "v1.4.0").git().tag("v1.4.0")
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("directory");
    for entry in std::fs::read_dir(from).expect("the example") {
        let entry = entry.expect("entry");
        let to = to.join(entry.file_name());
        match entry.file_type().expect("type").is_dir() {
            true if matches!(entry.file_name().to_str(), Some("target" | ".stagefreight")) => {}
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).expect("copy")),
        }
    }
}

fn digests(outputs: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    outputs["artifacts"].as_array().expect("artifacts").iter().map(|one| (text(&one["id"]), text(&one["digest"]))).collect()
}

#[test]
fn one_perform_makes_it_all_and_twice_the_same_bytes() {
    let sf = example();
    let run = sf.run(&["perform"]);
    assert_eq!(
        run.output.status.code(),
        Some(0),
        "{}\nit needs `scripts/components install musl` and `scripts/components install compilers`",
        run.stderr()
    );
    let first = outputs(&sf);
    let ids: Vec<String> = digests(&first).into_keys().collect();
    assert_eq!(
        ids,
        [
            "archive:freight-1.4.0-linux-386.tar.gz",
            "archive:freight-1.4.0-linux-386.zip",
            "archive:freight-1.4.0-linux-amd64.tar.gz",
            "archive:freight-1.4.0-linux-amd64.zip",
            "archive:freight-1.4.0-linux-arm64.tar.gz",
            "archive:freight-1.4.0-linux-arm64.zip",
            "binary:freight-linux-386",
            "binary:freight-linux-amd64",
            "binary:freight-linux-arm64",
            "binary:server-linux-amd64",
            "binary:server-linux-arm64",
            "docker:image",
        ]
    );
    let freight = artifact(&first, "binary:freight-linux-amd64");
    assert!(freight["binary"]["toolchain"].as_str().is_some_and(|text| text.starts_with("rustc 1.")), "{freight}");
    said(&sf, "sh", &["-c", "cd .stagefreight/dist && sha256sum -c SHA256SUMS"]);
    let file = said(
        &sf,
        "sh",
        &["-c", "mkdir x && tar -C x -xzf .stagefreight/dist/freight-1.4.0-linux-amd64.tar.gz && x/freight-1.4.0/freight word"],
    );
    assert_eq!(file, "word: 4\n");
    said(&sf, "rm", &["-r", "x"]);

    // The image holds these very programs.
    let image = artifact(&first, "docker:image")["digest"].as_str().expect("digest").to_owned();
    for (program, platform) in [("server", "linux/amd64"), ("freight", "linux/arm64")] {
        let run = sf.run(&["inspect", &image, "--platform", platform, "--hash", &format!("/usr/local/bin/{program}")]).code(0);
        let built = artifact(&first, &format!("binary:{program}-{}", platform.replace('/', "-")));
        let hash = built["digest"].as_str().expect("digest").trim_start_matches("sha256:").to_owned();
        assert!(run.stdout().contains(&hash), "{program} {platform}: {}", run.stdout());
    }
    assert_eq!(said(&sf, ".stagefreight/dist/server/linux-amd64/server", &["version"]), "1.4.0\n");
    assert!(said(&sf, "git", &["status", "--porcelain"]).is_empty(), "building leaves the sources as they are");

    sf.run(&["review"]).code(0);
    let published = sf.run(&["publish"]).code(0);
    assert!(published.stdout().contains("placed 2 of 2"), "{}", published.stdout());
    sf.run(&["manifest", "verify", ".stagefreight/outputs.json", ".stagefreight/published.json"]).code(0);
    let results: Value = serde_json::from_str(&sf.read(".stagefreight/published.json")).expect("json");
    assert_eq!(results["results"].as_array().map(Vec::len), Some(12));
    sf.run(&["verify"]).code(0);

    // In another place, with nothing of the first left: only Rust's own target directory would tell the two apart.
    sf.run(&["perform", "--rebuild"]).code(0);
    assert_eq!(digests(&outputs(&sf)), digests(&first), "again in the same place");
}
