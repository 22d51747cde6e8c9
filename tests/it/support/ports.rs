//! Ports of servers that tests start, stop and start again.
//!
//! A system gives connections ports of a range of its own (Linux: 32768 and up; so does asking for port 0). A server that
//! stops for a moment may find such a port taken by somebody's connection. So ports are taken from below that range.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The first of them.
const FIRST: u32 = 10_240;

/// How many there are.
const COUNT: u32 = 21_000;

/// How long a port is waited for that was one's own a moment ago.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port of this machine where nothing listens, and which no other call was given.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        // Two processes at once begin at different places.
        let spread = std::process::id().wrapping_mul(131).wrapping_add(NEXT.fetch_add(1, Ordering::SeqCst).wrapping_mul(7));
        let port = u16::try_from(FIRST + spread % COUNT).expect("a port");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("every port is taken");
}

/// Where a server may listen that will be started again.
pub fn free_addr() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()))
}

/// Starts a server where another has just stopped.
pub async fn again<T, E, F>(mut start: impl FnMut() -> F) -> T
where
    E: std::fmt::Debug,
    F: Future<Output = Result<T, E>>,
{
    let begun = Instant::now();
    loop {
        match start().await {
            Ok(started) => return started,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "a server on the same port: {error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
