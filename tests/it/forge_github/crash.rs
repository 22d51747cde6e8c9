//! SIGKILL at every outbound request, at every answer, and at every journal line; then publish again. Each time there is
//! one release in the end, with everything, and nothing incomplete was ever visible.

use super::cli::{Hub, workspace};
use super::scene::TOKEN;
use crate::crash::publish_until;

fn survives_every(moment: &str) {
    let sf = workspace("", "home").env("HUB_TOKEN", TOKEN);
    let commit = sf.git_run(&["rev-parse", "HEAD"]);
    let mut hub = Hub::start(&["acme/app"], &commit);
    let section = format!("version: 1\n{}repos: {{ home: {{ forge: hub, project: acme/app }} }}\n", hub.config());
    sf.write(".stagefreight.yml", sf.read(".stagefreight.yml").replacen("version: 1\n", &section, 1));
    sf.run(&["perform"]).code(0);
    sf.run(&["review"]).code(0);
    let mut crashes = 0;
    for n in 1..400 {
        sf.forget_publishing();
        let killed = publish_until(&sf, &format!("{moment}:{n}"));
        let releases = || hub.ask("/api/v3/repos/acme/app/releases?per_page=100").as_array().cloned().unwrap_or_default();
        let whole = |release: &serde_json::Value| {
            let assets = release["assets"].as_array().expect("assets");
            assets.len() == 6 && assets.iter().all(|asset| asset["state"] == "uploaded")
        };
        if killed {
            crashes += 1;
            assert!(releases().iter().all(|release| release["draft"] == true || whole(release)), "{moment} {n}: incomplete and visible");
            sf.run(&["publish"]).code(0);
        }
        let made = releases();
        assert_eq!(made.len(), 1, "{moment} {n}: {made:#?}");
        assert!(made[0]["draft"] == false && whole(&made[0]), "{moment} {n}: {:#}", made[0]);
        assert_eq!(hub.ask("/api/v3/repos/acme/app/git/ref/tags%2Fv1")["object"]["sha"], commit.as_str(), "{moment} {n}");
        hub.heard.assert_valid();
        if !killed {
            assert!(crashes >= 10, "only {crashes} crash points of kind {moment}");
            return;
        }
        hub = hub.emptied();
    }
    panic!("publishing never ended");
}

#[test]
fn at_every_request() {
    survives_every("request");
}

#[test]
fn at_every_answer() {
    survives_every("response");
}

#[test]
fn at_every_journal_line() {
    survives_every("journal");
}
