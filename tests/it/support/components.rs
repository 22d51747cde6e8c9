//! The real servers and clients that tests use. A missing one fails the test with the command that installs it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// Where `scripts/components` keeps them.
fn bin() -> PathBuf {
    let home = std::env::var_os("SF_COMPONENTS").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/stagefreight/components")));
    home.expect("HOME is set").join("bin")
}

/// `PATH` with the components in front, for children that look programs up themselves.
pub fn path_with_components() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(bin()).chain(std::env::split_paths(&path))).expect("PATH")
}

/// A program, by the name of its file and the component it belongs to: `component("crane", "crane")`.
#[track_caller]
pub fn component(program: &str, component: &str) -> PathBuf {
    std::env::split_paths(&path_with_components())
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("`{program}` is not installed; run: scripts/components install {component}"))
}

/// The docker client, with a daemon that answers.
#[track_caller]
pub fn docker() -> PathBuf {
    let docker = component("docker", "docker");
    let asked = Command::new(&docker).args(["version", "--format", "{{.Server.Version}}"]).output().expect("docker runs");
    assert!(asked.status.success(), "no docker daemon answers; run: scripts/components start docker");
    docker
}
