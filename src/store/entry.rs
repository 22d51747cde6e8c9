//! Entries of the tars that layouts travel in: hand-over packs and OCI archives.

use std::fs::File;
use std::io::{self, Read, Write as _};

use crate::core::Digest;

/// How much of a blob is in memory while it is copied.
pub const PIECE: usize = 256 * 1024;

/// Appends a regular file that tells nothing of this machine: no time, no owner. `header` decides the tar's flavour.
pub fn append(tar: &mut tar::Builder<File>, mut header: tar::Header, name: &str, size: u64, content: impl Read) -> io::Result<()> {
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    tar.append_data(&mut header, name, content)
}

/// Copies a blob and hashes it on the way: how many bytes it has, or `None` when the hash is another.
pub fn copy_hashed(content: &mut impl Read, into: &mut File, digest: &Digest) -> io::Result<Option<u64>> {
    let mut hash = digest.digester();
    let mut buffer = vec![0; PIECE];
    let mut size = 0;
    loop {
        let read = content.read(&mut buffer)?;
        if read == 0 {
            return Ok((hash.finish() == *digest).then_some(size));
        }
        hash.update(&buffer[..read]);
        into.write_all(&buffer[..read])?;
        size += read as u64;
    }
}
