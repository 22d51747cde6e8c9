//! The engine against steps that do what a test tells them to.

use std::collections::BTreeMap;
use std::sync::Mutex;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::core::Digest;
use crate::event::Events;
use crate::publish::Overrides;
use crate::publish::port::{Stage, Verified};

/// What a scripted step answers, in order; the last answer repeats.
#[derive(Default)]
struct Script {
    observations: Vec<Observation>,
    places: Vec<Result<Placed, PlaceError>>,
    verify: Option<VerifyError>,
}

struct Scripted {
    name: StepName,
    needs: Vec<StepName>,
    script: Script,
    calls: Mutex<(usize, usize)>,
}

impl Scripted {
    fn boxed(name: &str, needs: &[&str], script: Script) -> Box<dyn Step> {
        let needs = needs.iter().map(|need| StepName((*need).to_owned())).collect();
        Box::new(Self { name: StepName(name.to_owned()), needs, script, calls: Mutex::default() })
    }
}

impl Step for Scripted {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        Stage::Names
    }

    fn needs(&self) -> &[StepName] {
        &self.needs
    }

    fn destination(&self) -> Option<&str> {
        Some(&self.name.0)
    }

    fn observe<'a>(&'a self, _: &'a Cx) -> BoxFuture<'a, Observation> {
        let mut calls = self.calls.lock().expect("lock");
        let at = calls.0.min(self.script.observations.len() - 1);
        calls.0 += 1;
        Box::pin(std::future::ready(self.script.observations[at].clone()))
    }

    fn place<'a>(&'a self, _: &'a Cx, _: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        let mut calls = self.calls.lock().expect("lock");
        let answer = self.script.places.get(calls.1).cloned();
        calls.1 += 1;
        Box::pin(async move {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }

    fn verify<'a>(&'a self, _: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        let answer = self.script.verify.clone().map_or_else(|| Ok(Verified { digest: None, by: "script".into() }), Err);
        Box::pin(std::future::ready(answer))
    }
}

fn error(kind: PlaceErrorKind) -> PlaceError {
    PlaceError { kind, message: "no".to_owned(), hint: None }
}

fn complete() -> Observation {
    Observation::Complete { digest: Some(Digest::of(b"ours")) }
}

fn diverged(may_move: bool) -> Observation {
    Observation::Diverged {
        found: "sha256:theirs".into(),
        about: None,
        may_move,
        why: "it names one build for ever".into(),
        unjudged: false,
    }
}

struct Bench {
    dir: tempfile::TempDir,
    cx: Cx,
}

impl Bench {
    fn new() -> Self {
        let cx = Cx {
            cancel: CancellationToken::new(),
            events: Events::none(),
            overrides: Arc::default(),
            lineage: None,
            completed: Arc::default(),
        };
        Self { dir: tempfile::tempdir().expect("temporary directory"), cx }
    }

    async fn run(&self, steps: Vec<Box<dyn Step>>) -> Vec<StepState> {
        let history = History::read(self.dir.path()).expect("history");
        let journal = Journal::open(self.dir.path(), "run", Timestamp::from_unix(0), Events::none()).expect("journal");
        let now = Arc::new(|| Timestamp::from_unix(0));
        let engine = Engine { cx: &self.cx, journal: Some(&journal), history: &history, now };
        let reports = engine.run(&steps).await.expect("orderable");
        reports.into_iter().map(|report| report.state).collect()
    }

    fn journal(&self) -> Vec<EntryKind> {
        let text = crate::fs::read_bounded(&self.dir.path().join("run.jsonl"), 100_000).expect("journal");
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice::<Entry>(line).expect("entry").event).collect()
    }
}

#[tokio::test]
async fn what_is_complete_is_left_alone_and_leaves_no_line() {
    let bench = Bench::new();
    let script = Script { observations: vec![complete()], ..Script::default() };
    assert_eq!(bench.run(vec![Scripted::boxed("a", &[], script)]).await, [StepState::Complete]);
    assert!(bench.journal().is_empty());
}

#[tokio::test]
async fn a_failure_stops_only_what_needs_it() {
    let bench = Bench::new();
    let down = || Script { observations: vec![Observation::Unknown(error(PlaceErrorKind::Unavailable))], ..Script::default() };
    let fine = || Script { observations: vec![Observation::Absent], places: vec![Ok(Placed::default())], ..Script::default() };
    let steps = vec![Scripted::boxed("a", &[], down()), Scripted::boxed("a:1", &["a"], fine()), Scripted::boxed("b", &[], fine())];
    let states = bench.run(steps).await;
    assert!(matches!(states[0], StepState::Failed(_)));
    assert!(matches!(&states[1], StepState::Blocked { on, .. } if on.0 == "a"));
    assert_eq!(states[2], StepState::Placed);
    assert_eq!(bench.journal(), [EntryKind::Attempt, EntryKind::Placed]);
}

#[tokio::test]
async fn something_else_is_a_conflict_unless_it_may_move_or_was_asked_for() {
    let script = |may_move| Script { observations: vec![diverged(may_move)], places: vec![Ok(Placed::default())], ..Script::default() };
    let bench = Bench::new();
    let states = bench.run(vec![Scripted::boxed("a", &[], script(false)), Scripted::boxed("b", &[], script(true))]).await;
    assert!(matches!(&states[0], StepState::Conflict(error) if error.hint.as_deref().is_some_and(|hint| hint.contains("--replace a"))));
    assert_eq!(states[1], StepState::Placed);
    let mut bench = Bench::new();
    bench.cx.overrides =
        Arc::new(Overrides { replace: BTreeMap::from([("a".to_owned(), "broken build".to_owned())]), ..Overrides::default() });
    assert_eq!(bench.run(vec![Scripted::boxed("a", &[], script(false))]).await, [StepState::Placed]);
}

#[tokio::test]
async fn an_ambiguous_answer_is_settled_by_reading() {
    let lost = || vec![Err(error(PlaceErrorKind::Ambiguous))];
    let arrived = Script { observations: vec![Observation::Absent, complete()], places: lost(), ..Script::default() };
    let not_arrived = Script { observations: vec![Observation::Absent], places: lost(), ..Script::default() };
    let bench = Bench::new();
    let states = bench.run(vec![Scripted::boxed("a", &[], arrived), Scripted::boxed("b", &[], not_arrived)]).await;
    assert_eq!(states[0], StepState::Placed);
    assert!(matches!(&states[1], StepState::Failed(error) if error.kind == PlaceErrorKind::Ambiguous));
}

#[tokio::test]
async fn what_cannot_be_read_is_not_repeated_after_an_attempt_that_never_ended() {
    let script = |places| Script { observations: vec![Observation::Unobservable], places, ..Script::default() };
    let bench = Bench::new();
    let first = bench.run(vec![Scripted::boxed("a", &[], script(vec![Err(error(PlaceErrorKind::Ambiguous))]))]).await;
    assert!(matches!(first[0], StepState::Failed(_)));
    let again = bench.run(vec![Scripted::boxed("a", &[], script(vec![Ok(Placed::default())]))]).await;
    assert!(matches!(&again[0], StepState::Failed(error) if error.kind == PlaceErrorKind::Ambiguous));
}

#[tokio::test]
async fn what_reads_back_differently_is_not_called_placed() {
    let wrong = VerifyError::Mismatch { expected: "x".into(), found: "y".into() };
    let script = Script { observations: vec![Observation::Absent], places: vec![Ok(Placed::default())], verify: Some(wrong) };
    let bench = Bench::new();
    let states = bench.run(vec![Scripted::boxed("a", &[], script)]).await;
    assert!(matches!(&states[0], StepState::Failed(error) if error.kind == PlaceErrorKind::Rejected));
    assert_eq!(bench.journal(), [EntryKind::Attempt, EntryKind::Unsettled]);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_ends_what_hangs_and_reports_everything() {
    let bench = Bench::new();
    let hangs = Script { observations: vec![Observation::Absent], ..Script::default() };
    let waits = Script { observations: vec![complete()], ..Script::default() };
    let cancel = bench.cx.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        cancel.cancel();
    });
    let states = bench.run(vec![Scripted::boxed("a", &[], hangs), Scripted::boxed("b", &["a"], waits)]).await;
    assert!(matches!(&states[0], StepState::Failed(error) if error.kind == PlaceErrorKind::Interrupted));
    assert!(matches!(&states[1], StepState::Blocked { .. }));
    assert_eq!(bench.journal(), [EntryKind::Attempt]);
}
