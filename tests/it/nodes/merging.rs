//! `merge` beside BuildKit: what two daemons built of one platform each becomes what one daemon builds of both.

use std::collections::BTreeMap;
use std::path::Path;

use stagefreight::build::merge::{Entry, Merged, Source, merge};
use stagefreight::core::Platform;
use stagefreight::store::Layout;

use super::by_hand::ByHand;
use crate::buildx::bench::{Bench, Buildkitd, EPOCH, manifest};

const PLATFORMS: [&str; 2] = ["linux/386", "linux/amd64"];

/// Builds each platform on a daemon of its own and merges.
fn on_two(bench: &Bench, daemons: &[Buildkitd; 2], provenance: &str, more: &[&str], index: &[(&str, &str)]) -> Merged {
    let sources: Vec<Source> = PLATFORMS
        .iter()
        .zip(daemons)
        .map(|(platform, daemon)| {
            let hand = ByHand { daemon: &daemon.address, context: &bench.ws(), platforms: platform, provenance, epoch: EPOCH, more };
            let (layout, root) = hand.build(&bench.dir.path().join(format!("{provenance}-{}", platform.replace('/', "-"))));
            Source { name: (*platform).to_owned(), layout, root }
        })
        .collect();
    let platforms: Vec<Platform> = PLATFORMS.iter().map(|text| text.parse().expect("platform")).collect();
    let annotations: BTreeMap<String, String> = index.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    let merged = merge(&sources, &platforms, &annotations, &bench.dir.path().join(format!("merged-{provenance}"))).expect("merged");
    Layout::open(&merged.layout).expect("layout").closure(&merged.digest).expect("every byte is there");
    merged
}

#[test]
fn two_daemons_give_the_index_that_one_gives() {
    let daemons = [Buildkitd::start(), Buildkitd::start()];
    let bench = Bench::with_busybox("ARG TARGETARCH\nRUN echo $TARGETARCH >/arch\n");
    let descriptor = ["--annotation=manifest-descriptor:note=<a&b>", "--annotation=manifest:own=1"];
    for (index, more) in [
        (vec![], vec![]),
        (
            vec![("say", "b<&r"), ("umlaut", "ü")],
            [&descriptor[..], &["--annotation=index:say=b<&r", "--annotation=index:umlaut=ü"]].concat(),
        ),
    ] {
        let name = format!("one-{}", more.len());
        let hand = ByHand {
            daemon: &daemons[0].address,
            context: &bench.ws(),
            platforms: &PLATFORMS.join(","),
            provenance: "false",
            epoch: EPOCH,
            more: &more,
        };
        let (_, one) = hand.build(&bench.dir.path().join(&name));
        // A single platform has no index that could be annotated.
        let alone: Vec<&str> = more.iter().copied().filter(|arg| !arg.contains("index:")).collect();
        let merged = on_two(&bench, &daemons, "false", &alone, &index);
        assert_eq!(merged.digest, one, "{more:?}");
        for dir in ["false-linux-386", "false-linux-amd64", "merged-false"] {
            std::fs::remove_dir_all(bench.dir.path().join(dir)).expect("dir");
        }
    }
}

#[test]
fn attestations_stand_where_buildkit_puts_them() {
    let daemons = [Buildkitd::start(), Buildkitd::start()];
    let bench = Bench::with_busybox("ARG TARGETARCH\nRUN echo $TARGETARCH >/arch\n");
    let hand = ByHand {
        daemon: &daemons[0].address,
        context: &bench.ws(),
        platforms: &PLATFORMS.join(","),
        provenance: "mode=max",
        epoch: EPOCH,
        more: &[],
    };
    let (layout, root) = hand.build(&bench.dir.path().join("one"));
    let merged = on_two(&bench, &daemons, "mode=max", &[], &[]);
    let shape = |layout: &Path, root| -> Vec<String> {
        let entries: Vec<Entry> = manifest(layout, root).manifests.iter().map(Entry::from).collect();
        // Statements hold times and ids: an attestation is known by what it attests.
        entries.iter().map(|entry| entry.attests().map_or_else(|| entry.digest.to_string(), |digest| format!("attests {digest}"))).collect()
    };
    let (expected, found) = (shape(&layout, &root), shape(&merged.layout, &merged.digest));
    assert_eq!(found, expected);
    assert_eq!(found.len(), 4, "{found:?}");
}
