//! The artifact store: one suite of checks on every backend, against real servers where the backend is a server; what a
//! killed process leaves; the commands.

#[path = "artifact_store/cli.rs"]
mod cli;
#[path = "artifact_store/file.rs"]
mod file;
#[path = "artifact_store/gcs_front.rs"]
mod gcs_front;
#[path = "artifact_store/kill.rs"]
mod kill;
#[path = "artifact_store/oci.rs"]
mod oci;
#[path = "artifact_store/publish.rs"]
mod publish;
#[path = "artifact_store/recording.rs"]
mod recording;
#[path = "artifact_store/remote.rs"]
mod remote;
#[path = "artifact_store/servers.rs"]
pub(crate) mod servers;
#[path = "artifact_store/subjects.rs"]
mod subjects;

use stagefreight::store::artifact::conformance::{Plan, Report, Subject, run};

/// A number from the environment, for runs longer than a test suite should be.
fn from_env(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs the suite and fails with everything that does not hold.
#[track_caller]
#[expect(clippy::print_stdout, reason = "shown by those who ask for it, and when it fails")]
fn conforms(subject: &dyn Subject, plan: &Plan) -> Report {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("runtime");
    let report = runtime.block_on(run(subject, plan));
    for (check, why) in &report.not_applicable {
        println!("{}: not applicable: {check}: {why}", subject.name());
    }
    println!("{}: {} checks passed, {} tries", subject.name(), report.passed.len(), plan.tries);
    if let Err(failed) = report.verdict() {
        panic!("{}:\n{failed}", subject.name());
    }
    report
}

/// Names of the checks that were not run.
fn left_out(report: &Report) -> Vec<&'static str> {
    report.not_applicable.iter().map(|(check, _)| *check).collect()
}
