//! Which step may run when: by what it needs, earlier stages first. Pure: no clock, no I/O, nothing asynchronous.

use std::collections::{BTreeSet, HashMap};

use super::port::{Stage, StepName};

/// What the order needs to know of a step.
#[derive(Debug, Clone)]
pub struct StepFacts {
    /// Its unique name.
    pub name: StepName,
    /// When it may run.
    pub stage: Stage,
    /// What must be complete before.
    pub needs: Vec<StepName>,
}

/// Why steps cannot be ordered. Always a defect of a target, never of the user's input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Two steps have one name.
    #[error("two steps are called {0}")]
    Duplicate(StepName),
    /// A step needs one that does not exist.
    #[error("{step} needs {needed}, which is not part of this run")]
    Unknown {
        /// The step.
        step: StepName,
        /// What it needs.
        needed: StepName,
    },
    /// A step needs one of a later stage.
    #[error("{step} needs {needed}, which runs in a later stage")]
    Backwards {
        /// The step.
        step: StepName,
        /// What it needs.
        needed: StepName,
    },
    /// Steps need each other.
    #[error("{0} needs itself through other steps")]
    Cycle(StepName),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Complete,
    Stopped,
}

/// Hands out steps as what they need becomes complete.
#[derive(Debug)]
pub struct Schedule {
    needs: Vec<Vec<usize>>,
    needed_by: Vec<Vec<usize>>,
    states: Vec<State>,
    // Steps that may start, earliest stage first, then document order.
    ready: BTreeSet<(Stage, usize)>,
    stages: Vec<Stage>,
}

impl Schedule {
    /// Checks the steps and finds those that need nothing.
    pub fn new(steps: &[StepFacts]) -> Result<Self, OrderError> {
        let mut index = HashMap::new();
        for (at, step) in steps.iter().enumerate() {
            if index.insert(&step.name, at).is_some() {
                return Err(OrderError::Duplicate(step.name.clone()));
            }
        }
        let mut needs = vec![Vec::new(); steps.len()];
        let mut needed_by = vec![Vec::new(); steps.len()];
        for (at, step) in steps.iter().enumerate() {
            for needed in &step.needs {
                let Some(&on) = index.get(needed) else {
                    return Err(OrderError::Unknown { step: step.name.clone(), needed: needed.clone() });
                };
                if steps[on].stage > step.stage {
                    return Err(OrderError::Backwards { step: step.name.clone(), needed: needed.clone() });
                }
                needs[at].push(on);
                needed_by[on].push(at);
            }
        }
        if let Some(at) = find_cycle(&needs) {
            return Err(OrderError::Cycle(steps[at].name.clone()));
        }
        let stages: Vec<Stage> = steps.iter().map(|step| step.stage).collect();
        let ready = (0..steps.len()).filter(|at| needs[*at].is_empty()).map(|at| (stages[at], at)).collect();
        Ok(Self { needs, needed_by, states: vec![State::Waiting; steps.len()], ready, stages })
    }

    /// The next step to start, when one may.
    pub fn start_next(&mut self) -> Option<usize> {
        let (_, at) = self.ready.pop_first()?;
        self.states[at] = State::Running;
        Some(at)
    }

    /// A step is complete: what waited for it may become ready.
    pub fn complete(&mut self, at: usize) {
        self.states[at] = State::Complete;
        for &waiting in &self.needed_by[at] {
            let may_start =
                self.states[waiting] == State::Waiting && self.needs[waiting].iter().all(|on| self.states[*on] == State::Complete);
            if may_start {
                self.ready.insert((self.stages[waiting], waiting));
            }
        }
    }

    /// A step did not become complete: everything that needs it, directly or not, will not run. Returns those.
    pub fn stop(&mut self, at: usize) -> Vec<usize> {
        self.states[at] = State::Stopped;
        let mut stopped = Vec::new();
        let mut pending = self.needed_by[at].clone();
        while let Some(next) = pending.pop() {
            if self.states[next] == State::Waiting {
                self.states[next] = State::Stopped;
                self.ready.remove(&(self.stages[next], next));
                stopped.push(next);
                pending.extend(&self.needed_by[next]);
            }
        }
        stopped.sort_unstable();
        stopped
    }
}

fn find_cycle(needs: &[Vec<usize>]) -> Option<usize> {
    let mut missing: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut free: Vec<usize> = (0..needs.len()).filter(|at| missing[*at] == 0).collect();
    let mut seen = free.len();
    while let Some(done) = free.pop() {
        for (at, on) in needs.iter().enumerate() {
            let count = on.iter().filter(|need| **need == done).count();
            if count > 0 {
                missing[at] -= count;
                if missing[at] == 0 {
                    free.push(at);
                    seen += 1;
                }
            }
        }
    }
    if seen == needs.len() { None } else { missing.iter().position(|left| *left > 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, stage: Stage, needs: &[&str]) -> StepFacts {
        StepFacts { name: StepName(name.into()), stage, needs: needs.iter().map(|n| StepName((*n).into())).collect() }
    }

    fn drain(schedule: &mut Schedule) -> Vec<usize> {
        std::iter::from_fn(|| schedule.start_next()).collect()
    }

    #[test]
    fn bytes_then_names_then_moving_names() {
        let steps = [
            step("tag:latest", Stage::Moving, &["bytes", "tag:1.0"]),
            step("tag:1.0", Stage::Names, &["bytes"]),
            step("bytes", Stage::Bytes, &[]),
            step("other", Stage::Bytes, &[]),
        ];
        let mut schedule = Schedule::new(&steps).expect("orderable");
        assert_eq!(drain(&mut schedule), [2, 3]);
        schedule.complete(2);
        assert_eq!(drain(&mut schedule), [1]);
        schedule.complete(1);
        assert_eq!(drain(&mut schedule), [0]);
    }

    #[test]
    fn one_failure_stops_only_what_needs_it() {
        let steps = [
            step("a", Stage::Bytes, &[]),
            step("b", Stage::Bytes, &[]),
            step("a:1", Stage::Names, &["a"]),
            step("a:latest", Stage::Moving, &["a:1"]),
            step("b:1", Stage::Names, &["b"]),
        ];
        let mut schedule = Schedule::new(&steps).expect("orderable");
        assert_eq!(drain(&mut schedule), [0, 1]);
        assert_eq!(schedule.stop(0), [2, 3]);
        schedule.complete(1);
        assert_eq!(drain(&mut schedule), [4]);
    }

    #[test]
    fn refuses_what_has_no_order() {
        let twice = [step("a", Stage::Bytes, &[]), step("a", Stage::Bytes, &[])];
        assert!(matches!(Schedule::new(&twice), Err(OrderError::Duplicate(_))));
        let unknown = [step("a", Stage::Bytes, &["b"])];
        assert!(matches!(Schedule::new(&unknown), Err(OrderError::Unknown { .. })));
        let backwards = [step("a", Stage::Bytes, &["b"]), step("b", Stage::Names, &[])];
        assert!(matches!(Schedule::new(&backwards), Err(OrderError::Backwards { .. })));
        let cycle = [step("a", Stage::Bytes, &["b"]), step("b", Stage::Bytes, &["a"]), step("c", Stage::Bytes, &[])];
        assert!(matches!(Schedule::new(&cycle), Err(OrderError::Cycle(_))));
    }
}
