//! What can be wrong with a build of files, and what is said of it.

use super::workspace;
use crate::support::Sf;

fn refused(config: &str, code: i32, parts: &[&str]) -> Sf {
    let sf = workspace(config).git();
    let run = sf.run(&["perform"]).code(code);
    for part in parts {
        assert!(run.stderr().contains(part), "`{part}` in:\n{}", run.stderr());
    }
    assert!(!sf.path().join(".stagefreight/outputs.json").exists(), "nothing was recorded");
    sf
}

fn command(line: &str, outputs: &str) -> String {
    format!("builds:\n  gen:\n    kind: command\n    command: {line}\n    outputs: [{outputs}]\n")
}

#[test]
fn circles_are_named_in_full_when_the_config_is_read() {
    let config = r"
builds:
  app: { kind: docker, depends_on: packs }
  packs: { kind: archive, depends_on: tool }
  tool: { kind: binary, builder: go, depends_on: app }
";
    let sf = workspace(config).file("Dockerfile", "FROM scratch\nCOPY x /\n");
    let run = sf.run(&["config", "check"]);
    let run = if run.output.status.code() == Some(2) && run.stderr().contains("unrecognized") { sf.run(&["check"]) } else { run };
    assert_eq!(run.output.status.code(), Some(2), "{}", run.stderr());
    assert!(run.stderr().contains("in a circle: app → packs → tool → app"), "{}", run.stderr());
}

#[test]
fn what_the_config_cannot_mean() {
    for (config, part) in [
        ("builds:\n  a: { kind: binary, builder: command }\n", "has `builder: command` and no `command`"),
        ("builds:\n  a: { kind: binary, builder: command, command: [make] }\n", "nothing says which file the command makes"),
        ("builds:\n  a: { kind: binary, builder: go, command: [make] }\n", "`command` is not for `builder: go`"),
        ("builds:\n  a: { kind: binary, builder: zig }\n", "has `builder: zig` and no `from`"),
        ("builds:\n  a: { kind: binary, builder: go, libc: musl }\n", "`libc` is for"),
        ("builds:\n  a: { kind: binary, builder: go, from: ../x }\n", "leaves the repository"),
        ("builds:\n  a: { kind: binary, builder: go, env: { API_TOKEN: abc } }\n", "holds a secret by its name"),
        ("builds:\n  a: { kind: binary, builder: go, output: a/b }\n", "is not the name of a program"),
        ("builds:\n  a: { kind: archive, depends_on: b }\n", "build `b` is not defined"),
        ("builds:\n  a: { kind: command, command: x, outputs: [] }\n", "`outputs` is empty"),
        ("builds:\n  a: { kind: command, command: x, outputs: [{ type: file, source: /etc/passwd }] }\n", "is absolute"),
        (
            "builds:\n  a: { kind: command, command: x, outputs: [{ type: file, source: .stagefreight/outputs.json }] }\n",
            "is not something a command makes",
        ),
        (
            "builds:\n  a: { kind: command, command: x, outputs: [{ type: file, source: o }] }\n  b: { kind: command, command: y, outputs: [{ type: file, source: o }] }\n",
            "builds `a` and `b` both make o",
        ),
        ("builds:\n  a: { kind: binary, builder: cobol }\n", "builder `cobol`"),
        (
            "builds:\n  a: { kind: binary, builder: go }\n  b: { kind: docker, build_contexts: { tool: \"build:a\" } }\n",
            "build `a` makes files, and a context `build:` is an image",
        ),
    ] {
        let sf = workspace(config).git();
        let run = sf.run(&["plan"]).code(2);
        assert!(run.stderr().contains(part), "`{part}` in:\n{}", run.stderr());
    }
}

#[test]
fn two_builds_may_not_land_on_one_path_or_under_names_some_systems_lack() {
    let two = "builds:\n  a: { kind: command, command: x, outputs: [{ type: file, source: p/o.txt }] }\n  b: { kind: command, command: y, outputs: [{ type: file, source: q/O.txt }] }\n";
    let program = |more: &str| {
        format!(
            "builds:\n  t: {{ kind: binary, builder: command, command: 'echo >{{output}}', platforms: [linux/amd64, linux/arm64] }}\n{more}"
        )
    };
    for (config, part) in [
        (two.to_owned(), "`a` and `b` both land on .stagefreight/dist/O.txt"),
        (program("  p: { kind: archive, depends_on: t, name: same }\n"), "makes two files of the same name"),
        (program("  p: { kind: archive, depends_on: t, name: 'con.{arch}' }\n"), "device on Windows"),
        (program("  p: { kind: archive, depends_on: t, name: 'ü-{arch}' }\n"), "beyond ASCII"),
        (program("  p: { kind: archive, depends_on: t, name: 'a/{arch}' }\n"), "has a slash"),
        (program("  p: { kind: archive, depends_on: t, format: raw, prefix: x }\n"), "holds nothing else"),
        (command("x", "{ type: file, source: 'o/SHA256SUMS' }"), "SHA256SUMS"),
        (command("x", "{ type: file, source: 'o/NUL.txt' }"), "device on Windows"),
        (
            program("  i: { kind: docker, stage: { from: t, as: t } , platforms: [linux/amd64, linux/arm64] }\n"),
            "would both be t in the context",
        ),
        (program("  i: { kind: docker, stage: { from: t, as: t } , platforms: [linux/riscv64] }\n"), "makes nothing for it"),
    ] {
        let sf = workspace(&config).file("Dockerfile", "FROM scratch\nCOPY t /\n").git();
        let run = sf.run(&["plan"]).code(2);
        assert!(run.stderr().contains(part), "`{part}` in:\n{}", run.stderr());
    }
}

#[test]
fn outputs_that_are_missing_or_lead_elsewhere() {
    let file = "{ type: file, source: out/x }";
    refused(&command("'true'", file), 1, &["build gen: it made nothing at out/x"]);
    refused(&command("mkdir -p out && ln -s /etc/hostname out/x", file), 1, &["out/x is a symbolic link"]);
    refused(&command("ln -s /etc out && true", "{ type: file, source: out/hostname }"), 1, &["symbolic link, or lies below one"]);
    refused(&command("mkdir -p out/x", file), 1, &["is a directory", "type: tree"]);
    refused(&command("mkdir -p out && touch out/x", "{ type: tree, source: out/x }"), 1, &["is not a directory"]);
    let unwritten = "builds:\n  t: { kind: binary, builder: command, command: 'true || {output}' }\n";
    refused(unwritten, 1, &["made no file at .stagefreight/making/t-linux-"]);
    let linked = "builds:\n  t: { kind: binary, builder: command, command: 'ln -s /bin/sh {output}' }\n";
    refused(linked, 1, &["made no file at"]);
}

#[test]
fn a_failing_command_shows_its_code_and_its_last_lines() {
    let lines = "'for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $n; done; exit 7'";
    let sf = refused(&command(lines, "{ type: file, source: x }"), 1, &["build gen failed: exit code 7", "| line 12", "| line 4"]);
    let detail: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/failure-detail.json")).expect("json");
    assert_eq!((&detail["ExitCode"], &detail["build"]), (&7.into(), &"gen".into()));
    assert!(detail["Stderr"].as_str().expect("text").contains("line 12"), "{detail}");
}

#[test]
fn what_is_not_installed_is_named_with_the_way_to_get_it() {
    let config = command("[no-such-program, x]", "{ type: file, source: x }");
    refused(&config, 3, &["build gen needs `no-such-program`", "install no-such-program"]);
    // No toolchain is found on a PATH that only has the shell and git.
    let sf = workspace("builds:\n  t: { kind: binary, builder: go }\n").git();
    let bare = sf.outside().join("bin");
    std::fs::create_dir(&bare).expect("bin");
    let git = super::said(&sf, "sh", &["-c", "command -v git"]);
    std::os::unix::fs::symlink(git.trim(), bare.join("git")).expect("link");
    let sf = sf.env("PATH", &bare.display().to_string());
    let run = sf.run(&["perform"]).code(3);
    assert!(run.stderr().contains("`go`, which is not installed") && run.stderr().contains("https://go.dev/dl"), "{}", run.stderr());
}

#[test]
fn a_build_that_is_not_required_is_a_warning_and_so_is_what_needs_it() {
    let config = r"
builds:
  bad: { kind: command, command: exit 1, outputs: [{ type: file, source: x }], required: false }
  next: { kind: command, command: 'true', depends_on: bad, outputs: [{ type: file, source: y }], required: false }
  good: { kind: command, command: mkdir -p out && echo >out/z, outputs: [{ type: file, source: out/z }] }
";
    let sf = workspace(config).git();
    let run = sf.run(&["perform"]).code(0);
    assert!(run.stderr().contains("build bad failed and is not required"), "{}", run.stderr());
    assert!(run.stderr().contains("it needs bad, which failed"), "{}", run.stderr());
    assert!(run.stdout().contains("archive:z") && run.stdout().contains("1 artifact"), "{}", run.stdout());
    let needed = config.replace("outputs: [{ type: file, source: y }], required: false", "outputs: [{ type: file, source: y }]");
    refused(&needed, 1, &["build next was not made: it needs bad, which failed"]);
}

#[test]
fn a_part_of_the_platforms_cannot_be_built_of_files() {
    let config = "builds:\n  t: { kind: binary, builder: command, command: 'echo >{output}' }\n";
    let sf = workspace(config).git();
    let run = sf.run(&["perform", "--platform", "linux/amd64"]).code(2);
    assert!(run.stderr().contains("build `t` of this plan makes files"), "{}", run.stderr());
}
