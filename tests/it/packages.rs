//! Files in places that are no releases: generic packages of a real Gitea and an embedded GitLab, and a server that takes
//! PUT.

pub(crate) mod bench;
mod bucket;
mod crash;
mod prune;
mod prune_places;
mod shelf;

use std::sync::Arc;

use bench::{Bench, states};
use shelf::{Manners, Shelf};
use stagefreight::forge::Carrier;
use stagefreight::forge::packages::{FileHost, GiteaPackages, GitlabPackages, HttpPut, Login};
use stagefreight::http::Url;
use stagefreight::publish::{Inquiry, PlaceErrorKind, StepState, Target as _};
use stagefreight::rehearse::fault::{Cut, Fault, FaultPlan};

use crate::forge_gitlab::scene::{PERSONAL, PROJECT, Scene};
use crate::support::Gitea;
use crate::support::file_release::{Publisher, assert_done, noise};

fn gitea_packages(publisher: &Publisher) -> Arc<dyn FileHost> {
    let gitea = Gitea::get();
    let base = format!("{}api/v1", gitea.url);
    let place = stagefreight::forge::Place {
        provider: stagefreight::forge::Provider::Gitea,
        host: gitea.url.trim_start_matches("http://").trim_end_matches('/').to_owned(),
        project: "acme/any".to_owned(),
    };
    let api = publisher.api(&base, &gitea.token, Carrier::Token);
    Arc::new(GiteaPackages::new(&place, api, &Url::parse(&gitea.url).expect("URL")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gitea_keeps_a_version_once_and_for_all() {
    let bench = Bench::new();
    let host = gitea_packages(&bench.publisher);
    let package = format!("app-{}", std::process::id());
    let target = Bench::target(Arc::clone(&host));
    let preflight = target.preflight(&bench.publisher.cx(), Inquiry::Write).await;
    assert!(preflight.problems.is_empty(), "{preflight:?}");
    let version = bench.version(&package, "1.4.0", &[]);
    assert_done(&bench.publish(&target, &version).await);
    let writes = bench.heard.writes();
    assert_eq!(writes, 3, "two files, and their index");
    // Again, with and without what is remembered.
    assert_done(&bench.publish(&Bench::target(gitea_packages(&bench.publisher)), &version).await);
    assert_done(&bench.publish_elsewhere(&Bench::target(gitea_packages(&bench.publisher)), &version).await);
    assert_eq!(bench.heard.writes(), writes, "a version that is there is not sent again");
    // Other bytes under the same names are a conflict, and stay away.
    let other = bench.version_of(&package, "1.4.0", vec![("app-linux-amd64.tar.gz".to_owned(), noise(77, 60_000))], &[]);
    let reports = bench.publish_elsewhere(&Bench::target(gitea_packages(&bench.publisher)), &other).await;
    assert!(matches!(reports[0].state, StepState::Conflict(_)), "{reports:#?}");
    let target = Bench::target(gitea_packages(&bench.publisher));
    for (place, digest) in version.places() {
        let reading = target.read(&bench.publisher.cx(), &place, stagefreight::publish::Depth::Closure).await.expect("read");
        assert_eq!(reading.digest, Some(digest), "{}", place.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gitea_says_what_it_cannot_do() {
    let bench = Bench::new();
    let package = format!("other-{}", std::process::id());
    // A pointer would have to replace a file.
    let pointed = bench.version(&package, "1.0.0", &["latest"]);
    let reports = bench.publish(&Bench::target(gitea_packages(&bench.publisher)), &pointed).await;
    let refused = bench::failure(&reports, "latest").expect("the pointer is refused");
    assert!(refused.message.contains("cannot be replaced"), "{refused:?}");
    // The server's own limit is 4 MiB here, for those who are no administrators.
    let gitea = Gitea::get();
    let (plain, token) = gitea.plain_user().await;
    let large = bench.version_of(&package, "2.0.0", vec![("large.bin".to_owned(), noise(1, 5 << 20))], &[]);
    let place = stagefreight::forge::Place {
        provider: stagefreight::forge::Provider::Gitea,
        host: "gitea".to_owned(),
        project: format!("{plain}/any"),
    };
    let api = bench.publisher.api(&format!("{}api/v1", gitea.url), &token, Carrier::Token);
    let host: Arc<dyn FileHost> = Arc::new(GiteaPackages::new(&place, api, &Url::parse(&gitea.url).expect("URL")));
    let reports = bench.publish(&Bench::target(host), &large).await;
    let refused = bench::failure(&reports, "large.bin").expect("refused");
    assert_eq!(refused.kind, PlaceErrorKind::Rejected, "{refused:?}");
    assert!(refused.hint.as_ref().is_some_and(|hint| hint.contains("LIMIT_SIZE_GENERIC")), "{refused:?}");
    // A token for repositories alone.
    let asked = serde_json::json!({ "name": format!("no-packages-{}", std::process::id()), "scopes": ["write:repository"] });
    let weak = gitea.token_with(asked).await;
    let place = stagefreight::forge::Place {
        provider: stagefreight::forge::Provider::Gitea,
        host: "gitea".to_owned(),
        project: "acme/any".to_owned(),
    };
    let api = bench.publisher.api(&format!("{}api/v1", gitea.url), &weak, Carrier::Token);
    let host: Arc<dyn FileHost> = Arc::new(GiteaPackages::new(&place, api, &Url::parse(&gitea.url).expect("URL")));
    let reports = bench.publish_elsewhere(&Bench::target(host), &bench.version(&package, "3.0.0", &[])).await;
    let refused = bench::failure(&reports, "app-linux").expect("refused");
    assert_eq!(refused.kind, PlaceErrorKind::Credentials, "{refused:?}");
    assert!(!bench.heard.all().contains(&weak) && !bench.heard.all().contains(&gitea.token), "a token was seen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_at_gitea_is_replaced_when_somebody_decided_that() {
    let bench = Bench::new();
    let host = gitea_packages(&bench.publisher);
    let cancel = bench.publisher.cx().cancel;
    let directory = format!("decided-{}/1.0.0", std::process::id());
    let at = stagefreight::forge::packages::At { directory, file: "index.json".to_owned() };
    host.write(&at, b"one".to_vec(), None, &cancel).await.expect("written");
    let held = host.document(&at, &cancel).await.expect("read").expect("there");
    host.write(&at, b"two".to_vec(), Some(&held), &cancel).await.expect("replaced");
    assert_eq!(host.document(&at, &cancel).await.expect("read").expect("there").bytes, b"two");
}

pub(crate) fn gitlab_packages(scene: &Scene, publisher: &Publisher) -> Arc<dyn FileHost> {
    let forge = publisher.gitlab_project(&scene.server.url(), PROJECT, PERSONAL, Carrier::PrivateToken);
    Arc::new(GitlabPackages::new(forge, publisher.http.clone()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pointer_at_gitlab_only_moves_forward() {
    let scene = Scene::start(|options| options).await;
    let bench = Bench::new();
    let publish = async |version: &str| {
        let host = gitlab_packages(&scene, &bench.publisher);
        bench.publish_elsewhere(&Bench::target(host), &bench.version("app", version, &["latest"])).await
    };
    assert_done(&publish("1.4.0").await);
    assert_done(&publish("1.5.0").await);
    let older = publish("1.3.0").await;
    let kept = older.iter().filter(|report| matches!(report.state, StepState::Superseded(_))).count();
    assert_eq!(kept, 1, "{}", states(&older));
    let writes = scene.server.log().writes().len();
    assert_done(&publish("1.5.0").await);
    assert_eq!(scene.server.log().writes().len(), writes, "what is there is not written again");
    let host = gitlab_packages(&scene, &bench.publisher);
    let at = stagefreight::forge::packages::At { directory: "app/latest".to_owned(), file: "index.json".to_owned() };
    let held = host.document(&at, &bench.publisher.cx().cancel).await.expect("read").expect("there");
    let index = stagefreight::forge::packages::Index::read(&held.bytes).expect("a pointer");
    assert_eq!((index.version.as_str(), index.files.len()), ("1.5.0", 2));
    scene.findings.assert_none();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_go_where_put_is_taken_with_their_checksums() {
    let shelf = Shelf::start(Manners::default(), FaultPlan::default()).await;
    let bench = Bench::new();
    let login = Login::Basic { user: "ci".to_owned(), secret: stagefreight::core::Secret::new(shelf::SECRET) };
    let host = || -> Arc<dyn FileHost> {
        Arc::new(HttpPut::new(Url::parse(&shelf.url()).expect("URL"), bench.publisher.http.clone(), &login, "SHELF_TOKEN"))
    };
    let version = bench.version("tools/app", "1.4.0", &["latest"]);
    assert_done(&bench.publish(&Bench::target(host()), &version).await);
    assert_eq!(shelf.held().len(), 4);
    let writes = shelf.writes();
    assert_done(&bench.publish_elsewhere(&Bench::target(host()), &version).await);
    assert_eq!(shelf.writes(), writes);
    // Somebody changed a file there.
    shelf.set("tools/app/1.4.0/app-windows-amd64.zip", b"something else");
    let reports = bench.publish_elsewhere(&Bench::target(host()), &version).await;
    assert!(reports.iter().any(|report| matches!(report.state, StepState::Conflict(_))), "{}", states(&reports));
    assert!(!bench.heard.all().contains(shelf::SECRET), "the token was seen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_tells_no_digest_is_read_and_one_that_refuses_is_named() {
    let bench = Bench::new();
    let host = |shelf: &Shelf, login: &Login| -> Arc<dyn FileHost> {
        Arc::new(HttpPut::new(Url::parse(&shelf.url()).expect("URL"), bench.publisher.http.clone(), login, "SHELF_TOKEN"))
    };
    let plain = Manners { tells_digests: false, knows_conditions: false, bucket: false };
    let shelf = Shelf::start(plain, FaultPlan::default()).await;
    let good = Login::Bearer(stagefreight::core::Secret::new(shelf::SECRET));
    let version = bench.version("app", "1.4.0", &["latest"]);
    assert_done(&bench.publish_elsewhere(&Bench::target(host(&shelf, &good)), &version).await);
    let writes = shelf.writes();
    assert_done(&bench.publish_elsewhere(&Bench::target(host(&shelf, &good)), &version).await);
    assert_eq!(shelf.writes(), writes);
    shelf.set("app/1.4.0/app-linux-amd64.tar.gz", &noise(5, 60_000));
    let reports = bench.publish_elsewhere(&Bench::target(host(&shelf, &good)), &version).await;
    assert!(reports.iter().any(|report| matches!(report.state, StepState::Conflict(_))), "the same length and other bytes");
    let target = Bench::target(host(&shelf, &Login::Anonymous));
    let refused = target.preflight(&bench.publisher.cx(), Inquiry::Login).await;
    assert_eq!(refused.problems[0].kind, stagefreight::error::Kind::Missing);
    assert!(refused.problems[0].hint.as_ref().is_some_and(|hint| hint.contains("SHELF_TOKEN")), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changed_since_it_was_approved_never_arrives() {
    let bench = Bench::new();
    let shelf = Shelf::start(Manners { tells_digests: false, knows_conditions: false, bucket: false }, FaultPlan::default()).await;
    let login = Login::Bearer(stagefreight::core::Secret::new(shelf::SECRET));
    let host: Arc<dyn FileHost> =
        Arc::new(HttpPut::new(Url::parse(&shelf.url()).expect("URL"), bench.publisher.http.clone(), &login, "SHELF_TOKEN"));
    let target = Bench::target(host);
    let version = bench.version("app", "1.4.0", &["latest"]);
    let path = version.source(0).path;
    let good = std::fs::read(&path).expect("file");
    let mut changed = good.clone();
    changed[0] ^= 1;
    std::fs::write(&path, changed).expect("file");
    let reports = bench.publish(&target, &version).await;
    let refused = bench::failure(&reports, "app-linux").expect("refused");
    assert_eq!(refused.kind, PlaceErrorKind::Source, "{refused:?}");
    let held = shelf.held();
    assert!(held.keys().all(|path| !path.contains("app-linux") && !path.contains("latest")), "{held:?}");
    std::fs::write(&path, good).expect("file");
    assert_done(&bench.publish(&target, &version).await);
    assert_eq!(shelf.held().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_goes_wrong_on_the_way_is_settled_by_looking() {
    let put = |n: u64, fault: Fault| FaultPlan::default().nth("PUT", "*", n, fault);
    let rows = [
        ("answered 503", put(1, Fault::status(503))),
        ("answered 503 after it arrived", put(1, Fault::status(503).after_commit())),
        ("cut before", put(2, Fault::Cut(Cut::Before))),
        ("cut after", put(2, Fault::Cut(Cut::After))),
        ("cut in the middle", put(1, Fault::Cut(Cut::RequestBody(20_000)))),
        ("told to wait", put(1, Fault::status(429).header("Retry-After", "1"))),
        ("the index answered 500 after it was written", put(3, Fault::status(500).after_commit())),
        ("the index cut after it was written", put(3, Fault::Cut(Cut::After))),
        ("the pointer answered 500 after it was written", put(4, Fault::status(500).after_commit())),
        ("the pointer cut after it was written", put(4, Fault::Cut(Cut::After))),
        ("a look answered 500", FaultPlan::default().nth("HEAD", "*", 1, Fault::status(500))),
    ];
    for (name, plan) in rows {
        let shelf = Shelf::start(Manners::default(), plan).await;
        let bench = Bench::new();
        let login = Login::Bearer(stagefreight::core::Secret::new(shelf::SECRET));
        let host: Arc<dyn FileHost> =
            Arc::new(HttpPut::new(Url::parse(&shelf.url()).expect("URL"), bench.publisher.http.clone(), &login, "SHELF_TOKEN"));
        let version = bench.version("app", "1.4.0", &["latest"]);
        let reports = bench.publish(&Bench::target(host), &version).await;
        let open: Vec<_> = reports.iter().filter(|report| !matches!(report.state, StepState::Complete | StepState::Placed)).collect();
        assert!(open.is_empty(), "{name}: {open:#?}");
        assert_eq!(shelf.held().len(), 4, "{name}");
        for (place, digest) in version.places() {
            assert_eq!(
                shelf.held().get(&format!("{}/{}", place.path, place.name.rsplit('/').next().expect("a name"))),
                Some(&digest),
                "{name}"
            );
        }
    }
}

#[test]
fn files_go_from_the_config_to_a_server_that_takes_put() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let shelf = runtime.block_on(Shelf::start(Manners::default(), FaultPlan::default()));
    let workspace = crate::support::forge_cli::Workspace::new();
    let url = shelf.url();
    workspace.config(
        "",
        &format!("  files: {{ kind: files, url: \"{url}\", path: tools/app, archives: pack, aliases: [latest], credentials: SHELF }}\n"),
    );
    let told = workspace.run(&["preflight"], 3).stdout();
    assert!(told.contains("SHELF_USER and SHELF_TOKEN are not set"), "{told}");
    assert_eq!(shelf.writes(), 0);
    let workspace = workspace.env("SHELF_TOKEN", shelf::SECRET);
    for command in ["preflight", "perform", "review", "publish", "status", "verify"] {
        workspace.run(&[command], 0);
    }
    let (indexes, held): (Vec<String>, Vec<String>) = shelf.held().into_keys().partition(|name| name.contains("stagefreight-"));
    let expected =
        ["tools/app/1.4.0/tool-1.4.0-linux-amd64.tar.gz", "tools/app/1.4.0/tool-1.4.0-windows-amd64.zip", "tools/app/latest/index.json"];
    assert_eq!(held, expected);
    assert!(indexes.len() == 1 && indexes[0].starts_with("tools/app/1.4.0/"), "{indexes:?}");
    workspace.run(&["publish"], 0);
    assert_eq!((workspace.writes(), shelf.writes()), (0, 4));
    // Somebody changed one: verify says so, and publish leaves it alone.
    shelf.set("tools/app/1.4.0/tool-1.4.0-windows-amd64.zip", b"something else");
    workspace.run(&["verify"], 7);
    workspace.run(&["publish"], 4);
    workspace.assert_never_seen(shelf::SECRET);
}
