//! Components in GitLab's CI/CD catalog: what a plan says of them, what publishing them comes to at an embedded GitLab, and
//! what GitLab's own client makes of the same files.

mod client;
mod crash;
mod plan;
mod publish;
mod refusals;

use stagefreight::rehearse::forge_gitlab::{CatalogProject, Options};

use crate::forge_gitlab::lab::Lab;

const PROJECT: &str = "acme/app";
const TAG: &str = "v1.4.0";

/// A release without files of its own, and the components.
const PUBLISH: &str = r"  release: { kind: release, repos: home, archives: [], when: { git_tags: [stable] } }
  parts: { kind: gitlab-component, repo: home, when: { git_tags: [stable] } }
";

/// Component files, with whatever YAML is read differently by others.
const FILES: [(&str, &str); 3] = [
    ("templates/build.yml", include_str!("fixtures/catalog/templates/build.yml")),
    ("templates/lint/template.yml", include_str!("fixtures/catalog/templates/lint/template.yml")),
    ("templates/deploy_all.yml", include_str!("fixtures/catalog/templates/deploy_all.yml")),
];

/// A project that may be in the catalog.
const LISTED: CatalogProject = CatalogProject { resource: true, flag: true, readme: true, described: true, public: false };

fn listed(options: &mut Options) {
    options.projects[0].catalog = LISTED;
}

/// Component files in the workspace, and everything up to the approval.
fn prepared(lab: Lab) -> Lab {
    for (path, text) in FILES {
        lab.workspace.sf.write(path, text);
    }
    lab.workspace.run(&["perform"], 0);
    lab.workspace.run(&["review"], 0);
    lab
}

/// Lines of status by the end of their name.
fn state(lab: &Lab, end: &str) -> (String, String) {
    let status = lab.workspace.run(&["status", "--output", "json"], 0).json();
    let lines = status["destinations"].as_array().expect("lines").clone();
    let line = lines.iter().find(|line| line["name"].as_str().is_some_and(|name| name.ends_with(end))).expect("a line").clone();
    (line["state"].as_str().expect("state").to_owned(), line["detail"].as_str().unwrap_or_default().to_owned())
}
