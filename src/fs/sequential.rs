//! Reading a file from one end to the other, on threads that must not wait for a disk.

use std::fs::File;
use std::io::{self, IoSliceMut};

use rustix::fs::Advice;
use rustix::io::{Errno, ReadWriteFlags};

/// Tells the system that a file is read in order, so that it reads further ahead. Where that is not known it costs
/// nothing to have asked.
pub fn will_read_in_order(file: &File) {
    let _ = rustix::fs::fadvise(file, 0, None, Advice::Sequential);
}

/// Reads at an offset what the system has in memory already, at least a byte of it; 0 at the end of the file. `None` when
/// that would mean waiting for the disk, or cannot be told: file systems without `RWF_NOWAIT` (preadv2(2)).
pub fn read_without_waiting(file: &File, buffer: &mut [u8], at: u64) -> io::Result<Option<usize>> {
    match rustix::io::preadv2(file, &mut [IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT) {
        Ok(count) => Ok(Some(count)),
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
