//! A workspace that releases built files from the command line, and everything its commands said.

use std::cell::RefCell;

use super::{Run, Sf};

const BUILDS: &str = r#"
git: { tags: { stable: { pattern: "^v[0-9]+\\.[0-9]+\\.[0-9]+$" } } }
builds:
  tool:
    kind: binary
    builder: command
    command: ["sh", "-c", "printf '#!/bin/sh\\necho tool {version} of %s %s\\n' {os} {arch} >{output}"]
    platforms: [linux/amd64, windows/amd64]
  pack: { kind: archive, depends_on: [tool] }
"#;

/// A workspace, and what was heard.
pub struct Workspace {
    pub sf: Sf,
    said: RefCell<String>,
}

impl Workspace {
    /// At tag v1.4.0, without a config.
    pub fn new() -> Self {
        let sf = Sf::new().file(".gitignore", ".stagefreight/\n.stagefreight.yml\n").file("README", "one").git().tag("v1.3.0");
        sf.write("a", "a");
        sf.commit("feat: a new way");
        let sf = sf.tag("v1.4.0").env("SF_CI_TAG", "v1.4.0").env("SF_CI_EVENT", "tag");
        Self { sf, said: RefCell::default() }
    }

    pub fn commit(&self) -> String {
        self.sf.git_run(&["rev-parse", "HEAD"])
    }

    /// `places` are `forges` and `repos`, `publish` the entries.
    pub fn config(&self, places: &str, publish: &str) {
        self.sf.write(".stagefreight.yml", format!("version: 1\n{places}{BUILDS}publish:\n{publish}"));
    }

    #[must_use]
    pub fn env(self, name: &str, value: &str) -> Self {
        Self { sf: self.sf.env(name, value), said: self.said }
    }

    /// Runs a command and keeps what it says.
    #[track_caller]
    pub fn run(&self, args: &[&str], code: i32) -> Run {
        let run = self.sf.run(args);
        self.said.borrow_mut().push_str(&format!("{}\n{}\n", run.stdout(), run.stderr()));
        run.code(code)
    }

    /// Requests that changed something, as the last publish counted them.
    pub fn writes(&self) -> u64 {
        self.sf.placements()["totals"]["writes"].as_u64().expect("writes")
    }

    /// A secret was neither said nor written down.
    #[track_caller]
    pub fn assert_never_seen(&self, secret: &str) {
        assert!(!self.said.borrow().contains(secret), "a secret was printed");
        let kept = super::file_release::left_behind(&self.sf.path().join(".stagefreight/"));
        assert!(!kept.contains(secret), "a secret was written down");
    }
}
