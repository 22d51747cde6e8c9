//! Layer bytes: tar → digest of the tar → compressed blocks → digest of the blob, all at once and in bounded memory.
//!
//! The tar is cut into blocks of a fixed size which are compressed apart from each other, on every core, and joined in
//! order. Block size and level are fixed, so the blob does not depend on how many threads made it. For gzip, each
//! block ends in a sync flush (an empty stored block, byte-aligned) and all of them form *one* member: one header, an
//! empty final block, the CRC-32 of the whole by combination (RFC 1951 §3.2.3, RFC 1952 §2.2). For zstd, each block is a
//! frame; frames may follow each other (RFC 8878 §3).

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::ScopedJoinHandle;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use crate::core::{Algorithm, Digest, Digester, oci::media_type};

/// Level of gzip layers, the default of gzip and of BuildKit.
const GZIP_LEVEL: u32 = 6;
/// Level of zstd layers, the default of zstd.
const ZSTD_LEVEL: i32 = 3;
const GZIP_BLOCK: usize = 1 << 20;
const ZSTD_BLOCK: usize = 4 << 20;

/// How layers are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// gzip, which everything reads.
    Gzip,
    /// zstd, smaller and faster, for clients that know OCI's zstd layers.
    Zstd,
}

impl Codec {
    /// Media type of such a layer.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Gzip => media_type::OCI_LAYER_GZIP,
            Self::Zstd => media_type::OCI_LAYER_ZSTD,
        }
    }

    fn block(self) -> usize {
        match self {
            Self::Gzip => GZIP_BLOCK,
            Self::Zstd => ZSTD_BLOCK,
        }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Digest of the compressed bytes: the layer's digest.
    pub digest: Digest,
    /// How many of them.
    pub size: u64,
    /// Digest of the uncompressed bytes: the layer's diff id.
    pub diff_id: Digest,
    /// How many of those.
    pub unpacked: u64,
}

struct Block {
    bytes: Vec<u8>,
    crc: Crc,
}

type Job = (Vec<u8>, SyncSender<io::Result<Block>>);

/// Runs `fill` with a writer for uncompressed bytes and writes the compressed ones to `out`, using `threads` threads
/// for compression. Memory: about four blocks a thread.
pub fn pack<E: From<io::Error>>(
    codec: Codec,
    threads: usize,
    out: &mut (dyn Write + Send),
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<Packed, E> {
    let threads = threads.clamp(1, 64);
    std::thread::scope(|scope| {
        let (jobs, queue) = sync_channel::<Job>(threads);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = queue.clone();
            scope.spawn(move || work(codec, &queue));
        }
        // Results are awaited in the order of their blocks; the length of this queue bounds what is in flight.
        let (order, results) = sync_channel(threads * 2);
        let writer = scope.spawn(move || write_blocks(codec, &results, out));
        let mut input = Blocks { codec, jobs, order, current: Vec::new(), hash: Digester::new(Algorithm::Sha256), total: 0 };
        let filled = fill(&mut input);
        let flushed = if filled.is_ok() { input.send() } else { Ok(()) };
        let Blocks { hash, total, jobs, order, .. } = input;
        drop((jobs, order));
        let written = join(writer);
        // When the writer stops (disk full), filling fails too; the writer's own error says why.
        let (digest, size) = written?;
        filled?;
        flushed?;
        Ok(Packed { digest, size, diff_id: hash.finish(), unpacked: total })
    })
}

fn join(writer: ScopedJoinHandle<'_, io::Result<(Digest, u64)>>) -> io::Result<(Digest, u64)> {
    writer.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes layers failed")))
}

struct Blocks {
    codec: Codec,
    jobs: SyncSender<Job>,
    order: SyncSender<Receiver<io::Result<Block>>>,
    current: Vec<u8>,
    hash: Digester,
    total: u64,
}

impl Blocks {
    fn send(&mut self) -> io::Result<()> {
        if self.current.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.current);
        self.hash.update(&bytes);
        self.total += bytes.len() as u64;
        let (done, result) = sync_channel(1);
        let gone = |()| io::Error::other("the layer's writer stopped");
        self.order.send(result).map_err(|_| gone(()))?;
        self.jobs.send((bytes, done)).map_err(|_| gone(()))
    }
}

impl Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.current.capacity() == 0 {
            self.current.reserve_exact(self.codec.block());
        }
        let taken = bytes.len().min(self.codec.block() - self.current.len());
        self.current.extend_from_slice(&bytes[..taken]);
        if self.current.len() == self.codec.block() {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn work(codec: Codec, queue: &Mutex<Receiver<Job>>) {
    let mut deflate = Compress::new(Compression::new(GZIP_LEVEL), false);
    loop {
        // The lock is held while waiting for a job, and released before the work begins.
        let job = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        let Ok((input, done)) = job else { return };
        let block = match codec {
            Codec::Gzip => deflate_block(&mut deflate, &input),
            Codec::Zstd => zstd::bulk::compress(&input, ZSTD_LEVEL).map(|bytes| Block { bytes, crc: Crc::new() }),
        };
        // The writer may have failed and gone; then nobody wants the block.
        let _unwanted = done.send(block);
    }
}

fn deflate_block(deflate: &mut Compress, input: &[u8]) -> io::Result<Block> {
    deflate.reset();
    let mut crc = Crc::new();
    crc.update(input);
    let mut bytes = Vec::with_capacity(input.len() / 2 + 1024);
    loop {
        let consumed = usize::try_from(deflate.total_in()).unwrap_or(usize::MAX).min(input.len());
        if bytes.capacity() - bytes.len() < 1024 {
            bytes.reserve(input.len() / 2 + 1024);
        }
        let status = deflate.compress_vec(&input[consumed..], &mut bytes, FlushCompress::Sync).map_err(io::Error::other)?;
        // A flush is complete once it leaves room in the output (zlib manual, deflate()).
        let complete = deflate.total_in() == input.len() as u64 && bytes.len() < bytes.capacity();
        if complete || (status == Status::BufError && bytes.len() < bytes.capacity()) {
            return Ok(Block { bytes, crc });
        }
    }
}

fn write_blocks(codec: Codec, results: &Receiver<Receiver<io::Result<Block>>>, out: &mut dyn Write) -> io::Result<(Digest, u64)> {
    let mut out = Counted { out, hash: Digester::new(Algorithm::Sha256), size: 0 };
    let mut whole = Crc::new();
    if codec == Codec::Gzip {
        // Deflate, no flags, no time, no extra flags, unknown system.
        out.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])?;
    }
    for result in results {
        let block = result.recv().map_err(|_| io::Error::other("a compression thread failed"))??;
        whole.combine(&block.crc);
        out.write_all(&block.bytes)?;
    }
    if codec == Codec::Gzip {
        // The empty final block, then CRC-32 and length modulo 2^32.
        out.write_all(&[3, 0])?;
        out.write_all(&whole.sum().to_le_bytes())?;
        out.write_all(&whole.amount().to_le_bytes())?;
    }
    out.out.flush()?;
    Ok((out.hash.finish(), out.size))
}

struct Counted<'a> {
    out: &'a mut dyn Write,
    hash: Digester,
    size: u64,
}

impl Counted<'_> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_u32;
        (0..len)
            .map(|i| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if i % 7 < 4 { b"stagefreight"[i % 12] } else { (state >> 24) as u8 }
            })
            .collect()
    }

    fn packed(codec: Codec, threads: usize, input: &[u8]) -> (Packed, Vec<u8>) {
        let mut out = Vec::new();
        let packed = pack::<io::Error>(codec, threads, &mut out, |w| w.write_all(input)).expect("packs");
        (packed, out)
    }

    #[test]
    fn one_gzip_member_that_any_reader_reads_and_any_thread_count_makes() {
        for len in [0, 1, GZIP_BLOCK - 1, GZIP_BLOCK, GZIP_BLOCK + 1, 3 * GZIP_BLOCK + 77] {
            let input = noise(len);
            let (one, bytes) = packed(Codec::Gzip, 1, &input);
            assert_eq!(packed(Codec::Gzip, 5, &input).0, one, "{len}");
            // GzDecoder reads a single member and checks CRC and length.
            let mut back = Vec::new();
            let mut decoder = flate2::bufread::GzDecoder::new(bytes.as_slice());
            decoder.read_to_end(&mut back).expect("valid gzip");
            assert!(decoder.into_inner().is_empty(), "nothing follows the member");
            assert_eq!(back, input);
            assert_eq!((one.digest, one.diff_id, one.size), (Digest::of(&bytes), Digest::of(&input), bytes.len() as u64));
        }
    }

    #[test]
    fn zstd_frames_follow_each_other() {
        let input = noise(ZSTD_BLOCK + 5);
        let (one, bytes) = packed(Codec::Zstd, 1, &input);
        assert_eq!(packed(Codec::Zstd, 3, &input).0, one);
        assert_eq!(zstd::decode_all(bytes.as_slice()).expect("valid zstd"), input);
    }

    #[test]
    fn a_full_disk_is_an_error_and_not_a_hang() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let input = noise(8 * GZIP_BLOCK);
        let failed = pack::<io::Error>(Codec::Gzip, 2, &mut Full, |w| w.write_all(&input));
        assert!(failed.is_err());
    }
}
