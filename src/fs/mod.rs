//! The one way to files: bounded reads, atomic writes, append with fsync, locks, private temporaries, walks that
//! never follow links. May use `core` only; every failure names the operation and the path.

mod append;
mod atomic;
mod beneath;
mod durable;
mod file;
mod linked;
mod lock;
mod read;
mod scratch;
mod sequential;
mod stream;
mod walk;

pub use append::AppendFile;
pub use atomic::{TEMPORARY_PREFIX, create_dir, create_own_dir, rename, symlink, sync_dir, write_atomic};
pub use beneath::{Beneath, Pending};
pub use durable::{create_dir_durable, kinds_in, remove_empty_dir, replace};
pub use file::{create_private, link_or_copy, move_file, open_regular, read_regular, set_mode, sync_file, sync_tree, write_private};
pub use linked::{link_count, link_file, modified, names_in, open_writable, remove_file};
pub use lock::{Lock, LockError};
pub use read::{exists, is_dir, is_executable, is_file, is_present, open, read_bounded, real_path, remove_tree, size_of};
pub use scratch::Scratch;
pub use sequential::{begin_writing_out, read_without_waiting, will_read_in_order};
pub use stream::{create_new, read_link};
pub use walk::{Entry, EntryKind, walk, walk_at_most};

/// The outcome of every file operation.
pub type Result<T> = std::result::Result<T, crate::core::PathError>;
