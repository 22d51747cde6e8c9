//! Only approved bytes become files of a release, whatever happens to a file on its way.

use stagefreight::publish::PlaceErrorKind;
use stagefreight::rehearse::FaultPlan;

use super::cli::Hub;
use super::scene::{Publisher, Scene, TOKEN, files};
use crate::support::Sf;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changed_never_arrives_whole() {
    for (name, bytes) in files() {
        let scene = Scene::with(FaultPlan::default(), |_| {}).await;
        let workspace = scene.dir.path().join("ws");
        std::fs::create_dir_all(&workspace).expect("workspace");
        // As long as it was, and different in its last byte alone.
        let mut changed = bytes.clone();
        *changed.last_mut().expect("a byte") ^= 1;
        std::fs::write(workspace.join(name), &changed).expect("file");
        let outcome = scene.publish(&Publisher::default()).await;
        assert_eq!(outcome.failure(), Some(PlaceErrorKind::Source), "{name}: {}", outcome.message());
        assert!(outcome.message().contains("hashes to sha256:"), "{name}: {}", outcome.message());
        let releases = scene.releases().await;
        assert!(releases.iter().all(|release| release["draft"] == true), "{name}: it was published");
        let files = releases.iter().flat_map(|release| release["assets"].as_array().expect("assets"));
        assert!(!files.clone().any(|file| file["name"] == name && file["state"] == "uploaded"), "{name} arrived");

        std::fs::write(workspace.join(name), &bytes).expect("file");
        let outcome = scene.publish(&Publisher::default()).await;
        assert_eq!(outcome.failure(), None, "{name}: {}", outcome.message());
        assert_eq!(Scene::set(&scene.visible().await.expect("a release")), Scene::expected(), "{name}");
        scene.heard.assert_valid();
    }
}

const CONFIG: &str = r#"version: 1
builds:
  tool:
    kind: command
    command: ["sh", "-c", "mkdir -p out && head -c 70000000 /dev/zero >out/large && echo small >out/small"]
    outputs: [{ type: file, source: out/large }, { type: file, source: out/small }]
publish:
  release: { kind: release, repos: home, archives: tool }
"#;

#[test]
fn a_small_file_that_changed_stops_publish_before_it_begins_and_a_large_one_before_anything_is_seen() {
    let sf = Sf::new()
        .file(".gitignore", ".stagefreight/\n.stagefreight.yml\nout/\n")
        .file("README", "one")
        .git()
        .tag("v1.4.0")
        .env("SF_CI_TAG", "v1.4.0")
        .env("SF_CI_EVENT", "tag")
        .env("HUB_TOKEN", TOKEN);
    let hub = Hub::start(&["acme/app"], &sf.git_run(&["rev-parse", "HEAD"]));
    sf.write(".stagefreight.yml", format!("{CONFIG}{}repos: {{ home: {{ forge: hub, project: acme/app }} }}\n", hub.config()));
    sf.run(&["perform"]).code(0);
    sf.run(&["review"]).code(0);
    let path = |name: &str| {
        let dist = sf.path().join(".stagefreight/dist");
        let found = walk(&dist).into_iter().find(|path| path.file_name().is_some_and(|file| file == name));
        found.unwrap_or_else(|| panic!("{name} below {}", dist.display()))
    };

    let small = path("small");
    std::fs::write(&small, "other\n").expect("file");
    hub.server.log().clear();
    let said = sf.run(&["publish"]).code(1).stderr();
    assert!(said.contains("hashes to sha256:") && said.contains("run perform again"), "{said}");
    assert_eq!(hub.server.log().entries().len(), 0, "the forge was asked");
    std::fs::write(&small, "small\n").expect("file");

    let large = path("large");
    let file = std::fs::OpenOptions::new().write(true).open(&large).expect("file");
    std::os::unix::fs::FileExt::write_all_at(&file, b"x", 69_999_999).expect("written");
    let said = sf.run(&["publish"]).code(1).stderr();
    assert!(said.contains("hashes to sha256:") && said.contains("run perform again"), "{said}");
    let releases = hub.ask("/api/v3/repos/acme/app/releases");
    assert!(releases.as_array().is_some_and(|all| all.iter().all(|one| one["draft"] == true)), "{releases:#}");
    std::os::unix::fs::FileExt::write_all_at(&file, b"\0", 69_999_999).expect("written");

    file.set_len(70_000_001).expect("longer");
    let said = sf.run(&["publish"]).code(1).stderr();
    assert!(said.contains("70000001 bytes"), "{said}");
    file.set_len(70_000_000).expect("as it was");
    sf.run(&["publish"]).code(0);
    hub.heard.assert_valid();
    drop(hub.runtime);
}

fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).expect("directory").flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
