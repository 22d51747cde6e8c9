//! Against real registries, read back by other people's clients.

use std::process::Command;

use stagefreight::core::Digest;
use stagefreight::error::Kind;
use stagefreight::publish::{Depth, Inquiry, Observation, Overrides, Target as _};
use stagefreight::registry::pull;

use super::{Publisher, artifact, destination, publish};
use crate::support::{Image, Registry, USER, component};

const ALICE: [(&str, &str); 2] = [("REG_USER", USER.0), ("REG_TOKEN", USER.1)];

fn image(version: &str) -> Image<'_> {
    let layers = vec![vec![7; 300_000], version.as_bytes().to_vec(), Vec::new()];
    Image { version, revision: "0123456789abcdef", layers, platforms: &["linux/amd64", "linux/arm64"] }
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("the client runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A docker config with alice's credentials, which the foreign clients read.
fn docker_config(publisher: &Publisher, host: &str) -> std::path::PathBuf {
    let dir = publisher.path("docker");
    std::fs::create_dir_all(&dir).expect("docker config directory");
    // alice:wonderland
    let config = format!(r#"{{"auths":{{"{host}":{{"auth":"YWxpY2U6d29uZGVybGFuZA=="}}}}}}"#);
    std::fs::write(dir.join("config.json"), config).expect("docker config");
    dir
}

async fn publishes_and_does_nothing_again(registry: &Registry, credentials: bool) {
    let publisher = Publisher::new(if credentials { &ALICE } else { &[] });
    let layout = publisher.path("image");
    let digest = image("1.4.0").write(&layout);
    let host = &registry.host;
    let tags = [("1.4.0", "immutable"), ("1.4", "forward"), ("edge", "any")];
    let target = publisher.target(host, credentials.then_some("REG"));
    let steps = target.bind(&artifact(host, layout.clone(), &digest, "1.4.0", &tags));
    let placed = publish(&publisher.cx, &steps).await.expect("first publish");
    assert!(placed.sent > 300_000, "{placed:?}");
    let writes = publisher.writes();
    // The layers that both platforms share went up once: 3 shared, 2 of their own, 2 configs.
    let uploads = writes.iter().filter(|line| line.starts_with("PUT") && line.contains("/blobs/")).count();
    assert_eq!(uploads, 7, "{writes:#?}");
    let manifests = writes.iter().filter(|line| line.starts_with("PUT") && line.contains("/manifests/")).count();
    assert_eq!(manifests, 3 + tags.len(), "{writes:#?}");

    // Another process publishes the same: it only looks.
    let again = Publisher::new(if credentials { &ALICE } else { &[] });
    let target = again.target(host, credentials.then_some("REG"));
    let steps = target.bind(&artifact(host, layout.clone(), &digest, "1.4.0", &tags));
    publish(&again.cx, &steps).await.expect("second publish");
    let writes = again.writes();
    assert!(writes.is_empty(), "{writes:#?}");

    // Others read what we meant.
    let config = docker_config(&publisher, host);
    let reference = format!("{host}/acme/app:1.4.0");
    let crane =
        |args: &[&str]| output(Command::new(component("crane", "crane")).args(args).arg("--insecure").env("DOCKER_CONFIG", &config));
    assert_eq!(crane(&["digest", &reference]), digest.to_string());
    for tag in ["1.4", "edge"] {
        assert_eq!(crane(&["digest", &format!("{host}/acme/app:{tag}")]), digest.to_string());
    }
    let mut regctl = Command::new(component("regctl", "regctl"));
    regctl.args(["image", "digest", "--host", &format!("reg={host},tls=disabled"), &reference]).env("DOCKER_CONFIG", &config);
    assert_eq!(output(&mut regctl), digest.to_string());
    let mut skopeo = Command::new(component("skopeo", "skopeo"));
    skopeo
        .args(["inspect", "--raw", "--tls-verify=false", &format!("docker://{reference}")])
        .env("REGISTRY_AUTH_FILE", config.join("config.json"));
    let raw = skopeo.output().expect("skopeo runs");
    assert!(raw.status.success(), "{}", String::from_utf8_lossy(&raw.stderr));
    assert_eq!(Digest::of(&raw.stdout), digest);
    let mut oras = Command::new(component("oras", "oras"));
    oras.args(["manifest", "fetch", "--plain-http", "--descriptor", &reference]).env("DOCKER_CONFIG", &config);
    assert!(output(&mut oras).contains(digest.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_2_with_basic_auth() {
    publishes_and_does_nothing_again(&Registry::v2(true), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_3() {
    publishes_and_does_nothing_again(&Registry::v3(false), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn olareg() {
    publishes_and_does_nothing_again(&Registry::olareg(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_missing_credentials_name_the_variables() {
    let registry = Registry::v2(true);
    let host = &registry.host;
    for (env, expected, hint) in [
        (
            vec![("REG_USER", "alice"), ("REG_TOKEN", "queen-of-hearts")],
            "does not accept REG_USER and REG_TOKEN",
            "set REG_USER and REG_TOKEN",
        ),
        (vec![("REG_USER", "alice")], "REG_TOKEN (or REG_PASS) not set", "set REG_TOKEN"),
        (vec![], "REG_USER and REG_TOKEN not set", "set REG_USER and REG_TOKEN"),
    ] {
        let publisher = Publisher::new(&env);
        let found = publisher.target(host, Some("REG")).preflight(&publisher.cx, Inquiry::Login).await;
        let [problem] = found.problems.as_slice() else { panic!("{found:?}") };
        assert_eq!(problem.kind, Kind::Missing);
        assert!(problem.message.contains(expected), "{}", problem.message);
        assert!(problem.hint.as_deref().is_some_and(|text| text.contains(hint)), "{problem:?}");
        assert!(!format!("{problem:?}").contains("queen-of-hearts"));
        assert!(publisher.writes().is_empty());
    }
    let publisher = Publisher::new(&ALICE);
    let found = publisher.target(host, Some("REG")).preflight(&publisher.cx, Inquiry::Login).await;
    assert!(found.problems.is_empty(), "{found:?}");
    assert_eq!(found.checked.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_immutable_tag_is_left_alone_and_moving_tags_only_move_forward() {
    let registry = Registry::v2(false);
    let host = &registry.host;
    let publisher = Publisher::new(&[]);
    let target = publisher.target(host, None);
    let old = image("1.4.0").write(&publisher.path("old"));
    let tags = [("1.4.0", "immutable"), ("latest", "forward")];
    let steps = target.bind(&artifact(host, publisher.path("old"), &old, "1.4.0", &tags));
    publish(&publisher.cx, &steps).await.expect("1.4.0");

    // Other bytes under the same version.
    let other = Image { layers: vec![b"other".to_vec()], ..image("1.4.0") }.write(&publisher.path("other"));
    publisher.requests();
    let others = target.bind(&artifact(host, publisher.path("other"), &other, "1.4.0", &[("1.4.0", "immutable")]));
    let step = others.iter().find(|step| step.destination().is_some()).expect("tag step");
    let found = step.observe(&publisher.cx).await;
    let Observation::Diverged { found: holds, about, may_move: false, why, unjudged: false } = &found else { panic!("{found:?}") };
    assert_eq!((holds.as_str(), why.as_str()), (old.as_str(), "the tag is immutable"));
    assert_eq!(about.as_deref(), Some("version 1.4.0, revision 0123456789ab, made 2026-07-01T12:00:00Z"));
    assert!(step.place(&publisher.cx, &found).await.is_err());
    assert!(publisher.writes().is_empty());

    // An older version does not take `latest` back; a newer one takes it on.
    let older = image("1.3.9").write(&publisher.path("older"));
    let steps = target.bind(&artifact(host, publisher.path("older"), &older, "1.3.9", &[("latest", "forward")]));
    let refused = publish(&publisher.cx, &steps).await.expect_err("backwards");
    assert!(refused.contains("never moves back to 1.3.9"), "{refused}");
    let newer = image("1.5.0").write(&publisher.path("newer"));
    let steps = target.bind(&artifact(host, publisher.path("newer"), &newer, "1.5.0", &[("1.5.0", "immutable"), ("latest", "forward")]));
    publish(&publisher.cx, &steps).await.expect("forward");
    let reading = target.read(&publisher.cx, &destination(host, "latest", "forward", &newer), Depth::Closure).await.expect("reading");
    assert_eq!((reading.digest, reading.version.as_deref(), reading.missing), (Some(newer), Some("1.5.0"), None));

    // The user may replace, by name.
    let mut cx = publisher.cx.clone();
    cx.overrides = std::sync::Arc::new(Overrides {
        replace: [(format!("{host}/acme/app:1.4.0"), "wrong build".to_owned())].into(),
        ..Overrides::default()
    });
    let bytes = others.iter().find(|step| step.destination().is_none()).expect("bytes step");
    bytes.place(&cx, &Observation::Absent).await.expect("bytes");
    let placed = step.place(&cx, &found).await.expect("replaced");
    assert_eq!((placed.writes, placed.moved_from), (1, Some(old.to_string())));
    assert!(matches!(step.observe(&cx).await, Observation::Complete { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_can_be_adopted_again() {
    let registry = Registry::v3(false);
    let host = &registry.host;
    let publisher = Publisher::new(&[]);
    let target = publisher.target(host, None);
    let digest = image("2.0.0").write(&publisher.path("image"));
    let steps = target.bind(&artifact(host, publisher.path("image"), &digest, "2.0.0", &[("2.0.0", "immutable")]));
    publish(&publisher.cx, &steps).await.expect("published");
    let destination = destination(host, "2.0.0", "immutable", &digest);
    let reading = target.read(&publisher.cx, &destination, Depth::About).await.expect("reading");
    assert_eq!(reading.revision.as_deref(), Some("0123456789abcdef"));
    target.fetch(&publisher.cx, &destination, &digest, &publisher.path("adopted")).await.expect("fetched");
    let adopted = stagefreight::store::Layout::open(&publisher.path("adopted")).expect("layout");
    adopted.closure(&digest).expect("every byte");
    let names: Vec<_> =
        std::fs::read_dir(publisher.path("adopted")).expect("dir").filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    assert_eq!(names.len(), 3, "{names:?}");

    // One platform of it, as a base image.
    let client = target.client();
    let platform = "linux/arm64".parse().expect("platform");
    let into = publisher.path("base");
    let pulled = pull(client, "acme/app", "2.0.0", Some(&platform), &into, &publisher.cx.cancel).await.expect("pulled");
    assert_eq!(pulled.resolved, digest);
    assert_ne!(pulled.root.digest, digest);
    let absent = "linux/s390x".parse().expect("platform");
    let refused = pull(client, "acme/app", "2.0.0", Some(&absent), &publisher.path("none"), &publisher.cx.cancel)
        .await
        .expect_err("no such platform");
    assert!(refused.to_string().contains("it has linux/amd64, linux/arm64"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_repository_borrows_blobs_and_a_damaged_one_is_completed() {
    let registry = Registry::v2(false);
    let host = &registry.host;
    let publisher = Publisher::new(&[]);
    let target = publisher.target(host, None);
    let digest = image("1.0.0").write(&publisher.path("image"));
    let mut approved = artifact(host, publisher.path("image"), &digest, "1.0.0", &[("1.0.0", "immutable"), ("1.0.0", "immutable")]);
    approved.destinations[1].path = "acme/mirror".to_owned();
    approved.destinations[1].name = format!("{host}/acme/mirror:1.0.0");
    let placed = publish(&publisher.cx, &target.bind(&approved)).await.expect("published");
    let writes = publisher.writes();
    let uploads = writes.iter().filter(|line| line.starts_with("PUT") && line.contains("/blobs/")).count();
    assert_eq!(uploads, 7, "{writes:#?}");
    assert!(placed.reused >= 300_000, "{placed:?}");

    // The registry loses a layer of one repository: the step sees it, and sends only that.
    let layer = Digest::of(&vec![7; 300_000]);
    let link = registry.data().join("data/docker/registry/v2/repositories/acme/app/_layers/sha256").join(layer.hex());
    std::fs::remove_dir_all(&link).expect("the layer was linked");
    let again = Publisher::new(&[]);
    let steps = again.target(host, None).bind(&approved);
    let bytes = steps.iter().find(|step| step.destination().is_none()).expect("bytes step");
    let found = bytes.observe(&again.cx).await;
    assert_eq!(found, Observation::Partial { missing: layer.short().to_owned() });
    bytes.place(&again.cx, &found).await.expect("completed");
    assert!(matches!(bytes.observe(&again.cx).await, Observation::Complete { .. }));
}
