//! zip (PKWARE APPNOTE 6.3): deflated entries, their times in UTC, modes as Unix has them, no extra fields.
//!
//! Large files are deflated by the layers' compressor, on every core: what it writes is a gzip member, whose middle is
//! the deflate stream an entry needs. Which of the two ways a file takes is decided by its length alone.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use flate2::{Compression, Crc, write::DeflateEncoder};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use crate::build::embedded::layer::Changes;
use crate::build::embedded::layer_source::check;
use crate::build::embedded::tree::{Content, NodeKind};
use crate::build::embedded::{Codec, pack};
use crate::core::{PathError, Timestamp};
use crate::error::{Error, Result};
use crate::fs;

/// Up to here a file is deflated in one piece, in bytes.
const ONE_PIECE: u64 = 1 << 20;

/// Length of a gzip member's header and of its trailer (RFC 1952 §2.3), as the layers' compressor writes them.
const GZIP_HEADER: usize = 10;
const GZIP_TRAILER: usize = 8;

/// Writes the archive.
///
/// # Errors
/// More than zip without its 64-bit extension can hold, a file that changes while it is read, a full disk.
pub fn write_zip(nodes: &Changes, file: File, time: i64, threads: usize, cancel: &CancellationToken) -> Result<()> {
    let mut zip = Zip { out: BufWriter::with_capacity(1 << 20, file), at: 0, central: Vec::new(), entries: 0, time: dos_time(time) };
    for (path, node) in nodes {
        check(cancel)?;
        let name = path.to_string_lossy();
        match &node.kind {
            NodeKind::Dir => zip.entry(&format!("{name}/"), 0o040_755, None, threads, cancel)?,
            NodeKind::File(Content::Disk { path, size }) => {
                zip.entry(&name, 0o100_000 | node.mode, Some((path.as_path(), *size)), threads, cancel)?;
            }
            _ => return Err(Error::failed(format!("{name} is nothing a zip archive can hold"))),
        }
    }
    zip.finish()
}

struct Zip {
    out: BufWriter<File>,
    at: u64,
    central: Vec<u8>,
    entries: u16,
    time: [u8; 4],
}

/// What the headers say of an entry's bytes.
#[derive(Default)]
struct Sizes {
    crc: u32,
    packed: u32,
    unpacked: u32,
}

impl Zip {
    fn entry(&mut self, name: &str, mode: u32, content: Option<(&Path, u64)>, threads: usize, cancel: &CancellationToken) -> Result<()> {
        let start = self.at;
        let offset = small(start, "the archive")?;
        self.entries = self.entries.checked_add(1).filter(|count| *count < u16::MAX).ok_or_else(|| too_large("65 534 files"))?;
        let content = content.filter(|(_, size)| *size > 0);
        let method: u16 = if content.is_some() { 8 } else { 0 };
        let mut sizes = Sizes::default();
        self.write(&local_header(name, method, self.time, &sizes))?;
        if let Some((path, size)) = content {
            let unpacked = small(size, name)?;
            let before = self.at;
            let crc = if size <= ONE_PIECE { self.one_piece(path, size)? } else { self.in_blocks(path, size, threads, cancel)? };
            sizes = Sizes { crc, packed: small(self.at - before, name)?, unpacked };
            // The header was written before its values were known.
            self.patch(start, &local_header(name, method, self.time, &sizes))?;
        }
        let mut central = Vec::with_capacity(46 + name.len());
        central.extend(0x0201_4b50_u32.to_le_bytes());
        // Made on Unix, by a writer of version 2.0, whose modes these are.
        central.extend([20, 3]);
        central.extend(common(method, self.time, &sizes, name));
        // No comment, the first disk, nothing internal.
        central.extend([0; 6]);
        let attributes = (mode << 16) | (u32::from(mode & 0o040_000 != 0) << 4);
        central.extend(attributes.to_le_bytes());
        central.extend(offset.to_le_bytes());
        central.extend(name.as_bytes());
        self.central.extend(central);
        Ok(())
    }

    fn one_piece(&mut self, path: &Path, size: u64) -> Result<u32> {
        let bytes = fs::read_regular(path, ONE_PIECE).map_err(|_| changed(path))?;
        if bytes.len() as u64 != size {
            return Err(changed(path));
        }
        let mut crc = Crc::new();
        crc.update(&bytes);
        let mut deflate = DeflateEncoder::new(Vec::with_capacity(bytes.len() / 2 + 64), Compression::new(6));
        let packed = deflate.write_all(&bytes).and_then(|()| deflate.finish()).map_err(|error| disk(&error))?;
        self.write(&packed)?;
        Ok(crc.sum())
    }

    fn in_blocks(&mut self, path: &Path, size: u64, threads: usize, cancel: &CancellationToken) -> Result<u32> {
        let (mut source, _) = fs::open_regular(path)?;
        let mut middle = Middle { out: &mut self.out, skip: GZIP_HEADER, held: Vec::new(), passed: 0 };
        let packed = pack::<Failure>(Codec::Gzip, threads, &mut middle, |out| {
            let mut buffer = vec![0; 1 << 18];
            loop {
                check(cancel)?;
                let read = source.read(&mut buffer).map_err(PathError::at("read", path)).map_err(Error::from)?;
                if read == 0 {
                    return Ok(());
                }
                out.write_all(&buffer[..read])?;
            }
        })?;
        let Middle { held, passed, .. } = middle;
        self.at += passed;
        if packed.unpacked != size {
            return Err(changed(path));
        }
        let crc: [u8; 4] =
            held.get(..4).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| Error::failed("a gzip member has no trailer"))?;
        Ok(u32::from_le_bytes(crc))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes).map_err(|error| disk(&error))
    }

    fn patch(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        let end = self.at;
        let out = &mut self.out;
        out.seek(SeekFrom::Start(at))
            .and_then(|_| out.write_all(bytes))
            .and_then(|()| out.seek(SeekFrom::Start(end)))
            .map(|_| ())
            .map_err(|error| disk(&error))
    }

    fn finish(mut self) -> Result<()> {
        let (start, length) = (small(self.at, "the archive")?, small(self.central.len() as u64, "the list of files")?);
        let central = std::mem::take(&mut self.central);
        self.write(&central)?;
        let mut end = Vec::with_capacity(22);
        end.extend(0x0605_4b50_u32.to_le_bytes());
        end.extend([0; 4]);
        end.extend(self.entries.to_le_bytes());
        end.extend(self.entries.to_le_bytes());
        end.extend(length.to_le_bytes());
        end.extend(start.to_le_bytes());
        end.extend([0; 2]);
        self.write(&end)?;
        self.out.flush().map_err(|error| disk(&error))
    }
}

fn local_header(name: &str, method: u16, time: [u8; 4], sizes: &Sizes) -> Vec<u8> {
    let mut header = Vec::with_capacity(30 + name.len());
    header.extend(0x0403_4b50_u32.to_le_bytes());
    header.extend(common(method, time, sizes, name));
    header.extend(name.as_bytes());
    header
}

// What both headers have: version needed, flags, method, time, CRC, lengths of bytes and of names.
fn common(method: u16, time: [u8; 4], sizes: &Sizes, name: &str) -> Vec<u8> {
    let mut fields = Vec::with_capacity(26);
    fields.extend(20_u16.to_le_bytes());
    fields.extend([0; 2]);
    fields.extend(method.to_le_bytes());
    fields.extend(time);
    fields.extend(sizes.crc.to_le_bytes());
    fields.extend(sizes.packed.to_le_bytes());
    fields.extend(sizes.unpacked.to_le_bytes());
    // Names are checked to be short.
    fields.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
    fields.extend([0; 2]);
    fields
}

/// Time and date as DOS has them: from 1980 to 2107, even seconds.
fn dos_time(unix: i64) -> [u8; 4] {
    let clamped = unix.clamp(315_532_800, 4_354_819_198);
    let text = Timestamp::from_unix(clamped).to_string();
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|digits| digits.parse::<u16>().ok()).unwrap_or_default();
    let date = (number(0..4).saturating_sub(1980) << 9) | (number(5..7) << 5) | number(8..10);
    let time = (number(11..13) << 11) | (number(14..16) << 5) | (number(17..19) / 2);
    let ([a, b], [c, d]) = (time.to_le_bytes(), date.to_le_bytes());
    [a, b, c, d]
}

/// Passes on what lies between a gzip member's header and its trailer; the trailer stays in `held`.
struct Middle<'a> {
    out: &'a mut BufWriter<File>,
    skip: usize,
    held: Vec<u8>,
    passed: u64,
}

impl Write for Middle<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        self.held.extend_from_slice(&bytes[skipped..]);
        let ready = self.held.len().saturating_sub(GZIP_TRAILER);
        self.out.write_all(&self.held[..ready])?;
        self.held.drain(..ready);
        self.passed += ready as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn small(value: u64, what: &str) -> Result<u32> {
    u32::try_from(value).ok().filter(|value| *value < u32::MAX).ok_or_else(|| too_large(&format!("4 GiB, and {what} is longer")))
}

fn too_large(what: &str) -> Error {
    Error::failed(format!("a zip archive holds at most {what}")).hint("use tar.gz, which has no such limit")
}

fn changed(path: &Path) -> Error {
    Error::failed(format!("{} changed while it was being packed", path.display())).hint("let nothing write to it during the build")
}

fn disk(error: &io::Error) -> Error {
    Error::failed("cannot write the archive").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_dos() {
        // 2026-07-01T12:00:05Z
        assert_eq!(
            dos_time(1_782_907_205),
            [((12_u16 << 11) | 2).to_le_bytes(), ((46_u16 << 9) | (7 << 5) | 1).to_le_bytes()].concat()[..]
        );
        assert_eq!(dos_time(0), [0, 0, 0x21, 0], "1980-01-01");
        assert_eq!(dos_time(i64::MAX)[2..], ((127_u16 << 9) | (12 << 5) | 31).to_le_bytes());
    }
}
