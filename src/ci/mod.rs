//! What the CI says: its environment becomes one `PipelineContext`, whichever system it is. Pure: the environment
//! arrives as a value, nothing else reads it.

mod context;

pub use context::{Event, PipelineContext, Provider, PullRequest};
