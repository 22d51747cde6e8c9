//! Builds `WORKSPACE/Dockerfile` with the embedded builder and prints the seconds it took, the layers' size and the
//! digest. Run by `scripts/bench/embedded-build`, which compares with other tools: `embedded_build WORKSPACE SCRATCH [THREADS]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use stagefreight::build::embedded::Embedded;
use stagefreight::build::{BuildCx, Builder as _};
use stagefreight::core::Platform;
use stagefreight::event::Events;
use stagefreight::plan::{BuildStep, BuilderChoice, BuilderKind};
use tokio_util::sync::CancellationToken;

#[expect(clippy::print_stdout, reason = "a benchmark reads its arguments and prints its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` adds options of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let [workspace, scratch, rest @ ..] = args.as_slice() else {
        println!("usage: embedded_build WORKSPACE SCRATCH [THREADS]; see scripts/bench/embedded-build");
        return Ok(());
    };
    let mut builder = Embedded::new(Vec::new());
    if let Some(threads) = rest.first() {
        builder = builder.threads(threads.parse()?);
    }
    let step = BuildStep {
        id: "bench".to_owned(),
        required: true,
        depends_on: Vec::new(),
        dockerfile: "Dockerfile".to_owned(),
        context: ".".to_owned(),
        target: None,
        platforms: vec![Platform::host().to_string()],
        args: BTreeMap::new(),
        labels: BTreeMap::new(),
        source_date_epoch: 1_700_000_000,
        provenance: None,
        sbom: false,
        compression: "gzip".to_owned(),
        buildkit: stagefreight::config::BuildkitOptions::default(),
        stage: Vec::new(),
        cache: stagefreight::plan::PlannedCache::default(),
        builder: BuilderChoice { kind: BuilderKind::Embedded, why: "measured".to_owned() },
    };
    let cx = BuildCx::new(PathBuf::from(workspace), PathBuf::from(scratch), CancellationToken::new(), Events::none());
    let began = Instant::now();
    let built = tokio::runtime::Runtime::new()?.block_on(builder.build(&cx, &step))?;
    let seconds = began.elapsed().as_secs_f64();
    let layout = stagefreight::store::Layout::open(&built.layout)?;
    let manifest = layout.read_manifest(&built.digest)?;
    let bytes: u64 = manifest.layers.iter().map(|layer| layer.size).sum();
    println!("{seconds:.2} {bytes} {}", built.digest);
    Ok(())
}
