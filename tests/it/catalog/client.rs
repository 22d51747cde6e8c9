//! GitLab's own client publishes the same components at the same embedded GitLab: what it tells is what we tell.

use std::process::Command;

use super::{FILES, PROJECT, PUBLISH, TAG, listed, prepared};
use crate::forge_gitlab::lab::Lab;
use crate::forge_gitlab::scene::PERSONAL;
use crate::support::component;

#[test]
fn what_is_told_of_components_is_what_the_official_client_tells() {
    let ours = prepared(Lab::of_altered_person(PUBLISH, listed));
    ours.workspace.run(&["publish"], 0);
    let theirs = Lab::of_altered_person(PUBLISH, listed);
    let home = tempfile::tempdir().expect("temporary directory");
    for (path, text) in FILES {
        theirs.workspace.sf.write(path, text);
    }
    let host = theirs.server().url().trim_start_matches("http://").to_owned();
    let config = format!("check_update: false\nno_prompt: true\nhosts:\n  \"{host}\":\n    api_protocol: http\n    api_host: \"{host}\"\n");
    let path = home.path().join("config.yml");
    std::fs::write(&path, format!("{config}    token: {PERSONAL}\n")).expect("config");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("mode");
    let output = Command::new(component("glab", "glab"))
        .args(["release", "create", TAG, "--publish-to-catalog", "--notes", "x", "-R", PROJECT])
        .current_dir(theirs.workspace.sf.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("GLAB_CONFIG_DIR", home.path())
        .env("GITLAB_HOST", theirs.server().url())
        .env("NO_COLOR", "1")
        .output()
        .expect("glab runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(said.contains("explore/catalog/acme/app"), "{said}");
    let (ours_told, theirs_told) = (ours.server().components(PROJECT, TAG), theirs.server().components(PROJECT, TAG));
    assert_eq!(ours_told.len(), 3);
    // The client walks the directory, so its order is that of paths; the catalog keeps names.
    let sorted = |mut told: Vec<serde_json::Value>| {
        told.sort_by_key(|component| component["name"].as_str().map(str::to_owned));
        told
    };
    assert_eq!(sorted(ours_told), sorted(theirs_told));
    // Its traffic is what the description allows, so that the description is not ours alone.
    theirs.findings.assert_none();
    ours.findings.assert_none();
}
