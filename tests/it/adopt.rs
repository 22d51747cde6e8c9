//! `perform --from`: what other builders made, taken over, reviewed, published and verified.

mod files;
mod images;
mod mistakes;

use std::path::Path;
use std::process::Command;

use stagefreight::core::Digest;

use crate::support::Sf;
use crate::support::release::Registries;

/// A committed repository without a Dockerfile whose `app` goes to a registry.
fn repository(registries: &Registries, platforms: &str) -> Sf {
    let host = registries.servers[0].host();
    let config = format!(
        "version: 1\nregistries:\n  r0: {{ provider: generic, url: \"http://{host}\", default_path: acme/app }}\nbuilds:\n  app: {{ kind: \
         docker{platforms} }}\npublish:\n  image: {{ kind: registry, build: app, registry: r0, tags: [\"{{version}}\", latest] }}\n"
    );
    Sf::new()
        .file("main.go", "package main\n")
        .file(".gitignore", ".stagefreight/\nout/\ndist/\ntarget/\n")
        .file(".stagefreight.yml", config)
        .git()
        .tag("v1.4.0")
}

/// Reviews, publishes and verifies, and asserts that both tags hold the artifact that was taken over.
#[track_caller]
fn publish(sf: &Sf, registries: &Registries) -> String {
    sf.run(&["review"]).code(0);
    let published = sf.run(&["publish"]).code(0);
    assert!(published.stdout().contains("placed 2 of 2"), "{}", published.stdout());
    sf.run(&["verify"]).code(0);
    sf.run(&["manifest", "verify", ".stagefreight/outputs.json", ".stagefreight/published.json"]).code(0);
    let outputs = json(sf, "outputs");
    let app = outputs["artifacts"].as_array().expect("artifacts").iter().find(|artifact| artifact["id"] == "docker:app");
    let digest = app.expect("docker:app")["digest"].as_str().expect("digest").to_owned();
    for tag in ["1.4.0", "latest"] {
        assert_eq!(registries.digest(0, "acme/app", tag).as_deref(), Some(digest.as_str()));
    }
    digest
}

/// A file of `.stagefreight/`.
fn json(sf: &Sf, name: &str) -> serde_json::Value {
    serde_json::from_str(&sf.read(&format!(".stagefreight/{name}.json"))).expect("JSON")
}

/// Runs a program in a directory to its good end.
#[track_caller]
fn run(directory: &Path, program: &Path, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(directory).output().expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{} {args:?}: {told}", program.display());
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    Digest::of(bytes).hex().to_owned()
}

/// A program that says where it runs: an ELF header and what makes it this one.
fn program(machine: u16, what: &str) -> Vec<u8> {
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(2_u16.to_le_bytes());
    bytes.extend(machine.to_le_bytes());
    bytes.extend(what.as_bytes());
    bytes
}

const AMD64: u16 = 62;
const ARM64: u16 = 183;

/// A gzipped tar made by `tar`.
fn archive(sf: &Sf, directory: &str, file: &str, into: &str) {
    run(&sf.path(), Path::new("tar"), &["-czf", into, "-C", directory, file]);
}
