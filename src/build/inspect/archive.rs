//! A tar (POSIX pax, ustar, GNU) as a stream of entries. Headers are decoded by the `tar` crate; the stream around them
//! is ours, because there an extension record may be as large as it says it is, and every entry costs allocations.

use std::io::{self, Read};

/// The most a name, link target or pax record block may weigh: far beyond PATH_MAX and the longest xattr.
const MAX_EXTENSION: u64 = 1 << 20;
/// Longest path: Linux' PATH_MAX.
const MAX_PATH: usize = 4096;
/// Headers of sparse maps of one file.
const MAX_SPARSE_HEADERS: usize = 4096;
const BLOCK: usize = 512;
const BUFFER: usize = 128 * 1024;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EntryKind {
    /// A regular file.
    #[default]
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// Another name of an entry before.
    HardLink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A pipe.
    Fifo,
}

/// One entry. Reused from entry to entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its path, as written.
    pub path: Vec<u8>,
    /// Target of a link, as written.
    pub link: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits with set-user-id, set-group-id and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Modification time, seconds since 1970.
    pub mtime: i64,
    /// Length of the file in bytes.
    pub size: u64,
    /// Where its bytes begin in the tar.
    pub offset: u64,
    /// It is stored with holes left out, so that the bytes in the tar are not the file's.
    pub sparse: bool,
    /// Major and minor number of a device.
    pub device: (u32, u32),
}

/// Extension records that wait for the entry they are of.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    real_size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<i64>,
    sparse: bool,
}

/// Reads entries in order.
pub struct Archive<R> {
    inner: R,
    position: u64,
    /// Bytes of the current entry that were not read yet, and its padding.
    content: u64,
    padding: u64,
    buffer: Vec<u8>,
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

impl<R: Read> Archive<R> {
    /// A tar that begins at the reader's position.
    pub fn new(inner: R) -> Self {
        Self { inner, position: 0, content: 0, padding: 0, buffer: vec![0; BUFFER] }
    }

    /// Reads the next entry's header into `entry`; false at the end of the tar.
    ///
    /// # Errors
    /// `InvalidData` for what is no tar, and whatever the reader fails with.
    pub fn next(&mut self, entry: &mut Entry) -> io::Result<bool> {
        let mut extensions = Extensions::default();
        loop {
            let rest = std::mem::take(&mut self.content) + std::mem::take(&mut self.padding);
            self.skip(rest)?;
            let mut block = [0; BLOCK];
            if !self.fill(&mut block)? || block.iter().all(|byte| *byte == 0) {
                return Ok(false);
            }
            let header = tar::Header::from_byte_slice(&block);
            checksum(&block, header)?;
            let stored = header.entry_size().map_err(|_| invalid("a header without a size"))?;
            let kind = match block[156] {
                b'L' => {
                    extensions.path = Some(trimmed(self.extension(stored)?));
                    continue;
                }
                b'K' => {
                    extensions.link = Some(trimmed(self.extension(stored)?));
                    continue;
                }
                b'x' => {
                    let records = self.extension(stored)?;
                    pax(&records, &mut extensions)?;
                    continue;
                }
                // Of the whole archive; nothing in them matters here.
                b'g' => {
                    self.extension(stored)?;
                    continue;
                }
                b'1' => EntryKind::HardLink,
                b'2' => EntryKind::Symlink,
                b'3' => EntryKind::Char,
                b'4' => EntryKind::Block,
                b'5' => EntryKind::Dir,
                b'6' => EntryKind::Fifo,
                _ => EntryKind::File,
            };
            self.describe(entry, header, kind, stored, std::mem::take(&mut extensions), &block)?;
            return Ok(true);
        }
    }

    fn describe(
        &mut self,
        entry: &mut Entry,
        header: &tar::Header,
        kind: EntryKind,
        stored: u64,
        extensions: Extensions,
        block: &[u8; BLOCK],
    ) -> io::Result<()> {
        // Only files have content; some writers state a link's target size all the same.
        let stored = if kind == EntryKind::File { extensions.size.unwrap_or(stored) } else { 0 };
        entry.path = extensions.path.unwrap_or_else(|| header.path_bytes().into_owned());
        entry.link = extensions.link.unwrap_or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default());
        if entry.path.len() > MAX_PATH || entry.link.len() > MAX_PATH {
            return Err(invalid(format!("a path of {} bytes; at most {MAX_PATH} are possible", entry.path.len().max(entry.link.len()))));
        }
        // Before ustar, a directory was a file whose name ends in a slash.
        entry.kind = if kind == EntryKind::File && entry.path.ends_with(b"/") { EntryKind::Dir } else { kind };
        entry.mode = header.mode().unwrap_or(0) & 0o7777;
        entry.uid = extensions.uid.or_else(|| header.uid().ok()).unwrap_or(0);
        entry.gid = extensions.gid.or_else(|| header.gid().ok()).unwrap_or(0);
        entry.mtime = extensions.mtime.or_else(|| i64::try_from(header.mtime().ok()?).ok()).unwrap_or(0);
        let number = |n: io::Result<Option<u32>>| n.ok().flatten().unwrap_or(0);
        entry.device = (number(header.device_major()), number(header.device_minor()));
        entry.sparse = extensions.sparse || block[156] == b'S';
        entry.size = stored;
        if block[156] == b'S' {
            entry.size = header.size().unwrap_or(stored);
            self.skip_sparse_map(block[482] != 0)?;
        }
        entry.size = extensions.real_size.filter(|_| entry.sparse).unwrap_or(entry.size);
        entry.offset = self.position;
        self.content = stored;
        self.padding = stored.next_multiple_of_checked()? - stored;
        Ok(())
    }

    /// Reads the rest of the current entry's bytes.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.content).unwrap_or(usize::MAX).min(into.len());
        let read = self.inner.read(&mut into[..most])?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.content -= read as u64;
        self.position += read as u64;
        Ok(read)
    }

    /// The reader, wherever it is.
    pub fn into_inner(self) -> R {
        self.inner
    }

    // A whole block, or nothing at the end. Half a block is an error.
    fn fill(&mut self, block: &mut [u8; BLOCK]) -> io::Result<bool> {
        let mut filled = 0;
        while filled < BLOCK {
            match self.inner.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.position += BLOCK as u64;
        Ok(true)
    }

    fn skip(&mut self, mut bytes: u64) -> io::Result<()> {
        while bytes > 0 {
            let most = usize::try_from(bytes).unwrap_or(usize::MAX).min(BUFFER);
            let read = self.inner.read(&mut self.buffer[..most])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes -= read as u64;
            self.position += read as u64;
        }
        Ok(())
    }

    fn extension(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > MAX_EXTENSION {
            return Err(invalid(format!("an extension header of {size} bytes; at most {MAX_EXTENSION} are accepted")));
        }
        let mut bytes = Vec::new();
        (&mut self.inner).take(size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position += size;
        self.skip(size.next_multiple_of_checked()? - size)?;
        Ok(bytes)
    }

    // GNU's old sparse files: more of the map follows the header, block by block.
    fn skip_sparse_map(&mut self, mut more: bool) -> io::Result<()> {
        let mut block = [0; BLOCK];
        for _ in 0..MAX_SPARSE_HEADERS {
            if !more {
                return Ok(());
            }
            if !self.fill(&mut block)? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            more = block[504] != 0;
        }
        Err(invalid("a sparse file with an endless map"))
    }
}

trait Blocks {
    fn next_multiple_of_checked(self) -> io::Result<u64>;
}

impl Blocks for u64 {
    fn next_multiple_of_checked(self) -> io::Result<u64> {
        self.checked_next_multiple_of(BLOCK as u64).ok_or_else(|| invalid("a size beyond all bounds"))
    }
}

// The sum of all bytes, those of the checksum itself counted as spaces; some old writers summed signed bytes.
fn checksum(block: &[u8; BLOCK], header: &tar::Header) -> io::Result<()> {
    let claimed = header.cksum().map_err(|_| invalid("a header without a checksum"))?;
    let (mut sum, mut signed) = (0_u32, 0_i64);
    for (at, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) { b' ' } else { *byte };
        sum += u32::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    if claimed == sum || i64::from(claimed) == signed { Ok(()) } else { Err(invalid("a header whose checksum is wrong")) }
}

// GNU's names end in a zero byte.
fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    bytes
}

/// Records: `length key=value\n`, where length counts itself (POSIX pax, "pax Extended Header").
fn pax(mut records: &[u8], into: &mut Extensions) -> io::Result<()> {
    let broken = || invalid("a broken pax record");
    while !records.is_empty() {
        let space = records.iter().take(20).position(|byte| *byte == b' ').ok_or_else(broken)?;
        let length: usize = text(&records[..space]).and_then(|n| n.parse().ok()).ok_or_else(broken)?;
        if length <= space + 1 || length > records.len() || records[length - 1] != b'\n' {
            return Err(broken());
        }
        let record = &records[space + 1..length - 1];
        records = &records[length..];
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(broken)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        let number = || text(value).and_then(|value| value.parse::<u64>().ok()).ok_or_else(broken);
        match key {
            // An empty value takes a record of the whole archive back, and we read none of those.
            _ if value.is_empty() => {}
            b"path" | b"GNU.sparse.name" => into.path = Some(value.to_vec()),
            b"linkpath" => into.link = Some(value.to_vec()),
            b"size" => into.size = Some(number()?),
            b"uid" => into.uid = Some(number()?),
            b"gid" => into.gid = Some(number()?),
            b"mtime" => into.mtime = text(value).and_then(|value| value.split('.').next()?.parse().ok()),
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => into.real_size = Some(number()?),
            _ => {}
        }
        into.sparse |= key.starts_with(b"GNU.sparse.");
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
