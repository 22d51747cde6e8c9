//! Where BuildKit is: every endpoint that is configured or usual is asked at once, with real connections, and the first
//! that answers in order of preference is taken. Nothing here makes or changes a builder.

mod find;
mod session;
mod tool;

pub use find::{Found, find};
pub use session::Session;
pub use tool::{Endpoint, Tool};
