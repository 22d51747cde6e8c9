//! Requests per second, for hosts that count them.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Hands out moments to send at, evenly apart. Everybody who talks to the host shares one.
#[derive(Debug)]
pub struct Pace {
    apart: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// At most `rate` requests in a second.
    pub fn new(rate: u32) -> Self {
        Self { apart: Duration::from_secs(1) / rate.max(1), next: Mutex::new(Instant::now()) }
    }

    /// Waits for the next free moment and takes it.
    pub async fn turn(&self) {
        let at = {
            let mut next = self.next.lock().await;
            let at = (*next).max(Instant::now());
            *next = at + self.apart;
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keeps_requests_apart() {
        let pace = Pace::new(10);
        let started = Instant::now();
        for _ in 0..21 {
            pace.turn().await;
        }
        assert_eq!(started.elapsed().as_millis(), 2000);
    }
}
