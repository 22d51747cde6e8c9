//! The one subprocess runner: argument vectors (never a shell), an environment made of what is allowed and nothing
//! else, deadlines, kill of the whole process group, bounded and redacted capture.

mod child;

pub use child::{Child, ChildError, Finished, Line, StreamName};
