//! How much is asked of a host at a time: more while it copes, half when it says that it does not.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Operations that begin together at a host nobody knows yet.
const START: f64 = 4.0;

/// Never more than this many, however well it goes: beyond it servers queue and nothing is won.
const MOST: f64 = 32.0;

/// A host that asks for silence is given at most this much of it here; longer waits are the ladder's to refuse.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// Several operations fail together when a host is overrun: that is one reason to halve, not several.
const ONE_PUSHBACK: Duration = Duration::from_secs(1);

/// Admits operations at one host. The limit grows by one with each success until the first pushback (a new host is
/// found out about quickly), then by one per round of successes, and halves with each pushback, as TCP does.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    limit: f64,
    most: f64,
    busy: u32,
    careful: bool,
    halved: Option<Instant>,
    silent_until: Option<Instant>,
}

/// The right to one operation. Given back when dropped.
#[derive(Debug)]
pub struct Permit<'a>(&'a Gate);

impl Default for Gate {
    fn default() -> Self {
        let state = State { limit: START, most: MOST, busy: 0, careful: false, halved: None, silent_until: None };
        Self { state: Mutex::new(state), freed: Notify::new() }
    }
}

impl Gate {
    /// Waits until the host may be asked for one thing more.
    pub async fn enter(&self) -> Permit<'_> {
        loop {
            // Registered before looking, so that a permit given back in between is not missed.
            let freed = self.freed.notified();
            let silent_until = {
                let mut state = self.lock();
                let silent = state.silent_until.filter(|until| *until > Instant::now());
                if silent.is_none() && f64::from(state.busy) < state.limit.floor() {
                    state.busy += 1;
                    return Permit(self);
                }
                silent
            };
            match silent_until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => freed.await,
            }
        }
    }

    /// Never admits more than this many at a time, whatever the host copes with.
    pub fn at_most(&self, most: u32) {
        let mut state = self.lock();
        state.most = f64::from(most.max(1)).min(MOST);
        state.limit = state.limit.min(state.most);
    }

    /// The host pushed back, and asked for this much silence.
    pub fn pushed_back(&self, wait: Option<Duration>) {
        let mut state = self.lock();
        let now = Instant::now();
        if let Some(wait) = wait {
            let until = now + wait.min(LONGEST_SILENCE);
            state.silent_until = Some(state.silent_until.map_or(until, |known| known.max(until)));
        }
        if state.halved.is_none_or(|at| now.duration_since(at) >= ONE_PUSHBACK) {
            state.halved = Some(now);
            state.limit = (state.limit / 2.0).max(1.0);
            state.careful = true;
        }
    }

    /// How many operations may be under way now.
    #[cfg(test)]
    pub fn limit(&self) -> u32 {
        // Between 1 and MOST.
        (1..=32).take_while(|n| f64::from(*n) <= self.lock().limit).last().unwrap_or(1)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Numbers stay numbers, whatever panicked elsewhere.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The operation went well: when what is allowed is being used, the limit grows.
    pub fn succeeded(self) {
        let mut state = self.0.lock();
        if f64::from(state.busy * 2) >= state.limit {
            let step = if state.careful { 1.0 / state.limit } else { 1.0 };
            state.limit = (state.limit + step).min(state.most);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.busy = state.busy.saturating_sub(1);
        drop(state);
        // A growing limit may admit two: each that enters wakes nobody, so all are asked to look.
        self.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn grows_while_it_goes_well_and_halves_once_per_pushback() {
        let gate = Gate::default();
        for _ in 0..20 {
            let mut permits = Vec::new();
            for _ in 0..gate.limit() {
                permits.push(gate.enter().await);
            }
            permits.into_iter().for_each(Permit::succeeded);
        }
        assert_eq!(gate.limit(), 32);
        gate.pushed_back(None);
        gate.pushed_back(None);
        assert_eq!(gate.limit(), 16, "one reason to halve, told twice");
        tokio::time::advance(Duration::from_secs(2)).await;
        gate.pushed_back(None);
        assert_eq!(gate.limit(), 8);
        let mut permits = Vec::new();
        for _ in 0..8 {
            permits.push(gate.enter().await);
        }
        permits.into_iter().for_each(Permit::succeeded);
        assert!(gate.limit() <= 9, "careful now: {}", gate.limit());
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_is_the_least_and_silence_is_kept() {
        let gate = Gate::default();
        for _ in 0..10 {
            gate.pushed_back(Some(Duration::from_secs(3)));
            tokio::time::advance(Duration::from_secs(2)).await;
        }
        assert_eq!(gate.limit(), 1);
        let before = Instant::now();
        let permit = gate.enter().await;
        assert!(before.elapsed() >= Duration::from_millis(900), "{:?}", before.elapsed());
        let second = tokio::time::timeout(Duration::from_secs(5), gate.enter()).await;
        assert!(second.is_err(), "the only place is taken");
        drop(permit);
        gate.at_most(1);
        let _third = gate.enter().await;
    }
}
