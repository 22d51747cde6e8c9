//! Reading, verifying and re-writing an outputs manifest of 10 000 artifacts, beside what serde_json takes to parse
//! and print the same file without verifying anything. The budget is 100 ms on one core (docs/manifests.md, "Speed").

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use stagefreight::core::Timestamp;
use stagefreight::manifest::{BinaryDescriptor, OutputsManifest, Persistence, PlannedFile, PlannedImage, PlannedOutputs, Target};

const ARTIFACTS: usize = 10_000;

fn large() -> Vec<u8> {
    let mut planned = PlannedOutputs { commit: "9b1d5e0c0ffee".to_owned(), ..PlannedOutputs::default() };
    for number in 0..ARTIFACTS / 2 {
        let tags = vec![format!("1.4.{number}"), "1.4".to_owned(), "latest".to_owned()];
        planned.images.push(PlannedImage {
            name: format!("service-{number:05}"),
            version: "1.4.0".to_owned(),
            digest: format!("sha256:{number:064x}"),
            persistence: Persistence::oci_layout(&format!(".stagefreight/objects/sha256/{number:064x}")),
            dockerfile: "Dockerfile".to_owned(),
            context: format!("services/service-{number:05}"),
            platforms: vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()],
            targets: vec![
                Target::registry("ghcr.io", &format!("acme/service-{number:05}"), tags.clone()),
                Target::registry("docker.io", &format!("acme/service-{number:05}"), tags),
            ],
            ..PlannedImage::default()
        });
        planned.binaries.push(PlannedFile {
            name: format!("tool-{number:05}"),
            version: "1.4.0".to_owned(),
            descriptor: BinaryDescriptor {
                os: "linux".to_owned(),
                arch: "arm64".to_owned(),
                path: format!(".stagefreight/dist/tool-{number:05}"),
                toolchain: "rustc 1.95.0".to_owned(),
                build_id: "tools".to_owned(),
            },
        });
    }
    let manifest = planned.into_manifest(Timestamp::from_unix(1_782_907_200));
    manifest.and_then(|manifest| manifest.into_file(Timestamp::from_unix(1_782_907_200))).unwrap_or_default()
}

fn ours(file: &[u8]) -> Vec<u8> {
    let read = OutputsManifest::from_file(Ok(file.to_vec()));
    read.and_then(|manifest| manifest.into_file(Timestamp::from_unix(0))).unwrap_or_default()
}

fn serde_json_alone(file: &[u8]) -> Vec<u8> {
    let value: serde_json::Value = serde_json::from_slice(file).unwrap_or_default();
    serde_json::to_vec_pretty(&value).unwrap_or_default()
}

/// The middle of several runs.
fn median(run: impl Fn() -> Vec<u8>) -> Duration {
    let mut times: Vec<_> = (0..15)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
fn main() {
    let file = large();
    assert_eq!(ours(&file), file, "what is read and written again is the same file");
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    criterion.bench_function("manifest: read, verify, re-write 10 000 artifacts", |b| b.iter(|| ours(black_box(&file))));
    criterion.bench_function("serde_json::Value: parse, print the same file", |b| b.iter(|| serde_json_alone(black_box(&file))));
    criterion.final_summary();
    let (ours, theirs) = (median(|| ours(&file)), median(|| serde_json_alone(&file)));
    println!(
        "{ARTIFACTS} artifacts, {:.1} MiB: read + verify + re-write {:.1} ms; serde_json::Value parse + print {:.1} ms; ratio {:.2}",
        file.len() as f64 / 1_048_576.0,
        ours.as_secs_f64() * 1e3,
        theirs.as_secs_f64() * 1e3,
        ours.as_secs_f64() / theirs.as_secs_f64(),
    );
}
