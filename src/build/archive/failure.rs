//! Why packing stopped: what was being read, or the disk that was written to.

use std::io;

use crate::error::Error;

/// One of the two.
pub enum Failure {
    /// What fills the archive failed.
    Made(Error),
    /// It could not be written.
    Disk(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Made(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Made(error) => error,
            Failure::Disk(error) => Self::failed("cannot write the archive").because(&error),
        }
    }
}
