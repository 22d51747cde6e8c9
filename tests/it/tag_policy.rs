//! What moves, what stays, what is asked about: tags that only move forward, and how people decide otherwise.

use crate::support::release::Registries;
use crate::support::{Image, Sf};

fn latest(registries: &Registries) -> String {
    format!("{}/acme/app:latest", registries.servers[0].host())
}

/// Puts an image that tells nothing of itself under these tags.
fn unlabelled(sf: &Sf, registries: &Registries, tags: &[&str]) -> String {
    let layout = sf.outside().join("foreign");
    let image = Image { version: "", revision: "", layers: vec![b"foreign".to_vec()], platforms: &["linux/amd64"] };
    let digest = image.write(&layout);
    for tag in tags {
        sf.run(&["copy", &layout.display().to_string(), &format!("{}/acme/app:{tag}", registries.servers[0].host())]).code(0);
    }
    digest.to_string()
}

#[test]
fn an_image_that_tells_nothing_is_taken_over_once_and_on_purpose() {
    let registries = Registries::start(vec![stagefreight::rehearse::fault::FaultPlan::default()]);
    let sf = Sf::releasing_to(&registries).prepared();
    let foreign = unlabelled(&sf, &registries, &["latest"]);
    let name = latest(&registries);
    let run = sf.run(&["publish"]).code(4);
    assert!(run.stderr().contains(&format!("--adopt {name}")) && run.stderr().contains("does not tell its version"), "{}", run.stderr());
    assert_eq!(registries.digest(0, "acme/app", "latest").as_deref(), Some(foreign.as_str()));
    sf.run(&["publish", "--adopt", "latest"]).code(2);
    sf.run(&["publish", "--adopt", &name]).code(0);
    assert_eq!(registries.digest(0, "acme/app", "latest"), Some(sf.artifact_digest()));
    let placements = sf.placements();
    let placed = placements["destinations"].as_array().expect("destinations").iter().find(|one| one["tag"] == "latest").expect("latest");
    assert_eq!(placed["reason"], "adopted: what was there told no version");
    assert_eq!(placed["moved_from"], foreign.as_str());
    let journal = std::fs::read_dir(sf.path().join(".stagefreight/journal")).expect("journal");
    let text: String = journal.map(|file| std::fs::read_to_string(file.expect("entry").path()).expect("text")).collect();
    assert!(text.contains("\"reason\":\"adopted: what was there told no version\""), "{text}");
}

#[test]
fn an_image_that_tells_nothing_is_known_by_its_version_tag() {
    for (tag, moves) in [("1.3.0", true), ("1.5.0", false)] {
        let registries = Registries::start(vec![stagefreight::rehearse::fault::FaultPlan::default()]);
        let sf = Sf::releasing_to(&registries).prepared();
        let foreign = unlabelled(&sf, &registries, &[tag, "latest"]);
        sf.run(&["publish"]).code(0);
        let expected = if moves { sf.artifact_digest() } else { foreign };
        assert_eq!(registries.digest(0, "acme/app", "latest"), Some(expected), "{tag}");
        sf.run(&["verify"]).code(0);
    }
}

fn release(registries: &Registries, tag: &str) -> Sf {
    let sf = Sf::releasing_to(registries);
    sf.git_run(&["tag", "-d", "v1.4.0"]);
    sf.git_run(&["tag", tag]);
    sf.write("data/one", tag);
    sf.prepared()
}

#[test]
fn a_name_goes_back_only_when_somebody_says_so_and_why() {
    let registries = Registries::start(vec![stagefreight::rehearse::fault::FaultPlan::default()]);
    release(&registries, "v1.4.0").run(&["publish"]).code(0);
    let older = release(&registries, "v1.3.9");
    let name = latest(&registries);
    older.run(&["publish"]).code(0);
    assert_ne!(registries.digest(0, "acme/app", "latest"), Some(older.artifact_digest()));
    older.run(&["publish", "--adopt", &name]).code(0);
    assert_ne!(registries.digest(0, "acme/app", "latest"), Some(older.artifact_digest()), "what is newer is not adopted");
    older.run(&["publish", "--allow-backwards", &name]).code(2);
    let run = older.run(&["publish", "--allow-backwards", &name, "--reason", "1.4.0 loses data"]).code(0);
    assert!(run.stdout().contains("moved backwards: 1.4.0 loses data"), "{}", run.stdout());
    assert_eq!(registries.digest(0, "acme/app", "latest"), Some(older.artifact_digest()));
}

#[test]
fn a_pre_release_never_takes_the_place_of_a_release() {
    let registries = Registries::start(vec![stagefreight::rehearse::fault::FaultPlan::default()]);
    let stable = release(&registries, "v1.4.0");
    stable.run(&["publish"]).code(0);
    let candidate = release(&registries, "v1.5.0-rc.1");
    let run = candidate.run(&["publish"]).code(0);
    assert!(run.stdout().contains("a pre-release such as 1.5.0-rc.1 never takes the place of a release"), "{}", run.stdout());
    assert_eq!(registries.digest(0, "acme/app", "latest"), Some(stable.artifact_digest()));
    assert_eq!(registries.digest(0, "acme/app", "1.5"), Some(candidate.artifact_digest()), "nobody had that name");
    candidate.run(&["verify"]).code(0);
    let next = release(&registries, "v1.5.0");
    next.run(&["publish"]).code(0);
    for tag in ["1.5", "latest"] {
        assert_eq!(registries.digest(0, "acme/app", tag), Some(next.artifact_digest()), "{tag}");
    }
}

#[test]
fn commits_of_one_history_are_told_apart_by_git() {
    let registries = Registries::start(vec![stagefreight::rehearse::fault::FaultPlan::default()]);
    let sf = Sf::releasing_to(&registries);
    let config = sf.read(".stagefreight.yml").replace("\"{version}\", \"{major}.{minor}\", latest", "{ tag: edge, moving: forward }");
    sf.write(".stagefreight.yml", config);
    let publish = |sf: &Sf| {
        sf.run(&["perform"]).code(0);
        sf.run(&["review"]).code(0);
        sf.run(&["publish"]).code(0)
    };
    let edge = || registries.digest(0, "acme/app", "edge");
    sf.commit("one");
    publish(&sf);
    let (first, one) = (sf.artifact_digest(), sf.git_run(&["rev-parse", "HEAD"]));
    assert_eq!(edge().as_deref(), Some(first.as_str()));
    sf.write("data/one", "two");
    sf.commit("two");
    publish(&sf);
    let second = sf.artifact_digest();
    assert_eq!(edge().as_deref(), Some(second.as_str()), "a later commit of the same base version");
    sf.git_run(&["checkout", "-q", &one]);
    let run = publish(&sf);
    assert!(run.stdout().contains("which descends from"), "{}", run.stdout());
    assert_eq!(edge().as_deref(), Some(second.as_str()));
    sf.run(&["verify"]).code(0);
}
