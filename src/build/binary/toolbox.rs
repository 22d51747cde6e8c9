//! Which toolchains a plan needs, and what they say their version is: asked before anything is built, so that what is
//! missing is known at once.

use std::collections::{BTreeMap, BTreeSet};

use tokio_util::sync::CancellationToken;

use super::run::how_to_get;
use crate::config::Toolchain;
use crate::error::{Error, Result};
use crate::fs;
use crate::plan::{FileStep, StepWork};
use crate::process::{Child, ChildError};
use crate::world::World;

/// Toolchains that are here, by version.
#[derive(Debug, Clone, Default)]
pub struct Toolbox {
    versions: BTreeMap<Toolchain, String>,
}

impl Toolbox {
    /// Asks every toolchain these steps name for its version.
    ///
    /// # Errors
    /// Kind `Missing` for the first that is not installed.
    pub async fn open(world: &World, workspace: &std::path::Path, steps: &[FileStep], cancel: &CancellationToken) -> Result<Self> {
        let mut wanted: BTreeSet<(Toolchain, &str)> = BTreeSet::new();
        for step in steps {
            if let StepWork::Binary(program) = &step.work
                && program.at.image.is_none()
            {
                wanted.insert((program.toolchain, program.at.dir.as_str()));
            }
        }
        let asked = wanted.into_iter().filter_map(|(toolchain, dir)| Some((toolchain, dir, question(toolchain)?)));
        let mut versions = BTreeMap::new();
        for (toolchain, dir, (program, args)) in asked {
            // In the build's own directory: it may pin a version.
            let mut child = Child::new(world, program).args(args.iter().copied()).cwd(&workspace.join(dir));
            for name in ["RUSTUP_HOME", "CARGO_HOME", "RUSTUP_TOOLCHAIN", "GOTOOLCHAIN", "GOROOT"] {
                child = child.pass(world, name);
            }
            let said = match child.run(cancel).await {
                Err(ChildError::NotFound(_)) => {
                    return Err(Error::missing(format!("a build of this plan needs `{program}`, which is not installed or not on PATH"))
                        .hint(how_to_get(program)));
                }
                other => other?,
            };
            if !said.success() {
                return Err(Error::missing(format!("`{program} {}` failed: {}", args.join(" "), said.tail(3))).hint(how_to_get(program)));
            }
            versions.insert(toolchain, version_in(toolchain, &said.stdout));
        }
        Ok(Self { versions })
    }

    /// `go1.26.8`, `rustc 1.95.0`; empty for a command.
    pub fn version(&self, toolchain: Toolchain) -> String {
        self.versions.get(&toolchain).cloned().unwrap_or_default()
    }
}

/// Where a program of this name is on PATH.
pub fn on_path(world: &World, name: &str) -> Option<std::path::PathBuf> {
    let path = world.env.get(crate::names::env::PATH)?;
    std::env::split_paths(path).map(|dir| dir.join(name)).find(|file| fs::is_executable(file))
}

fn question(toolchain: Toolchain) -> Option<(&'static str, &'static [&'static str])> {
    Some(match toolchain {
        Toolchain::Go => ("go", &["env", "GOVERSION"]),
        Toolchain::Rust => ("rustc", &["--version"]),
        Toolchain::Zig => ("zig", &["version"]),
        Toolchain::Node => ("node", &["--version"]),
        Toolchain::Deno => ("deno", &["--version"]),
        Toolchain::Bun => ("bun", &["--version"]),
        Toolchain::Command => return None,
    })
}

fn version_in(toolchain: Toolchain, said: &str) -> String {
    let line = said.lines().next().unwrap_or_default().trim();
    let words = |count: usize| line.split_whitespace().take(count).collect::<Vec<_>>().join(" ");
    match toolchain {
        // `rustc 1.95.0 (59807616e 2026-04-14)`, `deno 2.1.0 (stable, …)`.
        Toolchain::Rust | Toolchain::Deno => words(2),
        Toolchain::Node => format!("node {}", line.trim_start_matches('v')),
        Toolchain::Zig | Toolchain::Bun => format!("{} {}", toolchain.name(), words(1)),
        Toolchain::Go | Toolchain::Command => words(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_toolchains_say_them() {
        for (toolchain, said, version) in [
            (Toolchain::Go, "go1.26.8\n", "go1.26.8"),
            (Toolchain::Rust, "rustc 1.95.0 (59807616e 2026-04-14)\n", "rustc 1.95.0"),
            (Toolchain::Node, "v22.1.0\n", "node 22.1.0"),
            (Toolchain::Deno, "deno 2.1.0 (stable)\nv8 13\n", "deno 2.1.0"),
            (Toolchain::Zig, "0.14.1\n", "zig 0.14.1"),
            (Toolchain::Bun, "1.2.0\n", "bun 1.2.0"),
        ] {
            assert_eq!(version_in(toolchain, said), version);
        }
    }
}
