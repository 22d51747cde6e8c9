//! What the embedded forges have in common: a server for JSON APIs on loopback with a fault plan, a log, and observers
//! that strike at a moment. What an endpoint means is for the [`Service`] behind it.

mod asked;
mod log;
mod server;

pub use asked::{Answer, Asked, Cut, Inbound};
pub use log::{Exchange, Logged, Observer, Phase, Recorder, RequestLog, Seen};
pub use server::{Options, Running, Service, start};
