//! The GitLab template, included by a project and run by `gitlab-ci-local`.

use std::process::Command;

use super::project::{binary, hello, release, root, succeed};
use crate::support::{Sf, component};

/// Runs the pipeline of tag v1.4.0; every run is another pipeline in the same workspace.
#[track_caller]
fn pipeline(sf: &Sf) -> String {
    let mut run = Command::new(component("gitlab-ci-local", "gitlab_ci_local"));
    run.args(["--force-shell-executor", "--no-color", "--variable", "CI_COMMIT_TAG=v1.4.0", "--variable", "GITLAB_CI=true"]);
    run.current_dir(sf.path()).env("HOME", sf.outside().join("home"));
    succeed(&mut run)
}

#[test]
fn the_included_template_releases_and_the_second_time_writes_nothing() {
    let template = std::fs::read(root().join("templates/gitlab/stagefreight.yml")).expect("template");
    let include = format!(
        "stages: [release]\ninclude:\n  - local: templates/stagefreight.yml\n    inputs: {{stage: release, job: ship, binary: {}}}\n",
        binary().display()
    );
    let sf = release(hello("tool").file("templates/stagefreight.yml", template).file(".gitlab-ci.yml", include));

    let first = pipeline(&sf);
    let image = |sf: &Sf| -> serde_json::Value {
        let outputs: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/outputs.json")).expect("JSON");
        outputs["artifacts"][0]["digest"].clone()
    };
    let made = image(&sf);
    let placements: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/placements.json")).expect("JSON");
    assert_eq!(placements["totals"]["complete"], 6, "{first}");
    assert_ne!(placements["totals"]["writes"], 0, "{first}");

    let second = pipeline(&sf);
    let placements: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/placements.json")).expect("JSON");
    assert_eq!(placements["totals"]["complete"], 6, "{second}");
    assert_eq!(placements["totals"]["writes"], 0, "{second}");
    assert_eq!(image(&sf), made, "the second run built something else");
}
