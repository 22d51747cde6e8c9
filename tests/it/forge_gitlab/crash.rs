//! SIGKILL of the command at every request, at every answer and at every journal line of a release by a job's token; then
//! publish again. Each time there is one release in the end, with links to everything, and nothing incomplete was seen.

use stagefreight::rehearse::forge_gitlab::Running;

use super::lab::Lab;
use super::scene::JOB;
use crate::crash::publish_until;

const RELEASE: &str = r#"  release: { kind: release, repos: home, archives: [pack, tool], when: { git_tags: [stable] } }
"#;

const SET: [&str; 6] = [
    "SHA256SUMS",
    "tool-1.4.0-linux-amd64.tar.gz",
    "tool-1.4.0-windows-amd64.zip",
    "tool-linux-amd64",
    "tool-windows-amd64.exe",
    "verification.json",
];

/// Names that releases show, sorted; each stands for a file that is there.
fn shown(server: &Running) -> Vec<Vec<String>> {
    let there: Vec<String> = server.files("acme/app").into_iter().map(|file| file.name).collect();
    let links = |release: stagefreight::rehearse::forge_gitlab::HeldRelease| {
        let mut names: Vec<String> = release.links.into_iter().map(|(name, ..)| name).collect();
        names.sort();
        assert!(names.iter().all(|name| there.contains(name)), "a link to nothing: {names:?}, {there:?}");
        names
    };
    server.releases("acme/app").into_iter().map(links).collect()
}

fn survives_every(moment: &str, at_least: usize) {
    let mut lab = Lab::start(RELEASE);
    lab.workspace.run(&["perform"], 0);
    lab.workspace.run(&["review"], 0);
    for n in 1..400 {
        lab.workspace.sf.forget_publishing();
        let killed = publish_until(&lab.workspace.sf, &format!("{moment}:{n}"));
        if killed {
            let seen = shown(lab.server());
            assert!(seen.iter().all(|names| names == &SET), "{moment} {n}: incomplete and visible: {seen:?}");
            lab.workspace.run(&["publish"], 0);
        }
        assert_eq!(shown(lab.server()), [SET.map(str::to_owned)], "{moment} {n}");
        for name in SET {
            // What was on its way when the process ended may have arrived; then it is found, and not sent again.
            let copies = lab.server().files("acme/app").into_iter().filter(|file| file.name == name).count();
            assert!(copies == 1 || (copies == 2 && killed), "{moment} {n}: {copies} copies of {name}");
        }
        lab.findings.assert_none();
        if !killed {
            assert!(n > at_least, "only {n} crash points of kind {moment}: the killer does not listen");
            lab.workspace.assert_never_seen(JOB);
            return;
        }
        lab.empty();
    }
    panic!("publishing never ended");
}

#[test]
fn at_every_request() {
    survives_every("request", 10);
}

#[test]
fn at_every_answer() {
    survives_every("response", 10);
}

#[test]
fn at_every_journal_line() {
    survives_every("journal", 10);
}
