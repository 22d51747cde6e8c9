//! Whole plans.

use proptest::prelude::*;

use super::super::fixtures::*;
use super::super::{DockerfileFacts, Surroundings};
use crate::config::PublishKind;
use crate::config::{Condition, Config};
use crate::error::Kind;
use crate::names::label;

fn when_stable() -> Vec<Condition> {
    vec![Condition { git_tags: vec!["stable".to_owned()], ..Condition::default() }]
}

fn release() -> Config {
    config(vec![publish("image", &["ghcr", "hub"], &["{version}", "{major}", "latest"], when_stable())])
}

#[test]
fn a_release_fans_out() {
    let plan = planned(&release(), &on_tag("v1.4.0"), &git(&[("v1.4.0", 0)])).expect("a plan");
    let names: Vec<&str> = plan.destinations.iter().map(|destination| destination.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "ghcr.io/acme/app:1.4.0",
            "ghcr.io/acme/app:1",
            "ghcr.io/acme/app:latest",
            "docker.io/acme/app:1.4.0",
            "docker.io/acme/app:1",
            "docker.io/acme/app:latest"
        ]
    );
    assert_eq!(plan.destinations[0].why, "tag `v1.4.0` matched git_tags[stable]");
    assert_eq!(plan.targets.iter().map(|target| target.host.as_str()).collect::<Vec<_>>(), ["ghcr.io", "docker.io"]);
    assert!(plan.skipped.is_empty() && plan.warnings.is_empty());
    let labels = &plan.builds[0].labels;
    assert_eq!(labels[label::REVISION], HEAD);
    assert_eq!(labels[label::VERSION], "1.4.0");
    assert_eq!(labels[label::CREATED], "2026-07-01T12:00:00Z");
    assert_eq!(labels[label::SOURCE], "https://github.com/acme/app");
    assert_eq!(labels[label::BUILD_MODE], "standard");
    assert_eq!(labels[label::PLAN].len(), 64);
}

#[test]
fn what_does_not_apply_says_why() {
    let plan = planned(&release(), &on_branch("main"), &git(&[("v1.4.0", 3)])).expect("a plan");
    assert!(plan.destinations.is_empty() && plan.targets.is_empty());
    assert_eq!(plan.skipped[0].why, "git_tags[stable] needs a tag, and this is branch `main`");
    assert_eq!(plan.version.version, "1.4.0-dev.3f9c2ab");
    assert_eq!(plan.builds.len(), 1, "it is still built");
}

#[test]
fn forks_publish_nowhere() {
    let config = config(vec![publish("image", &["ghcr"], &["pr-{branch}"], Vec::new())]);
    let own = planned(&config, &pull_request(false), &git(&[])).expect("a plan");
    assert_eq!(own.destinations[0].name, "ghcr.io/acme/app:pr-topic");
    let fork = planned(&config, &pull_request(true), &git(&[])).expect("a plan");
    assert!(fork.destinations.is_empty());
    assert_eq!(fork.skipped[0].why, "pull request 7 counts as a fork's: its changes are built, and published nowhere");
}

#[test]
fn tags_are_made_legal_and_literals_refused() {
    let config = config(vec![publish("edge", &["ghcr"], &["{branch}", "b-{branch}-{sha:12}"], Vec::new())]);
    let long = format!("feature/{}", "x".repeat(150));
    let plan = planned(&config, &on_branch(&long), &git(&[])).expect("a plan");
    for destination in &plan.destinations {
        assert_eq!(destination.tag.len(), 128, "{}", destination.tag);
    }
    assert!(plan.destinations[1].tag.ends_with("-3f9c2ab4db60"));
    let bad = super::super::fixtures::config(vec![publish("edge", &["ghcr"], &["a:{sha}"], Vec::new())]);
    let error = planned(&bad, &on_branch("main"), &git(&[])).expect_err("illegal");
    assert_eq!(error.message(), "publish `edge`: tag `a:{sha}`: has `:` in its text, and a tag cannot");
}

#[test]
fn one_destination_has_one_source() {
    let twice =
        config(vec![publish("a", &["ghcr"], &["latest"], Vec::new()), publish("b", &["ghcr"], &["{version}", "latest"], Vec::new())]);
    let error = planned(&twice, &on_branch("main"), &git(&[])).expect_err("twice");
    assert_eq!(error.kind(), Kind::Usage);
    assert_eq!(
        error.message(),
        "ghcr.io/acme/app:latest would be placed twice: publish `a` and publish `b` both name it (tag `latest` and tag `latest`)"
    );
    let same = config(vec![publish("a", &["ghcr"], &["{version}", "{base}"], Vec::new())]);
    let error = planned(&same, &on_tag("v1.0.0"), &git(&[])).expect_err("twice");
    assert!(error.message().contains("publish `a` names it twice (tag `{version}` and tag `{base}`)"), "{error}");
    // What does not apply claims nothing.
    let apart = config(vec![publish("a", &["ghcr"], &["latest"], when_stable()), publish("b", &["ghcr"], &["latest"], Vec::new())]);
    assert_eq!(planned(&apart, &on_branch("main"), &git(&[])).expect("a plan").destinations.len(), 1);
}

#[test]
fn flags_are_carried() {
    let mut config = release();
    config.registries[1].required = false;
    let PublishKind::Registry(entry) = &mut config.publish[0].kind else { panic!("a registry") };
    entry.requires.sign = true;
    let plan = planned(&config, &on_tag("v1.0.0"), &git(&[])).expect("a plan");
    assert!(plan.destinations[0].required && !plan.destinations[3].required);
    assert!(plan.destinations[0].requires.sign && !plan.destinations[0].requires.sbom);
}

#[test]
fn builds_run_in_order() {
    let mut config = config(Vec::new());
    config.builds.clear();
    for (id, needs) in [("web", &["base", "lib"][..]), ("lib", &["base"]), ("base", &[]), ("docs", &[])] {
        config.builds.insert(id.to_owned(), build(id, needs));
    }
    let plan = planned(&config, &on_branch("main"), &git(&[])).expect("a plan");
    assert_eq!(plan.builds.iter().map(|step| step.id.as_str()).collect::<Vec<_>>(), ["base", "lib", "web", "docs"]);
    config.builds["base"].depends_on = vec!["web".to_owned()];
    let error = planned(&config, &on_branch("main"), &git(&[])).expect_err("a circle");
    assert!(error.message().contains("web, lib, base"), "{error}");
}

#[test]
fn arguments_and_labels_are_not_overwritten() {
    let mut config = config(Vec::new());
    let docker = &mut config.builds["app"].docker;
    docker.args.insert("VERSION".to_owned(), "mine-{sha}".to_owned());
    docker.args.insert("CHANNEL".to_owned(), "{env:CHANNEL}".to_owned());
    docker.labels.insert(label::VERSION.to_owned(), "mine".to_owned());
    config.env_allowed = vec!["CHANNEL".to_owned()];
    let declared = ["VERSION", "COMMIT", "BUILD_DATE"].map(str::to_owned).to_vec();
    let surroundings =
        Surroundings { dockerfiles: vec![DockerfileFacts { path: "Dockerfile".to_owned(), args: declared }], ..surroundings() };
    let plan = planned_in(&config, &on_branch("main"), &git(&[]), &surroundings).expect("a plan");
    let args: Vec<(&str, &str)> = plan.builds[0].args.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [("BUILD_DATE", "2026-07-01T12:00:00Z"), ("CHANNEL", "beta"), ("COMMIT", "3f9c2ab"), ("VERSION", "mine-3f9c2ab")];
    assert_eq!(args, expected);
    assert_eq!(plan.builds[0].labels[label::VERSION], "mine");
    let undeclared = planned(&config, &on_branch("main"), &git(&[])).expect("a plan");
    assert!(!undeclared.builds[0].args.contains_key("COMMIT"));
}

#[test]
fn the_source_date_can_be_given() {
    let surroundings = Surroundings { source_date_epoch: Some(0), ..surroundings() };
    let plan = planned_in(&config(Vec::new()), &on_branch("main"), &git(&[]), &surroundings).expect("a plan");
    assert_eq!(plan.source_date_epoch, 0);
    assert_eq!(plan.builds[0].labels[label::CREATED], "1970-01-01T00:00:00Z");
}

#[test]
fn files_stay_inside_and_exist() {
    for (dockerfile, context, part) in [
        (Some("/etc/Dockerfile"), ".", "leads out of the repository"),
        (Some("a/../../Dockerfile"), ".", "leads out of the repository"),
        (Some("other/Dockerfile"), ".", "there is no Dockerfile at other/Dockerfile"),
        (None, "../other", "leads out of the repository"),
    ] {
        let mut config = config(Vec::new());
        config.builds["app"].docker.dockerfile = dockerfile.map(str::to_owned);
        config.builds["app"].docker.context = context.to_owned();
        let error = planned(&config, &on_branch("main"), &git(&[])).expect_err(part);
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.message().starts_with("build `app`: ") && error.message().contains(part), "{error}");
    }
    let error = planned_in(&config(Vec::new()), &on_branch("main"), &git(&[]), &Surroundings::bare("x")).expect_err("none");
    assert!(error.message().contains("there is no Dockerfile"), "{error}");
}

#[test]
fn the_fingerprint_is_about_bytes_and_destinations() {
    let base = planned(&release(), &on_tag("v1.4.0"), &git(&[("v1.4.0", 0)])).expect("a plan");
    let mut elsewhere = on_tag("v1.4.0");
    elsewhere.pipeline_id = Some("901".to_owned());
    elsewhere.provider = crate::ci::Provider::Gitlab;
    let again = planned(&release(), &elsewhere, &git(&[("v1.4.0", 0), ("v1.3.0", 4)])).expect("a plan");
    assert_eq!(base.fingerprint, again.fingerprint);
    let mut args = release();
    args.builds["app"].docker.args.insert("A".to_owned(), "1".to_owned());
    let mut required = release();
    required.registries[0].required = false;
    let mut host = release();
    host.registries[0].host = "quay.io".to_owned();
    for other in [args, required, host] {
        let plan = planned(&other, &on_tag("v1.4.0"), &git(&[("v1.4.0", 0)])).expect("a plan");
        assert_ne!(base.fingerprint, plan.fingerprint);
    }
}

#[test]
fn a_plan_survives_its_file() {
    let plan = planned(&release(), &on_tag("v1.4.0"), &git(&[("v1.4.0", 0)])).expect("a plan");
    let text = serde_json::to_string_pretty(&plan).expect("JSON");
    assert_eq!(serde_json::from_str::<super::Plan>(&text).expect("a plan"), plan);
}

proptest! {
    #[test]
    fn equal_inputs_make_equal_plans(branch in "[a-z/._-]{1,40}", tag in "v[0-9]\\.[0-9]\\.[0-9]", distance in 0_u64..50) {
        let config = config(vec![publish("edge", &["ghcr", "hub"], &["{branch}", "x-{version}-{sha:9}"], Vec::new())]);
        let facts = git(&[(tag.as_str(), distance)]);
        let one = planned(&config, &on_branch(&branch), &facts);
        let other = planned(&config, &on_branch(&branch), &facts);
        match (one, other) {
            (Ok(one), Ok(other)) => prop_assert_eq!(one, other),
            (Err(one), Err(other)) => prop_assert_eq!(one.to_string(), other.to_string()),
            _ => prop_assert!(false, "one succeeded, the other failed"),
        }
    }
}
