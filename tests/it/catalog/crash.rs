//! SIGKILL at every request, at every answer and at every journal line; then publish again. Each time there is one release
//! and one version in the end.

use super::{PROJECT, PUBLISH, TAG, listed, prepared};
use crate::crash::publish_until;
use crate::forge_gitlab::lab::Lab;
use crate::forge_gitlab::scene::JOB;

fn survives_every(moment: &str, at_least: usize) {
    let mut lab = prepared(Lab::altered(PUBLISH, listed));
    for n in 1..200 {
        lab.workspace.sf.forget_publishing();
        let killed = publish_until(&lab.workspace.sf, &format!("{moment}:{n}"));
        if killed {
            let released = lab.server().releases(PROJECT).len();
            assert!(lab.server().catalog(PROJECT).len() <= released, "{moment} {n}: a version without its release");
            lab.workspace.run(&["publish"], 0);
        }
        assert_eq!(lab.server().catalog(PROJECT), [TAG], "{moment} {n}");
        assert_eq!((lab.server().releases(PROJECT).len(), lab.server().components(PROJECT, TAG).len()), (1, 3), "{moment} {n}");
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
    survives_every("request", 5);
}

#[test]
fn at_every_answer() {
    survives_every("response", 5);
}

#[test]
fn at_every_journal_line() {
    survives_every("journal", 5);
}
