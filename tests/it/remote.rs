//! Remotes: real processes of a scripted adapter, pushed to and pulled from with the binary.

mod bad;
mod kill;
mod lock;
mod publishing;
mod pull;
mod push;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Run, Sf};

const ADAPTER: &str = include_str!("fixtures/remote/adapter.py");

/// A workspace with one remote, `lab`, and the adapter behind it.
struct Lab {
    sf: Sf,
}

impl Lab {
    /// With the adapter pinned.
    fn new() -> Self {
        let lab = Self::unpinned("");
        lab.sf.run(&["remote", "lock"]).code(0);
        lab
    }

    /// The same with further lines of the remote's config.
    fn with(more: &str) -> Self {
        let lab = Self::unpinned(more);
        lab.sf.run(&["remote", "lock"]).code(0);
        lab
    }

    fn unpinned(more: &str) -> Self {
        let sf = Sf::new();
        let state = sf.outside().join("state");
        std::fs::create_dir(&state).expect("state");
        write_adapter(&sf.path().join("epack-remote-lab"), &state);
        let root = state.join("blobs");
        std::fs::create_dir(&root).expect("blobs");
        let config = format!(
            "version: 1\nremotes:\n  lab:\n    source: ./epack-remote-lab\n    transport: {{ file_root: {}, allow_loopback_http: true }}\n{more}",
            root.display()
        );
        sf.write(".stagefreight.yml", config);
        sf.write("app.epack", "the pack");
        Self { sf }
    }

    fn state(&self) -> PathBuf {
        self.sf.outside().join("state")
    }

    /// What the adapter does from now on.
    fn behave(&self, behaviour: &Value) {
        std::fs::write(self.state().join("behaviour.json"), behaviour.to_string()).expect("behaviour");
    }

    fn features(&self, features: &[&str]) {
        let features: serde_json::Map<String, Value> = features.iter().map(|name| ((*name).to_owned(), json!(true))).collect();
        std::fs::write(self.state().join("features.json"), Value::Object(features).to_string()).expect("features");
    }

    fn push(&self, more: &[&str]) -> Run {
        let mut args = vec!["remote", "push", "lab", "app.epack", "--release-version", "1.0.0"];
        args.extend(more);
        self.sf.run(&args)
    }

    fn pull(&self, more: &[&str]) -> Run {
        let mut args = vec!["remote", "pull", "lab"];
        args.extend(more);
        self.sf.run(&args)
    }

    /// How often the adapter was asked something.
    fn calls(&self, command: &str) -> usize {
        let calls = std::fs::read_to_string(self.state().join("calls")).unwrap_or_default();
        calls.lines().filter(|line| *line == command).count()
    }

    /// Releases the remote holds.
    fn releases(&self) -> usize {
        std::fs::read_dir(self.state().join("releases")).map_or(0, Iterator::count)
    }

    /// The last request of a command.
    fn asked(&self, command: &str) -> Value {
        let text = std::fs::read_to_string(self.state().join(format!("last-{command}.json"))).expect("it was asked");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Every receipt: path and content.
    fn receipts(&self) -> Vec<(String, Value)> {
        let listed = self.sf.run(&["receipt", "list", "--output", "json"]).code(0).json();
        let paths = listed["receipts"].as_array().expect("list").iter().map(|one| one["path"].as_str().expect("path").to_owned());
        paths.map(|path| (path.clone(), serde_json::from_str(&self.sf.read(&path)).expect("JSON"))).collect()
    }

    /// The only receipt.
    fn receipt(&self) -> Value {
        let mut all = self.receipts();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0).1
    }

    /// Nothing of a half-written file is left in a directory.
    fn assert_no_leftovers(dir: &Path) {
        let names = std::fs::read_dir(dir).expect("directory").map(|entry| entry.expect("entry").file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with(".sf-")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn write_adapter(path: &Path, state: &Path) {
    std::fs::write(path, ADAPTER.replace("@STATE@", state.to_str().expect("UTF-8"))).expect("adapter");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
}
