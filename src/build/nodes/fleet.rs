//! The nodes as one builder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::{Assignment, assign, contexts, labelled, share};
use crate::build::lifecycle::Node;
use crate::build::merge::{Source, merge};
use crate::build::solve::{Solve, Solved, Solver, Work};
use crate::build::{BuildCx, Builder, Built};
use crate::core::{BoxFuture, Digest, Platform};
use crate::error::{Error, Result};
use crate::fs;
use crate::manifest::build_args_digest;
use crate::plan::BuildStep;

/// Builds a step on the nodes that serve its platforms. One call where one node serves all of them; else one call per
/// node, side by side, whose layouts are merged. The first call that fails stops the others.
pub struct Fleet {
    name: &'static str,
    nodes: Vec<Node>,
    solver: Box<dyn Solver>,
}

/// One call: the part of the step, what it runs in, and who answers.
struct Call<'a> {
    assignment: Assignment<'a>,
    step: BuildStep,
    cx: BuildCx,
    layout: PathBuf,
}

impl Fleet {
    /// Nodes that are ready, in the order of the config, and what talks to them; `name` is how the builder is called on
    /// screens.
    pub fn new(name: &'static str, nodes: Vec<Node>, solver: Box<dyn Solver>) -> Self {
        Self { name, nodes, solver }
    }

    async fn run(&self, cx: &BuildCx, step: &BuildStep) -> Result<Built> {
        let contexts = contexts::resolve(cx, step)?;
        let assignments = assign(step, &self.nodes)?;
        let (digest, layout, solved) = match &*assignments {
            [one] => {
                let platforms = &one.platforms;
                let own = BuildStep { cache: step.cache.for_platforms(platforms), ..step.clone() };
                let solve = Solve { step: &own, platforms, node: one.node, contexts: &contexts, layout: cx.scratch.join("layout") };
                let solved = self.solver.solve(cx, &solve).await?;
                (solved.digest.clone(), solved.layout.clone(), vec![solved])
            }
            _ => self.side_by_side(cx, step, assignments, &contexts).await?,
        };
        let (mut bases, mut work) = (Vec::new(), Work::default());
        for one in solved {
            bases.extend(one.bases);
            work.add(one.work);
        }
        bases.sort();
        bases.dedup();
        Ok(Built { digest, layout, build_args_digest: build_args_digest(&step.args), bases, work })
    }

    async fn side_by_side(
        &self,
        cx: &BuildCx,
        step: &BuildStep,
        assignments: Vec<Assignment<'_>>,
        contexts: &BTreeMap<String, (PathBuf, Digest)>,
    ) -> Result<(Digest, PathBuf, Vec<Solved>)> {
        let places: Vec<String> = assignments.iter().map(Assignment::place).collect();
        cx.events.info(format!("building {} side by side: {}", step.id, places.join("; ")));
        let stop = cx.cancel.child_token();
        let mut calls = Vec::new();
        for (at, assignment) in assignments.into_iter().enumerate() {
            let scratch = cx.scratch.join(format!("node-{at}"));
            fs::create_dir(&scratch)?;
            let layout = scratch.join("layout");
            let events = labelled::labelled(&cx.events, &assignment.platforms.join(","));
            let step = share::share_of(step, &assignment.platforms);
            calls.push(Call { assignment, step, cx: BuildCx { scratch, cancel: stop.clone(), events, ..cx.clone() }, layout });
        }
        let ask = |(at, call)| async move { (at, self.ask(call, contexts).await) };
        let mut running: FuturesUnordered<_> = calls.iter().enumerate().map(ask).collect();
        let mut solved: Vec<(usize, Solved)> = Vec::new();
        let mut failed: Option<(usize, Error)> = None;
        while let Some((at, outcome)) = running.next().await {
            match outcome {
                Ok(one) => solved.push((at, one)),
                // What the others say after this is only that they were stopped.
                Err(_) if failed.is_some() => {}
                Err(error) => {
                    failed = Some((at, error));
                    stop.cancel();
                }
            }
        }
        drop(running);
        if let Some((at, error)) = failed {
            let finished = |other: &usize| solved.iter().any(|(done, _)| done == other);
            let stopped: Vec<&str> =
                (0..places.len()).filter(|other| *other != at && !finished(other)).map(|other| &*places[other]).collect();
            let error = error.context(&places[at]);
            return Err(if stopped.is_empty() { error } else { error.note(format!("stopped: {}", stopped.join("; "))) });
        }
        solved.sort_by_key(|(at, _)| *at);
        let sources =
            solved.iter().map(|(at, one)| Source { name: places[*at].clone(), layout: one.layout.clone(), root: one.digest.clone() });
        let merged = join(cx, step, sources.collect()).await?;
        Ok((merged.digest, merged.layout, solved.into_iter().map(|(_, one)| one).collect()))
    }

    async fn ask(&self, call: &Call<'_>, contexts: &BTreeMap<String, (PathBuf, Digest)>) -> Result<Solved> {
        let Call { assignment, step, cx, layout } = call;
        let solve = Solve { step, platforms: &assignment.platforms, node: assignment.node, contexts, layout: layout.clone() };
        self.solver.solve(cx, &solve).await
    }
}

/// Merges in the order of the step.
async fn join(cx: &BuildCx, step: &BuildStep, sources: Vec<Source>) -> Result<crate::build::merge::Merged> {
    let platforms: Vec<Platform> = step.platforms.iter().filter_map(|text| text.parse().ok()).collect();
    let (annotations, into) = (share::index_annotations(step), cx.scratch.join("layout"));
    // Linking thousands of blobs blocks.
    let merged = tokio::task::spawn_blocking(move || merge(&sources, &platforms, &annotations, &into)).await;
    merged.map_err(|error| Error::failed(format!("cannot merge the platforms of {}", step.id)).because(&error))?
}

impl Assignment<'_> {
    /// `linux/amd64, linux/386 on sf-1a2b3c4d0`.
    fn place(&self) -> String {
        format!("{} on {}", self.platforms.join(", "), self.node.name)
    }
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        write!(f, "Fleet({} on {})", self.name, names.join(", "))
    }
}

impl Builder for Fleet {
    fn name(&self) -> &'static str {
        self.name
    }

    fn build<'a>(&'a self, cx: &'a BuildCx, step: &'a BuildStep) -> BoxFuture<'a, Result<Built>> {
        Box::pin(self.run(cx, step))
    }
}

#[cfg(test)]
mod tests;
