//! The rows, made from the requests that moving a release makes: each of them meets each fault, and somebody else comes
//! between.

use std::sync::Arc;
use std::time::Duration;

use stagefreight::rehearse::api::Logged;
use stagefreight::rehearse::fault::{Cut, Fault, FaultPlan};

use super::desk::{BY_HAND, Product, Somebody, commit};
use super::row::{Act, Begins, Row, SECOND, THIRD, Traces, What, is_write, prepared};
use crate::support::file_release::Publisher;

/// Every request of a run that moves the release, from the first that is about it.
pub struct Course {
    product: Product,
    begins: Begins,
    /// Number in the run, from 1, and the request.
    requests: Vec<(usize, Logged)>,
}

impl Course {
    pub async fn of(product: Product, begins: Begins, publisher: &Publisher) -> Self {
        let desk = prepared(product, begins, publisher).await.again(FaultPlan::default(), None).await;
        desk.publish(SECOND, false).await;
        let mut requests = desk.log();
        requests.sort_by_key(|request| request.number);
        let all = requests.into_iter().enumerate().map(|(at, request)| (at + 1, request));
        Self { product, begins, requests: all.skip_while(|(_, request)| !request.path.contains("nightly")).collect() }
    }

    fn name(&self, nth: usize, request: &Logged, what: &str) -> String {
        let begins = if self.begins == Begins::Nowhere { "new: " } else { "" };
        format!("{:?}: {begins}{} {} (request {nth}): {what}", self.product, request.method, request.path)
    }

    fn row(&self, (nth, request): &(usize, Logged), what: &str, make: impl Fn(usize) -> What) -> Row {
        Row { name: self.name(*nth, request, what), product: self.product, begins: self.begins, what: make(*nth) }
    }

    /// The first request of each kind: one method, one sort of path.
    fn kinds(&self) -> Vec<&(usize, Logged)> {
        let mut seen = Vec::new();
        let kind = |request: &Logged| {
            let words = request.path.split('/').filter(|part| !part.starts_with(|ch: char| ch.is_ascii_digit()));
            (request.method.clone(), words.collect::<Vec<_>>().join("/"))
        };
        self.requests
            .iter()
            .filter(|(_, request)| {
                let kind = kind(request);
                let new = !seen.contains(&kind);
                seen.push(kind);
                new
            })
            .collect()
    }

    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let all = std::env::var_os("SF_TEST_ALL_ROWS").is_some();
        let passing = [
            ("503", Fault::status(503)),
            ("502 after it took effect", Fault::status(502).after_commit()),
            ("cut before", Fault::Cut(Cut::Before)),
            ("cut after it took effect", Fault::Cut(Cut::After)),
            ("asked for patience", Fault::status(429).header("Retry-After", "0")),
            ("its answer is torn", Fault::Cut(Cut::ResponseBody(10))),
        ];
        let kinds = self.kinds();
        for at in &self.requests {
            let is_first = kinds.iter().any(|(nth, _)| *nth == at.0);
            // Reading is asked again by one hand, and so is writing: the first of each kind stands for the others where nothing
            // but that is met.
            // What makes it first meets the same hands as what moves it.
            let repeats = !is_write(&at.1) || self.begins == Begins::Nowhere;
            if !is_first && repeats && !all {
                continue;
            }
            let same_everywhere = |what: &str| ["503", "asked for patience"].contains(&what);
            let met = passing.iter().filter(|(what, _)| is_first || all || !same_everywhere(what));
            rows.extend(met.map(|(what, fault)| self.row(at, what, |nth| What::Passes(nth, fault.clone()))));
            // What is not there was deleted already.
            let deletes = at.1.method == "DELETE";
            let statuses: &[u16] = if is_first || all { &[401, 403, 404, 409, 422] } else { &[403, 404, 422] };
            let refused = statuses.iter().copied().filter(|status| !(deletes && *status == 404));
            rows.extend(refused.map(|status| self.row(at, &status.to_string(), |nth| What::Refused(nth, status))));
            if deletes {
                rows.push(self.row(at, "404", |nth| What::Passes(nth, Fault::status(404).after_commit())));
            }
        }
        // Time limits are waited for.
        let stall = Fault::stall(Duration::from_secs(9));
        rows.extend(kinds.iter().map(|at| self.row(at, "stalls", |nth| What::Passes(nth, stall.clone()))));
        if self.begins == Begins::There {
            rows.extend(self.others(all));
        }
        rows
    }

    /// Somebody else, at every request in turn.
    fn others(&self, all: bool) -> Vec<Row> {
        let publisher = Publisher::new(None);
        let act = |act: fn(&Somebody)| -> Act { Arc::new(act) };
        let publishes = |n: u8| -> Act {
            let publisher = publisher.clone();
            Arc::new(move |somebody: &Somebody| drop(somebody.publishes(&publisher, n)))
        };
        let acts: Vec<(&str, Act, Traces)> = vec![
            ("the sums are removed", act(|somebody| somebody.removes("SHA256SUMS")), Traces::Kept),
            ("a file that stays is removed", act(|somebody| somebody.removes("app.tar.gz")), Traces::Kept),
            ("a file that comes is removed", act(|somebody| somebody.removes("app-2.zip")), Traces::Kept),
            ("a file is attached under a name that comes", act(|somebody| somebody.attaches("app-2.zip", b"by hand")), Traces::Kept),
            ("a file is attached under a name that stays", act(|somebody| somebody.attaches("app.tar.gz", b"by hand")), Traces::Kept),
            ("its tag is moved on", act(|somebody| somebody.moves_tag(Some(&commit(3)))), Traces::Kept),
            ("its tag is moved aside", act(|somebody| somebody.moves_tag(Some(&commit(9)))), Traces::Kept),
            ("its tag is removed", act(|somebody| somebody.moves_tag(None)), Traces::Kept),
            ("the notes are edited", act(|somebody| somebody.writes(|notes| format!("{notes}\n\nP.S. more"))), Traces::Kept),
            (
                "the notes are edited inside our part",
                act(|somebody| somebody.writes(|notes| notes.replace("<!-- /stagefreight:notes -->", "(cut)"))),
                Traces::Kept,
            ),
            ("it is taken over", act(|somebody| somebody.writes(|_| "mine now".to_owned())), Traces::Gone),
            ("it is deleted", act(Somebody::deletes), Traces::Gone),
            ("what people attached is removed", act(|somebody| somebody.removes(BY_HAND)), Traces::Gone),
            ("the same is published from elsewhere", publishes(SECOND), Traces::Kept),
            ("a newer one is published from elsewhere", publishes(THIRD), Traces::Kept),
        ];
        let mut rows = Vec::new();
        for (turn, (what, act, traces)) in acts.iter().enumerate() {
            // Every fifth request is enough to stay fast: over all acts each is met.
            let step = if all { 1 } else { 5 };
            let chosen = self.requests.iter().skip(turn % step).step_by(step);
            rows.extend(chosen.map(|at| self.row(at, what, |nth| What::Somebody(nth, Arc::clone(act), *traces))));
        }
        rows
    }
}
