//! Running exactly the bytes that were verified: an adapter is hashed while it is copied to where only we can write, and the
//! copy is what runs. What happens to the original in between is of no consequence.
//!
//! Copies are kept by digest in a directory of the user's cache, with a stamp of the copy and of the file it came from, so
//! that a second start need neither copy nor hash. A stamp holds what a file system changes whenever content may have
//! changed (device, inode, size, times); who could forge it could also run what he likes as this user.

mod adapter;
mod record;
mod stamp;

pub use adapter::{VerifiedAdapter, digest_of, digest_of_file};
pub use stamp::Stamp;
