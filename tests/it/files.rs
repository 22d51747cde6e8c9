//! Builds that make files, from the config to what verify says: programs, archives, commands, with real toolchains, and
//! `tar`, `unzip` and `sha256sum` as second readers.

#[path = "files/bad.rs"]
mod bad;
#[path = "files/cancelled.rs"]
mod cancelled;
#[path = "files/contained.rs"]
mod contained;
#[path = "files/polyglot.rs"]
mod polyglot;
#[path = "files/toolchains.rs"]
mod toolchains;

use std::process::Command;

use serde_json::Value;

use crate::support::Sf;

/// A workspace with this config, whose builds may use the toolchains of this machine.
pub fn workspace(config: &str) -> Sf {
    let text = format!("version: 1\n{config}");
    let mut sf = Sf::new().file(".stagefreight.yml", text).file(".gitignore", ".stagefreight/\nout/\ntarget/\n");
    let home = std::env::var("HOME").expect("HOME");
    let usual = [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup"), ("GOCACHE", ".cache/go-build"), ("GOPATH", "go")];
    for (name, below) in usual {
        let value = std::env::var(name).unwrap_or_else(|_| format!("{home}/{below}"));
        sf = sf.env(name, &value);
    }
    sf
}

pub fn outputs(sf: &Sf) -> Value {
    serde_json::from_str(&sf.read(".stagefreight/outputs.json")).expect("outputs.json")
}

pub fn artifact(outputs: &Value, id: &str) -> Value {
    let artifacts = outputs["artifacts"].as_array().expect("artifacts");
    let ids: Vec<&Value> = artifacts.iter().map(|artifact| &artifact["id"]).collect();
    artifacts.iter().find(|artifact| artifact["id"] == id).unwrap_or_else(|| panic!("{id} among {ids:?}")).clone()
}

/// What a program of this machine prints, run in the workspace.
pub fn said(sf: &Sf, program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(sf.path()).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const EVERY_KIND: &str = r#"
builds:
  tool:
    kind: binary
    builder: command
    command: ["sh", "-c", "printf 'tool of %s %s %s' {os} {arch} $GREETING >{output}"]
    env: { GREETING: "v{version}" }
    platforms: [linux/amd64, windows/amd64]
  notes:
    kind: command
    command: mkdir -p out/web && echo hello >out/notes.txt && echo page >out/web/index.html
    outputs:
      - { type: file, source: out/notes.txt }
      - { type: tree, source: out/web }
  packs:
    kind: archive
    depends_on: [tool, notes]
    include: [LICENSE]
"#;

#[test]
fn every_kind_from_the_config_to_the_results() {
    let sf = workspace(EVERY_KIND).file("LICENSE", "free\n").git().tag("v1.2.3");
    let plan = sf.run(&["plan"]).code(0);
    assert!(plan.stdout().contains("3 builds") && plan.stdout().contains("tool-windows-amd64"), "{}", plan.stdout());
    let run = sf.run(&["perform"]).code(0);
    assert!(
        run.stdout().contains("binary:tool-linux-amd64") && run.stdout().contains("6 artifacts") || run.stdout().contains("5 artifacts"),
        "{}",
        run.stdout()
    );
    let made = outputs(&sf);
    let tool = artifact(&made, "binary:tool-windows-amd64");
    assert_eq!(tool["binary"]["path"], ".stagefreight/dist/tool/windows-amd64/tool.exe");
    assert_eq!((&tool["binary"]["os"], &tool["binary"]["build_id"]), (&"windows".into(), &"tool".into()));
    assert_eq!(sf.read(".stagefreight/dist/tool/windows-amd64/tool.exe"), "tool of windows amd64 v1.2.3");
    assert_eq!(artifact(&made, "archive:notes.txt")["archive"]["format"], "raw");
    let archive = artifact(&made, "archive:tool-1.2.3-linux-amd64.tar.gz");
    assert_eq!(archive["archive"]["set"], "packs");
    let listed = said(&sf, "tar", &["-tzf", ".stagefreight/dist/tool-1.2.3-linux-amd64.tar.gz"]);
    assert_eq!(listed.lines().collect::<Vec<_>>(), ["LICENSE", "notes.txt", "tool", "web/", "web/index.html"]);
    let zipped = said(&sf, "unzip", &["-Z1", ".stagefreight/dist/tool-1.2.3-windows-amd64.zip"]);
    assert!(zipped.lines().any(|line| line == "tool.exe"), "{zipped}");
    said(&sf, "sh", &["-c", "cd .stagefreight/dist && sha256sum -c SHA256SUMS"]);
    assert_eq!(sf.read(".stagefreight/dist/SHA256SUMS").lines().count(), 3);

    sf.run(&["review"]).code(0);
    sf.run(&["publish"]).code(0);
    sf.run(&["manifest", "verify", ".stagefreight/outputs.json", ".stagefreight/published.json"]).code(0);
    let results: Value = serde_json::from_str(&sf.read(".stagefreight/published.json")).expect("json");
    let result = |id: &str| results["results"].as_array().expect("results").iter().find(|result| result["artifact_id"] == id).cloned();
    let packed = result("archive:tool-1.2.3-linux-amd64.tar.gz").expect("a result");
    let body = &packed["outcomes"][0]["archive"];
    assert_eq!((&packed["outcomes"][0]["type"], &body["status"]), (&"archive_build".into(), &"success".into()));
    assert_eq!(body["sources"], serde_json::json!(["archive:notes.txt", "binary:tool-linux-amd64"]));
    assert_eq!(format!("sha256:{}", body["sha256"].as_str().expect("sha256")), archive["digest"].as_str().expect("digest"));
    let built = result("binary:tool-linux-amd64").expect("a result");
    assert_eq!((&built["outcomes"][0]["type"], &built["outcomes"][0]["binary"]["build_id"]), (&"binary_build".into(), &"tool".into()));
    sf.run(&["verify"]).code(0);
}

#[test]
fn an_equal_plan_is_reused_and_what_changed_on_disk_is_made_again_and_refused() {
    let sf = workspace(EVERY_KIND).file("LICENSE", "free\n").git().tag("v1.2.3");
    sf.run(&["perform"]).code(0);
    let first = sf.read(".stagefreight/dist/SHA256SUMS");
    let again = sf.run(&["perform"]).code(0);
    assert!(again.stdout().contains("reused") && !again.stdout().contains("built "), "{}", again.stdout());
    sf.run(&["perform", "--rebuild"]).code(0);
    assert_eq!(sf.read(".stagefreight/dist/SHA256SUMS"), first, "the same sources make the same bytes");
    sf.write(".stagefreight/dist/notes.txt", "changed");
    let review = sf.run(&["review"]).code(6);
    assert!(review.stderr().contains("archive:notes.txt"), "{}", review.stderr());
    let repaired = sf.run(&["perform"]).code(0);
    assert!(repaired.stdout().contains("built"), "{}", repaired.stdout());
    sf.run(&["review"]).code(0);
    // What was approved and changes afterwards is not reported as built.
    sf.write(".stagefreight/dist/notes.txt", "changed");
    sf.run(&["publish"]).code(1);
}

#[test]
fn files_of_another_day_are_taken_away() {
    let sf = workspace(EVERY_KIND).file("LICENSE", "free\n").git().tag("v1.2.3");
    sf.run(&["perform"]).code(0);
    sf.commit("second");
    sf.git_run(&["tag", "v1.3.0"]);
    sf.run(&["perform"]).code(0);
    let names = said(&sf, "ls", &[".stagefreight/dist"]);
    assert!(names.contains("tool-1.3.0-linux-amd64.tar.gz") && !names.contains("1.2.3"), "{names}");
    assert!(!sf.path().join(".stagefreight/making").exists());
}

#[test]
fn children_get_allowed_variables_and_secrets_are_masked() {
    let config = r#"
builds:
  seen:
    kind: command
    command: env >out/env.txt; echo "token is $DEPLOY_TOKEN"; echo "token is $DEPLOY_TOKEN" >&2
    dir: .
    pass_env: [DEPLOY_TOKEN, COLOUR]
    outputs: [{ type: file, source: out/env.txt }]
"#;
    let sf = workspace(config).env("DEPLOY_TOKEN", "s3cr3t-value-1").env("OTHER_TOKEN", "s3cr3t-value-2").env("COLOUR", "blue").git();
    // The step was given one of them, and writes all it has down.
    let sf = sf.meant_to_hold_secrets("out/env.txt").meant_to_hold_secrets(".stagefreight/dist/env.txt");
    std::fs::create_dir_all(sf.path().join("out")).expect("out");
    let run = sf.run(&["-v", "perform"]).code(0);
    assert!(!run.stderr().contains("s3cr3t") && run.stderr().contains("token is"), "{}", run.stderr());
    let env = sf.read("out/env.txt");
    assert!(env.contains("COLOUR=blue") && env.contains("DEPLOY_TOKEN=s3cr3t-value-1"), "{env}");
    assert!(env.contains("SOURCE_DATE_EPOCH=1782907200") && env.contains("TZ=UTC"), "{env}");
    assert!(!env.contains("OTHER_TOKEN") && !env.contains("NO_COLOR"), "{env}");
    for file in ["plan.json", "outputs.json", "builds.json"] {
        assert!(!sf.read(&format!(".stagefreight/{file}")).contains("s3cr3t"), "{file}");
    }
}

#[test]
fn steps_wait_for_what_they_need_and_run_beside_what_they_do_not() {
    // `b` ends only when `a` runs at the same time; `c` sees what both made.
    let config = r#"
builds:
  c:
    kind: command
    command: cat out/a out/b >out/c
    depends_on: [a, b]
    outputs: [{ type: file, source: out/c }]
  a:
    kind: command
    command: "mkdir -p out; touch out/a-began; n=0; until [ -e out/b-began ]; do sleep 0.05; n=$((n+1)); [ $n -lt 400 ] || exit 9; done; echo a >out/a"
    outputs: [{ type: file, source: out/a }]
  b:
    kind: command
    command: "mkdir -p out; touch out/b-began; n=0; until [ -e out/a-began ]; do sleep 0.05; n=$((n+1)); [ $n -lt 400 ] || exit 9; done; echo b >out/b"
    outputs: [{ type: file, source: out/b }]
"#;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let sf = workspace(config).git();
    if cores == 1 {
        // They would wait for each other for ever, and say so.
        sf.run(&["perform"]).code(1);
        return;
    }
    sf.run(&["perform"]).code(0);
    assert_eq!(sf.read(".stagefreight/dist/c"), "a\nb\n");
}
