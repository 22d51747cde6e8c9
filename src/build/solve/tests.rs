//! What the tests of this room and of the tools share.

use std::collections::BTreeMap;

use crate::build::lifecycle::Node;
use crate::config::BuildkitOptions;
use crate::plan::{BuildStep, BuilderChoice, BuilderKind, PlannedCache};

/// A step with nothing special about it.
pub fn step() -> BuildStep {
    BuildStep {
        id: "app".into(),
        required: true,
        depends_on: Vec::new(),
        dockerfile: "Dockerfile".into(),
        context: ".".into(),
        target: None,
        platforms: vec!["linux/amd64".into()],
        args: BTreeMap::new(),
        labels: BTreeMap::new(),
        source_date_epoch: 1_700_000_000,
        provenance: None,
        sbom: false,
        compression: "gzip".into(),
        buildkit: BuildkitOptions::default(),
        cache: PlannedCache::default(),
        builder: BuilderChoice { kind: BuilderKind::Buildx, why: String::new() },
    }
}

/// A node of the builder `default`.
pub fn node() -> Node {
    Node { name: "default0".into(), builder: "default".into(), address: None, tls: None, platforms: Vec::new(), buildkit: None }
}
