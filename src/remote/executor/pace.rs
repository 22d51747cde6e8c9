//! How often adapters may be started: a bucket of tokens that all of a process share. Who finds it empty waits.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::remote::protocol::limits;

/// The bucket.
#[derive(Debug)]
pub struct Pace {
    state: Mutex<(f64, Instant)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { state: Mutex::new((f64::from(limits::BURST), Instant::now())) }
    }
}

impl Pace {
    /// Waits for a token; `false` when the run ended first.
    pub async fn take(&self, cancel: &CancellationToken) -> bool {
        loop {
            let Some(wait) = self.wait() else { return true };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = cancel.cancelled() => return false,
            }
        }
    }

    // Takes a token, or tells when there will be one.
    fn wait(&self) -> Option<Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let filled = state.0 + now.duration_since(state.1).as_secs_f64() * f64::from(limits::RATE);
        *state = (filled.min(f64::from(limits::BURST)), now);
        if state.0 >= 1.0 {
            state.0 -= 1.0;
            return None;
        }
        Some(Duration::from_secs_f64((1.0 - state.0) / f64::from(limits::RATE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_in_turn() {
        let (pace, cancel) = (Pace::default(), CancellationToken::new());
        let begun = Instant::now();
        for _ in 0..5 {
            assert!(pace.take(&cancel).await);
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for _ in 0..10 {
            assert!(pace.take(&cancel).await);
        }
        assert!(begun.elapsed() >= Duration::from_millis(990), "{:?}", begun.elapsed());
        cancel.cancel();
        assert!(!pace.take(&cancel).await);
    }
}
