//! `setup/install.sh` by itself: what it refuses.

use std::path::Path;
use std::process::Command;

use crate::support::Sf;

struct Outcome {
    code: Option<i32>,
    said: String,
    path: String,
    output: String,
}

fn install(sf: &Sf, inputs: &[(&str, &str)]) -> Outcome {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("setup/install.sh");
    let (path, output) = (sf.outside().join("path"), sf.outside().join("output"));
    std::fs::write(&path, "").expect("path file");
    std::fs::write(&output, "").expect("output file");
    let mut command = Command::new("bash");
    command.arg(script).current_dir(sf.path()).env("RUNNER_TEMP", sf.outside().join("runner"));
    command.env("GITHUB_PATH", &path).env("GITHUB_OUTPUT", &output).envs(inputs.iter().copied());
    let ran = command.output().expect("bash runs");
    let read = |path: &Path| std::fs::read_to_string(path).expect("command file");
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    Outcome { code: ran.status.code(), said, path: read(&path), output: read(&output) }
}

/// A program that answers `version` as ours does, and its SHA-256.
const PROGRAM: &str = "#!/bin/sh\necho 'stagefreight 9.8.7'\n";
const SHA256: &str = "7a3e8d";

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    base16ct::lower::encode_string(&sha2::Sha256::digest(text))
}

#[test]
fn a_binary_with_the_right_digest_comes_on_path() {
    let sf = Sf::new().file("tool", PROGRAM);
    let outcome = install(&sf, &[("SETUP_PATH", "tool"), ("SETUP_SHA256", &sha256(PROGRAM)), ("SETUP_VERSION", "v9.8.7")]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.said);
    let directory = outcome.path.trim();
    assert!(Path::new(directory).join("stagefreight").is_file(), "{directory}");
    assert_eq!(outcome.output, format!("version=9.8.7\npath={directory}/stagefreight\n"));
}

#[test]
fn anything_else_is_refused_and_leaves_nothing() {
    let right = sha256(PROGRAM);
    let upper = right.to_uppercase();
    let other = sha256("something else");
    let cases: [(&str, &[(&str, &str)]); 8] = [
        ("it was not installed", &[("SETUP_PATH", "tool"), ("SETUP_SHA256", &other)]),
        ("must be 64 lower-case", &[("SETUP_PATH", "tool"), ("SETUP_SHA256", SHA256)]),
        ("must be 64 lower-case", &[("SETUP_PATH", "tool"), ("SETUP_SHA256", &upper)]),
        ("must be 64 lower-case", &[("SETUP_PATH", "tool")]),
        ("one of the inputs", &[("SETUP_SHA256", &right)]),
        ("only one of the inputs", &[("SETUP_PATH", "tool"), ("SETUP_URL", "https://example.com/x"), ("SETUP_SHA256", &right)]),
        ("must begin with https://", &[("SETUP_URL", "http://example.com/x"), ("SETUP_SHA256", &right)]),
        ("says it is version 9.8.7, not 1.0.0", &[("SETUP_PATH", "tool"), ("SETUP_SHA256", &right), ("SETUP_VERSION", "1.0.0")]),
    ];
    for (message, inputs) in cases {
        let sf = Sf::new().file("tool", PROGRAM);
        let outcome = install(&sf, inputs);
        assert_eq!(outcome.code, Some(1), "{inputs:?}: {}", outcome.said);
        assert!(outcome.said.contains(message), "{inputs:?}: {}", outcome.said);
        assert!(outcome.path.is_empty() && outcome.output.is_empty(), "{inputs:?}: {}{}", outcome.path, outcome.output);
    }
}
