//! The directory of a zip archive (PKWARE APPNOTE 4.3.12, 4.3.14, 4.3.16): names and sizes, without unpacking anything.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use super::inside::stays_inside;
use super::names::{components, shown};
use super::staging::refused;
use crate::core::ByteSize;
use crate::error::Result;

const END: &[u8; 4] = b"PK\x05\x06";
const END64: &[u8; 4] = b"PK\x06\x06";
const LOCATOR64: &[u8; 4] = b"PK\x06\x07";
const ENTRY: &[u8; 4] = b"PK\x01\x02";
/// The end record and the longest comment after it.
const TAIL: u64 = 22 + 65_535;
/// Directories that are read. Two hundred thousand names of ordinary length.
const MAX_DIRECTORY: u64 = 64 << 20;
/// A link's target is the content of its entry; nothing honest is longer.
const MAX_TARGET: u64 = 4096;
const SYMLINK: u32 = 0o120_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;

/// One entry of the directory.
struct Listed {
    name: String,
    unix_type: u32,
    packed: u64,
    unpacked: u64,
    method: u16,
    offset: u64,
}

/// Refuses what would land outside, and what unpacks to more than `most` bytes.
pub(super) fn check(file: &mut File, size: u64, most: u64, entries: usize, at: &str) -> Result<()> {
    let broken = |what: &str| refused(at, &format!("it is no zip archive that can be read: {what}"));
    let (offset, length, count) = directory(file, size).ok_or_else(|| broken("its directory is not at its end"))?;
    if count > entries as u64 {
        return Err(refused(at, &format!("it has more than {entries} entries")));
    }
    if length > MAX_DIRECTORY || offset.checked_add(length).is_none_or(|end| end > size) {
        return Err(broken("its directory is not inside it"));
    }
    let bytes = part(file, offset, length).ok_or_else(|| broken("its directory is cut"))?;
    let mut rest = bytes.as_slice();
    let mut total = 0_u64;
    for number in 1..=count {
        let (listed, after) = entry(rest).ok_or_else(|| broken(&format!("entry {number} of its directory is damaged")))?;
        rest = after;
        let named = |problem: &str| refused(at, &format!("entry {number} `{}`: {problem}", shown(&listed.name)));
        components(&listed.name.replace('\\', "/")).map_err(|problem| named(&problem))?;
        total = total.saturating_add(listed.unpacked);
        if total > most {
            return Err(named(&format!("with it the archive unpacks to more than {}, as no honest archive does", ByteSize(most))));
        }
        match listed.unix_type {
            0 | REGULAR | DIRECTORY => {}
            SYMLINK => {
                let target = target(file, &listed).ok_or_else(|| named("it is a link whose target cannot be read"))?;
                stays_inside(&listed.name, &target).map_err(|problem| named(&problem))?;
            }
            _ => return Err(named("it is a device or a pipe")),
        }
    }
    Ok(())
}

// Offset, length and number of entries of the central directory.
fn directory(file: &mut File, size: u64) -> Option<(u64, u64, u64)> {
    let start = size.saturating_sub(TAIL);
    let tail = part(file, start, size - start)?;
    let at = tail.windows(4).rposition(|window| window == END)?;
    let end = tail.get(at..at + 22)?;
    let (count, length, offset) = (u64::from(u16_at(end, 10)?), u64::from(u32_at(end, 12)?), u64::from(u32_at(end, 16)?));
    if count != 0xffff && length != 0xffff_ffff && offset != 0xffff_ffff {
        return Some((offset, length, count));
    }
    let locator = at.checked_sub(20).and_then(|at| tail.get(at..at + 20)).filter(|bytes| bytes.starts_with(LOCATOR64));
    let Some(locator) = locator else { return Some((offset, length, count)) };
    let record = part(file, u64_at(locator, 8)?, 56)?;
    record.starts_with(END64).then_some(())?;
    Some((u64_at(&record, 48)?, u64_at(&record, 40)?, u64_at(&record, 32)?))
}

fn entry(bytes: &[u8]) -> Option<(Listed, &[u8])> {
    let head = bytes.get(..46).filter(|head| head.starts_with(ENTRY))?;
    let (name, extra, comment) = (usize::from(u16_at(head, 28)?), usize::from(u16_at(head, 30)?), usize::from(u16_at(head, 32)?));
    let text = bytes.get(46..46 + name)?;
    let extras = bytes.get(46 + name..46 + name + extra)?;
    let after = bytes.get(46 + name + extra + comment..)?;
    let made_on_unix = matches!(head[5], 3 | 19);
    let mode = u32_at(head, 38)? >> 16;
    let (mut packed, mut unpacked, mut offset) = (u64::from(u32_at(head, 20)?), u64::from(u32_at(head, 24)?), u64::from(u32_at(head, 42)?));
    let mut long = zip64(extras);
    for value in [&mut unpacked, &mut packed, &mut offset] {
        if *value == 0xffff_ffff {
            *value = u64_at(long, 0)?;
            long = &long[8..];
        }
    }
    let listed = Listed {
        name: String::from_utf8_lossy(text).into_owned(),
        unix_type: if made_on_unix { mode & 0o170_000 } else { 0 },
        packed,
        unpacked,
        method: u16_at(head, 10)?,
        offset,
    };
    Some((listed, after))
}

// The extra field with what does not fit into 32 bits.
fn zip64(mut extras: &[u8]) -> &[u8] {
    while let (Some(id), Some(length)) = (u16_at(extras, 0), u16_at(extras, 2)) {
        let end = 4 + usize::from(length);
        let Some(field) = extras.get(4..end) else { break };
        if id == 1 {
            return field;
        }
        extras = &extras[end..];
    }
    &[]
}

fn target(file: &mut File, listed: &Listed) -> Option<String> {
    if listed.packed > MAX_TARGET {
        return None;
    }
    let local = part(file, listed.offset, 30)?;
    let skip = 30 + u64::from(u16_at(&local, 26)?) + u64::from(u16_at(&local, 28)?);
    let stored = part(file, listed.offset.checked_add(skip)?, listed.packed)?;
    let bytes = match listed.method {
        0 => stored,
        8 => {
            let mut bytes = Vec::new();
            flate2::read::DeflateDecoder::new(stored.as_slice()).take(MAX_TARGET).read_to_end(&mut bytes).ok()?;
            bytes
        }
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

fn part(file: &mut File, offset: u64, length: u64) -> Option<Vec<u8>> {
    file.seek(SeekFrom::Start(offset)).ok()?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == length).then_some(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
