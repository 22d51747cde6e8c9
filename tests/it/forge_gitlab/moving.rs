//! A release that moves at GitLab: its package shows the newest files, its links change, and its tag moves by git's own protocol.

use stagefreight::rehearse::forge_gitlab::HeldRelease;

use super::lab::Lab;

const NIGHTLY: &str = r#"  release: { kind: release, repos: home, archives: [pack, tool], rolling: [nightly] }
"#;

/// Names a release shows, each with the digest of what a download gets, sorted.
fn offered(lab: &Lab, tag: &str) -> Vec<(String, String)> {
    let files = lab.server().files("acme/app");
    let release = release(lab, tag);
    let newest = |name: &String| {
        let found = files.iter().rev().find(|file| file.version == tag && file.name == *name);
        found.unwrap_or_else(|| panic!("a link to nothing: {name}")).digest.hex().to_owned()
    };
    let mut shown: Vec<(String, String)> = release.links.iter().map(|(name, ..)| (name.clone(), newest(name))).collect();
    shown.sort();
    shown
}

fn release(lab: &Lab, tag: &str) -> HeldRelease {
    let releases = lab.server().releases("acme/app");
    releases.into_iter().find(|release| release.tag == tag).unwrap_or_else(|| panic!("no release {tag}"))
}

fn run_all(lab: &Lab) {
    for command in ["perform", "review", "publish", "verify"] {
        lab.workspace.run(&[command], 0);
    }
}

#[test]
fn a_release_that_moves_is_changed_in_place() {
    let mut lab = Lab::of_person(NIGHTLY);
    run_all(&lab);
    assert_eq!(offered(&lab, "nightly"), offered(&lab, "v1.4.0"));
    assert_eq!(offered(&lab, "nightly").len(), 6);
    lab.workspace.run(&["publish"], 0);
    assert_eq!(lab.workspace.writes(), 0);

    lab.workspace.sf.write("a", "changed");
    lab.workspace.sf.commit("feat: what is new");
    lab.workspace.sf.git_run(&["tag", "v1.5.0"]);
    let commit = lab.workspace.commit();
    lab.server().set_tag("acme/app", "v1.5.0", Some(&commit));
    lab.workspace = lab.workspace.env("SF_CI_TAG", "v1.5.0");
    run_all(&lab);
    assert_eq!(offered(&lab, "nightly"), offered(&lab, "v1.5.0"));
    assert!(lab.server().tags("acme/app").contains(&("nightly".to_owned(), commit)));
    assert!(release(&lab, "nightly").description.contains("what is new"));
    assert_eq!(lab.server().releases("acme/app").len(), 3);
    let left = lab.server().files("acme/app").into_iter().filter(|file| file.version == "nightly" && file.name.contains("1.4.0"));
    assert_eq!(left.count(), 0, "files of the release before");
    lab.workspace.run(&["publish"], 0);
    assert_eq!(lab.workspace.writes(), 0);
    lab.findings.assert_none();
}

#[test]
fn a_job_makes_it_and_is_told_that_it_may_not_move_its_tag() {
    let mut lab = Lab::start(NIGHTLY);
    run_all(&lab);
    lab.workspace.sf.write("a", "changed");
    lab.workspace.sf.commit("feat: what is new");
    lab.workspace.sf.git_run(&["tag", "v1.5.0"]);
    lab.server().set_tag("acme/app", "v1.5.0", Some(&lab.workspace.commit()));
    lab.workspace = lab.workspace.env("SF_CI_TAG", "v1.5.0");
    lab.workspace.run(&["perform"], 0);
    lab.workspace.run(&["review"], 0);
    let refused = lab.workspace.run(&["publish"], 3);
    assert!(refused.stderr().contains("write the repository"), "{}", refused.stderr());
    assert_eq!(offered(&lab, "v1.5.0").len(), 6, "the release itself is there");
    lab.findings.assert_none();
}
