//! `examples/hello` as a project of its own, with StageFreight brought along as a user would bring it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::{Sf, path_with_components};

/// The repository these tests are in.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The binary under test.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_stagefreight"))
}

/// The service compiled for two architectures, once for all tests.
fn compiled() -> &'static Path {
    static COMPILED: OnceLock<tempfile::TempDir> = OnceLock::new();
    COMPILED
        .get_or_init(|| {
            let directory = tempfile::tempdir().expect("temporary directory");
            copy(&root().join("examples/hello"), directory.path());
            let mut build = Command::new(directory.path().join("build"));
            // What cargo tells its tests is not for the build of another package.
            build.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
            succeed(&mut build);
            directory
        })
        .path()
}

/// A repository at tag v1.4.0: the example, compiled, and a copy of our actions in `tool/` under a name of its own.
pub fn hello(tool: &str) -> Sf {
    let sf = Sf::new();
    for part in [".stagefreight.yml", "Dockerfile", ".dockerignore"] {
        sf.write(part, std::fs::read(root().join("examples/hello").join(part)).expect("example file"));
    }
    copy(&compiled().join("dist"), &sf.path().join("dist"));
    // act copies what git does not ignore, so the compiled service must not be ignored here.
    sf.write(".gitignore", "/.stagefreight/\n");
    for file in ["action.yml", "Dockerfile", "setup/action.yml", "setup/install.sh"] {
        sf.write(&format!("{tool}/{file}"), std::fs::read(root().join(file)).expect("packaging file"));
    }
    sf
}

/// Commits, tags, and names a remote, as a checkout in CI has them.
pub fn release(sf: Sf) -> Sf {
    let sf = sf.git().tag("v1.4.0");
    sf.git_run(&["remote", "add", "origin", "https://github.com/acme/hello.git"]);
    sf
}

/// SHA-256 of the binary under test.
pub fn binary_sha256() -> String {
    let digest = succeed(Command::new("sha256sum").arg(binary()));
    digest.split_whitespace().next().expect("digest").to_owned()
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("directory");
    for entry in std::fs::read_dir(from).expect("readable directory") {
        let entry = entry.expect("entry");
        let to: PathBuf = to.join(entry.file_name());
        if entry.file_type().expect("type").is_dir() {
            if entry.file_name() != "target" {
                copy(&entry.path(), &to);
            }
        } else {
            std::fs::copy(entry.path(), to).expect("copy");
        }
    }
}

/// Runs a command to its end and gives what it printed; fails with all of it when the command does.
#[track_caller]
pub fn succeed(command: &mut Command) -> String {
    let output = command.env("PATH", path_with_components()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}:\n{text}", output.status);
    text
}
