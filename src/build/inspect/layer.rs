//! One layer blob as a stream of its uncompressed bytes, checked against its digest, and never longer than it may be.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};

use tokio_util::sync::CancellationToken;

use super::Limits;
use crate::build::embedded::layer_source::Packing;
use crate::core::oci::Descriptor;
use crate::core::{ByteSize, Digest, Digester};
use crate::error::{Error, Kind, Result};
use crate::store::Layout;

/// What any layer may unpack to, in bytes; beyond it, the ratio decides.
const ALWAYS: u64 = 4 << 30;
/// Honest layers shrink to a third, text to a tenth. A layer may be this many times its packed size.
const RATIO: u64 = 200;
const BUFFER: usize = 256 * 1024;

/// Bytes of the blob, hashed as they are read.
struct Hashed {
    file: File,
    hash: Option<Digester>,
}

impl Read for Hashed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        if let Some(hash) = &mut self.hash {
            hash.update(&into[..read]);
        }
        Ok(read)
    }
}

enum Decoder {
    Plain(BufReader<Hashed>),
    Gzip(Box<flate2::bufread::MultiGzDecoder<BufReader<Hashed>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, BufReader<Hashed>>>),
}

/// Reads one layer.
pub struct LayerReader {
    decoder: Decoder,
    digest: Digest,
    cancel: CancellationToken,
    read: u64,
    most: u64,
}

impl LayerReader {
    /// Opens a layer of a layout; `verify` hashes it on the way.
    pub fn open(layout: &Layout, layer: &Descriptor, verify: bool, limits: &Limits, cancel: &CancellationToken) -> Result<Self> {
        let (file, size) = layout.open_blob(&layer.digest)?;
        let failed = |error: io::Error| Error::failed(format!("cannot read layer {}", layer.digest.short())).because(&error);
        let hash = verify.then(|| layer.digest.digester());
        let mut file = BufReader::with_capacity(BUFFER, Hashed { file, hash });
        let packing = Packing::of(file.fill_buf().map_err(failed)?);
        let decoder = match packing {
            Packing::Plain => Decoder::Plain(file),
            Packing::Gzip => Decoder::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(file))),
            Packing::Zstd => Decoder::Zstd(Box::new(zstd::stream::read::Decoder::with_buffer(file).map_err(failed)?)),
            Packing::Bzip2 | Packing::Xz => {
                return Err(Error::failed(format!("layer {} is compressed in a way no image layer is", layer.digest))
                    .hint("layers are tar, tar with gzip, or tar with zstd (OCI image-spec, \"Layer\")"));
            }
        };
        let most = limits.unpacked.unwrap_or_else(|| ALWAYS.max(size.saturating_mul(RATIO)));
        Ok(Self { decoder, digest: layer.digest.clone(), cancel: cancel.clone(), read: 0, most })
    }

    /// How many bytes were unpacked.
    pub fn unpacked(&self) -> u64 {
        self.read
    }

    /// Reads what is left, and compares with the digest.
    ///
    /// # Errors
    /// `Unverified` when the blob is not what its digest says.
    pub fn finish(mut self) -> Result<u64> {
        let mut buffer = vec![0; BUFFER];
        while self.read(&mut buffer).map_err(|error| self.failed(&error))? > 0 {}
        let unpacked = self.read;
        let mut file = match self.decoder {
            Decoder::Plain(file) => file,
            Decoder::Gzip(decoder) => decoder.into_inner(),
            Decoder::Zstd(decoder) => decoder.finish(),
        };
        // Something may follow the compressed stream.
        let damaged = |error: io::Error| Error::failed(format!("cannot read layer {}", self.digest.short())).because(&error);
        while file.read(&mut buffer).map_err(damaged)? > 0 {}
        if let Some(hash) = file.into_inner().hash {
            let found = hash.finish();
            if found != self.digest {
                return Err(Error::new(Kind::Unverified, format!("layer {} is damaged: its bytes hash to {found}", self.digest))
                    .hint("fetch or build the image again"));
            }
        }
        Ok(unpacked)
    }

    /// What a failure of reading means.
    pub fn failed(&self, error: &io::Error) -> Error {
        if self.cancel.is_cancelled() {
            return Error::new(Kind::Interrupted, "reading the image was interrupted");
        }
        let failed = Error::failed(format!("cannot read layer {}", self.digest)).because(error);
        match error.kind() {
            io::ErrorKind::FileTooLarge => failed.hint("nothing honest packs that tightly; --max-unpacked SIZE reads it all the same"),
            _ => failed,
        }
    }
}

impl Read for LayerReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("interrupted"));
        }
        let read = match &mut self.decoder {
            Decoder::Plain(reader) => reader.read(into),
            Decoder::Gzip(reader) => reader.read(into),
            Decoder::Zstd(reader) => reader.read(into),
        }?;
        self.read += read as u64;
        if self.read > self.most {
            let problem = format!("it unpacks to more than {}", ByteSize(self.most));
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
        }
        Ok(read)
    }
}
