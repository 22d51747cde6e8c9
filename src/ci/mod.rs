//! What the CI says: its environment becomes one `PipelineContext`, whichever system it is. Pure: the environment
//! arrives as a lookup and the event's payload as text, nothing else reads them. One file per family of CI systems.
//!
//! May use `core`, `names`, `error` and `event`. Must not read files or the process environment.

mod actions;
mod context;
mod detect;
mod events;
mod gitlab;
mod overrides;
mod web_url;
mod woodpecker;

pub use context::{Event, PipelineContext, Provider, PullRequest};
pub use detect::{detect, payload_path};
pub use web_url::web_url;
