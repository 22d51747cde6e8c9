//! A release and a package at GitLab from the command line, as a job that has nothing but its token.

use super::lab::Lab;
use super::scene::JOB;

const PUBLISH: &str = r#"  release: { kind: release, repos: home, archives: [pack, tool], when: { git_tags: [stable] } }
  package: { kind: generic-package, repo: home, package: tools, archives: [pack], aliases: [latest], when: { git_tags: [stable] } }
"#;

#[test]
fn a_job_releases_from_the_config_to_what_verify_says() {
    let lab = Lab::start(PUBLISH);
    let (workspace, server) = (&lab.workspace, lab.server());
    for command in ["preflight", "perform", "review", "publish", "verify"] {
        workspace.run(&[command], 0);
    }
    let releases = server.releases("acme/app");
    assert_eq!((releases.len(), releases[0].links.len()), (1, 7), "{releases:#?}");
    let page = format!("{}/acme/app/-/packages?type=Generic&search[]=tools", server.url());
    assert!(releases[0].links.contains(&("tools 1.4.0".to_owned(), page.clone(), "package".to_owned())), "{releases:#?}");
    assert!(releases[0].description.contains(&format!("tools/1.4.0`]({page})")), "{}", releases[0].description);
    assert!(releases[0].description.contains("a new way"), "{}", releases[0].description);
    let files = server.files("acme/app");
    let of = |package: &str, version: &str| files.iter().filter(|file| file.package == package && file.version == version).count();
    assert_eq!((of("app", "v1.4.0"), of("tools", "1.4.0"), of("tools", "latest")), (6, 3, 1), "{files:#?}");
    let status = workspace.run(&["status", "--output", "json"], 0).json();
    assert!(status["destinations"].as_array().expect("lines").iter().all(|line| line["state"] == "complete"), "{status:#}");
    server.log().clear();
    workspace.run(&["publish"], 0);
    assert!(server.log().writes().is_empty() && workspace.writes() == 0, "{:#?}", server.log().writes());
    lab.findings.assert_none();
    workspace.assert_never_seen(JOB);
}
