//! Renderers of events and of what was written: plain lines for CI, bars for a terminal, tables, the job summary.
//! Pure but for the stream they are given. Uses `core names error event manifest` and publish's plain values.

mod annotation;
mod place;
mod plain;
mod publish;
mod status;
mod summary;
mod table;
mod terminal;

pub use place::place_and_name;
pub use plain::{Groups, Plain, PlainOptions};
pub use publish::publish_screen;
pub use status::{StatusLine, status_screen};
pub use summary::summary_markdown;
pub use table::{Table, counted};
pub use terminal::Terminal;

use std::sync::Arc;

/// Where a renderer writes. Must add nothing and never fail.
pub type Out = Arc<dyn Fn(&str) + Send + Sync>;
