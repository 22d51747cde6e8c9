//! Tables.

use super::super::fixtures::{context, on_branch, on_tag, patterns, pull_request};
use super::*;

fn git() -> Git {
    Git {
        branches: patterns(&[("main", "^main$"), ("release", r"^release/")]),
        tags: patterns(&[("stable", r"^v\d+\.\d+\.\d+$"), ("pre", r"-rc\.\d+$")]),
        ..Git::default()
    }
}

fn list(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn condition(branches: &[&str], git_tags: &[&str], events: &[&str], forges: &[&str]) -> Condition {
    Condition { branches: list(branches), git_tags: list(git_tags), events: list(events), forges: list(forges) }
}

#[test]
fn one_condition() {
    let (main, topic, tag) = (on_branch("main"), on_branch("topic"), on_tag("v1.4.0"));
    let pr = pull_request(false);
    let schedule = context(Event::Schedule, Some("main"), None);
    for (row, applies, why) in [
        ((&main, condition(&["main"], &[], &[], &[])), true, "branch `main` matched branches[main]"),
        ((&topic, condition(&["main", "release"], &[], &[], &[])), false, "branch `topic` matches none of branches[main, release]"),
        ((&topic, condition(&["re:^top"], &[], &[], &[])), true, "branch `topic` matched branches[re:^top]"),
        ((&topic, condition(&["^top"], &[], &[], &[])), true, "branch `topic` matched branches[^top]"),
        ((&tag, condition(&["main"], &[], &[], &[])), false, "branches[main] needs a branch, and this is tag `v1.4.0`"),
        ((&pr, condition(&["re:.*"], &[], &[], &[])), false, "branches[re:.*] needs a branch, and this is a merge request"),
        // The stricter meaning: a branch push never fires what is meant for tags.
        ((&main, condition(&[], &["stable"], &[], &[])), false, "git_tags[stable] needs a tag, and this is branch `main`"),
        ((&main, condition(&[], &["!pre"], &[], &[])), false, "git_tags[!pre] needs a tag, and this is branch `main`"),
        ((&tag, condition(&[], &["stable"], &[], &[])), true, "tag `v1.4.0` matched git_tags[stable]"),
        ((&tag, condition(&[], &["pre"], &[], &[])), false, "tag `v1.4.0` matches none of git_tags[pre]"),
        // Exclusions come first, and alone they accept the rest.
        ((&tag, condition(&[], &["re:.*", "!stable"], &[], &[])), false, "tag `v1.4.0` is excluded by git_tags[!stable]"),
        ((&tag, condition(&[], &["!pre"], &[], &[])), true, "tag `v1.4.0` is not excluded by git_tags[!pre]"),
        ((&main, condition(&["!re:^main$"], &[], &[], &[])), false, "branch `main` is excluded by branches[!re:^main$]"),
        ((&pr, condition(&[], &[], &["pull_request"], &[])), true, "event `merge_request` is in events[pull_request]"),
        ((&pr, condition(&[], &[], &["Merge_Request"], &[])), true, "event `merge_request` is in events[Merge_Request]"),
        ((&pr, condition(&[], &[], &["!merge_request"], &[])), false, "event `merge_request` is excluded by events[!merge_request]"),
        ((&main, condition(&[], &[], &["!merge_request"], &[])), true, "event `push` is not excluded by events[!merge_request]"),
        ((&tag, condition(&[], &[], &["push"], &[])), false, "event `tag` is not in events[push]"),
        ((&schedule, condition(&["main"], &[], &["push"], &[])), false, "event `schedule` is not in events[push]"),
        ((&main, condition(&[], &[], &[], &["GitHub"])), true, "CI `github` is in forges[GitHub]"),
        ((&main, condition(&[], &[], &[], &["gitlab"])), false, "CI `github` is not in forges[gitlab]"),
        (
            (&tag, condition(&[], &["stable"], &["tag"], &[])),
            true,
            "tag `v1.4.0` matched git_tags[stable] and event `tag` is in events[tag]",
        ),
        ((&main, Condition::default()), true, "an empty `when`: always"),
    ] {
        let (context, condition) = row;
        let verdict = evaluate(std::slice::from_ref(&condition), &git(), context).expect("a verdict");
        assert_eq!((verdict.applies, verdict.why.as_str()), (applies, why), "{condition:?}");
    }
}

#[test]
fn any_condition_of_a_list() {
    let list = [condition(&["main"], &[], &[], &[]), condition(&[], &["stable"], &[], &[])];
    let main = evaluate(&list, &git(), &on_branch("main")).expect("a verdict");
    assert!(main.applies);
    let tag = evaluate(&list, &git(), &on_tag("v1.0.0")).expect("a verdict");
    assert_eq!(tag.why, "tag `v1.0.0` matched git_tags[stable]");
    let neither = evaluate(&list, &git(), &on_branch("topic")).expect("a verdict");
    assert_eq!(neither.why, "branch `topic` matches none of branches[main]; and git_tags[stable] needs a tag, and this is branch `topic`");
    assert_eq!(evaluate(&[], &git(), &on_branch("x")).expect("a verdict").why, "no `when`: always");
}

#[test]
fn names_and_patterns_that_are_none() {
    for bad in ["nightly", "re:("] {
        let error = evaluate(&[condition(&[bad], &[], &[], &[])], &git(), &on_branch("main")).expect_err(bad);
        assert_eq!(error.kind(), crate::error::Kind::Usage);
        assert!(error.hint_text().is_some());
    }
}
