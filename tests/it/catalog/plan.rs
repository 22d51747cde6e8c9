//! What a plan says of components.

use serde_json::{Value, json};

use crate::support::Sf;

const RELEASE: &str = "  release: { kind: release, repos: [home], archives: [], when: { git_tags: [any] } }\n";
const PARTS: &str = "  parts: { kind: gitlab-component, when: { git_tags: [any] } }\n";
const BUILD: &str = "spec:\n  inputs:\n    stage: { default: test }\n---\nbuild: { script: make, stage: $[[ inputs.stage ]] }\n";
const LINT: &str = "spec: { inputs: { level: } }\n---\nlint: { script: !reference [.lint, script] }\n";

/// A project with two components at a tag.
fn project(publish: &str) -> Sf {
    let places =
        "forges: { lab: { provider: gitlab, url: \"https://gitlab.acme.dev\" } }\nrepos: { home: { forge: lab, project: acme/parts } }\n";
    let git = "git: { tags: { any: { pattern: \"^v\" } } }\nbuilds: {}\n";
    Sf::new()
        .file(".stagefreight.yml", format!("version: 1\n{places}{git}publish:\n{publish}"))
        .file(".gitignore", ".stagefreight/\n")
        .file("README.md", "parts")
        .file("templates/build.yml", BUILD)
        .file("templates/lint/template.yml", LINT)
        .file("templates/lint/rules.yml", "not: a component")
        .git()
        .env("SF_CI_PROVIDER", "gitlab")
}

fn at(sf: Sf, tag: &str) -> Sf {
    sf.tag(tag).env("SF_CI_TAG", tag).env("SF_CI_EVENT", "tag")
}

fn plan(sf: &Sf) -> Value {
    sf.run(&["plan", "--output", "json"]).code(0).json()
}

#[test]
fn a_version_is_planned_after_its_release_with_all_that_is_told() {
    let sf = at(project(&format!("{RELEASE}{PARTS}")), "v1.4.0");
    let plan = plan(&sf);
    let version = plan["destinations"].as_array().expect("destinations").last().expect("one").clone();
    assert_eq!(version["name"], "gitlab.acme.dev/acme/parts#catalog@v1.4.0");
    assert_eq!(
        (&version["kind"], &version["target"], &version["policy"]),
        (&json!("catalog_version"), &json!("home.catalog"), &json!("immutable"))
    );
    let settings = &version["settings"];
    assert_eq!(settings["after"], json!(["gitlab.acme.dev/acme/parts@v1.4.0"]));
    assert_eq!(settings["files"], json!(["templates/build.yml", "templates/lint/template.yml"]));
    let told = json!([
        { "name": "build", "component_type": "template", "spec": { "inputs": { "stage": { "default": "test" } } } },
        { "name": "lint", "component_type": "template", "spec": { "inputs": { "level": null } } },
    ]);
    assert_eq!(settings["metadata"]["components"], told);
    let screen = sf.run(&["plan"]).code(0).stdout();
    assert!(screen.contains("components build, lint"), "{screen}");
    // A changed component is another plan: what was prepared for the old one is not used.
    sf.write("templates/build.yml", BUILD.replace("test", "build"));
    assert_ne!(self::plan(&sf)["fingerprint"], plan["fingerprint"]);
}

#[test]
fn files_are_chosen_and_checked_in_every_pipeline() {
    let chosen = "  parts: { kind: gitlab-component, repo: home, spec_files: [templates/l*/template.yml] }\n";
    let version =
        plan(&at(project(&format!("{RELEASE}{chosen}")), "v1.4.0-rc.1"))["destinations"].as_array().expect("list").last().cloned();
    assert_eq!(version.expect("one")["settings"]["files"], json!(["templates/lint/template.yml"]));
    // Off tags nothing is published, and a mistake is found all the same.
    let sf = project(PARTS.replace(", when: { git_tags: [any] }", "").as_str()).env("SF_CI_BRANCH", "main");
    assert_eq!(plan(&sf)["skipped"][0]["why"], "this is no tag pipeline; 2 components are in order");
    let only_checked = project("  parts: { kind: gitlab-component, catalog: false }\n");
    assert_eq!(plan(&at(only_checked, "v1.0.0"))["skipped"][0]["why"], "2 components are in order, and `catalog: false` publishes nothing");
    sf.write("templates/new.yml", "job: { script: x }\n");
    let run = sf.run(&["plan"]).code(2);
    assert!(run.stderr().contains("templates/new.yml has no `spec`") && run.stderr().contains("hint: "), "{}", run.stderr());
}

#[test]
fn what_cannot_be_published_is_said_before_anything_is_built() {
    let refused = |sf: &Sf, parts: &[&str]| {
        let said = sf.run(&["plan"]).code(2).stderr();
        assert!(parts.iter().all(|part| said.contains(part)) && said.contains("hint: "), "{parts:?}:\n{said}");
    };
    refused(&at(project(PARTS), "v1.4.0"), &["no entry makes release v1.4.0", "repos: [home]"]);
    refused(&at(project(&format!("{RELEASE}{PARTS}")), "v1.4"), &["no semantic version", "git_tags"]);
    let sf = at(project(&format!("{RELEASE}{PARTS}")), "v1.4.0");
    let other = "spec: { inputs: { a: } }\n---\n";
    sf.write("templates/lint.yml", other);
    refused(&sf, &["templates/lint/template.yml and templates/lint.yml are both called `lint`"]);
    sf.write("templates/lint.yml", "spec: { inputs: { since: { default: 2024-01-02 } } }\n");
    refused(&sf, &["templates/lint.yml has `2024-01-02` in line 1"]);
    std::fs::remove_file(sf.path().join("templates/lint.yml")).expect("removed");
    std::os::unix::fs::symlink("/etc/hostname", sf.path().join("templates/out.yml")).expect("link");
    refused(&sf, &["templates/out.yml cannot be read"]);
    std::fs::remove_file(sf.path().join("templates/out.yml")).expect("removed");
    for at in 0..99 {
        sf.write(&format!("templates/c{at}.yml"), other);
    }
    refused(&sf, &["101 components", "at most 100"]);
    for at in 99..200 {
        sf.write(&format!("templates/c{at}.yml"), other);
    }
    refused(&sf, &["more than 200 components", "choose some with `spec_files`"]);
    // Those that an entry does not choose do not count.
    let all = sf.read(".stagefreight.yml");
    let few = "  parts: { kind: gitlab-component, spec_files: [templates/c10*.yml, templates/build.yml] }\n";
    sf.write(".stagefreight.yml", all.replace(PARTS, few));
    let version = plan(&sf)["destinations"].as_array().expect("list").last().cloned().expect("one");
    assert_eq!(version["settings"]["files"].as_array().map(Vec::len), Some(12), "{version:#}");
    sf.write(".stagefreight.yml", all);
    std::fs::remove_dir_all(sf.path().join("templates")).expect("removed");
    refused(&sf, &["the project has no components", "templates/NAME.yml"]);
    let missing = "  parts: { kind: gitlab-component, spec_files: templates/x.yml }\n";
    refused(
        &at(project(&format!("{RELEASE}{missing}")), "v1.4.0"),
        &["`spec_files: templates/x.yml` is no component", "templates/build.yml"],
    );
}

#[test]
fn a_name_that_gitlab_does_not_know_is_a_warning() {
    let sf = at(project(&format!("{RELEASE}{PARTS}")), "v1.4.0").file("templates/v.1.yml", LINT).file("templates/b c/template.yml", LINT);
    let said = sf.run(&["plan"]).code(0).stderr();
    assert!(said.contains("templates/v.1.yml is no component") && said.contains("templates/b c/template.yml is no component"), "{said}");
}
