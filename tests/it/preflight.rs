//! `stagefreight preflight`: what every destination answers before anything is built.

use stagefreight::rehearse::fault::{Fault, FaultPlan};

use crate::support::release::Registries;
use crate::support::{Sf, assert_satisfies};

#[test]
fn tells_what_is_free_what_is_ours_and_what_is_taken() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    let run = sf.run(&["preflight", "--output", "json"]).code(0).json();
    assert_satisfies("command-preflight", &run);
    assert_eq!(run["ready"], true);
    let states = |run: &serde_json::Value| -> Vec<String> {
        run["destinations"].as_array().expect("list").iter().map(|one| one["state"].as_str().expect("state").to_owned()).collect()
    };
    assert_eq!(states(&run), ["free"; 6]);
    assert!(run["targets"][0]["remarks"][0].as_str().is_some_and(|text| text.contains("does not exist yet")), "{run}");
    // Nothing is left behind: every session that was opened is given back.
    for server in &registries.servers {
        let writes = server.log().writes();
        assert_eq!(writes.iter().map(|entry| entry.method.as_str()).collect::<Vec<_>>(), ["POST", "DELETE"], "{writes:?}");
    }
    assert!(!sf.path().join(".stagefreight").exists(), "nothing is written");

    let sf = sf.prepared();
    sf.run(&["publish"]).code(0);
    let run = sf.run(&["preflight", "--output", "json"]).code(0).json();
    assert_eq!(states(&run), ["ours"; 6]);

    sf.write("data/one", "changed");
    sf.commit("another commit under the same tag");
    sf.git_run(&["tag", "-f", "v1.4.0"]);
    let run = sf.run(&["preflight"]).code(4);
    let name = format!("{}/acme/app:1.4.0", registries.servers[0].host());
    assert!(run.stderr().contains(&format!("{name} holds 1.4.0 of commit")) && run.stderr().contains("hint:"), "{}", run.stderr());
    assert!(run.stdout().contains("moves forward from 1.4.0"), "{}", run.stdout());
    // The same at the start of a pipeline: nothing is built for a name that is taken.
    sf.run(&["ci", "run", "audition", "perform"]).code(4);
}

#[test]
fn a_registry_that_lets_nobody_write_is_found_before_the_build() {
    for (fault, code, said) in [
        (Fault::status(403), 3, "forbids it to these credentials"),
        (Fault::status(404), 1, "does not exist, and is not created by pushing"),
        (Fault::status(503), 1, "the registry failed"),
    ] {
        let plan = FaultPlan::default().every("POST", "/v2/*/blobs/uploads/*", fault);
        let registries = Registries::start(vec![FaultPlan::default(), plan]);
        let sf = Sf::releasing_to(&registries);
        let run = sf.run(&["preflight"]).code(code);
        assert!(run.stderr().contains(said), "{}", run.stderr());
        assert!(run.stderr().contains("hint:"), "{}", run.stderr());
        assert!(run.stdout().contains("✗") && run.stdout().contains("✓"), "{}", run.stdout());
        assert!(run.stderr().contains(&registries.servers[1].host()), "{}", run.stderr());
        // Best effort: told, and not in the way.
        let config = sf.read(".stagefreight.yml");
        let second = format!("\"http://{}\", default_path: acme/app", registries.servers[1].host());
        assert!(config.contains(&second));
        sf.write(".stagefreight.yml", config.replace(&second, &format!("{second}, required: false")));
        let run = sf.run(&["preflight"]).code(0);
        assert!(run.stdout().contains("best effort"), "{}", run.stdout());
    }
}
