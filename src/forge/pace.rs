//! Writes per minute, for forges that count them: everybody who writes to a host takes turns at one of these.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Windows in which so many writes are allowed. A burst is let through until a window is full; then the next write waits
/// until the window's first has left it. An answer that asks for patience holds everybody back.
#[derive(Debug, Default)]
pub struct Pace {
    windows: Vec<(usize, Duration)>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    // Moments of writes that still count in some window, the oldest first; some may lie ahead.
    taken: VecDeque<Instant>,
    held_until: Option<Instant>,
}

impl Pace {
    /// At most `count` writes in any stretch of `length`, for each window.
    pub fn new(windows: impl IntoIterator<Item = (usize, Duration)>) -> Self {
        Self { windows: windows.into_iter().map(|(count, length)| (count.max(1), length)).collect(), state: Mutex::default() }
    }

    /// Takes the next moment at which a write may leave, and waits for it.
    pub async fn turn(&self) {
        let at = self.take(Instant::now());
        tokio::time::sleep_until(at).await;
    }

    /// The other side asked for less: nobody writes before this has passed.
    pub fn hold(&self, pause: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let until = Instant::now() + pause;
        state.held_until = Some(state.held_until.map_or(until, |held| held.max(until)));
    }

    fn take(&self, now: Instant) -> Instant {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = self.windows.iter().map(|(_, length)| *length).max().unwrap_or_default();
        while state.taken.front().is_some_and(|taken| *taken + longest <= now) {
            state.taken.pop_front();
        }
        let mut at = state.held_until.map_or(now, |held| held.max(now));
        // Turns are handed out in order: the last one taken is the latest.
        at = state.taken.back().map_or(at, |last| at.max(*last));
        for (count, length) in &self.windows {
            if let Some(first) = state.taken.len().checked_sub(*count).and_then(|index| state.taken.get(index)) {
                at = at.max(*first + *length);
            }
        }
        if !self.windows.is_empty() {
            state.taken.push_back(at);
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lets_a_burst_through_and_then_keeps_to_the_window() {
        let pace = Pace::new([(80, Duration::from_secs(60))]);
        let started = Instant::now();
        for _ in 0..80 {
            pace.turn().await;
        }
        assert_eq!(started.elapsed(), Duration::ZERO);
        for _ in 0..20 {
            pace.turn().await;
        }
        assert_eq!(started.elapsed().as_secs(), 60);
        for _ in 0..61 {
            pace.turn().await;
        }
        assert_eq!(started.elapsed().as_secs(), 120);
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_is_held_back_when_one_is_asked_for_patience() {
        let pace = Pace::default();
        let started = Instant::now();
        pace.turn().await;
        pace.hold(Duration::from_secs(7));
        pace.turn().await;
        pace.turn().await;
        assert_eq!(started.elapsed().as_secs(), 7);
    }
}
