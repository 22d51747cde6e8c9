//! Reading and writing a file from one end to the other, without waiting for a disk longer than it takes.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;

use rustix::fs::Advice;
use rustix::io::{Errno, ReadWriteFlags};

/// Tells the system that a file is read in order, so that it reads further ahead. Where that is not known it costs
/// nothing to have asked.
pub fn will_read_in_order(file: &File) {
    let _ = rustix::fs::fadvise(file, 0, None, Advice::Sequential);
}

/// Has the disk begin with what was just written to a stretch of a file, so that less is left to wait for when the file is
/// made durable at its end. To the system it is said that nobody reads the stretch again, upon which Linux writes it out
/// without being waited for (posix_fadvise(2), `POSIX_FADV_DONTNEED`). Where that is not known it costs nothing to have asked.
pub fn begin_writing_out(file: &File, at: u64, length: u64) {
    if let Some(length) = NonZeroU64::new(length) {
        let _ = rustix::fs::fadvise(file, at, Some(length), Advice::DontNeed);
    }
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
