//! Everything GitLab refuses, and everything that goes wrong on the way: how publish ends, what it says, and whether the next
//! run finishes it.

use stagefreight::rehearse::fault::{Cut, Fault, FaultPlan};
use stagefreight::rehearse::forge_gitlab::Options;

use super::{FILES, PROJECT, PUBLISH, TAG, listed};
use crate::forge_gitlab::lab::Lab;

const ENDPOINT: &str = "*/catalog/publish";

/// What is wrong, what it ends with, and what is said.
struct Row {
    name: &'static str,
    alter: fn(&mut Options),
    /// Another text for `templates/build.yml`.
    component: Option<&'static str>,
    /// Somebody else made the release.
    others_release: bool,
    code: i32,
    said: &'static [&'static str],
}

const GOOD: Row = Row { name: "", alter: |_| {}, component: None, others_release: false, code: 0, said: &[] };

fn at_endpoint(options: &mut Options, n: u64, fault: Fault) {
    options.server.faults = FaultPlan::default().nth("POST", ENDPOINT, n, fault);
    // What faults answer is not GitLab's.
    options.server.recorder = None;
}

fn every(options: &mut Options, fault: Fault) {
    options.server.faults = FaultPlan::default().every("POST", ENDPOINT, fault);
    options.server.recorder = None;
}

const ROWS: &[Row] = &[
    Row {
        name: "the feature flag is off",
        alter: |options| options.projects[0].catalog.flag = false,
        code: 1,
        said: &["404", "ci_release_cli_catalog_publish_option"],
        ..GOOD
    },
    Row {
        name: "no catalog project",
        alter: |options| options.projects[0].catalog.resource = false,
        code: 1,
        said: &["422", "not a catalog resource", "CI/CD Catalog project"],
        ..GOOD
    },
    Row {
        name: "no README",
        alter: |options| options.projects[0].catalog.readme = false,
        code: 1,
        said: &["must have a README", "add a README.md"],
        ..GOOD
    },
    Row {
        name: "no description",
        alter: |options| options.projects[0].catalog.described = false,
        code: 1,
        said: &["must have a description", "Project description"],
        ..GOOD
    },
    Row { name: "another's release", others_release: true, code: 1, said: &["release author", "publish both with one token"], ..GOOD },
    Row {
        name: "too many components",
        alter: |options| options.limits.components = 2,
        code: 1,
        said: &["more than 2 components", "choose some with `spec_files`"],
        ..GOOD
    },
    Row {
        name: "a default that is no whole number",
        component: Some("spec: { inputs: { ratio: { default: 0.5 } } }\n---\n"),
        code: 1,
        said: &["Spec must be a valid json schema", "whole numbers"],
        ..GOOD
    },
    Row { name: "401", alter: |options| every(options, Fault::status(401)), code: 3, said: &["401", "CI_JOB_TOKEN"], ..GOOD },
    Row { name: "403", alter: |options| every(options, Fault::status(403)), code: 3, said: &["403", "Developer"], ..GOOD },
    Row { name: "500 for ever", alter: |options| every(options, Fault::status(500)), code: 5, said: &["500"], ..GOOD },
    Row { name: "500 once", alter: |options| at_endpoint(options, 1, Fault::status(500)), ..GOOD },
    Row { name: "502 after it was made", alter: |options| at_endpoint(options, 1, Fault::status(502).after_commit()), ..GOOD },
    Row { name: "cut before", alter: |options| at_endpoint(options, 1, Fault::Cut(Cut::Before)), ..GOOD },
    Row { name: "cut after it was made", alter: |options| at_endpoint(options, 1, Fault::Cut(Cut::After)), ..GOOD },
    Row { name: "404 a moment after the release", alter: |options| at_endpoint(options, 1, Fault::status(404)), ..GOOD },
    Row { name: "told to wait", alter: |options| at_endpoint(options, 1, Fault::status(429).header("Retry-After", "1")), ..GOOD },
    Row {
        name: "GraphQL is down",
        alter: |options| {
            options.server.faults = FaultPlan::default().nth("GET", "*/api/graphql", 1, Fault::status(503));
            options.server.recorder = None;
        },
        ..GOOD
    },
];

impl Row {
    fn run(&self) {
        let lab = Lab::altered(PUBLISH, |options| {
            listed(options);
            // Faults are for publishing: nothing before it asks these.
            (self.alter)(options);
        });
        for (path, text) in FILES {
            lab.workspace.sf.write(path, text);
        }
        if let Some(text) = self.component {
            lab.workspace.sf.write("templates/build.yml", text);
        }
        if self.others_release {
            lab.server().add_release(PROJECT, TAG, &lab.workspace.commit());
        }
        lab.workspace.run(&["perform"], 0);
        lab.workspace.run(&["review"], 0);
        let run = lab.workspace.run(&["publish"], self.code);
        let said = run.stderr();
        assert!(self.said.iter().all(|part| said.contains(part)), "{}:\n{said}", self.name);
        assert!(self.code == 0 || said.contains("hint: ") || said.contains("→ "), "{}: no way out\n{said}", self.name);
        assert_eq!(lab.server().releases(PROJECT).len(), 1, "{}: the release is made all the same", self.name);
        if self.code == 0 {
            assert_eq!(lab.server().catalog(PROJECT), [TAG], "{}", self.name);
            lab.workspace.run(&["publish"], 0);
            assert_eq!(lab.workspace.writes(), 0, "{}", self.name);
        }
        lab.findings.assert_none();
    }
}

#[test]
fn every_refusal_names_the_way_out_and_every_fault_is_survived() {
    std::thread::scope(|scope| {
        let running: Vec<_> = ROWS.chunks(ROWS.len().div_ceil(3)).map(|rows| scope.spawn(|| rows.iter().for_each(Row::run))).collect();
        let failed = running.into_iter().filter_map(|rows| rows.join().err()).count();
        assert_eq!(failed, 0, "see the panics above");
    });
}
