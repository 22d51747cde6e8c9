//! From the config to what verify says.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{PROJECT, PUBLISH, TAG, listed, prepared, state};
use crate::forge_gitlab::lab::Lab;
use crate::forge_gitlab::scene::{JOB, PERSONAL};

fn asked(lab: &Lab) -> Vec<String> {
    let line = |entry: &stagefreight::rehearse::api::Logged| format!("{} {} ({})", entry.method, entry.path, entry.credentials.join(", "));
    lab.server().log().entries().iter().map(line).collect()
}

#[test]
fn a_job_publishes_a_version_after_its_release_with_nothing_but_its_token() {
    let lab = prepared(Lab::altered(PUBLISH, listed));
    lab.server().log().clear();
    lab.workspace.run(&["preflight"], 0);
    lab.workspace.run(&["publish"], 0);
    assert_eq!(lab.server().catalog(PROJECT), [TAG]);
    let destinations: Value = serde_json::from_str(&lab.workspace.sf.read(".stagefreight/destinations.json")).expect("JSON");
    let approved = destinations["destinations"].as_array().expect("list").last().expect("one").clone();
    assert_eq!(approved["kind"], "catalog_version");
    assert!(approved["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")), "{approved}");
    assert_eq!(Value::from(lab.server().components(PROJECT, TAG)), approved["settings"]["metadata"]["components"]);
    let asked_for = asked(&lab);
    let at = |what: &str| asked_for.iter().position(|line| line == what).unwrap_or_else(|| panic!("{what}: {asked_for:#?}"));
    let release = at("POST /api/v4/projects/acme%2Fapp/releases (job-token)");
    assert!(release < at("POST /api/v4/projects/acme%2Fapp/catalog/publish (job-token)"));
    // GraphQL takes no job's token, and none is shown to it.
    let graphql: BTreeSet<&String> = asked_for.iter().filter(|line| line.contains("graphql")).collect();
    assert_eq!(graphql.into_iter().collect::<Vec<_>>(), ["GET /api/graphql ()"]);
    // A project that is not public is not shown to strangers: publish was told, and that is said.
    let (word, detail) = state(&lab, "#catalog@v1.4.0");
    assert!(word == "hidden" && detail.contains("publish was told") && detail.contains("job's token"), "{word}: {detail}");
    let verified = lab.workspace.run(&["verify"], 0).stdout();
    assert!(verified.contains("1 cannot be read"), "{verified}");
    let verified = lab.workspace.run(&["verify", "--output", "json"], 0).json();
    assert_eq!((&verified["verified"], &verified["hidden"]), (&true.into(), &1.into()), "{verified:#}");
    // Again: the journal remembers.
    lab.server().log().clear();
    lab.workspace.run(&["publish"], 0);
    assert!(lab.server().log().writes().is_empty() && lab.workspace.writes() == 0, "{:#?}", asked(&lab));
    // Without what is remembered it is asked for, and GitLab says that it is there.
    lab.workspace.sf.forget_publishing();
    let (word, _) = state(&lab, "#catalog@v1.4.0");
    assert_eq!(word, "unknown", "nobody was told anything");
    lab.workspace.run(&["verify"], 3);
    lab.workspace.run(&["publish"], 0);
    assert_eq!((lab.server().catalog(PROJECT), lab.workspace.writes()), (vec![TAG.to_owned()], 0));
    lab.findings.assert_none();
    lab.workspace.assert_never_seen(JOB);
}

#[test]
fn as_many_components_as_a_plan_allows_are_taken() {
    let lab = Lab::altered(PUBLISH, listed);
    for at in 0..100 {
        lab.workspace.sf.write(&format!("templates/c{at}.yml"), "spec: { inputs: { a: } }\n---\n");
    }
    for command in ["perform", "review", "publish"] {
        lab.workspace.run(&[command], 0);
    }
    assert_eq!(lab.server().components(PROJECT, TAG).len(), 100);
}

#[test]
fn a_public_project_is_read_without_a_token() {
    let lab = prepared(Lab::altered(PUBLISH, |options| {
        listed(options);
        options.projects[0].catalog.public = true;
    }));
    lab.workspace.run(&["publish"], 0);
    assert_eq!(state(&lab, "#catalog@v1.4.0").0, "complete");
    lab.workspace.run(&["verify"], 0);
    lab.workspace.sf.forget_publishing();
    lab.server().log().clear();
    lab.workspace.run(&["publish"], 0);
    assert!(lab.server().log().writes().is_empty(), "{:#?}", asked(&lab));
    lab.findings.assert_none();
}

#[test]
fn a_person_reads_what_is_there_and_other_components_are_a_conflict() {
    let lab = prepared(Lab::of_altered_person(PUBLISH, listed));
    let checked = lab.workspace.run(&["preflight"], 0).stdout();
    assert!(checked.contains("is a CI/CD catalog project"), "{checked}");
    let dry = lab.workspace.run(&["publish", "--dry-run"], 0).stdout();
    assert!(dry.contains("catalog@v1.4.0  would be placed"), "{dry}");
    assert!(lab.server().catalog(PROJECT).is_empty());
    lab.workspace.run(&["publish"], 0);
    assert_eq!(state(&lab, "#catalog@v1.4.0").0, "complete");
    lab.workspace.run(&["verify"], 0);
    lab.workspace.sf.forget_publishing();
    lab.server().log().clear();
    lab.workspace.run(&["publish"], 0);
    assert!(lab.server().log().writes().is_empty(), "{:#?}", asked(&lab));
    lab.workspace.assert_never_seen(PERSONAL);
    // Somebody was there first, with something else.
    let lab = prepared(Lab::of_altered_person(PUBLISH, listed));
    lab.server().add_version(PROJECT, TAG, &["build", "other"]);
    let said = lab.workspace.run(&["publish"], 4).stderr();
    assert!(said.contains("holds components build, other") && said.contains("never replaced"), "{said}");
    let (word, detail) = state(&lab, "#catalog@v1.4.0");
    assert!(word == "different" && detail.contains("build, other"), "{word}: {detail}");
    lab.findings.assert_none();
}

#[test]
fn a_person_learns_what_is_missing_before_anything_is_built() {
    let lab = Lab::of_altered_person(PUBLISH, |options| {
        listed(options);
        options.projects[0].catalog.resource = false;
        options.projects[0].catalog.described = false;
    });
    for (path, text) in super::FILES {
        lab.workspace.sf.write(path, text);
    }
    let run = lab.workspace.run(&["preflight"], 1);
    let said = format!("{}{}", run.stdout(), run.stderr());
    assert!(said.contains("acme/app is no CI/CD catalog project") && said.contains("has no description"), "{said}");
    assert!(said.contains("an Owner marks it"), "{said}");
}

#[test]
fn what_was_approved_is_what_is_published() {
    let lab = prepared(Lab::altered(PUBLISH, listed));
    let path = ".stagefreight/destinations.json";
    let approved = lab.workspace.sf.read(path);
    let changed = approved.replace("deploy_all", "deploy_any");
    assert_ne!(changed, approved);
    lab.workspace.sf.write(path, &changed);
    // Review approved other bytes.
    lab.workspace.run(&["publish"], 6);
    // And whoever approves them sees that they do not belong together.
    lab.workspace.run(&["review"], 0);
    let said = lab.workspace.run(&["publish"], 1).stderr();
    assert!(said.contains("is meant to hold sha256:"), "{said}");
    assert!(lab.server().catalog(PROJECT).is_empty());
}

#[test]
fn a_rehearsal_publishes_at_a_gitlab_of_our_own() {
    let workspace = crate::support::forge_cli::Workspace::new();
    workspace.config("forges: { lab: { provider: embedded-gitlab } }\nrepos: { home: { forge: lab, project: acme/app } }\n", PUBLISH);
    for (path, text) in super::FILES {
        workspace.sf.write(path, text);
    }
    for command in ["preflight", "perform", "review", "publish", "verify"] {
        workspace.run(&[command], 0);
    }
    workspace.sf.forget_publishing();
    workspace.run(&["publish"], 0);
    assert_eq!(workspace.writes(), 0, "what the first left there is found");
    let status = workspace.run(&["status", "--output", "json"], 0).json();
    assert!(status["destinations"].as_array().expect("lines").iter().all(|line| line["state"] == "complete"), "{status:#}");
}
