//! A look into archives before they are passed on: entries that would land outside where somebody unpacks them, devices,
//! and what unpacks to more than any disk.

use std::io::{self, Read};
use std::path::Path;

use super::names::{components, shown};
use super::staging::refused;
use super::{AdoptCx, zip};
use crate::build::inspect::{Archive, Entry, EntryKind};
use crate::core::ByteSize;
use crate::error::Result;
use crate::fs;

/// Looks into `file` when its format is one we read. xz, bzip2 and packages are passed on unread.
///
/// # Errors
/// Kind `Failed`, naming `at` and the entry.
pub(super) fn check(cx: &AdoptCx<'_>, file: &Path, size: u64, format: &str, at: &str) -> Result<()> {
    let most = cx.limits.unpacked_of(size);
    let (bytes, _) = fs::open_regular(file)?;
    let bytes = io::BufReader::with_capacity(128 * 1024, bytes);
    match format {
        "tar" => tar(cx, Bounded { inner: bytes, cx, left: u64::MAX, most }, at),
        "tar.gz" | "crate" => {
            let unpacked = flate2::bufread::MultiGzDecoder::new(bytes);
            tar(cx, Bounded { inner: unpacked, cx, left: most, most }, at)
        }
        "tar.zst" | "archlinux" => {
            let unpacked = zstd::stream::read::Decoder::with_buffer(bytes).map_err(|error| refused(at, &error.to_string()))?;
            tar(cx, Bounded { inner: unpacked, cx, left: most, most }, at)
        }
        "zip" | "jar" | "whl" => zip::check(&mut bytes.into_inner(), size, most, cx.limits.entries, at),
        _ => Ok(()),
    }
}

/// Bytes that end before they hurt.
struct Bounded<'a, R> {
    inner: R,
    cx: &'a AdoptCx<'a>,
    left: u64,
    most: u64,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.cx.cancel.is_cancelled() {
            return Err(io::Error::other("interrupted"));
        }
        let read = self.inner.read(into)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it unpacks to more than {}, as no honest archive does", ByteSize(self.most)),
            )
        })?;
        Ok(read)
    }
}

fn tar<R: Read>(cx: &AdoptCx<'_>, bytes: R, at: &str) -> Result<()> {
    let mut archive = Archive::new(bytes);
    let mut entry = Entry::default();
    let mut count = 0;
    loop {
        // What was interrupted is not damaged.
        let damaged = |error: io::Error| cx.check().err().unwrap_or_else(|| refused(at, &format!("it cannot be read: {error}")));
        if !archive.next(&mut entry).map_err(damaged)? {
            return Ok(());
        }
        count += 1;
        if count > cx.limits.entries {
            return Err(refused(at, &format!("it has more than {} entries", cx.limits.entries)));
        }
        judge(&entry).map_err(|problem| refused(at, &format!("entry {count} `{}`: {problem}", shown(&lossy(&entry.path)))))?;
    }
}

fn judge(entry: &Entry) -> Result<(), String> {
    let path = lossy(&entry.path);
    // `./` is the directory somebody unpacks into.
    if !path.split('/').all(|part| matches!(part, "" | ".")) || path.starts_with('/') {
        components(&path)?;
    }
    match entry.kind {
        EntryKind::File | EntryKind::Dir => Ok(()),
        EntryKind::Symlink => stays_inside(&path, &lossy(&entry.link)),
        EntryKind::HardLink => components(&lossy(&entry.link)).map(drop).map_err(|_| "it is a link out of the archive".to_owned()),
        EntryKind::Char | EntryKind::Block | EntryKind::Fifo => Err("it is a device or a pipe".to_owned()),
    }
}

/// A symbolic link is followed from where it lies.
pub(super) fn stays_inside(path: &str, target: &str) -> Result<(), String> {
    let out = || "it is a link out of the archive".to_owned();
    if target.starts_with(['/', '\\']) || target.get(1..2) == Some(":") {
        return Err(out());
    }
    let mut depth = path.split('/').filter(|part| !matches!(*part, "" | ".")).count().saturating_sub(1);
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => depth = depth.checked_sub(1).ok_or_else(out)?,
            _ => depth += 1,
        }
    }
    Ok(())
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
