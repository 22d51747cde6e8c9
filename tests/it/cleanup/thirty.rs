//! Thirty images, five protected: a run removes exactly what the dry run listed, and a second run nothing.

use super::engine::{Engine, Store, ids};
use crate::support::assert_satisfies;

/// Every rule after one second, so that a test need not wait for days.
fn rules(protect: &str) -> String {
    format!(
        "    protect: {{ images: {{ refs: [{protect}] }} }}\n    prune:\n      images: {{ dangling: {{ older_than: 1s }}, unreferenced: {{ older_than: 1s }} }}\n      \
         containers: {{ exited: {{ older_than: 1s }} }}\n      build_cache: {{ older_than: 1s, keep_storage: 1B }}\n      networks: {{ unused: true }}\n"
    )
}

fn removes_exactly_what_it_listed(store: Store) {
    let engine = Engine::start(store);
    let mut all = Vec::new();
    for n in 0..30 {
        all.push(engine.image(&format!("acme/app-{n}:1"), &format!("{store:?} {n}")));
    }
    // Five stay: two by their names, one by its digest, two because of containers, one of which is long over.
    let by_digest = all[2].clone();
    engine.docker(&["create", "--network", "none", "--name", "waiting", "acme/app-3:1"]);
    engine.docker(&["create", "--network", "none", "--name", "waiting-too", "acme/app-4:1"]);
    let mut staying: Vec<String> = all[..5].to_vec();
    staying.sort();
    // Names more than one; one without any; a volume; a network nobody uses.
    engine.docker(&["tag", "acme/app-5:1", "acme/second:1"]);
    engine.docker(&["tag", "acme/app-5:1", "acme/third:1"]);
    engine.docker(&["tag", "acme/app-7:1", "acme/app-6:1"]);
    engine.docker(&["volume", "create", "precious"]);
    std::thread::sleep(std::time::Duration::from_millis(1500));

    let sf = engine.workspace(&rules(&format!("acme/app-0, \"docker.io/acme/app-1:*\", \"{by_digest}\"")));
    let before = engine.images();
    let dry = sf.run(&["cleanup", "--dry-run", "--output", "json"]).code(0).json();
    assert_satisfies("command-cleanup", &dry);
    assert_eq!(engine.images(), before, "a dry run removes nothing");
    assert_eq!(dry["dry_run"], true);
    assert!(dry["removals"].as_array().is_some_and(|all| all.iter().all(|item| item["state"] == "planned")), "{dry:#}");
    let listed = ids(&dry, "image");
    let expected: Vec<String> = before.iter().filter(|id| !staying.contains(id)).cloned().collect();
    assert_eq!(listed, expected);
    assert_eq!(dry["kept"].as_array().map(Vec::len), Some(5), "{:#}", dry["kept"]);

    let shown = sf.run(&["cleanup", "--dry-run"]).code(0).stdout();
    assert!(
        shown.contains("(dry run)") && shown.contains("protected by `acme/app-0`") && shown.contains("container waiting uses it"),
        "{shown}"
    );
    assert!(shown.contains("acme/app-5:1 acme/second:1 acme/third:1"), "{shown}");

    let done = sf.run(&["cleanup", "--output", "json"]).code(0).json();
    assert_satisfies("command-cleanup", &done);
    for kind in ["container", "image", "build_cache", "network"] {
        assert_eq!(ids(&done, kind), ids(&dry, kind), "{kind}");
    }
    assert!(done["removals"].as_array().is_some_and(|all| all.iter().all(|item| item["state"] == "removed")), "{done:#}");
    assert_eq!(engine.images(), staying);
    assert!(done["reclaimed"].as_u64().is_some_and(|bytes| bytes > 0), "{}", done["reclaimed"]);
    assert!(engine.docker(&["volume", "ls", "--quiet"]).contains("precious"));
    assert_eq!(engine.docker(&["ps", "--all", "--quiet"]).lines().count(), 2, "containers that never ran stay");

    let again = sf.run(&["cleanup", "--output", "json"]).code(0).json();
    assert_eq!((&again["removed"], &again["removals"]), (&0.into(), &serde_json::json!([])));
    assert_eq!(engine.images(), staying);
}

#[test]
fn of_images_in_containerd() {
    removes_exactly_what_it_listed(Store::Containerd);
}

#[test]
fn of_images_in_the_engines_own_store() {
    removes_exactly_what_it_listed(Store::Graph);
}

#[test]
fn containers_images_cache_and_networks_go_in_this_order() {
    let engine = Engine::start(Store::Containerd);
    let image = engine.image("acme/over:1", "not a program");
    let container = engine.docker(&["create", "--network", "none", "--name", "over", "acme/over:1"]);
    // What cannot be started ends at once, or never began; a program that can be started ends by itself.
    std::fs::write(engine.socket().with_file_name("Dockerfile"), "FROM scratch\nCOPY busybox /busybox\nCMD [\"/busybox\", \"true\"]\n")
        .expect("file");
    std::fs::copy("/bin/busybox", engine.socket().with_file_name("busybox")).expect("a static busybox: scripts/components install busybox");
    let context = engine.socket().with_file_name("context");
    std::fs::create_dir(&context).expect("dir");
    for name in ["Dockerfile", "busybox"] {
        std::fs::rename(engine.socket().with_file_name(name), context.join(name)).expect("moved");
    }
    engine.docker(&["buildx", "build", "--quiet", "--tag", "acme/true:1", &context.display().to_string()]);
    let ran = engine.docker(&["run", "--network", "none", "--name", "ran", "--detach", "acme/true:1"]);
    let network = engine.docker(&["network", "create", "--internal", "--subnet", "10.213.77.0/28", "sf-cleanup-test"]);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let sf = engine.workspace(&rules(""));
    let done = sf.run(&["cleanup", "--output", "json"]).code(0).json();
    let kinds: Vec<&str> = done["removals"].as_array().expect("list").iter().map(|item| item["kind"].as_str().expect("kind")).collect();
    let mut sorted = kinds.clone();
    sorted.sort_by_key(|kind| ["container", "image", "build_cache", "network"].iter().position(|known| known == kind));
    assert_eq!(kinds, sorted, "{done:#}");
    assert_eq!(ids(&done, "container"), [ran], "the one that never ran stays");
    assert_eq!(ids(&done, "network"), [network]);
    assert_eq!(ids(&done, "image").len(), 1, "the image of the container that goes goes too: {done:#}");
    assert!(!ids(&done, "build_cache").is_empty(), "{done:#}");
    assert_eq!(engine.images(), [image]);
    assert!(engine.docker(&["ps", "--all", "--quiet", "--no-trunc"]).contains(&container));
}

#[test]
fn many_images_are_gone_in_one_run() {
    let engine = Engine::start(Store::Containerd);
    for n in 0..150 {
        engine.image(&format!("acme/many-{n}:1"), &n.to_string());
    }
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let sf = engine.workspace(&rules(""));
    let done = sf.run(&["cleanup"]).code(0).stdout();
    assert!(done.contains("removed 150 images"), "{done}");
    assert_eq!(engine.images(), Vec::<String>::new());
}

#[test]
fn perform_cleans_up_before_it_builds_where_the_config_says_so() {
    let engine = Engine::start(Store::Containerd);
    engine.image("acme/old:1", "old");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let sf = engine.workspace(&rules(""));
    let told = sf.run(&["perform"]).code(0).stderr();
    let (cleaned, built) = (told.find("removed 1 image"), told.find("building app"));
    assert!(cleaned.is_some() && cleaned < built, "{told}");
    assert_eq!(engine.images(), Vec::<String>::new());
}
