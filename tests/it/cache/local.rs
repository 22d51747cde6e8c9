//! `mode: local`: a directory that outlives builders.

use super::rig::{Daemon, cache, perform, repository, share};
use crate::support::Sf;

fn local(sf: &Sf) -> String {
    sf.outside().join("mount/cache").display().to_string()
}

/// A workspace whose cache directory is mounted beside it.
fn workspace() -> Sf {
    let sf = repository("app", "");
    std::fs::create_dir(sf.outside().join("mount")).expect("mount");
    let config = sf.read(".stagefreight.yml");
    sf.write(".stagefreight.yml", format!("{config}build_cache: {{ mode: local, local: {{ path: {} }} }}\n", local(&sf)));
    sf.commit("cache");
    sf
}

#[test]
fn a_fresh_builder_finds_the_directory_and_replaces_it_as_a_whole() {
    let sf = workspace();
    let cold = perform(&sf, &Daemon::start(), &[]);
    assert_eq!((share(&cold), cache(&cold)["local"].as_str()), (0, Some("miss")), "{cold:#}");
    assert_eq!(cache(&cold)["exports"][0]["written"], true, "{cold:#}");
    let listed = sf.run(&["cache", "ls", "--output", "json"]).code(0).json();
    let first = listed["local"][0]["path"].as_str().expect("a path").to_owned();
    assert!(first.starts_with(&local(&sf)) && first.contains("/app-") && first.ends_with("generation-0000000001"), "{listed:#}");

    // What a killed job leaves is nobody's.
    let slot = std::path::Path::new(&first).parent().expect("slot").to_owned();
    std::fs::create_dir_all(slot.join(".sf-new-dead/layout")).expect("leftover");
    let warm = perform(&sf, &Daemon::start(), &[]);
    assert!(share(&warm) > 90 && cache(&warm)["local"] == "hit", "{warm:#}");
    let mut names: Vec<_> = std::fs::read_dir(&slot).expect("slot").map(|entry| entry.expect("entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["generation-0000000002", "lock"]);

    let config = sf.read(".stagefreight.yml").replace("cache } }", "cache, retention: { max_size: 1KB } } }");
    sf.write(".stagefreight.yml", config);
    let said = sf.run(&["cache", "prune", "--dry-run"]).code(0);
    assert!(said.stdout().contains("1 cache would be removed"), "{}", said.stdout());
    assert!(slot.join("generation-0000000002").exists());
    let done = sf.run(&["cache", "prune"]).code(0);
    assert!(done.stdout().contains("1 cache removed"), "{}", done.stdout());
    assert!(!slot.join("generation-0000000002").exists());
}

#[test]
fn a_mount_that_is_missing_is_a_warning() {
    let sf = workspace();
    std::fs::remove_dir(sf.outside().join("mount")).expect("unmounted");
    let built = perform(&sf, &Daemon::start(), &[]);
    assert_eq!(cache(&built)["exports"][0]["written"], false, "{built:#}");
    let said = built["stderr"].as_str().expect("text");
    assert!(said.contains("is not used") && said.contains("mount is not there"), "{said}");
}
