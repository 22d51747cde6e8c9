//! Reads `buildx inspect`: `Key: value` lines, first of the builder, then of each of its nodes (spec/build.md B.5).

use crate::build::backend::Rule;
use crate::core::{ByteSize, Platform};

/// What buildx says of a builder.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Name of the builder.
    pub name: String,
    /// `docker`, `docker-container`, `remote`, …
    pub driver: String,
    /// Why it could not be reached, where buildx says it of the whole.
    pub error: Option<String>,
    /// Its nodes, at least one where buildx found it.
    pub nodes: Vec<InspectedNode>,
}

/// What it says of one node.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct InspectedNode {
    /// `sf-1a2b3c4d0`.
    pub name: String,
    /// Name of a docker context, or an address.
    pub endpoint: String,
    /// `running` when BuildKit answered.
    pub status: String,
    /// BuildKit's version, when it tells a real one.
    pub buildkit: Option<String>,
    /// Platforms it builds for.
    pub platforms: Vec<Platform>,
    /// Why it could not be reached.
    pub error: Option<String>,
    /// What it throws away by itself.
    pub rules: Vec<Rule>,
}

impl Inspected {
    /// Why it cannot build, a fragment; none when every node runs.
    pub fn broken(&self) -> Option<String> {
        let of_node = |node: &InspectedNode| match (&node.error, node.status.as_str()) {
            (Some(error), _) => Some(error.clone()),
            (None, "running") => None,
            (None, "") => Some(format!("its node {} tells no status", node.name)),
            (None, status) => Some(format!("its node {} is {status}", node.name)),
        };
        let none = || self.nodes.is_empty().then(|| "it has no node".to_owned());
        self.error.clone().or_else(|| self.nodes.iter().find_map(of_node)).or_else(none)
    }
}

/// Reads the output. Unknown lines are other versions' business.
pub fn parse(text: &str) -> Inspected {
    let mut found = Inspected::default();
    let mut in_nodes = false;
    for line in text.lines() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("GC Policy rule#") {
            if let (true, Some(node)) = (rest.ends_with(':'), found.nodes.last_mut()) {
                node.rules.push(Rule::default());
            }
            continue;
        }
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match (key.trim(), in_nodes) {
            ("Nodes", _) => in_nodes = true,
            ("Name", false) => value.clone_into(&mut found.name),
            ("Driver", false) => value.clone_into(&mut found.driver),
            ("Error", false) => found.error = Some(value.to_owned()).filter(|error| !error.is_empty()),
            ("Name", true) => found.nodes.push(InspectedNode { name: value.to_owned(), ..InspectedNode::default() }),
            (key, true) => {
                if let Some(node) = found.nodes.last_mut() {
                    read(node, key, value);
                }
            }
            _ => {}
        }
    }
    found
}

fn read(node: &mut InspectedNode, key: &str, value: &str) {
    match (key, node.rules.last_mut()) {
        ("All", Some(rule)) => rule.all = value == "true",
        ("Filters", Some(rule)) => rule.filters = value.split(',').map(|filter| filter.trim().to_owned()).collect(),
        ("Keep Duration", Some(rule)) => rule.keep_seconds = seconds(value),
        ("Max Used Space", Some(rule)) => rule.max_used = bytes(value),
        // Its name until buildx 0.17.
        ("Reserved Space" | "Keep Bytes", Some(rule)) => rule.reserved = bytes(value),
        ("Min Free Space", Some(rule)) => rule.min_free = bytes(value),
        ("Endpoint", None) => value.clone_into(&mut node.endpoint),
        ("Status", None) => value.clone_into(&mut node.status),
        ("Error", None) => node.error = Some(value.to_owned()).filter(|error| !error.is_empty()),
        // Builds of distributions often leave the version out.
        ("BuildKit version" | "BuildKit" | "Buildkit", None) => {
            let version = value.trim_start_matches('v');
            node.buildkit = Some(version.to_owned()).filter(|version| !version.starts_with("0.0.0") && !version.is_empty());
        }
        // Those the user chose are marked with a star.
        ("Platforms", None) => node.platforms = value.split(',').filter_map(|one| one.trim().trim_end_matches('*').parse().ok()).collect(),
        _ => {}
    }
}

/// `48h0m0s`, as Go prints it.
fn seconds(text: &str) -> i64 {
    crate::core::duration::parse(text).ok().and_then(|duration| i64::try_from(duration.as_secs()).ok()).unwrap_or(0)
}

/// `9.313GiB`, `512MB`, `488.3MiB`.
fn bytes(text: &str) -> i64 {
    text.parse::<ByteSize>().ok().and_then(|size| i64::try_from(size.0).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_NODES: &str = "\
Name:          sf-e2f630c7
Driver:        docker-container
Last Activity: 2026-11-21 14:00:00 +0000 UTC

Nodes:
Name:                  sf-e2f630c70
Endpoint:              default
Status:                running
BuildKit daemon flags: --allow-insecure-entitlement=network.host
BuildKit version:      v0.30.0
Platforms:             linux/amd64*, linux/amd64/v2, linux/386
Labels:
 org.mobyproject.buildkit.worker.executor: oci
GC Policy rule#0:
 All:            false
 Filters:        type==source.local,type==exec.cachemount,type==source.git.checkout
 Keep Duration:  48h0m0s
 Max Used Space: 488.3MiB
GC Policy rule#1:
 All:           true
 Reserved Space: 9.313GiB
 Min Free Space: 1GiB

Name:     sf-e2f630c71
Endpoint: far
Error:    Cannot connect to the Docker daemon at tcp://far:2375. Is the docker daemon running?
";

    #[test]
    fn reads_every_node_with_its_rules() {
        let found = parse(TWO_NODES);
        assert_eq!((found.name.as_str(), found.driver.as_str(), found.nodes.len()), ("sf-e2f630c7", "docker-container", 2));
        let node = &found.nodes[0];
        assert_eq!((node.name.as_str(), node.endpoint.as_str(), node.status.as_str()), ("sf-e2f630c70", "default", "running"));
        assert_eq!(node.buildkit.as_deref(), Some("0.30.0"));
        assert_eq!(node.platforms.iter().map(ToString::to_string).collect::<Vec<_>>(), ["linux/amd64", "linux/amd64/v2", "linux/386"]);
        let [young, fallback] = node.rules.as_slice() else { panic!("{:?}", node.rules) };
        assert_eq!((young.filters.len(), young.keep_seconds, young.max_used, young.all), (3, 172_800, 512_019_660, false));
        assert_eq!((fallback.all, fallback.min_free, fallback.reserved), (true, 1 << 30, 9_999_757_606));
        assert_eq!(found.broken().as_deref(), Some("Cannot connect to the Docker daemon at tcp://far:2375. Is the docker daemon running?"));
    }

    #[test]
    fn keeps_the_reason_of_a_dead_one() {
        let dead =
            "Name:   default\nDriver: \nError:  Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?\n";
        assert_eq!(
            parse(dead).broken().as_deref(),
            Some("Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?")
        );
        let stopped = "Name: x\nDriver: docker-container\n\nNodes:\nName: x0\nEndpoint: default\nStatus: inactive\n";
        assert_eq!(parse(stopped).broken().as_deref(), Some("its node x0 is inactive"));
        let running = stopped.replace("inactive", "running\nBuildKit version: v0.0.0+unknown");
        assert_eq!((parse(&running).broken(), parse(&running).nodes[0].buildkit.clone()), (None, None));
        assert_eq!(parse("").broken().as_deref(), Some("it has no node"));
    }
}
