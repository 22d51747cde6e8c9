//! What the config says of a registry beside its address, on its way to where it matters.

use stagefreight::rehearse::fault::{Fault, FaultPlan};

use crate::support::Sf;
use crate::support::release::Registries;

#[test]
fn base_images_come_from_mirrors_and_else_from_the_host() {
    let base = Registries::two();
    let source = Sf::releasing_to(&base).prepared();
    source.run(&["publish"]).code(0);
    let (mirror, host) = (base.servers[0].host(), base.servers[1].host());
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    let described = |host: &str, mirrors: &str| {
        let config = sf.read(".stagefreight.yml");
        let config = config.lines().filter(|line| !line.starts_with("  bases:")).collect::<Vec<_>>().join("\n");
        let line = format!("registries:\n  bases: {{ url: \"{host}\", mirrors: [{mirrors}], credentials: NOT_SET }}");
        sf.write(".stagefreight.yml", config.replacen("registries:", &line, 1) + "\n");
    };
    // The host itself does not exist: only the mirror has it.
    sf.write("Dockerfile", "FROM registry.invalid/acme/app:1.4.0\nCOPY app /again\n");
    described("registry.invalid", &format!("\"{mirror}\""));
    sf.commit("a base image that only a mirror has");
    sf.git_run(&["tag", "-f", "v1.4.0"]);
    base.clear_logs();
    sf.run(&["perform"]).code(0);
    assert!(!base.servers[0].log().entries().is_empty());
    // A mirror that fails is no reason to fail.
    let broken = Registries::start(vec![FaultPlan::default().every("*", "*", Fault::status(500))]);
    sf.write("Dockerfile", format!("FROM {host}/acme/app:1.4.0\nCOPY app /again\n"));
    described(&format!("http://{host}"), &format!("\"{}\"", broken.servers[0].host()));
    sf.commit("a mirror that fails");
    sf.git_run(&["tag", "-f", "v1.4.0"]);
    sf.run(&["perform"]).code(0);
    assert!(!broken.servers[0].log().entries().is_empty() && !base.servers[1].log().entries().is_empty());
}

#[test]
fn options_reach_the_job_that_publishes() {
    let busy = FaultPlan::default().every("*", "*", Fault::status(503));
    let registries = Registries::start(vec![busy]);
    let sf = Sf::releasing_to(&registries);
    let config =
        sf.read(".stagefreight.yml").replace("default_path: acme/app", "default_path: acme/app, retries: 0, rate: 500, concurrency: 2");
    sf.write(".stagefreight.yml", config);
    sf.commit("patience");
    sf.git_run(&["tag", "-f", "v1.4.0"]);
    let sf = sf.prepared();
    let destinations: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/destinations.json")).expect("json");
    assert_eq!(destinations["targets"][0]["options"], serde_json::json!({"concurrency": 2, "rate": 500, "retries": 0}));
    registries.clear_logs();
    sf.run(&["publish"]).code(5);
    assert_eq!(registries.servers[0].log().entries().len(), 1, "one look, not repeated");
}

#[test]
fn what_a_registry_gets_of_an_image_is_part_of_the_plan() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    let before = sf.run(&["plan", "--output", "json"]).code(0).json();
    let config = sf.read(".stagefreight.yml").replacen("default_path: acme/app", "default_path: acme/app, attestations: none", 1);
    sf.write(".stagefreight.yml", config);
    let after = sf.run(&["plan", "--output", "json"]).code(0).json();
    assert_eq!(after["destinations"][0]["rendition"], serde_json::json!({"attestations": "none"}));
    assert_eq!(after["destinations"][3].get("rendition"), None);
    assert_ne!(before["fingerprint"], after["fingerprint"], "outputs for other destinations are not reused");
    // An image without attestations has nothing to leave out.
    let sf = sf.prepared();
    let destinations: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/destinations.json")).expect("json");
    let all = destinations["destinations"].as_array().expect("list");
    assert!(all.iter().all(|one| one["digest"] == sf.artifact_digest().as_str() && one.get("derived").is_none()), "{all:?}");
}
