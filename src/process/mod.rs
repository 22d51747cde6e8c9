//! The one subprocess runner: argument vectors (never a shell), an environment made of what is allowed and nothing
//! else, deadlines, kill of the whole process group, bounded and redacted capture.

mod background;
mod child;
mod connected;
mod exchange;

pub use background::{Background, Running};
pub use child::{Child, ChildError, Finished, Line, StreamName};
pub use connected::Connected;
pub use exchange::{Bounds, Exchanged};
