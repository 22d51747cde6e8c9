//! SIGKILL of the command at every request and at every answer while a release moves, there and back again; then publish
//! again. Each time it is exactly the one it shall be, in the end of the same run.

use super::desk::{BY_HAND, Desk, NIGHTLY, Product, TOKEN};
use crate::crash::publish_until;
use crate::support::file_release::Publisher;
use crate::support::forge_cli::Workspace;

const ANY: &str = r#"  release: { kind: release, repos: home, archives: [pack, tool], rolling: [{ tag: nightly, moving: any }] }
"#;

/// Kinds of requests differ more than two of one kind do; what is killed late in one turn is killed early in another.
fn survives_every(product: Product, moment: &str) {
    let older = Workspace::new().env("LAB_TOKEN", TOKEN);
    let newer = Workspace::new().env("LAB_TOKEN", TOKEN);
    newer.sf.write("a", "changed");
    newer.sf.commit("feat: what is new");
    newer.sf.git_run(&["tag", "v1.5.0"]);
    let newer = newer.env("SF_CI_TAG", "v1.5.0");
    let tags = [("v1.4.0".to_owned(), older.commit()), ("v1.5.0".to_owned(), newer.commit())].into();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let desk = runtime.block_on(Desk::with(product, &Publisher::new(None), tags));
    let provider = if product == Product::Github { "github" } else { "gitlab" };
    let places = format!(
        "forges: {{ lab: {{ provider: {provider}, url: \"{}\", credentials: LAB }} }}\nrepos: {{ home: {{ forge: lab, project: acme/app }} }}\n",
        desk.url()
    );
    for workspace in [&older, &newer] {
        workspace.config(&places, ANY);
        for command in ["perform", "review", "publish"] {
            workspace.run(&[command], 0);
        }
    }
    let somebody = desk.somebody();
    somebody.leaves_traces();
    let mut crashes = 0;
    for n in 1..400 {
        let (workspace, tag) = if n % 2 == 1 { (&older, "v1.4.0") } else { (&newer, "v1.5.0") };
        let point = format!("{moment} {n}");
        let killed = publish_until(&workspace.sf, &format!("{moment}:{n}"));
        if killed {
            crashes += 1;
            somebody.finds_traces(&point);
            let names = somebody.looks().expect("a release").files;
            let there = ["SHA256SUMS", "tool-linux-amd64", "tool-windows-amd64.exe"].iter().filter(|name| names.contains_key(**name));
            assert!(there.count() >= 2, "{point}: more than one name is missing: {names:?}");
            workspace.run(&["publish"], 0);
        }
        let mut now = somebody.looks().expect("a release");
        assert!(now.files.remove(BY_HAND).is_some(), "{point}: what was attached by hand is gone");
        somebody.finds_traces(&point);
        assert_eq!(now.files, somebody.looks_at(tag).expect("the release").files, "{point}");
        assert_eq!(somebody.tag(), Some(workspace.commit()), "{point}: its tag");
        if !killed {
            assert!(crashes > 20, "only {crashes} crash points: the killer does not listen");
            workspace.run(&["publish"], 0);
            assert_eq!(workspace.writes(), 0, "{NIGHTLY} is up to date");
            desk.assert_described();
            return;
        }
    }
    panic!("publishing never ended");
}

#[test]
fn at_every_request_to_github() {
    survives_every(Product::Github, "request");
}

#[test]
fn at_every_answer_of_github() {
    survives_every(Product::Github, "response");
}

#[test]
fn at_every_request_to_gitlab() {
    survives_every(Product::Gitlab, "request");
}

#[test]
fn at_every_answer_of_gitlab() {
    survives_every(Product::Gitlab, "response");
}
