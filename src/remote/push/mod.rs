//! Pushing one file to a remote: prepare, upload, finalize, runs, with a receipt that is written before anything is sent and
//! after every step that cannot be taken back.

mod order;
mod record;
mod run;
mod settle;

pub use order::{PushOrder, SidecarFile};
pub use run::{Pushed, push};
pub(super) use run::{is_stuck, key_of, unsettled};
pub use settle::{Settlement, settle};
