//! What a tired release engineer meets: each a clear message, a documented exit code, nothing half-written, and a way on.

use std::path::Path;
use std::process::Command;

use crate::support::Sf;
use crate::support::release::Registries;

/// A small file system of its own at a directory, unmounted when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(dir: &'a Path, kib: u32) -> Self {
        std::fs::create_dir_all(dir).expect("mount point");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"]).arg(dir).status();
        assert!(mounted.is_ok_and(|status| status.success()), "mounting a tmpfs needs root: run scripts/test with sudo");
        Self(dir)
    }

    fn grow(&self, kib: u32) {
        let grown = Command::new("mount").args(["-o", &format!("remount,size={kib}k")]).arg(self.0).status();
        assert!(grown.is_ok_and(|status| status.success()), "the tmpfs grows");
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

fn incompressible(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn a_full_disk_leaves_nothing_half_written_and_perform_goes_on_when_there_is_room() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    sf.write("data/big", incompressible(3 << 20));
    sf.commit("something big");
    let root = sf.path().join(".stagefreight");
    let disk = SmallDisk::mount(&root, 1024);
    let run = sf.run(&["perform"]).code(1);
    assert!(run.stderr().to_lowercase().contains("no space"), "{}", run.stderr());
    assert!(!root.join("outputs.json").exists());
    let store = root.join("objects/sha256");
    let entries = std::fs::read_dir(&store).map(Iterator::count).unwrap_or_default();
    assert_eq!(entries, 0, "no entry of the store is half-written");
    disk.grow(64 * 1024);
    sf.run(&["perform"]).code(0);
    sf.run(&["review"]).code(0);
}

#[test]
fn a_disk_that_fills_up_stops_publish_before_it_does_what_it_could_not_remember() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries).prepared();
    let journal = sf.path().join(".stagefreight/journal");
    let disk = SmallDisk::mount(&journal, 4);
    std::fs::write(journal.join("filler"), vec![0; 4096]).expect("fills the disk");
    let run = sf.run(&["publish"]);
    assert_ne!(run.output.status.code(), Some(0), "{}", run.stdout());
    assert!(run.stderr().to_lowercase().contains("no space"), "{}", run.stderr());
    assert_eq!(registries.writes(), 0, "nothing was placed that is not in the journal");
    drop(disk);
    sf.run(&["publish"]).code(0);
}

#[test]
fn outputs_newer_than_we_know_or_broken_in_any_way_are_refused_by_name() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries).prepared();
    let good = sf.read(".stagefreight/outputs.json");
    let cases = [
        ("newer", good.replace("\"schema_version\": \"2\"", "\"schema_version\": \"3\""), "schema_version"),
        ("truncated", good[..good.len() / 2].to_owned(), "outputs"),
        ("edited", good.replace("acme/app", "acme/other"), "checksum"),
        ("empty", String::new(), "outputs"),
    ];
    for (what, text, named) in cases {
        sf.write(".stagefreight/outputs.json", text);
        for command in ["review", "publish"] {
            let run = sf.run(&[command]);
            let code = run.output.status.code();
            assert!(matches!(code, Some(1 | 6 | 7)), "{what} {command}: {code:?} {}", run.stderr());
            assert!(run.stderr().contains(named) && run.stderr().contains("hint:"), "{what} {command}: {}", run.stderr());
        }
    }
    sf.write(".stagefreight/outputs.json", good);
    sf.run(&["publish"]).code(0);
}

#[test]
fn review_refuses_outputs_of_another_pipeline() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    sf.run(&["perform"]).code(0);
    let elsewhere =
        sf.env("SF_CI_PROVIDER", "gitlab").env("SF_CI_SHA", &"d".repeat(40)).env("SF_CI_PIPELINE_ID", "77").env("SF_CI_TAG", "v1.4.0");
    let run = elsewhere.run(&["review"]).code(6);
    assert!(run.stderr().contains("this pipeline runs for dddddddddddd"), "{}", run.stderr());
    elsewhere.run(&["publish"]).code(6);
}

#[test]
fn a_missing_file_of_an_earlier_stage_names_the_stage() {
    let sf = Sf::new();
    for (command, stage) in [("review", "perform"), ("publish", "perform"), ("status", "perform"), ("verify", "publish")] {
        let run = sf.run(&[command]);
        assert!(matches!(run.output.status.code(), Some(2 | 3)), "{command}: {}", run.stderr());
        if run.output.status.code() == Some(3) {
            assert!(run.stderr().contains(&format!("stagefreight {stage}")), "{command}: {}", run.stderr());
        }
    }
}

#[test]
fn an_unreadable_context_file_and_a_missing_dockerfile_are_named() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    sf.write("Dockerfile", "FROM scratch\nCOPY nowhere /x\n");
    sf.commit("a file that is not there");
    let run = sf.run(&["perform"]);
    assert_ne!(run.output.status.code(), Some(0));
    assert!(run.stderr().contains("nowhere") && run.stderr().contains("Dockerfile:2"), "{}", run.stderr());
    std::fs::remove_file(sf.path().join("Dockerfile")).expect("Dockerfile");
    sf.commit("no Dockerfile");
    let run = sf.run(&["perform"]).code(2);
    assert!(run.stderr().contains("Dockerfile"), "{}", run.stderr());
}

#[test]
fn secrets_in_build_arguments_are_refused_and_appear_nowhere() {
    const SECRET: &str = "ghp_0123456789abcdefABCDEF";
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    let config =
        sf.read(".stagefreight.yml").replace("builder: embedded,", &format!("builder: embedded, build_args: {{ NPM_TOKEN: {SECRET} }},"));
    sf.write(".stagefreight.yml", config);
    sf.commit("a secret in the config");
    let performed = sf.run(&["perform"]).code(0);
    let reviewed = sf.run(&["review"]).code(6);
    assert!(reviewed.stderr().contains("NPM_TOKEN"), "{}", reviewed.stderr());
    let planned = sf.run(&["plan", "--output", "json"]);
    for run in [&performed, &reviewed, &planned] {
        assert!(!run.stdout().contains(SECRET) && !run.stderr().contains(SECRET), "{}{}", run.stdout(), run.stderr());
    }
    for name in ["plan.json", "outputs.json", "destinations.json", "builds.json", "review.json"] {
        assert!(!sf.read(&format!(".stagefreight/{name}")).contains(SECRET), "{name}");
    }
}
