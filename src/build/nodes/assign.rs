//! Which node builds which platforms. Pure: the same step and nodes give the same answer.

use crate::build::lifecycle::Node;
use crate::core::Platform;
use crate::error::{Error, Result};
use crate::plan::BuildStep;

/// The platforms one node builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment<'a> {
    /// Who.
    pub node: &'a Node,
    /// What, in the order of the step and in its words.
    pub platforms: Vec<String>,
}

/// How well a node serves a platform; less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// Its processor runs it.
    Native,
    /// It says that it does, by emulation.
    Emulated,
}

/// Gives every platform of the step to a node, in the order of the config. A node that serves all of them natively
/// gets all; else each platform goes to the first node that runs it natively, or failing that by emulation.
///
/// A node that stands alone gets everything, whatever it says: files can be copied for any platform, and BuildKit itself
/// tells what it cannot run.
///
/// # Errors
/// Kind `Usage` for platforms that no node serves, with what each serves; kind `Missing` when there is no node at all.
pub fn assign<'a>(step: &BuildStep, nodes: &'a [Node]) -> Result<Vec<Assignment<'a>>> {
    let platforms = step.platforms.iter().map(|text| Ok((text.clone(), text.parse::<Platform>()?.normalized())));
    let platforms: Vec<(String, Platform)> = platforms
        .collect::<std::result::Result<_, crate::core::platform::PlatformError>>()
        .map_err(|error| Error::usage(format!("build {}", step.id)).because(&error))?;
    let everything = |node: &'a Node| Ok(vec![Assignment { node, platforms: step.platforms.clone() }]);
    match nodes {
        [] => {
            return Err(
                Error::missing(format!("build {} has no BuildKit node", step.id)).hint("start one, or take it into `builder.nodes`")
            );
        }
        [only] => return everything(only),
        _ => {}
    }
    if let Some(all) = nodes.iter().find(|node| platforms.iter().all(|(_, platform)| fit(node, platform) == Some(Fit::Native))) {
        return everything(all);
    }
    let mut assignments: Vec<Assignment<'a>> = nodes.iter().map(|node| Assignment { node, platforms: Vec::new() }).collect();
    let mut unserved = Vec::new();
    for (text, platform) in &platforms {
        let best = assignments.iter_mut().filter_map(|given| Some((fit(given.node, platform)?, given))).min_by_key(|(fit, _)| *fit);
        match best {
            Some((_, given)) => given.platforms.push(text.clone()),
            None => unserved.push(text.as_str()),
        }
    }
    if !unserved.is_empty() {
        let error = Error::usage(format!("no node builds {} for {}", step.id, unserved.join(", ")));
        let error = nodes.iter().fold(error, |error, node| error.note(format!("{}  {}", node.name, served(node))));
        return Err(error.hint("add the platform to a node of `builder.nodes`, or take it out of the build's `platforms`"));
    }
    assignments.retain(|given| !given.platforms.is_empty());
    Ok(assignments)
}

fn served(node: &Node) -> String {
    if node.platforms.is_empty() {
        return "nothing it names".to_owned();
    }
    node.platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

// What a node names first is its own; the rest its processor runs too, or it emulates.
fn fit(node: &Node, platform: &Platform) -> Option<Fit> {
    let own = node.platforms.first()?.normalized();
    let serves = node.platforms.iter().any(|served| covers(&served.normalized(), platform));
    let native = platform.os == own.os && runs(&own.arch, &platform.arch);
    serves.then_some(if native { Fit::Native } else { Fit::Emulated })
}

// Every amd64 level is amd64 to a builder; an arm level includes those below it.
fn covers(served: &Platform, wanted: &Platform) -> bool {
    let same = served.os == wanted.os && served.arch == wanted.arch;
    same && (served.variant == wanted.variant
        || match wanted.arch.as_str() {
            "amd64" => served.variant.is_none(),
            "arm" => wanted.variant < served.variant,
            _ => false,
        })
}

fn runs(machine: &str, arch: &str) -> bool {
    matches!((machine, arch), ("amd64", "386") | ("arm64", "arm")) || machine == arch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::solve::tests::step;
    use crate::error::Kind;

    fn node(name: &str, platforms: &str) -> Node {
        let platforms = platforms.split_whitespace().map(|text| text.parse().expect("platform")).collect();
        Node { name: name.into(), builder: name.into(), address: None, tls: None, platforms, buildkit: None }
    }

    fn given(platforms: &str, nodes: &[Node]) -> Result<String> {
        let step = BuildStep { platforms: platforms.split_whitespace().map(str::to_owned).collect(), ..step() };
        let told = |given: &Assignment<'_>| format!("{}: {}", given.node.name, given.platforms.join(" "));
        assign(&step, nodes).map(|all| all.iter().map(told).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn each_platform_goes_where_it_is_at_home() {
        let amd = || node("a", "linux/amd64 linux/386 linux/arm64");
        let arm = || node("b", "linux/arm64 linux/arm/v7 linux/amd64");
        let table = [
            ("linux/amd64 linux/arm64", vec![amd(), arm()], "a: linux/amd64; b: linux/arm64"),
            ("linux/arm64 linux/amd64 linux/386", vec![amd(), arm()], "a: linux/amd64 linux/386; b: linux/arm64"),
            ("linux/amd64 linux/386", vec![arm(), amd()], "a: linux/amd64 linux/386"),
            ("linux/arm linux/arm64/v8", vec![amd(), arm()], "b: linux/arm linux/arm64/v8"),
            ("linux/arm/v6 linux/amd64/v3", vec![amd(), arm()], "a: linux/amd64/v3; b: linux/arm/v6"),
            // Emulation only where nobody is at home.
            ("linux/amd64 linux/arm64", vec![amd(), node("c", "linux/s390x")], "a: linux/amd64 linux/arm64"),
            ("linux/s390x linux/arm64", vec![amd(), node("c", "linux/s390x linux/arm64")], "a: linux/arm64; c: linux/s390x"),
            ("linux/amd64", vec![node("x", "linux/amd64"), node("y", "linux/amd64")], "x: linux/amd64"),
            // Alone it gets everything.
            ("linux/amd64 linux/riscv64", vec![node("x", "linux/amd64")], "x: linux/amd64 linux/riscv64"),
            ("linux/amd64", vec![node("x", "")], "x: linux/amd64"),
        ];
        for (platforms, nodes, expected) in table {
            assert_eq!(given(platforms, &nodes).expect("assigned"), expected, "{platforms}");
        }
    }

    #[test]
    fn what_nobody_serves_is_named_with_what_they_do_serve() {
        let nodes = [node("sf-1", "linux/amd64 linux/386"), node("sf-2", "linux/arm64"), node("sf-3", "")];
        let error = given("linux/riscv64 linux/amd64 linux/s390x", &nodes).expect_err("unserved");
        assert_eq!(error.kind(), Kind::Usage);
        assert_eq!(error.message(), "no node builds app for linux/riscv64, linux/s390x");
        assert_eq!(error.notes(), ["sf-1  linux/amd64, linux/386", "sf-2  linux/arm64", "sf-3  nothing it names"]);
        // A higher level of the processor is another machine.
        assert!(given("linux/arm/v7 linux/amd64", &[node("a", "linux/amd64"), node("b", "linux/arm/v6")]).is_err());
        assert_eq!(given("linux/amd64", &[]).expect_err("nobody").kind(), Kind::Missing);
    }
}
