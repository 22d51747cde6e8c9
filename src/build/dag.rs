//! Runs steps that need each other, as many at a time as may, each as soon as what it needs is there. Knows nothing of
//! what a step does.

use std::future::Future;

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::error::{Error, Result};

/// One step.
#[derive(Debug, Clone)]
pub struct Node {
    /// Steps that come first, by position.
    pub needs: Vec<usize>,
    /// Its failure ends the run: nothing more is started.
    pub required: bool,
    /// Never two of these at a time: each uses the whole machine already.
    pub alone: bool,
}

/// How a step ended.
#[derive(Debug)]
pub enum End<T> {
    /// Done.
    Done(T),
    /// It failed.
    Failed(Error),
    /// It was not started, because the step at this position failed, or was not started itself.
    Blocked(usize),
    /// It was not started, because a required step failed before its turn.
    NotStarted,
}

/// Runs every step, at most `limit` at a time; of those that can start, the first in the list starts first. After a
/// required step has failed, those that run come to their end and no other starts; `stop` is called then. A required step
/// whose needs failed counts as failed.
///
/// Needs must be free of circles; a step in one ends as `NotStarted`.
pub async fn run<T, F>(nodes: &[Node], limit: usize, start: impl Fn(usize) -> F, stop: impl Fn()) -> Vec<End<T>>
where
    F: Future<Output = Result<T>>,
{
    let mut ends: Vec<Option<End<T>>> = nodes.iter().map(|_| None).collect();
    let mut started = vec![false; nodes.len()];
    let mut running = FuturesUnordered::new();
    let mut alone = false;
    let mut stopped = false;
    loop {
        let mut changed = true;
        // A step that is blocked may block one before it in the list.
        while std::mem::take(&mut changed) {
            for (at, node) in nodes.iter().enumerate() {
                if started[at] || stopped {
                    continue;
                }
                let failed = node.needs.iter().find(|need| ends[**need].as_ref().is_some_and(|end| !matches!(end, End::Done(_))));
                if let Some(need) = failed {
                    (started[at], ends[at], changed) = (true, Some(End::Blocked(*need)), true);
                    if node.required {
                        stopped = true;
                        stop();
                    }
                    continue;
                }
                let ready = node.needs.iter().all(|need| ends[*need].is_some());
                if !ready || running.len() >= limit.max(1) || (node.alone && alone) {
                    continue;
                }
                started[at] = true;
                alone |= node.alone;
                let step = start(at);
                running.push(async move { (at, step.await) });
            }
        }
        let Some((at, outcome)) = running.next().await else { break };
        if nodes[at].alone {
            alone = false;
        }
        ends[at] = Some(match outcome {
            Ok(made) => End::Done(made),
            Err(error) => {
                if nodes[at].required && !stopped {
                    stopped = true;
                    stop();
                }
                End::Failed(error)
            }
        });
    }
    ends.into_iter().map(|end| end.unwrap_or(End::NotStarted)).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    fn node(needs: &[usize]) -> Node {
        Node { needs: needs.to_vec(), required: true, alone: false }
    }

    fn words(ends: &[End<usize>]) -> Vec<String> {
        let word = |end: &End<usize>| match end {
            End::Done(value) => format!("done {value}"),
            End::Failed(error) => format!("failed {error}"),
            End::Blocked(by) => format!("blocked {by}"),
            End::NotStarted => "not started".to_owned(),
        };
        ends.iter().map(word).collect()
    }

    async fn run_all(nodes: &[Node], limit: usize, bad: &[usize]) -> (Vec<String>, Vec<usize>, usize, usize) {
        let order = RefCell::new(Vec::new());
        let (now, most, stops) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let start = |at: usize| {
            order.borrow_mut().push(at);
            let (now, most) = (&now, &most);
            async move {
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                tokio::task::yield_now().await;
                now.set(now.get() - 1);
                if bad.contains(&at) { Err(Error::failed("bad")) } else { Ok(at) }
            }
        };
        let ends = run(nodes, limit, start, || stops.set(stops.get() + 1)).await;
        (words(&ends), order.into_inner(), most.get(), stops.get())
    }

    #[tokio::test]
    async fn needs_come_first_and_no_more_than_the_limit_run() {
        let nodes = [node(&[2]), node(&[]), node(&[]), node(&[0, 1]), node(&[])];
        let (ends, order, most, _) = run_all(&nodes, 2, &[]).await;
        assert!(ends.iter().all(|end| end.starts_with("done")), "{ends:?}");
        let at = |step: usize| order.iter().position(|other| *other == step).expect("started");
        assert!(at(2) < at(0) && at(0) < at(3) && at(1) < at(3), "{order:?}");
        assert_eq!(most, 2);
        let alone: Vec<Node> = (0..4).map(|_| Node { alone: true, ..node(&[]) }).collect();
        assert_eq!(run_all(&alone, 4, &[]).await.2, 1);
    }

    #[tokio::test]
    async fn a_required_failure_ends_the_run_and_another_only_what_needs_it() {
        let (ends, _, _, stops) = run_all(&[node(&[]), node(&[0]), node(&[])], 1, &[0]).await;
        assert_eq!(ends, ["failed bad", "not started", "not started"]);
        assert_eq!(stops, 1);
        let may_fail = Node { required: false, ..node(&[]) };
        let nodes = [may_fail.clone(), Node { needs: vec![0], ..may_fail.clone() }, node(&[])];
        let (ends, _, _, stops) = run_all(&nodes, 1, &[0]).await;
        assert_eq!((ends, stops), (["failed bad", "blocked 0", "done 2"].map(str::to_owned).to_vec(), 0));
        let (ends, ..) = run_all(&[may_fail, node(&[0]), node(&[])], 1, &[0]).await;
        assert_eq!(ends, ["failed bad", "blocked 0", "not started"]);
    }

    #[tokio::test]
    async fn a_circle_is_not_waited_for() {
        let (ends, ..) = run_all(&[node(&[1]), node(&[0]), node(&[])], 1, &[]).await;
        assert_eq!(ends, ["not started", "not started", "done 2"]);
    }
}
