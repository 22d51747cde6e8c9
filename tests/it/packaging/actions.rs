//! The shipped actions, run by `act`: the docker action in containers, the setup action on the host.

use std::path::PathBuf;
use std::process::Command;

use super::project::{binary, binary_sha256, hello, release, root, succeed};
use crate::support::{Sf, component, docker};

/// Two releases of the same commit in one job. What the action says is checked by the job itself.
const CHECKS: &str = r#"
      - run: |
          test "$VERSION" = 1.4.0
          test "${DIGEST#sha256:}" != "$DIGEST"
          test "$PLACED" = 6
          test "$FIRST_WRITES" -gt 0
          test "$SECOND_WRITES" = 0
          test "$SECOND_DIGEST" = "$DIGEST"
          test -s "$MANIFEST"
          test -s "$PLACEMENTS"
          echo "released twice, $SECOND_WRITES writes"
        env:
          VERSION: ${{ steps.first.outputs.version }}
          DIGEST: ${{ steps.first.outputs.digest }}
          PLACED: ${{ steps.second.outputs.placed }}
          FIRST_WRITES: ${{ steps.first.outputs.writes }}
          SECOND_WRITES: ${{ steps.second.outputs.writes }}
          SECOND_DIGEST: ${{ steps.second.outputs.digest }}
          MANIFEST: ${{ steps.second.outputs.manifest }}
          PLACEMENTS: ${{ steps.second.outputs.placements }}
"#;

/// Runs the workflow `w.yml` as the push of tag v1.4.0.
#[track_caller]
fn act(sf: &Sf, args: &[&str]) -> String {
    let event = sf.outside().join("event.json");
    std::fs::write(&event, r#"{"ref": "refs/tags/v1.4.0", "repository": {"full_name": "acme/hello", "default_branch": "main"}}"#)
        .expect("event");
    // act asks a first-time user which image to take unless it finds its config.
    let config = sf.outside().join("config");
    std::fs::create_dir_all(config.join("act")).expect("config directory");
    std::fs::write(config.join("act/actrc"), "").expect("actrc");
    let mut act = Command::new(component("act", "act"));
    act.args(["push", "--rm", "--workflows", ".github/workflows/w.yml", "--eventpath"]).arg(event).args(args).current_dir(sf.path());
    act.env("XDG_CONFIG_HOME", config).env("XDG_CACHE_HOME", sf.outside().join("cache")).env("HOME", sf.outside().join("home"));
    succeed(&mut act)
}

#[test]
fn the_docker_action_releases_and_the_second_time_writes_nothing() {
    let docker = docker();
    component("busybox", "busybox");
    let tool = format!("stagefreight-{}", std::process::id());
    let (job_image, action_image) = (format!("{tool}-job:latest"), format!("act-{tool}-dockeraction:latest"));
    let _removed = Images(docker.clone(), vec![job_image.clone(), action_image.clone()]);

    succeed(Command::new(root().join("scripts/job-image")).arg(&job_image).arg(binary()));
    // The shipped Dockerfile, with the binaries under test in place of the stage that compiles it. act takes an image of
    // this name for the action's instead of building one.
    let mut build = Command::new(&docker);
    build.args(["buildx", "build", "--quiet", "--load", "--provenance=false", "--tag", &action_image]);
    build.arg("--build-context").arg(format!("binary={}", binary().parent().expect("directory").display()));
    build.arg("--build-arg").arg(format!("BASE={job_image}")).arg(root());
    succeed(&mut build);
    for adapter in ["fs", "s3", "oci"] {
        let program = format!("/usr/local/bin/epack-remote-{adapter}");
        let said = succeed(Command::new(&docker).args(["run", "--rm", "--entrypoint", &program, &action_image, "--capabilities"]));
        assert!(said.contains(&format!(r#""name": "{adapter}""#)), "{said}");
    }

    let workflow = format!(
        "name: {tool}\non: push\njobs:\n  release:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      \
         - id: first\n        uses: ./{tool}\n      - id: second\n        uses: ./{tool}\n        with: {{phase: all, directory: .}}{CHECKS}"
    );
    let sf = release(hello(&tool).file(".github/workflows/w.yml", workflow));
    let platform = format!("ubuntu-latest={job_image}");
    let said = act(&sf, &["--platform", &platform, "--pull=false", "--rebuild=false"]);
    assert!(said.contains("released twice, 0 writes"), "{said}");
}

#[test]
fn the_setup_action_puts_the_binary_on_path_and_it_releases() {
    let release_step = |id: &str| format!("      - id: {id}\n        run: stagefreight ci run all\n");
    let workflow = format!(
        "on: push\njobs:\n  release:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      \
         - id: setup\n        uses: ./tool/setup\n        with: {{path: {}, sha256: {}, version: {}}}\n{}{}{}",
        binary().display(),
        binary_sha256(),
        env!("CARGO_PKG_VERSION"),
        release_step("first"),
        release_step("second"),
        CHECKS.trim_start_matches('\n')
    );
    let sf = release(hello("tool").file(".github/workflows/w.yml", workflow));
    let said = act(&sf, &["--platform", "ubuntu-latest=-self-hosted"]);
    assert!(said.contains("released twice, 0 writes"), "{said}");
}

/// Images of this test, removed with it.
struct Images(PathBuf, Vec<String>);

impl Drop for Images {
    fn drop(&mut self) {
        drop(Command::new(&self.0).args(["image", "rm", "--force"]).args(&self.1).output());
    }
}
