//! Real toolchains, and what they say when they fail.

use super::{artifact, outputs, said, workspace};

#[test]
fn go_compiles_for_platforms_and_its_errors_have_places() {
    let config = r#"
builds:
  hello:
    kind: binary
    builder: go
    from: ./cmd/hello
    args: ["-ldflags=-X main.version={version}"]
    platforms: [linux/amd64, windows/amd64, darwin/arm64]
"#;
    let main = "package main\n\nimport \"fmt\"\n\nvar version string\n\nfunc main() { fmt.Println(version) }\n";
    let sf = workspace(config).file("go.mod", "module example.com/hello\n\ngo 1.21\n").file("cmd/hello/main.go", main).git().tag("v2.0.0");
    sf.run(&["perform"]).code(0);
    let made = outputs(&sf);
    let hello = artifact(&made, "binary:hello-linux-amd64");
    assert!(hello["binary"]["toolchain"].as_str().is_some_and(|text| text.starts_with("go1.")), "{hello}");
    assert_eq!(said(&sf, ".stagefreight/dist/hello/linux-amd64/hello", &[]), "2.0.0\n");
    assert_eq!(artifact(&made, "binary:hello-windows-amd64")["binary"]["path"], ".stagefreight/dist/hello/windows-amd64/hello.exe");
    let head = |path: &str| std::fs::read(sf.path().join(path)).expect("program")[..4].to_vec();
    assert_eq!(head(".stagefreight/dist/hello/windows-amd64/hello.exe")[..2], *b"MZ");
    assert_eq!(head(".stagefreight/dist/hello/darwin-arm64/hello"), [0xcf, 0xfa, 0xed, 0xfe]);

    sf.write("cmd/hello/main.go", main.replace("fmt.Println(version)", "fmt.Println(verzion)"));
    sf.commit("a typo");
    let run = sf.run(&["perform"]).code(1);
    assert!(run.stderr().contains("[go] cmd/hello/main.go:7") && run.stderr().contains("undefined: verzion"), "{}", run.stderr());
}

#[test]
fn cargo_builds_and_says_what_is_missing() {
    let config = "builds:\n  tool: { kind: binary, builder: rust, dir: tool }\n";
    let manifest = "[package]\nname = \"tool\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    let sf = workspace(config)
        .file("tool/Cargo.toml", manifest)
        .file("tool/Cargo.lock", "version = 4\n\n[[package]]\nname = \"tool\"\nversion = \"0.1.0\"\n")
        .file("tool/src/main.rs", "fn main() { println!(\"{}\", 6 * 7); }\n")
        .git();
    sf.run(&["perform"]).code(0);
    let path = outputs(&sf)["artifacts"][0]["binary"]["path"].as_str().expect("path").to_owned();
    assert_eq!(said(&sf, &path, &[]), "42\n");

    sf.write("tool/src/main.rs", "fn main() { println!(\"{}\", 6 * ); }\n");
    sf.commit("a typo");
    let run = sf.run(&["perform"]).code(1);
    assert!(run.stderr().contains("[rustc] tool/src/main.rs:1") || run.stderr().contains("[rustc] src/main.rs:1"), "{}", run.stderr());

    sf.write(".stagefreight.yml", "version: 1\nbuilds:\n  tool: { kind: binary, builder: rust, dir: tool, platforms: [linux/s390x] }\n");
    let run = sf.run(&["perform"]).code(3);
    assert!(run.stderr().contains("rustup target add s390x-unknown-linux-gnu"), "{}", run.stderr());
    sf.write(".stagefreight.yml", "version: 1\nbuilds:\n  tool: { kind: binary, builder: rust, dir: tool, platforms: [plan9/amd64] }\n");
    let run = sf.run(&["perform"]).code(2);
    assert!(run.stderr().contains("no target for plan9/amd64"), "{}", run.stderr());
}

#[test]
fn a_c_compiler_is_a_command_and_its_programs_are_packed() {
    let config = r#"
builds:
  answer:
    kind: binary
    builder: command
    command: [gcc, -O2, -s, -o, "{output}", answer.c]
  pack: { kind: archive, depends_on: answer, format: tar.zst }
"#;
    let sf = workspace(config).file("answer.c", "#include <stdio.h>\nint main(void) { puts(\"42\"); return 0; }\n").git().tag("v1.0.0");
    sf.run(&["perform"]).code(0);
    let program = outputs(&sf)["artifacts"][0]["binary"]["path"].as_str().expect("path").to_owned();
    assert_eq!(said(&sf, &program, &[]), "42\n");
    let names = said(&sf, "sh", &["-c", "tar --zstd -tf .stagefreight/dist/answer-1.0.0-linux-*.tar.zst"]);
    assert_eq!(names, "answer\n");
    sf.write("answer.c", "int main(void) { return x; }\n");
    sf.commit("a typo");
    let run = sf.run(&["perform"]).code(1);
    assert!(run.stderr().contains("[cc] answer.c:1:"), "{}", run.stderr());
}

/// The search path with the directory of a component in front.
fn path_with(component: &str, program: &str) -> String {
    let program = crate::support::component(component, program);
    let own = program.parent().into_iter().map(std::path::Path::to_owned);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(own.chain(std::env::split_paths(&path))).expect("PATH").to_string_lossy().into_owned()
}

#[test]
fn zig_compiles_c_for_this_machine_and_for_another_system() {
    let host = stagefreight::core::Platform::host();
    let config =
        format!("builds:\n  hello: {{ kind: binary, builder: zig, from: hello.c, platforms: [linux/{}, windows/amd64] }}\n", host.arch);
    let sf = workspace(&config)
        .env("PATH", &path_with("zig", "zig"))
        .file("hello.c", "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n")
        .git();
    sf.run(&["perform"]).code(0);
    let made = outputs(&sf);
    let own = made["artifacts"].as_array().expect("artifacts").iter().find(|artifact| artifact["binary"]["os"] == "linux");
    assert_eq!(said(&sf, own.expect("this machine's")["binary"]["path"].as_str().expect("path"), &[]), "hello\n");
    let windows = std::fs::read(sf.path().join(".stagefreight/dist/hello/windows-amd64/hello.exe")).expect("program");
    assert!(windows.starts_with(b"MZ"));
}

#[test]
fn bun_makes_a_program_of_itself_and_a_script() {
    let sf = workspace("builds:\n  hello: { kind: binary, builder: bun, from: hello.ts }\n")
        .env("PATH", &path_with("bun", "bun"))
        .file("hello.ts", "console.log('hello', process.argv.slice(2).join('+'));\n")
        .git();
    sf.run(&["perform"]).code(0);
    let binary = outputs(&sf)["artifacts"][0]["binary"].clone();
    assert_eq!(said(&sf, binary["path"].as_str().expect("path"), &["a", "b"]), "hello a+b\n");
}

#[test]
fn node_makes_a_program_of_itself_and_a_script() {
    let config = "builds:\n  hello: { kind: binary, builder: node, from: hello.js }\n";
    let path = path_with("postject", "postject");
    let script = "console.log('hello', process.argv.slice(2).join('+'));\n";
    let sf = workspace(config).env("PATH", &path).file("hello.js", script).git();
    sf.run(&["perform"]).code(0);
    let made = outputs(&sf);
    let binary = &made["artifacts"][0]["binary"];
    assert!(binary["toolchain"].as_str().is_some_and(|text| text.starts_with("node ")), "{binary}");
    assert_eq!(said(&sf, binary["path"].as_str().expect("path"), &["a", "b"]), "hello a+b\n");
    sf.write(
        ".stagefreight.yml",
        "version: 1\nbuilds:\n  hello: { kind: binary, builder: node, from: hello.js, platforms: [darwin/arm64] }\n",
    );
    let run = sf.run(&["perform"]).code(2);
    assert!(run.stderr().contains("a copy of this machine's node"), "{}", run.stderr());
}
