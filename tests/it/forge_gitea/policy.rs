//! What the config says of releases as a whole: who is seen first, what is installed from them, and which stay.

use std::process::Command;

use super::TAG;
use super::pair::Pair;

fn mirrored(turn: &str) -> Pair {
    Pair::releasing(&format!("  release: {{ kind: release, repos: [home, mirror], archives: [pack, tool], primary: {turn} }}\n")).prepared()
}

#[test]
fn a_primary_that_comes_first_keeps_its_mirror_waiting() {
    let pair = mirrored("first").env("HOME_TOKEN", "not-a-token-of-this-gitea-at-all");
    pair.publish(3);
    assert_eq!((pair.offered(&pair.home, TAG), pair.offered(&pair.mirror, TAG)), (None, None));
    let token = pair.gitea.token.clone();
    let pair = pair.env("HOME_TOKEN", &token);
    pair.publish(0);
    assert!(pair.offered(&pair.home, TAG).is_some() && pair.offered(&pair.home, TAG) == pair.offered(&pair.mirror, TAG));
}

#[test]
fn a_primary_that_comes_last_waits_for_its_mirror() {
    let pair = mirrored("last").env("MIRROR_TOKEN", "not-a-token-of-this-gitea-at-all");
    pair.publish(3);
    assert_eq!((pair.offered(&pair.home, TAG), pair.offered(&pair.mirror, TAG)), (None, None));
    // Everything but the last step was done.
    let drafts = pair.ask(&format!("repos/{}/releases?draft=true", pair.home));
    assert_eq!(drafts[0]["assets"].as_array().map(Vec::len), Some(6), "{drafts}");
    let token = pair.gitea.token.clone();
    let pair = pair.env("MIRROR_TOKEN", &token);
    pair.publish(0);
    assert!(pair.offered(&pair.home, TAG).is_some() && pair.offered(&pair.home, TAG) == pair.offered(&pair.mirror, TAG));
    // The primary alone does not wait for who is not asked.
    pair.workspace.run(&["publish", "--only", "home"], 0);
    assert_eq!(pair.workspace.writes(), 0);
}

#[test]
fn what_is_released_can_be_installed_by_its_script() {
    let pair = Pair::releasing("  release: { kind: release, repos: home, archives: [pack], install_script: true }\n").prepared();
    pair.publish(0);
    let address = format!("{}{}/releases/download/{TAG}/install.sh", pair.gitea.url, pair.home);
    let fetched = Command::new("curl").args(["-fsSL", &address]).output().expect("curl runs");
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    let script = String::from_utf8(fetched.stdout).expect("text");
    let dir = tempfile::tempdir().expect("temporary directory");
    let install = |script: &str, to: &str, machine: Option<&str>| {
        let file = dir.path().join("install.sh");
        std::fs::write(&file, script).expect("script");
        let mut command = Command::new("sh");
        command.arg(&file).arg("--to").arg(dir.path().join(to)).env("HOME", dir.path());
        if let Some(machine) = machine {
            // Another machine, as far as `uname` says.
            let bin = dir.path().join("bin");
            std::fs::create_dir_all(&bin).expect("directory");
            std::fs::write(bin.join("uname"), format!("#!/bin/sh\necho {machine}\n")).expect("program");
            let made = Command::new("chmod").arg("755").arg(bin.join("uname")).status().expect("chmod runs");
            assert!(made.success());
            command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").expect("PATH")));
        }
        command.output().expect("sh runs")
    };
    // What the tests run on may be something else than what was released for.
    if std::env::consts::ARCH == "x86_64" {
        let done = install(&script, "here", None);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let run = Command::new(dir.path().join("here/tool")).output().expect("the program runs");
        assert_eq!(String::from_utf8_lossy(&run.stdout), "tool 1.4.0 of linux amd64\n");
        let digest = script.split("sum=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a digest").to_owned();
        let other = install(&script.replace(&digest, &"0".repeat(64)), "nowhere", None);
        assert!(!other.status.success() && String::from_utf8_lossy(&other.stderr).contains("is not what was released"));
        assert!(!dir.path().join("nowhere/tool").exists());
    }
    let elsewhere = install(&script, "nowhere", Some("plan9"));
    let said = String::from_utf8_lossy(&elsewhere.stderr).into_owned();
    assert!(!elsewhere.status.success() && said.contains("there is nothing for plan9/plan9; there is something for linux/amd64"), "{said}");
}

#[test]
fn which_releases_stay_is_said_in_the_config() {
    const KEEPS_ONE: &str = "  release: { kind: release, repos: home, archives: [pack], retention: 1, when: { git_tags: [stable] } }\n";
    let pair = Pair::releasing(KEEPS_ONE).prepared();
    pair.publish(0);
    let pair = pair.next("v1.5.0").prepared();
    pair.publish(0);
    let planned = pair.workspace.run(&["release", "prune", "--repo", "home", "--output", "json"], 0).json();
    let fate = |tag: &str| {
        let all = planned["releases"].as_array().expect("releases");
        all.iter().find(|one| one["tag"] == tag).map(|one| one["state"].as_str().expect("state").to_owned())
    };
    assert_eq!((fate(TAG).as_deref(), fate("v1.5.0").as_deref()), (Some("goes"), Some("stays")), "{planned:#}");
    // A rule of the command line is instead of the config's, and what the config protects stays in any case.
    let kept = pair.workspace.run(&["release", "prune", "--repo", "home", "--keep-last", "2", "--output", "json"], 0).json();
    assert_eq!(kept["removed"], 0, "{kept:#}");
    let protected = KEEPS_ONE.replace("retention: 1", "retention: { keep_last: 1, protect: [stable] }");
    pair.config(&protected);
    let kept = pair.workspace.run(&["release", "prune", "--repo", "home", "--output", "json"], 0).json();
    assert_eq!(kept["removed"], 0, "{kept:#}");
    // Another entry that releases there and has no rule keeps what is there.
    pair.config(&format!("{KEEPS_ONE}  nightly: {{ kind: release, repos: home, tag: \"dev-{{sha:8}}\", archives: [pack] }}\n"));
    let kept = pair.workspace.run(&["release", "prune", "--repo", "home", "--apply", "--output", "json"], 0).json();
    assert_eq!(kept["removed"], 0, "{kept:#}");
    let why = kept["releases"][0]["why"].as_str().expect("why");
    assert!(why.contains("publish `nightly` keeps everything here"), "{why}");
    pair.config(KEEPS_ONE);
    pair.workspace.run(&["release", "prune", "--repo", "home", "--apply"], 0);
    assert_eq!(pair.count(&pair.home), 1);
    assert!(pair.offered(&pair.home, "v1.5.0").is_some());
}
