//! Releases on GitLab: the adapter and the transaction against an embedded one, whose every answer is held against the
//! description of GitLab's API. What goes wrong, and what publishing comes to, is the table in `forge_gitlab/rows.rs`.

mod cli;
mod crash;
pub mod lab;
mod moving;
mod rehearsal;
mod row;
mod rows;
pub(crate) mod scene;

use std::collections::BTreeSet;

use scene::{COMMIT, PROJECT, Scene, TAG};
use stagefreight::publish::Overrides;
use stagefreight::rehearse::forge_gitlab::{Project, Role, Running};

use crate::packages::bench::Bench;
use crate::packages::gitlab_packages;
use crate::support::every_row;
use crate::support::file_release::assert_done;

#[test]
fn every_fault_ends_as_the_table_says_and_the_next_run_converges() {
    every_row(rows::rows(), 50, 12, |row| row.name.clone(), row::Row::run);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_needs_nothing_but_its_token_and_the_endpoints_that_take_one() {
    let scene = Scene::start(|options| options).await;
    let reports = scene.publish_as_job().await;
    assert_done(&reports);
    scene.assert_whole();
    let used: BTreeSet<String> = scene.server.log().entries().iter().map(endpoint).collect();
    let expected = [
        "GET /acme/app.git/info/refs (authorization)",
        "GET /api/v4/projects/acme%2Fapp/packages (job-token)",
        "GET /api/v4/projects/acme%2Fapp/packages/*/package_files (job-token)",
        "GET /api/v4/projects/acme%2Fapp/releases/v1.4.0 (job-token)",
        "POST /api/v4/projects/acme%2Fapp/releases (job-token)",
        "PUT /api/v4/projects/acme%2Fapp/packages/generic/app/v1.4.0/* (job-token)",
    ];
    assert_eq!(used, expected.iter().map(|line| (*line).to_owned()).collect());
    // Again: nothing is written, and little is asked.
    scene.server.log().clear();
    let again = scene.publish_as_job().await;
    assert_done(&again);
    let entries = scene.server.log().entries();
    assert!(scene.server.log().writes().is_empty(), "{entries:#?}");
    assert!(entries.len() <= 4, "{} requests: {entries:#?}", entries.len());
    scene.findings.assert_none();
}

fn endpoint(entry: &stagefreight::rehearse::api::Logged) -> String {
    let mut path: Vec<&str> = entry.path.split('/').collect();
    if let Some(at) = path.iter().position(|part| *part == "package_files") {
        path[at - 1] = "*";
    }
    if path.contains(&"generic") {
        path.pop();
        path.push("*");
    }
    format!("{} {} ({})", entry.method, path.join("/"), entry.credentials.join(", "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_one_version_are_sent_one_after_the_other() {
    let scene = Scene::start(|options| options).await;
    let many = (0..12).map(|at| (format!("file-{at}.tar.gz"), crate::support::file_release::noise(at, 3_000))).collect();
    let release = scene.release_of(many);
    let reports = scene.publisher().publish(&release, &[scene.as_job()], &scene.state(), Overrides::default()).await;
    assert_done(&reports);
    // The server refuses a second one while a first is under way, and none was refused.
    assert!(scene.server.log().entries().iter().all(|entry| entry.status.is_some_and(|status| status < 400 || entry.method == "GET")));
    assert_eq!(scene.server.files(PROJECT).len(), 13);
    scene.findings.assert_none();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_may_be_installed_below_a_path_and_have_groups() {
    let project = "acme/tools/cli";
    let scene = Scene::start(|mut options| {
        options.prefix = "/git/lab".to_owned();
        options.projects = vec![Project::new(project, TAG, COMMIT)];
        options
    })
    .await;
    let forge = scene.publisher().gitlab(&scene.server.url(), project, scene::PERSONAL, stagefreight::forge::Carrier::PrivateToken);
    let reports = scene.publisher().publish(&scene.release(), &[forge], &scene.state(), Overrides::default()).await;
    assert_done(&reports);
    assert_eq!(scene.server.releases(project).len(), 1);
    assert!(scene.server.files(project).iter().all(|file| file.package == "cli"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_longer_than_a_page_is_read_to_its_end() {
    let scene = Scene::start(|mut options| {
        options.limits.page = 2;
        options
    })
    .await;
    let many = (0..9).map(|at| (format!("file-{at}.tar.gz"), vec![u8::try_from(at).expect("small"); 10])).collect();
    let release = scene.release_of(many);
    let publisher = scene.publisher();
    assert_done(&publisher.publish(&release, &[scene.as_job()], &scene.state(), Overrides::default()).await);
    scene.server.log().clear();
    assert_done(&publisher.publish(&release, &[scene.as_job()], &scene.state(), Overrides::default()).await);
    assert!(scene.server.log().writes().is_empty(), "what is on the last page counts as missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_publishers_make_one_release_with_one_file_of_each_name() {
    let scene = Scene::start(|options| options).await;
    let (one, other) = (scene.publisher(), scene.publisher());
    let release = scene.release();
    let (first, second) = (scene.state().join("one"), scene.state().join("other"));
    let forges = [[scene.as_job()], [scene.as_job()]];
    let (a, b) = tokio::join!(
        one.publish(&release, &forges[0], &first, Overrides::default()),
        other.publish(&release, &forges[1], &second, Overrides::default()),
    );
    // Whoever loses a race says so, and its next run finds everything.
    drop((a, b));
    assert_done(&one.publish(&release, &forges[0], &first, Overrides::default()).await);
    assert_done(&other.publish(&release, &forges[1], &second, Overrides::default()).await);
    scene.assert_whole();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn preflight_names_what_is_missing() {
    use stagefreight::forge::Carrier::{JobToken, PrivateToken};
    use stagefreight::publish::{Inquiry, Target as _};
    let scene = Scene::start(|mut options| {
        options.trusted.push(scene::trusted_person("reads-only-token", Role::Reporter));
        options
    })
    .await;
    let publisher = scene.publisher();
    let ask = async |token: &str, carrier| {
        let forge = publisher.gitlab(&scene.server.url(), PROJECT, token, carrier);
        let target = publisher.target(&forge, &scene.release());
        target.preflight(&publisher.cx(), Inquiry::Write).await
    };
    assert!(ask(scene::JOB, JobToken).await.problems.is_empty());
    assert!(ask(scene::PERSONAL, PrivateToken).await.problems.is_empty());
    let unknown = ask("glpat-nobody-has-this", PrivateToken).await;
    assert_eq!(unknown.problems[0].kind, stagefreight::error::Kind::Missing);
    let weak = ask("reads-only-token", PrivateToken).await;
    let problem = &weak.problems[0];
    assert!(
        problem.message.contains("access level 20") && problem.hint.as_ref().is_some_and(|hint| hint.contains("Developer")),
        "{problem:?}"
    );
    assert!(scene.server.log().writes().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_is_moved_by_nobody_who_may_not_and_made_by_a_person() {
    let scene = Scene::start(|options| options).await;
    let cancel = tokio_util::sync::CancellationToken::new();
    let person = scene.as_person();
    person.make_tag("v1", COMMIT, &cancel).await.expect("made");
    assert_eq!(person.tag("v1", &cancel).await.expect("read").map(|tag| tag.commit).as_deref(), Some(COMMIT));
    let error = person.make_tag("v1", COMMIT, &cancel).await.expect_err("twice");
    assert_eq!(error.kind, stagefreight::forge::ForgeErrorKind::Exists);
    let error = scene.as_job().make_tag("v2", COMMIT, &cancel).await.expect_err("a job may not");
    assert!(error.hint.as_ref().is_some_and(|hint| hint.contains("GITLAB_TOKEN")), "{error:?}");
    person.remove_tag("v1", &cancel).await.expect("removed");
    person.remove_tag("v1", &cancel).await.expect("gone already");
    assert_eq!(scene.as_job().tag("v1", &cancel).await.expect("read"), None);
    assert_eq!(scene.as_job().tag(TAG, &cancel).await.expect("read").map(|tag| tag.commit).as_deref(), Some(COMMIT));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_is_removed_with_its_files_and_without_its_tag() {
    let scene = Scene::start(|options| options).await;
    assert_done(&scene.publish_as_job().await);
    let cancel = tokio_util::sync::CancellationToken::new();
    let forge = scene.as_person();
    let held = forge.releases(&cancel).await.expect("a list");
    assert_eq!(held.len(), 1);
    forge.remove_release(&held[0], &cancel).await.expect("removed");
    forge.remove_release(&held[0], &cancel).await.expect("gone already");
    assert!(scene.server.releases(PROJECT).is_empty() && scene.server.files(PROJECT).is_empty());
    assert!(scene.server.tags(PROJECT).iter().any(|(tag, _)| tag == TAG));
    scene.findings.assert_none();
}

/// Earlier versions published a package and a release into one version, and people put files there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_is_removed_without_what_others_keep_in_its_version() {
    let scene = Scene::start(|options| options).await;
    assert_done(&scene.publish_as_job().await);
    let bench = Bench::new();
    let host = gitlab_packages(&scene, &bench.publisher);
    let cancel = bench.publisher.cx().cancel;
    let shared = scene.release().files[0].clone();
    let own = ("tool.zip".to_owned(), crate::support::file_release::noise(7, 300));
    let version = bench.version_of("app", TAG, vec![shared.clone(), own.clone()], &["latest"]);
    assert_done(&bench.publish_elsewhere(&Bench::target(host.clone()), &version).await);
    let by_hand = bench.version_of("app", TAG, vec![("notes.txt".to_owned(), b"by hand".to_vec())], &[]);
    host.send(&by_hand.at(0), &by_hand.source(0), false, &cancel).await.expect("a file of somebody else");
    // A second file of a name lies beside the first.
    let sums = bench.version_of("app", TAG, vec![("SHA256SUMS".to_owned(), b"other".to_vec())], &[]);
    host.send(&sums.at(0), &sums.source(0), true, &cancel).await.expect("a newer file");
    let forge = scene.as_person();
    let held = forge.releases(&cancel).await.expect("a list").remove(0);
    forge.remove_release(&held, &cancel).await.expect("removed");
    forge.remove_release(&held, &cancel).await.expect("gone already");
    let mut left: Vec<String> = scene.server.files(PROJECT).into_iter().filter(|file| file.version == TAG).map(|file| file.name).collect();
    left.sort();
    let index = left.iter().find(|name| stagefreight::core::is_index_file(name)).cloned().expect("the index of the package");
    assert_eq!(left, [shared.0.as_str(), "notes.txt", &index, "tool.zip"], "what the index names, the index, and what nobody linked to");
    assert!(scene.server.releases(PROJECT).is_empty());
    scene.findings.assert_none();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_whose_index_cannot_be_read_keeps_its_files() {
    let scene = Scene::start(|options| options).await;
    assert_done(&scene.publish_as_job().await);
    let bench = Bench::new();
    let host = gitlab_packages(&scene, &bench.publisher);
    let cancel = bench.publisher.cx().cancel;
    let index = stagefreight::core::index_file(TAG, COMMIT, ["x"]);
    let later = bench.version_of("app", TAG, vec![(index, br#"{"schema_version":"2"}"#.to_vec())], &[]);
    host.send(&later.at(0), &later.source(0), false, &cancel).await.expect("an index of a later version of ours");
    let before = scene.server.files(PROJECT).len();
    let forge = scene.as_person();
    let held = forge.releases(&cancel).await.expect("a list").remove(0);
    forge.remove_release(&held, &cancel).await.expect("removed");
    assert!(scene.server.releases(PROJECT).is_empty());
    assert_eq!(scene.server.files(PROJECT).len(), before, "nobody knows what it names");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_is_withdrawn_once() {
    use stagefreight::forge::retention::{is_yanked, yank};
    let scene = Scene::start(|options| options).await;
    assert_done(&scene.publish_as_job().await);
    let cancel = tokio_util::sync::CancellationToken::new();
    let forge = scene.as_person();
    assert!(yank(&*forge, TAG, "it loses data", &cancel).await.expect("marked"));
    assert!(is_yanked(&scene.server.releases(PROJECT)[0].description));
    let writes = scene.server.log().writes().len();
    assert!(!yank(&*forge, TAG, "it loses data", &cancel).await.expect("marked already"));
    assert_eq!(scene.server.log().writes().len(), writes);
    assert!(yank(&*forge, TAG, "it loses much data", &cancel).await.expect("another reason"));
    scene.findings.assert_none();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_wrote_beside_our_notes_survives() {
    let scene = Scene::start(|options| options).await;
    assert_done(&scene.publish_as_job().await);
    let written = format!("Thanks to all!\n\n{}", scene.server.releases(PROJECT)[0].description);
    let cancel = tokio_util::sync::CancellationToken::new();
    let api = scene.publisher().api(&format!("{}/api/v4", scene.server.url()), scene::PERSONAL, stagefreight::forge::Carrier::PrivateToken);
    let url = api.url(&["projects", PROJECT, "releases", TAG], &[]);
    let change = serde_json::json!({ "description": written });
    api.write(stagefreight::http::Method::PUT, url, Some(&change), stagefreight::http::Replay::Safe, &cancel).await.expect("written");
    let mut release = scene.release();
    release.notes = "what is new, corrected".to_owned();
    assert_done(&scene.publisher().publish(&release, &[scene.as_job()], &scene.state(), Overrides::default()).await);
    let now = &scene.server.releases(PROJECT)[0].description;
    assert!(now.starts_with("Thanks to all!") && now.contains("corrected"), "{now}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_called_like_a_file_and_leads_elsewhere_is_nobodys_to_take() {
    let scene = Scene::start(|options| options).await;
    assert_done(&scene.publish_as_job().await);
    let cancel = tokio_util::sync::CancellationToken::new();
    let api = scene.publisher().api(&format!("{}/api/v4", scene.server.url()), scene::PERSONAL, stagefreight::forge::Carrier::PrivateToken);
    let links = ["projects", PROJECT, "releases", TAG, "assets", "links"];
    let listed: Option<Vec<serde_json::Value>> = api.get("list links", api.url(&links, &[]), &cancel).await.expect("read");
    let link = listed.expect("links").into_iter().find(|link| link["name"] == "SHA256SUMS").expect("a link");
    let id = link["id"].to_string();
    let url = api.url(&[links.as_slice(), &[id.as_str()]].concat(), &[]);
    let put = async |leads_to: &str| {
        let change = serde_json::json!({ "name": "SHA256SUMS", "url": leads_to });
        let replay = stagefreight::http::Replay::Safe;
        let answer = api.write(stagefreight::http::Method::PUT, url.clone(), Some(&change), replay, &cancel).await.expect("written");
        assert!(answer.status.is_success(), "{:?}", answer.status);
    };
    put("https://elsewhere.dev/SHA256SUMS").await;
    let before = scene.server.log().writes().len();
    let reports = scene.publish_as_job().await;
    let refused = reports.iter().find_map(|report| match &report.state {
        stagefreight::publish::StepState::Conflict(error) => Some(error.message.clone()),
        _ => None,
    });
    assert!(refused.as_ref().is_some_and(|text| text.contains("a link SHA256SUMS that does not lead to its file")), "{reports:#?}");
    assert_eq!(scene.server.log().writes().len(), before, "nothing was changed");
    put(link["url"].as_str().expect("where it led")).await;
    let before = scene.server.log().writes().len();
    assert_done(&scene.publish_as_job().await);
    assert_eq!(scene.server.log().writes().len(), before);
    scene.findings.assert_none();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_links_to_images_published_with_it_and_gets_a_link_that_it_lacks() {
    use stagefreight::forge::release_links::{each_once, image_link};
    let scene = Scene::start(|options| options).await;
    let mut release = scene.release();
    let publisher = scene.publisher();
    let image = |path: &str, tag: &str| image_link("harbor", "https", "harbor.acme.dev", path, tag);
    release.links = vec![image("acme/app", "1.4.0")];
    assert_done(&publisher.publish(&release, &[scene.as_job()], &scene.state(), Overrides::default()).await);
    let linked = |server: &Running| -> Vec<(String, String, String)> {
        let mut links = server.releases(PROJECT).remove(0).links;
        links.retain(|(.., kind)| kind == "image");
        links
    };
    let first = release.links[0].clone();
    assert_eq!(linked(&scene.server), [(first.name, first.url, "image".to_owned())]);
    // Another image is published with it by now, and the first is named twice.
    release.links = each_once([image("acme/app", "1.4.0"), image("acme/app", "1.4.0"), image("acme/web", "1.4.0")]);
    for writes in [1, 0] {
        let before = scene.server.log().writes().len();
        assert_done(&publisher.publish(&release, &[scene.as_job()], &scene.state().join("elsewhere"), Overrides::default()).await);
        assert_eq!(scene.server.log().writes().len() - before, writes);
        assert_eq!(linked(&scene.server).len(), 2);
    }
    scene.findings.assert_none();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_links_already_is_not_linked_twice() {
    use stagefreight::forge::release_links::image_link;
    let scene = Scene::start(|options| options).await;
    assert_done(&scene.publish_as_job().await);
    let mut release = scene.release();
    release.links = vec![image_link("harbor", "https", "harbor.acme.dev", "acme/app", "1.4.0")];
    let cancel = tokio_util::sync::CancellationToken::new();
    let api = scene.publisher().api(&format!("{}/api/v4", scene.server.url()), scene::PERSONAL, stagefreight::forge::Carrier::PrivateToken);
    let url = api.url(&["projects", PROJECT, "releases", TAG, "assets", "links"], &[]);
    let link = serde_json::json!({ "name": "Docker image", "url": release.links[0].url });
    let replay = stagefreight::http::Replay::Once;
    api.write(stagefreight::http::Method::POST, url, Some(&link), replay, &cancel).await.expect("linked");
    let before = scene.server.log().writes().len();
    for state in [scene.state(), scene.state().join("elsewhere")] {
        assert_done(&scene.publisher().publish(&release, &[scene.as_job()], &state, Overrides::default()).await);
        assert_eq!(scene.server.log().writes().len(), before);
    }
    scene.findings.assert_none();
}
