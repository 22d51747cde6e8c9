//! Pruning where several entries publish to one place, or are called like something else.

use serde_json::Value;
use stagefreight::rehearse::fault::{Fault, FaultPlan, When};

use super::prune::publish;
use crate::artifact_store::servers::{S3_USER, Server};
use crate::forge_gitlab::lab::Lab;
use crate::support::forge_cli::Workspace;

fn states(told: &Value) -> Vec<String> {
    let packages = told["packages"].as_array().expect("packages");
    packages.iter().map(|one| format!("{} {}", one["path"].as_str().unwrap_or(""), one["state"].as_str().unwrap_or(""))).collect()
}

#[test]
fn what_any_entry_at_a_bucket_keeps_stays() {
    let server = Server::s3();
    let mut workspace = Workspace::new().env("FILES_ACCESS_KEY_ID", S3_USER.0).env("FILES_SECRET_ACCESS_KEY", S3_USER.1);
    let entry = |id: &str, url: &str, path: &str, further: &str| {
        let host = &server.host;
        format!(
            "  {id}: {{ kind: files, url: \"s3://{url}\", endpoint: \"http://{host}\", {path} archives: pack, credentials: files{further} }}\n"
        )
    };
    let config = |workspace: &Workspace, stable: &str, nightly: &str| {
        workspace.config("", &format!("{stable}{nightly}"));
    };
    config(&workspace, &entry("stable", "test/tools", "path: app,", ""), "");
    for tag in ["v1.5.0", "v1.6.0", "v1.7.0"] {
        workspace = publish(workspace, tag);
    }
    let prune = |workspace: &Workspace, args: &[&str]| workspace.run(&[&["release", "prune", "--output", "json"], args].concat(), 0).json();
    // The same directory under three descriptions, each with a rule of its own: the more generous one counts, once.
    let stable = entry("stable", "test/tools", "path: app,", ", retention: 2");
    for nightly in [("test/tools", "path: app,"), ("test", "path: tools/app,"), ("test/tools/app", "")] {
        let nightly = entry("nightly", nightly.0, nightly.1, ", retention: 1");
        for (first, second) in [(&stable, &nightly), (&nightly, &stable)] {
            config(&workspace, first, second);
            let told = prune(&workspace, &[]);
            assert_eq!(
                states(&told),
                ["tools/app/1.5.0 goes", "tools/app/1.6.0 stays", "tools/app/1.7.0 stays"].map(|one| {
                    // Directories are named below the prefix of the entry that comes first.
                    let prefix = if first.contains("test/tools/app") {
                        "tools/app/"
                    } else if first.contains("test/tools") {
                        "tools/"
                    } else {
                        ""
                    };
                    one.strip_prefix(prefix).expect("below it").to_owned()
                }),
                "{first}{second}"
            );
            assert_eq!(told["removed"], 1);
        }
    }
    // Who says nothing keeps everything, and so does a directory that may be this one; the screen says whose rule it is.
    for (nightly, why) in [
        (entry("nightly", "test/tools", "path: app,", ""), "publish `nightly` keeps everything here"),
        (
            entry("nightly", "test/tools", "path: app,", ", retention: { keep_last: 0, keep_daily: 0 }"),
            "publish `nightly` keeps everything here",
        ),
        (entry("nightly", "test", "path: \"tools/{branch}\",", ""), "publish `nightly` keeps everything here"),
    ] {
        config(&workspace, &stable, &nightly);
        let told = prune(&workspace, &["--apply"]);
        assert_eq!((told["removed"].as_u64(), states(&told).len()), (Some(0), 3), "{told:#}");
        let said = workspace.run(&["release", "prune"], 0).stdout();
        assert_eq!(said.matches(why).count(), 3, "{said}");
        // What somebody says is instead of all entries' rules.
        assert_eq!(prune(&workspace, &["--keep-last", "1"])["removed"], 2);
    }
    // A default that entries inherit is a rule of theirs.
    workspace.config("retention: 1\n", &format!("{stable}{}", entry("nightly", "test/tools", "path: app,", "")));
    assert_eq!(prune(&workspace, &["--apply", "--most", "1"])["removed"], 1);
    assert!(!server.data().join("test/tools/app/1.5.0").exists() && server.data().join("test/tools/app/1.6.0").is_dir());
    // Elsewhere in the bucket is elsewhere.
    config(&workspace, &entry("stable", "test/tools", "path: app,", ", retention: 1"), &entry("nightly", "test/tools", "path: other,", ""));
    assert_eq!(prune(&workspace, &[])["removed"], 1);
}

#[test]
fn a_bucket_is_no_repository_of_the_same_name() {
    let lab = Lab::of_person(
        "  home: { kind: files, url: \"s3://test\", endpoint: \"http://127.0.0.1:9\", path: app, archives: [pack], retention: 1 }\n",
    );
    let told = lab.workspace.run(&["release", "prune", "--repo", "home", "--output", "json"], 0).json();
    assert_eq!((told["packages"].as_array().map(Vec::len), told["releases"].as_array().map(Vec::len)), (Some(0), Some(0)), "{told:#}");
}

/// The second look at a package, before it is pruned, is refused.
#[test]
fn what_was_removed_is_told_when_another_package_can_not_be_looked_at_again() {
    let entry = |package: &str| {
        format!("  {package}: {{ kind: generic-package, repo: home, package: {package}, archives: [pack], retention: 1 }}\n")
    };
    let all = ["alpha", "beta", "gamma"].map(entry).concat();
    let mut lab = Lab::of_altered_person(&all, |options| {
        let list = "*/packages?package_type=generic&package_name=beta&per_page=*";
        options.server.faults = FaultPlan::default().rule("GET", list, When::From(2), Fault::status(422));
    });
    for tag in ["v1.5.0", "v1.6.0"] {
        lab.workspace = publish(lab.workspace, tag);
    }
    let told = lab.workspace.run(&["release", "prune", "--apply", "--output", "json"], 5).json();
    let expected =
        ["alpha/1.5.0 removed", "alpha/1.6.0 stays", "beta/1.5.0 failed", "beta/1.6.0 stays", "gamma/1.5.0 removed", "gamma/1.6.0 stays"];
    assert_eq!(states(&told), expected, "{told:#}");
    assert_eq!((told["removed"].as_u64(), told["failed"].as_u64()), (Some(2), Some(1)));
    let why = told["packages"][2]["why"].as_str().expect("why");
    assert!(why.contains("list package beta") && why.contains("422"), "{why}");
    let left: Vec<String> = lab.server().files("acme/app").into_iter().map(|file| format!("{}/{}", file.package, file.version)).collect();
    assert!(left.contains(&"beta/1.5.0".to_owned()) && !left.contains(&"gamma/1.5.0".to_owned()), "{left:?}");
}

#[test]
fn a_package_does_not_share_the_version_of_a_release() {
    let places = "forges: { lab: { provider: gitlab, url: \"https://gitlab.acme.dev\" } }\nrepos: { home: { forge: lab, project: acme/app }, again: { forge: lab, project: acme/app } }\n";
    let release = "  release: { kind: release, repos: home, archives: [pack], rolling: [nightly] }\n";
    let package = |further: &str| format!("{release}  package: {{ kind: generic-package, archives: [pack], {further} }}\n");
    let workspace = Workspace::new();
    for (further, version) in [
        ("repo: home, version: \"{tag}\"", "v1.4.0"),
        ("repo: again, package: app, version: \"v{version}\"", "v1.4.0"),
        ("repo: home, version: nightly", "nightly"),
        ("repo: home, aliases: [nightly]", "nightly"),
    ] {
        workspace.config(places, &package(further));
        let refused = workspace.run(&["plan"], 2).stderr();
        let expected = format!("publish `package` and publish `release` would both put files into version {version} of package app");
        assert!(refused.contains(&expected) && refused.contains("choose another `package`"), "{refused}");
    }
    for further in ["repo: home, aliases: [latest]", "repo: home, package: tools, version: \"{tag}\", aliases: [nightly]"] {
        workspace.config(places, &package(further));
        workspace.run(&["plan"], 0);
    }
    // Elsewhere releases keep their files themselves.
    let gitea = places.replace("provider: gitlab", "provider: gitea");
    workspace.config(&gitea, &package("repo: home, version: \"{tag}\""));
    workspace.run(&["plan"], 0);
}
