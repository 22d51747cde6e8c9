//! Releases and packages at a real Gitea from the command line: plan, perform, review, publish, status, verify, again.

use crate::support::Gitea;
use crate::support::forge_cli::Workspace;

const PUBLISH: &str = r#"  release:
    kind: release
    repos: [home, mirror]
    archives: [pack, tool]
    aliases: ["v{major}"]
    when: { git_tags: [stable] }
  package: { kind: generic-package, repo: home, package: PACKAGE, archives: pack, when: { git_tags: [stable] } }
"#;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime")
}

#[test]
fn a_release_and_its_mirror_and_a_package_go_from_the_config_to_what_verify_says() {
    let (gitea, runtime) = (Gitea::get(), runtime());
    let (home, mirror) = runtime.block_on(async { (gitea.empty_repository().await, gitea.empty_repository().await) });
    let workspace = Workspace::new().env("HOME_TOKEN", &gitea.token).env("MIRROR_TOKEN", "not-a-token-of-this-gitea-at-all");
    let package = home.replace('/', "-");
    let url = gitea.url.trim_end_matches('/');
    let places = format!(
        "forges:\n  one: {{ provider: gitea, url: \"{url}\", credentials: HOME }}\n  two: {{ provider: gitea, url: \"{url}\", credentials: MIRROR }}\n\
         repos: {{ home: {{ forge: one, project: {home} }}, mirror: {{ forge: two, project: {mirror}, roles: mirror }} }}\n"
    );
    workspace.config(&places, &PUBLISH.replace("PACKAGE", &package));
    for (project, refs) in [(&home, &["main", "v1.4.0"][..]), (&mirror, &["main"][..])] {
        let remote = gitea.remote(project);
        workspace.sf.git_run(&[&["push", "-q", remote.as_str()], refs].concat());
    }
    let plan = workspace.run(&["release", "plan"], 0).stdout();
    assert!(plan.contains(&format!("{home}@v1.4.0")) && plan.contains(&format!("{mirror}@v1.4.0")), "{plan}");
    // The mirror's token is wrong: preflight says so, and the first publish finishes the rest.
    let refused = workspace.run(&["preflight"], 3);
    assert!(format!("{}{}", refused.stdout(), refused.stderr()).contains("401"), "{}", refused.stderr());
    workspace.run(&["perform"], 0);
    workspace.run(&["review"], 0);
    workspace.run(&["publish"], 3);
    let set = [
        "SHA256SUMS",
        "tool-1.4.0-linux-amd64.tar.gz",
        "tool-1.4.0-windows-amd64.zip",
        "tool-linux-amd64",
        "tool-windows-amd64.exe",
        "verification.json",
    ];
    let names = |project: &str| {
        let offered = runtime.block_on(gitea.offered(project, "v1.4.0"));
        offered.map(|files| files.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
    };
    assert_eq!(names(&home).as_deref(), Some(&set.map(str::to_owned)[..]));
    assert_eq!(names(&mirror), None);
    let first = workspace.writes();
    assert!(first > 5, "{first}");

    // With the right one only the mirror is written.
    let workspace = workspace.env("MIRROR_TOKEN", &gitea.token);
    workspace.run(&["publish"], 0);
    assert_eq!(names(&mirror).as_deref(), Some(&set.map(str::to_owned)[..]));
    let placements = workspace.sf.placements();
    let state = |part: &str, state: &str| {
        let all = placements["destinations"].as_array().expect("destinations");
        all.iter().filter(|one| one["name"].as_str().is_some_and(|name| name.contains(part))).all(|one| one["state"] == state)
    };
    assert!(state(&format!("{home}@"), "complete") && state(&format!("{mirror}@"), "placed"), "{placements:#}");
    let status = workspace.run(&["status", "--output", "json"], 0).json();
    assert!(status["destinations"].as_array().expect("lines").iter().all(|line| line["state"] == "complete"), "{status:#}");
    workspace.run(&["release", "verify"], 0);
    workspace.run(&["verify"], 0);
    workspace.run(&["publish"], 0);
    assert_eq!(workspace.writes(), 0);

    // Taken back, and what is left behind cleaned away: a plan first.
    workspace.run(&["release", "yank", "v1.4.0", "--reason", "it loses data", "--repo", "home"], 0);
    workspace.run(&["release", "yank", "v9.9.9", "--reason", "x"], 1);
    workspace.run(&["publish"], 0);
    assert_eq!(workspace.writes(), 0, "the mark stays");
    let planned = workspace.run(&["release", "prune", "--keep-last", "1", "--output", "json"], 0).json();
    assert_eq!((planned["applied"].as_bool(), planned["removed"].as_u64()), (Some(false), Some(0)), "{planned:#}");
    workspace.run(&["release", "prune", "--repo", "nowhere"], 2);
    workspace.assert_never_seen(&gitea.token);
    workspace.assert_never_seen("not-a-token-of-this-gitea-at-all");
}
