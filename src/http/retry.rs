//! When to try again, how long to wait, and when to stop: the only retries in the program.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::{HttpError, HttpErrorKind};
use super::request::Replay;
use super::response::Response;
use super::{StatusCode, header};

/// Connections that cannot be made are tried this often at most: a host that is down or misspelt should not cost the
/// whole budget.
const MAX_CONNECT_RETRIES: u32 = 2;

/// How often and how patiently.
#[derive(Debug, Clone, Copy)]
pub struct Ladder {
    /// Retries of one operation, over all its requests.
    pub retries: u32,
    /// First wait; doubled each time, with jitter.
    pub first: Duration,
    /// Longest wait of our own choosing.
    pub longest: Duration,
    /// Longest `Retry-After` that is honoured; a server that asks for more is not waited for.
    pub longest_asked: Duration,
    /// No retry begins later than this after the operation began.
    pub within: Duration,
}

impl Default for Ladder {
    fn default() -> Self {
        Self {
            retries: 5,
            first: Duration::from_millis(300),
            longest: Duration::from_secs(10),
            longest_asked: Duration::from_secs(60),
            within: Duration::from_secs(15 * 60),
        }
    }
}

/// What one operation may still spend on retries. Shared by its requests, so that a ladder of steps does not multiply.
#[derive(Debug)]
pub struct Budget {
    spent: AtomicU32,
    ladder: Ladder,
    until: Instant,
}

impl Budget {
    /// A full budget, starting now.
    pub fn new(ladder: &Ladder) -> Self {
        Self { spent: AtomicU32::new(0), ladder: *ladder, until: Instant::now() + ladder.within }
    }

    /// Takes one retry out, and tells its number from 1; `None` when nothing is left.
    pub fn take(&self) -> Option<u32> {
        if Instant::now() >= self.until {
            return None;
        }
        self.spent
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |spent| (spent < self.ladder.retries).then_some(spent + 1))
            .ok()
            .map(|n| n + 1)
    }

    /// Takes one retry out and waits as long as the ladder says before it; `false` when nothing is left or the run
    /// ended. For callers that begin a sequence of requests anew.
    pub async fn spend(&self, cancel: &CancellationToken) -> bool {
        let Some(number) = self.take() else { return false };
        let wait = pause(&self.ladder, number, None, u32::MAX / 2).unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep(wait) => true,
            () = cancel.cancelled() => false,
        }
    }
}

/// What to do with the end of one attempt.
pub(super) enum Verdict {
    /// It is an answer, or a failure that repeating does not cure.
    Final,
    /// Try again after the wait the other side asked for, or ours.
    Again(Option<Duration>),
    /// It may have taken effect and must not be repeated.
    Ambiguous,
}

/// Judges one attempt. `attempt` counts from 1.
pub(super) fn judge(outcome: &Result<Response, HttpError>, replay: Replay, attempt: u32) -> Verdict {
    match outcome {
        Ok(response) => {
            let status = response.status();
            // These say that the request was not looked at.
            let untouched = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::TOO_EARLY);
            let transient = matches!(status.as_u16(), 408 | 500 | 502 | 503 | 504 | 507..=599);
            match (untouched, transient, replay) {
                (true, _, _) | (_, true, Replay::Safe) => Verdict::Again(retry_after(response)),
                (_, true, Replay::Once) => Verdict::Ambiguous,
                _ => Verdict::Final,
            }
        }
        Err(error) => match error.kind {
            HttpErrorKind::Dns | HttpErrorKind::Connect if attempt <= MAX_CONNECT_RETRIES => Verdict::Again(None),
            // The other side says that it did not begin: whatever it was may be sent again.
            HttpErrorKind::Refused => Verdict::Again(None),
            HttpErrorKind::Timeout | HttpErrorKind::Stalled | HttpErrorKind::Cut => match replay {
                Replay::Safe => Verdict::Again(None),
                Replay::Once => Verdict::Ambiguous,
            },
            _ => Verdict::Final,
        },
    }
}

/// The other side asks for less: too many requests, or a failure of its own.
pub(super) fn is_pushback(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3). Its date form is left to our own wait: clocks differ.
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    response.header(&header::RETRY_AFTER)?.trim().parse().ok().map(Duration::from_secs)
}

/// How long to wait before retry `number` (from 1). `random` is uniform over all of `u32`. `None`: longer than we wait.
pub(super) fn pause(ladder: &Ladder, number: u32, asked: Option<Duration>, random: u32) -> Option<Duration> {
    let doubled = ladder.first.saturating_mul(1 << number.saturating_sub(1).min(16)).min(ladder.longest);
    // Between half and all of it: many jobs that failed together do not come back together.
    let jittered = doubled / 2 + (doubled / 2).mul_f64(f64::from(random) / f64::from(u32::MAX));
    match asked {
        Some(asked) if asked > ladder.longest_asked => None,
        Some(asked) => Some(asked.max(jittered)),
        None => Some(jittered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_each_time_but_never_longer_than_the_ladder() {
        let ladder = Ladder::default();
        let full = |number| pause(&ladder, number, None, u32::MAX);
        assert_eq!(full(1), Some(Duration::from_millis(300)));
        assert_eq!(full(3), Some(Duration::from_millis(1200)));
        assert_eq!(full(40), Some(Duration::from_secs(10)));
        assert_eq!(pause(&ladder, 1, None, 0), Some(Duration::from_millis(150)));
    }

    #[test]
    fn honours_what_the_server_asks_within_reason() {
        let ladder = Ladder::default();
        assert_eq!(pause(&ladder, 1, Some(Duration::from_secs(7)), 0), Some(Duration::from_secs(7)));
        assert_eq!(pause(&ladder, 1, Some(Duration::from_secs(3600)), 0), None);
    }

    #[tokio::test]
    async fn a_budget_is_spent_once_for_all() {
        let budget = Budget::new(&Ladder { retries: 2, ..Ladder::default() });
        assert_eq!((budget.take(), budget.take(), budget.take()), (Some(1), Some(2), None));
    }
}
