//! One row: a release that moves is moved, and at one request something happens. What must hold then is the same for all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use stagefreight::publish::{PlaceError, PlaceErrorKind as Kind, StepReport, StepState};
use stagefreight::rehearse::api::{Logged, Phase, Seen};
use stagefreight::rehearse::fault::{Fault, FaultPlan};

use super::desk::{BY_HAND, Desk, NIGHTLY, Product, Somebody, Strike, commit};
use crate::support::file_release::Publisher;

/// The release that is there first, and the one it moves to.
pub const FIRST: u8 = 1;
pub const SECOND: u8 = 2;
/// One that somebody else publishes meanwhile.
pub const THIRD: u8 = 3;

/// What somebody else does when a request arrives.
pub type Act = Arc<dyn Fn(&Somebody) + Send + Sync>;

#[derive(Clone)]
pub enum What {
    /// The n-th request meets a fault that passes: the run gets over it.
    Passes(usize, Fault),
    /// The n-th request is refused with this status, whatever that leads to.
    Refused(usize, u16),
    /// Somebody else does this when the n-th request arrives.
    Somebody(usize, Act, Traces),
}

/// What is there when the run begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begins {
    /// The release it moves from, and what people attached and wrote.
    There,
    /// Nothing: it is made by the run.
    Nowhere,
}

/// What must be left of what people did.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Traces {
    /// Their file and their text.
    Kept,
    /// They took them away themselves.
    Gone,
}

#[derive(Clone)]
pub struct Row {
    pub name: String,
    pub product: Product,
    pub begins: Begins,
    pub what: What,
}

impl Row {
    pub async fn run(self, publisher: Publisher) {
        let Self { name, product, begins, what } = self;
        let desk = prepared(product, begins, &publisher).await;
        let watch = Arc::new(Watch::default());
        let (faults, strike): (FaultPlan, Strike) = match &what {
            What::Passes(nth, fault) => (at(*nth, fault.clone()), watch.strike(None)),
            What::Refused(nth, status) => {
                let body = format!("{{\"message\":\"refused with {status}\"}}");
                let fault = Fault::Respond {
                    status: *status,
                    headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
                    body,
                    moment: stagefreight::rehearse::fault::Moment::default(),
                };
                (at(*nth, fault), watch.strike(None))
            }
            What::Somebody(nth, act, _) => (FaultPlan::default(), watch.strike(Some((*nth, Arc::clone(act))))),
        };
        let desk = desk.again(faults, Some(strike)).await;
        let reports = desk.publish(SECOND, false).await;
        watch.assert_nothing_missing(&name);
        let traces = match what {
            What::Somebody(_, _, traces) => traces,
            _ if begins == Begins::Nowhere => Traces::Gone,
            _ => Traces::Kept,
        };
        if traces == Traces::Kept {
            desk.somebody().finds_traces(&name);
        }
        judge(&name, &what, &reports);
        // GitLab gives the newest file of a name, whoever brought it: a package knows no better.
        if product == Product::Github && desk.somebody().tag() == Some(commit(THIRD)) {
            keeps_the_newer(&name, &desk);
        }

        // The same forge, and nobody does anything.
        let desk = desk.again(FaultPlan::default(), Some(watch.strike(None))).await;
        let again = desk.publish(SECOND, false).await;
        watch.assert_nothing_missing(&format!("{name}, again"));
        let mut last = SECOND;
        if let What::Somebody(..) = what {
            last = settled(&name, &desk, &again).await;
        } else {
            assert_done(&format!("{name}, again"), &again);
        }
        assert_exact(&name, &desk, last, traces);
        desk.forget_log();
        let third = desk.publish(last, false).await;
        assert_done(&format!("{name}, a third time"), &third);
        let writes: Vec<Logged> = desk.log().into_iter().filter(is_write).collect();
        assert!(writes.is_empty(), "{name}: what is complete is not touched: {writes:#?}");
        desk.assert_described();
    }
}

/// The first release was published with the one that moves, and people left traces; or the second was, without it.
pub async fn prepared(product: Product, begins: Begins, publisher: &Publisher) -> Desk {
    let desk = Desk::start(product, publisher).await;
    if begins == Begins::Nowhere {
        assert_done("the release alone", &desk.publish_alone(SECOND).await);
        return desk;
    }
    assert_done("the first release", &desk.publish(FIRST, false).await);
    let somebody = desk.somebody();
    tokio::task::block_in_place(|| somebody.leaves_traces());
    somebody.finds_traces("before");
    desk.forget_log();
    desk
}

fn at(nth: usize, fault: Fault) -> FaultPlan {
    FaultPlan::default().nth("*", "*", nth as u64, fault)
}

pub fn is_write(entry: &Logged) -> bool {
    // A push is a POST; asking for the tags before it is a GET.
    !matches!(entry.method.as_str(), "GET" | "HEAD")
}

pub fn failures(reports: &[StepReport]) -> Vec<&PlaceError> {
    let failed = reports.iter().filter_map(|report| match &report.state {
        StepState::Failed(error) | StepState::Conflict(error) => Some(error),
        _ => None,
    });
    failed.collect()
}

#[track_caller]
pub fn assert_done(name: &str, reports: &[StepReport]) {
    let open: Vec<_> = reports.iter().filter(|report| !matches!(report.state, StepState::Complete | StepState::Placed)).collect();
    assert!(open.is_empty(), "{name}: {open:#?}");
}

/// How the run ended fits what happened, and says something that helps.
fn judge(name: &str, what: &What, reports: &[StepReport]) {
    let failed = failures(reports);
    for error in &failed {
        assert!(error.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{name}: it does not say what to do: {error:#?}");
    }
    match what {
        What::Passes(..) => assert_done(name, reports),
        What::Refused(_, status @ (401 | 403)) => {
            for error in failed {
                // What was done already and cannot be looked at is not known to be there.
                let unread = error.kind == Kind::Ambiguous && error.message.contains("could not be read back");
                let denied = error.kind == Kind::Credentials || unread;
                assert!(denied && error.message.contains(&status.to_string()), "{name}: {error:#?}");
            }
        }
        What::Refused(_, status) => {
            for error in failed {
                let known = matches!(error.kind, Kind::Credentials | Kind::Rejected | Kind::Conflict | Kind::Unavailable | Kind::Ambiguous);
                // 404 is no refusal but what a forge says of a thing that is not there: the run goes on from that, and what it
                // meets then is told in its own words.
                let told = error.kind == Kind::Credentials || *status == 404 || error.message.contains(&status.to_string());
                assert!(known && told, "{name}: {error:#?}");
            }
        }
        What::Somebody(..) => {
            for error in failed {
                assert!(!matches!(error.kind, Kind::Source | Kind::Interrupted), "{name}: {error:#?}");
            }
        }
    }
}

/// A newer release that was published meanwhile has lost none of its files to the one that was overtaken.
#[track_caller]
fn keeps_the_newer(name: &str, desk: &Desk) {
    let now = desk.somebody().looks().unwrap_or_else(|| panic!("{name}: there is no {NIGHTLY}"));
    // Whose tag alone was moved brought nothing.
    if !now.files.contains_key(&format!("app-{THIRD}.zip")) && !now.notes.contains(&format!("what is new in {THIRD}")) {
        return;
    }
    for (file, digest) in desk.release(THIRD).expected() {
        assert_eq!(now.files.get(&file), Some(&digest), "{name}: {file} of the newer release");
    }
}

/// What somebody did may want a decision; once it is made, everything comes right. Tells which release it is of then.
async fn settled(name: &str, desk: &Desk, again: &[StepReport]) -> u8 {
    let failed = failures(again);
    if !failed.is_empty() {
        assert!(failed.iter().all(|error| error.kind == Kind::Conflict), "{name}, again: {failed:#?}");
        assert!(failed.iter().all(|error| error.hint.as_ref().is_some_and(|hint| hint.contains("--adopt"))), "{name}, again: {failed:#?}");
        let decided = desk.publish(SECOND, true).await;
        assert_done(&format!("{name}, decided"), &decided);
        return SECOND;
    }
    let newer = again.iter().any(|report| matches!(report.state, StepState::Superseded(_)));
    if newer {
        assert_done(&format!("{name}, the newer one"), &desk.publish(THIRD, false).await);
        return THIRD;
    }
    assert_done(&format!("{name}, again"), again);
    SECOND
}

/// The files of a release, what people attached, and nothing else; its notes and its tag.
#[track_caller]
pub fn assert_exact(name: &str, desk: &Desk, n: u8, traces: Traces) {
    let somebody = desk.somebody();
    let now = somebody.looks().unwrap_or_else(|| panic!("{name}: there is no {NIGHTLY}"));
    let expected: BTreeMap<String, String> = desk.release(n).expected().into_iter().collect();
    let mut files = now.files.clone();
    let by_hand = files.remove(BY_HAND);
    if traces == Traces::Kept {
        assert!(by_hand.is_some(), "{name}: what was attached by hand is gone");
        somebody.finds_traces(name);
    }
    if traces == Traces::Gone {
        // Who takes the notes away takes away what we know of older files.
        files.remove(&format!("app-{FIRST}.zip"));
    }
    assert_eq!(files, expected, "{name}");
    assert_eq!(somebody.tag(), Some(commit(n)), "{name}: its tag");
    assert_eq!(somebody.counts(), 1, "{name}: something is left of it");
    assert!(now.title.contains(&format!("v{n}.0.0")) && now.notes.contains(&format!("what is new in {n}")), "{name}: {now:#?}");
}

/// Sees to it that no name of a file is gone, but for the one that changes hands.
#[derive(Default)]
struct Watch {
    acting: AtomicBool,
    /// The name that is between the old file and the new one.
    open: Mutex<Option<String>>,
    wrong: Mutex<Vec<String>>,
}

/// Files that every release has.
const STABLE: [&str; 2] = ["SHA256SUMS", "app.tar.gz"];

impl Watch {
    fn strike(self: &Arc<Self>, act: Option<(usize, Act)>) -> Strike {
        let (watch, count) = (Arc::clone(self), AtomicU64::new(0));
        Arc::new(move |somebody: &Somebody, seen: &Seen| {
            if watch.acting.load(Ordering::SeqCst) {
                return;
            }
            match seen.phase {
                Phase::Arrived => {
                    let Some((nth, act)) = &act else { return };
                    if count.fetch_add(1, Ordering::SeqCst) + 1 == *nth as u64 {
                        watch.acting.store(true, Ordering::SeqCst);
                        tokio::task::block_in_place(|| act(somebody));
                        watch.acting.store(false, Ordering::SeqCst);
                    }
                }
                // What somebody else takes away is gone, and none of ours.
                Phase::Committed(status) if act.is_none() && status < 400 && !matches!(seen.method.as_str(), "GET" | "HEAD") => {
                    watch.look(somebody, seen);
                }
                Phase::Committed(_) => {}
            }
        })
    }

    fn look(&self, somebody: &Somebody, seen: &Seen) {
        let Some(now) = somebody.looks() else { return };
        let missing: Vec<&str> = STABLE.into_iter().filter(|name| !now.files.contains_key(*name)).collect();
        let mut open = self.open.lock().expect("open");
        let wrong = match (&missing[..], &*open) {
            ([], _) => None,
            ([_], None) if seen.method == "DELETE" => None,
            (missing, before) => Some(format!("{} {} leaves {missing:?} missing, after {before:?}", seen.method, seen.path)),
        };
        self.wrong.lock().expect("wrong").extend(wrong);
        *open = missing.first().map(|name| (*name).to_owned());
    }

    #[track_caller]
    fn assert_nothing_missing(&self, name: &str) {
        let wrong = self.wrong.lock().expect("wrong");
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
}
