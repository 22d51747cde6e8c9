//! What a person would type: `buildx build` with the arguments spelled out, no StageFreight in between.

use std::path::{Path, PathBuf};
use std::process::Command;

use stagefreight::core::Digest;

use crate::buildx::bench::path;
use crate::support::component;

/// A build typed by hand against a BuildKit daemon.
pub struct ByHand<'a> {
    /// Address of the daemon.
    pub daemon: &'a str,
    /// Directory that holds the Dockerfile.
    pub context: &'a Path,
    /// `--platform`.
    pub platforms: &'a str,
    /// `--provenance`.
    pub provenance: &'a str,
    /// `SOURCE_DATE_EPOCH`.
    pub epoch: i64,
    /// More arguments.
    pub more: &'a [&'a str],
}

impl ByHand<'_> {
    /// Builds into an OCI layout, and tells the digest of its root.
    #[track_caller]
    pub fn build(&self, layout: &Path) -> (PathBuf, Digest) {
        let state = tempfile::tempdir().expect("dir");
        let buildx = |args: &[&str]| {
            let output = Command::new(component("buildx", "buildkit"))
                .args(args)
                .env("PATH", path())
                .env("BUILDX_CONFIG", state.path())
                .env("DOCKER_CONFIG", state.path())
                .output()
                .expect("buildx runs");
            assert!(output.status.success(), "buildx {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        buildx(&["create", "--name", "hand", "--driver", "remote", self.daemon]);
        let metadata = state.path().join("metadata.json");
        let args = [
            "build",
            "--builder=hand",
            &format!("--platform={}", self.platforms),
            &format!("--provenance={}", self.provenance),
            "--sbom=false",
            &format!("--build-arg=SOURCE_DATE_EPOCH={}", self.epoch),
            &format!("--metadata-file={}", metadata.display()),
            &format!("--output=type=oci,tar=false,rewrite-timestamp=true,dest={}", layout.display()),
        ];
        let context = self.context.display().to_string();
        let args: Vec<&str> = args.into_iter().chain(self.more.iter().copied()).chain([context.as_str()]).collect();
        buildx(&args);
        let metadata: serde_json::Value = serde_json::from_slice(&std::fs::read(&metadata).expect("metadata")).expect("JSON");
        let digest = metadata["containerimage.digest"].as_str().expect("a digest").parse().expect("a digest");
        (layout.to_owned(), digest)
    }
}
