//! `mode: shared` and `hybrid` with a real registry.

use std::time::{Duration, Instant};

use super::rig::{Daemon, cache, perform, repository, share};
use crate::support::{Registry, USER, assert_satisfies};

fn shared(registry: &Registry) -> String {
    format!(
        "registries: {{ caches: {{ url: \"http://{}\", credentials: CACHE, default_path: lab/caches }} }}\n\
         build_cache: {{ mode: shared, external: {{ registry: caches }} }}\n",
        registry.host
    )
}

#[test]
fn a_fresh_builder_finds_what_another_left_and_is_faster() {
    let registry = Registry::v3(true);
    let (user, password) = USER;
    let sf = repository("app", &shared(&registry)).env("CACHE_USER", user).env("CACHE_TOKEN", password);
    let timed = |sf: &crate::support::Sf| {
        let daemon = Daemon::start();
        let begun = Instant::now();
        (perform(sf, &daemon, &[]), begun.elapsed())
    };
    let (cold, cold_took) = timed(&sf);
    assert_eq!((share(&cold), cache(&cold)["result"].as_str()), (0, Some("miss")));
    assert_eq!(cache(&cold)["imports"][0]["found"], "miss", "{cold:#}");
    assert_eq!(cache(&cold)["exports"][0]["written"], true, "{cold:#}");

    let (warm, warm_took) = timed(&sf);
    // Faster by as much as the steps that were found took, which both builds say themselves: how long they took in all
    // depends on what else the machine does.
    println!("cold {cold_took:?}, warm {warm_took:?} with {} % of the steps found", share(&warm));
    assert!(share(&warm) > 90, "{warm:#}");
    assert_eq!((cache(&warm)["external"].as_str(), cache(&warm)["fallback"].as_str()), (Some("hit"), Some("skipped")));
    assert!(cache(&warm)["saved_ms"].as_u64().is_some_and(|saved| saved >= 4000), "{warm:#}");
    assert_eq!(warm["artifacts"][0]["digest"], cold["artifacts"][0]["digest"], "a cache decides nothing about the bytes");
    assert_satisfies("cache", &serde_json::from_str(&sf.read(".stagefreight/cache.json")).expect("JSON"));

    // The credentials are in none of the places people and later jobs look.
    let said = format!("{}{}", cold["stderr"], warm["stderr"]);
    assert!(said.contains("--cache-to"), "the command line is shown: {said}");
    for place in [said, sf.read(".stagefreight/plan.json"), sf.read(".stagefreight/cache.json")] {
        assert!(!place.contains(password), "{place}");
    }

    // A branch that is new begins with what the default branch has, and writes its own.
    sf.git_run(&["switch", "-q", "-c", "feature/x"]);
    let feature = sf.env("SF_CI_DEFAULT_BRANCH", "main");
    let (branch, _) = timed(&feature);
    assert!(share(&branch) > 90, "{branch:#}");
    assert_eq!((cache(&branch)["external"].as_str(), cache(&branch)["fallback"].as_str()), (Some("miss"), Some("hit")));
    let listed = feature.run(&["cache", "ls", "--output", "json"]).code(0).json();
    assert_satisfies("command-cache-ls", &listed);
    let tags: Vec<&str> = listed["shared"].as_array().expect("tags").iter().filter_map(|tag| tag["tag"].as_str()).collect();
    // Both may be of the very same moment: the branch found everything, and wrote what it found.
    let of = |branch: &str| tags.iter().filter(|tag| tag.contains(branch)).count();
    assert!(tags.len() == 2 && of("-main-") == 1 && of("-feature-x-") == 1, "{listed:#}");
}

#[test]
fn a_registry_that_refuses_the_cache_costs_a_warning_and_not_the_build() {
    let registry = Registry::v3(true);
    let config = shared(&registry).replace("credentials: CACHE, ", "");
    let sf = repository("app", &config);
    let daemon = Daemon::start();
    let built = perform(&sf, &daemon, &[]);
    assert_eq!(built["artifacts"][0]["origin"], "built");
    let export = &cache(&built)["exports"][0];
    assert_eq!(export["written"], false, "{built:#}");
    assert!(export["why"].as_str().is_some_and(|why| why.contains("authorization") || why.contains("401")), "{built:#}");
    let said = built["stderr"].as_str().expect("text");
    assert!(said.contains("could not be written") && said.contains("the image is not affected"), "{said}");
    assert!(sf.run(&["review"]).code(0).stdout().contains("approved"));
}

#[test]
fn strangers_read_and_write_nothing() {
    let registry = Registry::v3(false);
    let config = shared(&registry).replace("credentials: CACHE, ", "");
    let ours = repository("app", &config);
    perform(&ours, &Daemon::start(), &[]);
    let event = r#"{"pull_request":{"number":7,"head":{"ref":"main","repo":{"full_name":"evil/app"}},"base":{"ref":"main","repo":{"full_name":"lab/app"}}},"repository":{"default_branch":"main"}}"#;
    let fork = repository("app", &config).file("event.json", event);
    let payload = fork.path().join("event.json").display().to_string();
    let fork = fork
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_EVENT_NAME", "pull_request")
        .env("GITHUB_EVENT_PATH", &payload)
        .env("GITHUB_REF", "refs/pull/7/merge")
        .env("GITHUB_HEAD_REF", "main")
        .env("GITHUB_BASE_REF", "main")
        .env("GITHUB_REPOSITORY", "lab/app")
        .env("GITHUB_SERVER_URL", "https://forge.example");
    let built = perform(&fork, &Daemon::start(), &[]);
    assert!(share(&built) > 90, "{built:#}");
    assert_eq!(cache(&built)["exports"].as_array().map(Vec::len), Some(0), "{built:#}");
    assert!(!built["stderr"].as_str().expect("text").contains("--cache-to"));
}

#[test]
fn the_builders_own_cache_is_pruned_only_when_it_is_ours_alone() {
    let sf = repository("app", "build_cache: { prune: { max_age: 1s } }\n");
    let daemon = Daemon::start();
    let built = perform(&sf, &daemon, &[]);
    assert!(built["stderr"].as_str().expect("text").contains("other repositories may use this daemon too"), "{built:#}");
    assert!(share(&perform(&sf, &daemon, &[])) > 90, "nothing was pruned");
    std::thread::sleep(Duration::from_millis(1500));
    let sf = sf.env("BUILDKIT_HOST", &daemon.address);
    let said = sf.run(&["cache", "prune", "--shared", "--dry-run", "--output", "json"]).code(0).json();
    assert_satisfies("command-cache-prune", &said);
    assert!(said["builders"][0]["command"].as_str().is_some_and(|args| args.contains("until=1s")), "{said:#}");
    assert!(share(&perform(&sf, &daemon, &[])) > 90, "a dry run prunes nothing");
    std::thread::sleep(Duration::from_millis(1500));
    let skipped = sf.run(&["cache", "prune"]).code(0);
    assert!(skipped.stdout().contains("skipped"), "{}", skipped.stdout());
    let done = sf.run(&["cache", "prune", "--shared", "--output", "json"]).code(0).json();
    assert!(done["builders"][0]["reclaimed"].is_string() && done["builders"][0]["before"].is_string(), "{done:#}");
    assert_eq!(share(&perform(&sf, &daemon, &[])), 0, "{done:#}");
}
