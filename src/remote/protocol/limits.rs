//! How much, how long and how often: the bounds both sides keep.

use std::time::Duration;

/// The most an adapter may answer, in bytes.
pub const MAX_ANSWER: usize = 10 * 1024 * 1024;

/// The most a request may weigh, in bytes: adapters may stop reading there.
pub const MAX_REQUEST: usize = 10 * 1024 * 1024;

/// How much of an adapter's standard error is kept for messages, in bytes, from its end.
pub const MAX_STDERR: usize = 64 * 1024;

/// Lists and objects within each other.
pub const MAX_DEPTH: usize = 64;

/// Keys and elements of one document.
pub const MAX_NODES: usize = 500_000;

/// The longest URL an adapter may ask us to send to or read from, in bytes.
pub const MAX_URL: usize = 16 * 1024;

/// The most headers an adapter may ask us to send with an upload or download.
pub const MAX_HEADERS: usize = 64;

/// The longest name plus value of one such header, in bytes.
pub const MAX_HEADER: usize = 16 * 1024;

/// The longest `finalize_token`, in bytes.
pub const MAX_TOKEN: usize = 1024 * 1024;

/// The most links kept of one answer.
pub const MAX_LINKS: usize = 64;

/// The longest text kept of a name, id or message, in bytes.
pub const MAX_TEXT: usize = 4096;

/// The most sidecar files that travel with one pack.
pub const MAX_SIDECARS: usize = 64;

/// The most one output of a run may weigh, in bytes.
pub const MAX_RUN_OUTPUT: u64 = 50_000_000;

/// The most a pulled pack may weigh unless the config allows more, in bytes.
pub const MAX_DOWNLOAD: u64 = 2 * 1024 * 1024 * 1024;

/// How long `--capabilities` may take.
pub const CAPABILITIES_DEADLINE: Duration = Duration::from_secs(30);

/// How long every other command may take.
pub const COMMAND_DEADLINE: Duration = Duration::from_secs(300);

/// Commands started per second, over all adapters of the process.
pub const RATE: u32 = 10;

/// Commands that may start at once before the rate applies.
pub const BURST: u32 = 5;
