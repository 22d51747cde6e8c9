//! Publish against registries that work and registries that do not: what is there after the first run, after the
//! second, and what the user was told.

use std::time::{Duration, Instant};

use stagefreight::rehearse::fault::{Fault, FaultPlan};

use crate::support::Sf;
use crate::support::release::Registries;

const MANIFESTS: &str = "/v2/*/manifests/*";

#[test]
fn the_second_publish_writes_nothing_anywhere() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries).prepared();
    let first = sf.run(&["publish"]).code(0);
    assert!(first.stdout().contains("placed 6 of 6"), "{}", first.stdout());
    let digest = sf.artifact_digest();
    for at in 0..2 {
        for tag in ["1.4.0", "1.4", "latest"] {
            assert_eq!(registries.digest(at, "acme/app", tag).as_deref(), Some(digest.as_str()));
        }
    }
    registries.clear_logs();
    let second = sf.run(&["publish"]).code(0);
    assert!(second.stdout().contains("6 were complete, 0 placed now"), "{}", second.stdout());
    assert!(second.stdout().contains("0 writes"), "{}", second.stdout());
    assert_eq!(registries.writes(), 0);
    assert_eq!(sf.placements()["totals"]["writes"], 0);
}

#[test]
fn results_follow_the_public_contract() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries).prepared();
    sf.run(&["publish"]).code(0);
    sf.run(&["manifest", "verify", ".stagefreight/outputs.json", ".stagefreight/published.json"]).code(0);
    let outputs: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/outputs.json")).expect("json");
    let results: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/published.json")).expect("json");
    assert_eq!(results["intent_checksum"], outputs["checksum"]);
    let outcomes = results["results"][0]["outcomes"].as_array().expect("outcomes");
    assert_eq!(outcomes.len(), 6);
    assert!(outcomes.iter().all(|outcome| outcome["push"]["status"] == "success" && outcome["push"]["observed_by"] == "registry-api"));
    sf.run(&["verify"]).code(0);
    let destinations = sf.read(".stagefreight/destinations.json");
    sf.write(".stagefreight/destinations.json", destinations.replace(&sf.artifact_digest(), &format!("sha256:{}", "0".repeat(64))));
    let run = sf.run(&["verify"]).code(7);
    assert!(run.stderr().contains("disagree about"), "{}", run.stderr());
}

#[test]
fn one_registry_down_does_not_stop_the_other_and_the_next_run_finishes() {
    let down = FaultPlan::default().every("*", "*", Fault::status(503));
    let mut registries = Registries::start(vec![FaultPlan::default(), down]);
    let sf = Sf::releasing_to(&registries).prepared();
    let run = sf.run(&["publish"]).code(5);
    assert!(run.stdout().contains("placed 3 of 6"), "{}", run.stdout());
    assert!(run.stderr().contains("run"), "a way out is named: {}", run.stderr());
    let results: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/published.json")).expect("json");
    let statuses: Vec<&str> =
        results["results"][0]["outcomes"].as_array().expect("outcomes").iter().filter_map(|o| o["push"]["status"].as_str()).collect();
    assert_eq!(statuses, ["success", "success", "success", "failed", "failed", "failed"]);
    registries.restart(1, FaultPlan::default());
    registries.clear_logs();
    let run = sf.run(&["publish"]).code(0);
    assert!(run.stdout().contains("3 were complete, 3 placed now"), "{}", run.stdout());
    assert!(registries.servers[0].log().writes().is_empty(), "the complete registry is left alone");
}

#[test]
fn a_build_that_is_not_reproducible_converges_to_what_was_published_first() {
    let down = FaultPlan::default().every("*", "*", Fault::status(503));
    let mut registries = Registries::start(vec![FaultPlan::default(), down]);
    let sf = Sf::releasing_to(&registries);
    // The context holds a file git does not track, as a compiler's output does; it differs on every machine.
    sf.write(".git/info/exclude", "stamp\n");
    sf.write("Dockerfile", "FROM scratch\nCOPY app stamp /\n");
    sf.commit("stamp");
    sf.git_run(&["tag", "-f", "v1.4.0"]);
    sf.write("stamp", "first");
    let sf = sf.prepared();
    sf.run(&["publish"]).code(5);
    let first = sf.artifact_digest();
    std::fs::remove_dir_all(sf.path().join(".stagefreight")).expect("workspace wiped");
    sf.write("stamp", "second");
    registries.restart(1, FaultPlan::default());
    let performed = sf.run(&["perform"]).code(0);
    assert!(performed.stdout().contains("adopted"), "{}", performed.stdout());
    sf.run(&["review"]).code(0);
    sf.run(&["publish"]).code(0);
    for at in 0..2 {
        assert_eq!(registries.digest(at, "acme/app", "1.4.0").as_deref(), Some(first.as_str()));
    }
    assert_eq!(sf.artifact_digest(), first);
}

#[test]
fn what_is_adopted_meets_the_same_policy_on_base_images() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    let base = Registries::two();
    let source = Sf::releasing_to(&base).prepared();
    source.run(&["publish"]).code(0);
    let host = base.servers[0].host();
    sf.write("Dockerfile", format!("FROM {host}/acme/app:1.4.0\nCOPY app /again\n"));
    let policy = |allowed: &str| format!("{}security: {{ base_images: [\"{allowed}\"] }}\n", sf.read(".stagefreight.yml"));
    sf.write(".stagefreight.yml", policy(&format!("{host}/acme/*")));
    sf.commit("a base image and a policy");
    sf.git_run(&["tag", "-f", "v1.4.0"]);
    let sf = sf.prepared();
    sf.run(&["publish"]).code(0);
    std::fs::remove_dir_all(sf.path().join(".stagefreight")).expect("workspace wiped");
    let performed = sf.run(&["perform"]).code(0);
    assert!(performed.stdout().contains("adopted"), "{}", performed.stdout());
    sf.run(&["review"]).code(0);
    let strict = sf.read(".stagefreight.yml").replace(&format!("{host}/acme/*"), "gcr.io/distroless/*");
    sf.write(".stagefreight.yml", strict);
    let run = sf.run(&["review"]).code(6);
    assert!(run.stderr().contains(&format!("{host}/acme/app:1.4.0 is not allowed")), "{}", run.stderr());
}

#[test]
fn a_version_tag_that_holds_something_else_is_left_alone() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries).prepared();
    sf.run(&["publish"]).code(0);
    let theirs = sf.artifact_digest();
    sf.write("data/one", "changed");
    sf.commit("another commit under the same tag");
    sf.git_run(&["tag", "-f", "v1.4.0"]);
    sf.run(&["perform"]).code(0);
    sf.run(&["review"]).code(0);
    let run = sf.run(&["publish"]).code(4);
    assert!(run.stderr().contains("--replace"), "{}", run.stderr());
    assert!(run.stderr().contains(&theirs), "both digests are shown: {}", run.stderr());
    assert_eq!(registries.digest(0, "acme/app", "1.4.0").as_deref(), Some(theirs.as_str()));
    let name = format!("{}/acme/app:1.4.0", registries.servers[0].host());
    sf.run(&["publish", "--replace", &name]).code(2);
    sf.run(&["publish", "--replace", &name, "--reason", "the first build was broken"]).code(4);
    assert_eq!(registries.digest(0, "acme/app", "1.4.0"), Some(sf.artifact_digest()), "the replaced one is replaced");
    assert_eq!(registries.digest(1, "acme/app", "1.4.0").as_deref(), Some(theirs.as_str()), "the other is not");
}

#[test]
fn moving_names_never_go_backwards() {
    let registries = Registries::two();
    let newer = Sf::releasing_to(&registries).prepared();
    newer.run(&["publish"]).code(0);
    let latest = newer.artifact_digest();
    let older = Sf::releasing_to(&registries);
    older.git_run(&["tag", "-d", "v1.4.0"]);
    older.git_run(&["tag", "v1.3.9"]);
    older.write("data/one", "older");
    let older = older.prepared();
    let run = older.run(&["publish"]).code(0);
    assert!(run.stdout().contains("kept: it holds 1.4.0") && run.stdout().contains("2 kept newer"), "{}", run.stdout());
    assert_eq!(registries.digest(0, "acme/app", "latest").as_deref(), Some(latest.as_str()), "{}", run.stdout());
    assert_eq!(registries.digest(0, "acme/app", "1.3.9"), Some(older.artifact_digest()));
    assert_eq!(registries.digest(0, "acme/app", "1.3"), Some(older.artifact_digest()), "its own line moves");
    older.run(&["verify"]).code(0);
}

#[test]
fn publish_accepts_only_what_was_reviewed() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    sf.run(&["publish"]).code(3);
    sf.run(&["perform"]).code(0);
    let run = sf.run(&["publish"]).code(3);
    assert!(run.stderr().contains("stagefreight review"), "{}", run.stderr());
    sf.run(&["review"]).code(0);
    let outputs = sf.read(".stagefreight/outputs.json");
    sf.write(".stagefreight/outputs.json", format!("{outputs}\n"));
    sf.run(&["publish"]).code(6);
    sf.write(".stagefreight/outputs.json", &outputs);
    let destinations = sf.read(".stagefreight/destinations.json");
    sf.write(".stagefreight/destinations.json", destinations.replace("acme/app", "acme/app2"));
    sf.run(&["publish"]).code(6);
    assert_eq!(registries.writes(), 0);
}

#[test]
fn a_store_changed_in_any_byte_is_refused_by_review() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    sf.run(&["perform"]).code(0);
    let digest = sf.artifact_digest();
    let layout = sf.path().join(".stagefreight/objects/sha256").join(digest.trim_start_matches("sha256:"));
    let mut blobs: Vec<_> =
        std::fs::read_dir(layout.join("blobs/sha256")).expect("blobs").map(|entry| entry.expect("entry").path()).collect();
    blobs.push(layout.join("index.json"));
    for blob in blobs {
        let good = std::fs::read(&blob).expect("blob");
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        std::fs::write(&blob, &bad).expect("tampered");
        let run = sf.run(&["review"]).code(6);
        assert!(run.stderr().contains("docker:app"), "{}", run.stderr());
        sf.run(&["publish"]).code(6);
        std::fs::write(&blob, &good).expect("restored");
    }
    sf.run(&["review"]).code(0);
    assert_eq!(registries.writes(), 0);
}

#[test]
fn a_dry_run_writes_nothing_and_says_what_it_would_do() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries).prepared();
    let run = sf.run(&["publish", "--dry-run"]).code(0);
    assert!(run.stdout().contains("6 would be placed"), "{}", run.stdout());
    assert_eq!(registries.writes(), 0);
    assert!(!sf.path().join(".stagefreight/published.json").exists());
    assert!(!sf.path().join(".stagefreight/journal").exists());
}

#[test]
fn only_and_skip_choose_destinations_and_a_typo_is_an_error() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries).prepared();
    sf.run(&["publish", "--only", "nothing"]).code(2);
    sf.run(&["publish", "--only", "r0"]).code(0);
    assert_eq!(registries.servers[1].log().writes().len(), 0);
    let run = sf.run(&["publish", "--skip", "r0"]).code(0);
    assert!(run.stdout().contains("placed 6 of 6"), "what the other run placed is remembered: {}", run.stdout());
}

/// What the journals of a workspace say, so far.
fn journal(sf: &Sf) -> String {
    let files = std::fs::read_dir(sf.path().join(".stagefreight/journal")).into_iter().flatten().filter_map(Result::ok);
    files.map(|file| std::fs::read_to_string(file.path()).unwrap_or_default()).collect()
}

/// Destinations that were placed and read back, by the journal.
fn placed(sf: &Sf) -> usize {
    let journal = journal(sf);
    let entries = journal.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    entries.filter(|entry| entry["event"] == "placed" && entry["destination"].is_string()).count()
}

#[test]
fn a_second_publisher_in_the_workspace_waits_for_nobody() {
    let slow = FaultPlan::default().every("*", "*", Fault::Stall { millis: 1500, moment: stagefreight::rehearse::fault::Moment::Before });
    let registries = Registries::start(vec![slow]);
    let sf = Sf::releasing_to(&registries).env("SF_TEST", "1");
    sf.run(&["perform"]).code(0);
    sf.run(&["review"]).code(0);
    let mut first = sf.command(&["publish"]).start();
    let patience = Instant::now();
    while journal(&sf).is_empty() {
        assert!(patience.elapsed() < Duration::from_secs(60), "the first is at work");
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = sf.run(&["publish"]).code(1);
    assert!(second.stderr().contains("another stagefreight is at work"), "{}", second.stderr());
    first.kill();
    first.wait();
}

#[test]
fn sigterm_writes_results_and_the_next_run_finishes() {
    let stalled = FaultPlan::default().every(
        "PUT",
        MANIFESTS,
        Fault::Stall { millis: 60_000, moment: stagefreight::rehearse::fault::Moment::Before },
    );
    let mut registries = Registries::start(vec![FaultPlan::default(), stalled]);
    let sf = Sf::releasing_to(&registries).prepared();
    let mut child = sf.command(&["publish"]).start();
    let patience = Instant::now();
    while registries.digest(0, "acme/app", "latest").is_none() {
        assert!(patience.elapsed() < Duration::from_secs(30), "the healthy registry is reached");
        std::thread::sleep(Duration::from_millis(50));
    }
    // The tag is there; publish still reads it back, and writes that down.
    while placed(&sf) < 3 {
        assert!(patience.elapsed() < Duration::from_secs(60), "the healthy registry's three tags are written down");
        std::thread::sleep(Duration::from_millis(50));
    }
    let asked = Instant::now();
    child.terminate();
    let status = child.wait();
    assert!(asked.elapsed() < Duration::from_secs(30), "took {:?}", asked.elapsed());
    assert_eq!(status.code(), Some(143));
    assert_eq!(sf.placements()["interrupted"], true);
    assert_eq!(sf.placements()["totals"]["complete"], 3);
    sf.run(&["manifest", "verify", ".stagefreight/published.json"]).code(0);
    registries.restart(1, FaultPlan::default());
    sf.run(&["publish"]).code(0);
}

#[test]
fn every_misbehaviour_of_a_registry_has_its_message_and_its_exit_code() {
    let cases: [(&str, FaultPlan, i32); 6] = [
        ("401", FaultPlan::default().every("*", "*", Fault::status(401)), 3),
        ("403", FaultPlan::default().every("*", "*", Fault::status(403)), 3),
        ("500 for ever", FaultPlan::default().every("PUT", "*", Fault::status(500)), 5),
        ("wrong digest echoed", FaultPlan::default().every("PUT", MANIFESTS, Fault::WrongDigest), 1),
        (
            "a 500 now and then",
            FaultPlan::default().nth("HEAD", "*", 1, Fault::status(500)).nth("PUT", MANIFESTS, 1, Fault::status(500).after_commit()),
            0,
        ),
        (
            "cut mid-upload once",
            FaultPlan::default().nth("PUT", "/v2/*/blobs/uploads/*", 1, Fault::Cut(stagefreight::rehearse::fault::Cut::RequestBody(10))),
            0,
        ),
    ];
    for (what, plan, code) in cases {
        let mut registries = Registries::start(vec![plan]);
        let sf = Sf::releasing_to(&registries);
        // Asking for an earlier build warns where the registry is down; what counts here is publish.
        sf.run(&["perform"]).code(0);
        sf.run(&["review"]).code(0);
        let run = sf.run(&["publish"]);
        assert_eq!(run.output.status.code(), Some(code), "{what}\n{}{}", run.stdout(), run.stderr());
        if code != 0 {
            assert!(run.stderr().contains("hint:"), "{what} names a way out: {}", run.stderr());
            registries.restart(0, FaultPlan::default());
            sf.run(&["publish"]).code(0);
        }
        assert_eq!(registries.digest(0, "acme/app", "latest"), Some(sf.artifact_digest()), "{what}");
    }
}

#[test]
fn a_registry_that_is_not_there_is_named() {
    let sf = crate::support::release::workspace(&["127.0.0.1:9".to_owned()]);
    sf.run(&["perform"]).code(0);
    sf.run(&["review"]).code(0);
    let run = sf.run(&["publish"]).code(5);
    assert!(run.stderr().contains("127.0.0.1:9"), "{}", run.stderr());
}
