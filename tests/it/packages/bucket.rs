//! Files in a bucket: a real S3 server, and one in memory that misbehaves.

use std::sync::Arc;

use stagefreight::core::StorePlace;
use stagefreight::forge::packages::{BucketFiles, FileHost};
use stagefreight::publish::{Inquiry, StepState, Target as _};
use stagefreight::rehearse::fault::{Cut, Fault, FaultPlan};
use stagefreight::store::artifact::SignedBucket;

use super::bench::{Bench, failure, states};
use super::shelf::{Manners, SECRET, Shelf};
use crate::artifact_store::servers::{S3_USER, Server};
use crate::support::file_release::{assert_done, noise};
use crate::support::forge_cli::Workspace;

pub fn files(bench: &Bench, endpoint: &str, key: Option<(&str, &str)>) -> Arc<dyn FileHost> {
    files_below(bench, endpoint, "some/prefix", key)
}

fn files_below(bench: &Bench, endpoint: &str, prefix: &str, key: Option<(&str, &str)>) -> Arc<dyn FileHost> {
    let place =
        StorePlace::S3 { bucket: "test".to_owned(), prefix: Some(prefix.to_owned()), region: None, endpoint: Some(endpoint.to_owned()) };
    let variables = |name: &str| {
        let (id, secret) = key?;
        match name {
            "FILES_ACCESS_KEY_ID" => Some(id.to_owned()),
            "FILES_SECRET_ACCESS_KEY" => Some(secret.to_owned()),
            _ => None,
        }
    };
    let http = bench.publisher.http.clone();
    Arc::new(BucketFiles::new(place.shown(), SignedBucket::open(&place, Some("files"), &variables, http.clone()), http))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_bucket_keeps_a_version_once_and_its_pointer_forward() {
    let server = Server::s3();
    let bench = Bench::new();
    let endpoint = format!("http://{}", server.host);
    let host = || files(&bench, &endpoint, Some(S3_USER));
    let preflight = Bench::target(host()).preflight(&bench.publisher.cx(), Inquiry::Write).await;
    assert!(preflight.problems.is_empty(), "{preflight:?}");
    let version = bench.version("to ols/app+x", "1.4.0", &["latest"]);
    assert_done(&bench.publish(&Bench::target(host()), &version).await);
    let writes = bench.heard.writes();
    assert_eq!(writes, 4);
    assert!(server.data().join("test/some/prefix/to ols/app+x/1.4.0/app-windows-amd64.zip").is_file());
    // Again, with and without what is remembered: nothing is written, and the server tells the digests.
    assert_done(&bench.publish(&Bench::target(host()), &version).await);
    assert_done(&bench.publish_elsewhere(&Bench::target(host()), &version).await);
    assert_eq!(bench.heard.writes(), writes);
    let told = host().look(&version.at(0), &tokio_util::sync::CancellationToken::new()).await.expect("a look").expect("a file");
    assert_eq!(told.sha256, Some(version.places()[0].1.clone()), "the server tells the digest of what is there");
    // Other bytes under the same names are a conflict, also when nobody looked before.
    let other = bench.version_of("to ols/app+x", "1.4.0", vec![("app-linux-amd64.tar.gz".to_owned(), noise(77, 60_000))], &[]);
    let reports = bench.publish_elsewhere(&Bench::target(host()), &other).await;
    assert!(matches!(reports[0].state, StepState::Conflict(_)), "{}", states(&reports));
    // The pointer follows versions, and does not go back.
    let pointer = || async {
        let at = stagefreight::forge::packages::At { directory: "to ols/app+x/latest".to_owned(), file: "index.json".to_owned() };
        let held = host().document(&at, &tokio_util::sync::CancellationToken::new()).await.expect("a look").expect("a pointer");
        serde_json::from_slice::<serde_json::Value>(&held.bytes).expect("JSON")["version"].clone()
    };
    for (next, then) in [("1.10.0", "1.10.0"), ("1.9.0", "1.10.0")] {
        let reports = bench.publish(&Bench::target(host()), &bench.version("to ols/app+x", next, &["latest"])).await;
        assert!(failure(&reports, next).is_none(), "{}", states(&reports));
        assert_eq!(pointer().await, then);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_publishers_one_comes_first() {
    let server = Server::s3();
    let endpoint = format!("http://{}", server.host);
    for round in 0..8 {
        let (one, two) = (Bench::new(), Bench::new());
        let package = format!("app-{round}");
        let (ours, theirs) = (one.version_of(&package, "1.0.0", vec![("a.bin".to_owned(), noise(1, 40_000))], &["latest"]), {
            two.version_of(&package, "1.0.0", vec![("a.bin".to_owned(), noise(2, 40_000))], &["latest"])
        });
        let (first, second) = (Bench::target(files(&one, &endpoint, Some(S3_USER))), Bench::target(files(&two, &endpoint, Some(S3_USER))));
        let (mine, other) = tokio::join!(one.publish(&first, &ours), two.publish(&second, &theirs));
        let placed = [&mine, &other].iter().filter(|reports| matches!(reports[0].state, StepState::Placed)).count();
        let refused = [&mine, &other].iter().filter(|reports| matches!(reports[0].state, StepState::Conflict(_))).count();
        assert_eq!((placed, refused), (1, 1), "{}\n{}", states(&mine), states(&other));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_or_wrong_is_named_before_anything_is_sent() {
    let server = Server::s3();
    let bench = Bench::new();
    let endpoint = format!("http://{}", server.host);
    for (key, kind, said) in [
        (None, stagefreight::error::Kind::Missing, "FILES_ACCESS_KEY_ID and FILES_SECRET_ACCESS_KEY not set"),
        (Some((S3_USER.0, "a-wrong-secret-key")), stagefreight::error::Kind::Missing, "does not accept FILES_ACCESS_KEY_ID"),
    ] {
        let target = Bench::target(files(&bench, &endpoint, key));
        let found = target.preflight(&bench.publisher.cx(), Inquiry::Login).await;
        assert_eq!(found.problems.len(), 1, "{found:?}");
        assert!(found.problems[0].kind == kind && found.problems[0].message.contains(said), "{found:?}");
        let reports = bench.publish_elsewhere(&target, &bench.version("app", "1.0.0", &[])).await;
        assert!(failure(&reports, "app-linux").is_some_and(|error| error.message.contains(said)), "{}", states(&reports));
    }
    assert_eq!(bench.heard.writes(), 0);
    std::fs::remove_dir(server.data().join("test")).expect("the bucket goes");
    let found = Bench::target(files(&bench, &endpoint, Some(S3_USER))).preflight(&bench.publisher.cx(), Inquiry::Login).await;
    assert!(found.problems[0].message.contains("does not exist"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_of_a_bucket_are_settled_by_looking() {
    let put = |n: u64, fault: Fault| FaultPlan::default().nth("PUT", "*", n, fault);
    let rows = [
        ("answered 503", put(1, Fault::status(503))),
        ("answered 500 after it arrived", put(1, Fault::status(500).after_commit())),
        ("cut before", put(2, Fault::Cut(Cut::Before))),
        ("cut after", put(2, Fault::Cut(Cut::After))),
        ("cut in the middle", put(1, Fault::Cut(Cut::RequestBody(20_000)))),
        ("told to slow down", put(1, Fault::status(503).header("Retry-After", "1"))),
        ("another conditional request is under way", put(1, Fault::status(409))),
        ("the pointer answered 500 after it was written", put(4, Fault::status(500).after_commit())),
        ("the pointer cut after it was written", put(4, Fault::Cut(Cut::After))),
        ("a look answered 500", FaultPlan::default().nth("HEAD", "*", 1, Fault::status(500))),
        ("a look cut", FaultPlan::default().nth("HEAD", "*", 2, Fault::Cut(Cut::After))),
    ];
    for (name, plan) in rows {
        for tells_digests in [true, false] {
            let shelf = Shelf::start(Manners { tells_digests, bucket: true, ..Manners::default() }, plan.clone()).await;
            let bench = Bench::new();
            let host = || files(&bench, &shelf.endpoint(), Some(("KEY", SECRET)));
            let version = bench.version("app", "1.4.0", &["latest"]);
            let reports = bench.publish(&Bench::target(host()), &version).await;
            let open: Vec<_> = reports.iter().filter(|report| !matches!(report.state, StepState::Complete | StepState::Placed)).collect();
            assert!(open.is_empty(), "{name}: {open:#?}");
            assert_eq!(shelf.held().len(), 4, "{name}");
            let writes = shelf.writes();
            assert_done(&bench.publish_elsewhere(&Bench::target(host()), &version).await);
            assert_eq!(shelf.writes(), writes, "{name}: nothing is sent twice");
            assert!(!bench.heard.all().contains(SECRET), "{name}: the key was seen");
        }
    }
}

#[test]
fn files_go_from_the_config_to_a_bucket() {
    let server = Server::s3();
    let mut workspace = Workspace::new();
    let config = format!(
        "  files: {{ kind: files, url: \"s3://test/releases\", endpoint: \"http://{}\", path: tools/app, archives: pack, aliases: [latest], credentials: files }}\n",
        server.host
    );
    workspace.config("", &config);
    let told = workspace.run(&["preflight"], 3).stdout();
    assert!(told.contains("FILES_ACCESS_KEY_ID and FILES_SECRET_ACCESS_KEY not set"), "{told}");
    workspace = workspace.env("FILES_ACCESS_KEY_ID", S3_USER.0).env("FILES_SECRET_ACCESS_KEY", S3_USER.1);
    for command in ["preflight", "perform", "review", "publish", "status", "verify"] {
        workspace.run(&[command], 0);
    }
    let held = |name: &str| server.data().join("test/releases/tools/app").join(name);
    assert!(held("1.4.0/tool-1.4.0-windows-amd64.zip").is_file() && held("latest/index.json").is_file());
    workspace.run(&["publish"], 0);
    assert_eq!(workspace.writes(), 0);
    // Somebody changed one: verify says so, and publish leaves it alone.
    let bench = Bench::new();
    let other = bench.version_of("tools/app", "1.4.0", vec![("tool-1.4.0-windows-amd64.zip".to_owned(), noise(1, 100))], &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let place = files_below(&bench, &format!("http://{}", server.host), "releases", Some(S3_USER));
    let never = tokio_util::sync::CancellationToken::new();
    runtime.block_on(place.send(&other.at(0), &other.source(0), true, &never)).expect("replaced");
    workspace.run(&["verify"], 7);
    workspace.run(&["publish"], 4);
    workspace.assert_never_seen(S3_USER.1);
}
