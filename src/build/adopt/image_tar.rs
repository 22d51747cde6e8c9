//! A tar with images, also compressed: an OCI archive, or what `docker save` writes. Its entries become numbered files in
//! scratch; their names are looked up and never used as paths.

use std::collections::BTreeMap;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use super::names::{components, shown};
use super::staging::refused;
use super::{AdoptCx, Format, Found, docker_save, oci};
use crate::build::embedded::layer_source::Packing;
use crate::build::inspect::{Archive, Entry, EntryKind};
use crate::core::{Algorithm, ByteSize, Digest, Digester};
use crate::error::{Error, Result};
use crate::fs;

const PIECE: usize = 256 * 1024;
/// Entries of an archive of images: each becomes a file, and a thousand images have fewer.
const MAX_ENTRIES: usize = 50_000;
/// Links from one name to the next. Docker's are one deep.
const MAX_LINKS: usize = 8;

/// What an entry holds.
pub(super) enum Held {
    /// Bytes.
    File { path: PathBuf, digest: Digest, size: u64 },
    /// Another entry of the same tar.
    Link(String),
}

/// Entries by name.
pub(super) struct Unpacked {
    pub entries: BTreeMap<String, Held>,
}

impl Unpacked {
    /// The bytes an entry leads to.
    pub(super) fn file(&self, name: &str) -> Option<(&Path, &Digest, u64)> {
        let mut name = components(name).ok()?.join("/");
        for _ in 0..MAX_LINKS {
            match self.entries.get(&name)? {
                Held::File { path, digest, size } => return Some((path, digest, *size)),
                Held::Link(target) => name.clone_from(target),
            }
        }
        None
    }
}

/// Reads it.
pub(super) fn read(cx: &AdoptCx<'_>, path: &Path, told: &str) -> Result<Found> {
    let unpacked = unpack(cx, path, told)?;
    let mut found = Found::new(told, Format::ImageTar);
    if unpacked.entries.contains_key("index.json") {
        oci::read_unpacked(cx, &unpacked, told, &mut found)?;
    } else if unpacked.entries.contains_key("manifest.json") {
        docker_save::read(cx, &unpacked, told, &mut found)?;
    } else {
        return Err(Error::usage(format!("{told} holds no image: it has neither index.json nor manifest.json"))
            .hint("an archive of files is taken over with the directory it lies in"));
    }
    Ok(found)
}

fn unpack(cx: &AdoptCx<'_>, path: &Path, told: &str) -> Result<Unpacked> {
    let (file, size) = fs::open_regular(path)?;
    let mut file = io::BufReader::with_capacity(PIECE, file);
    let failed = |error: io::Error| Error::failed(format!("cannot read {told}")).because(&error);
    let packing = Packing::of(io::BufRead::fill_buf(&mut file).map_err(failed)?);
    match packing {
        Packing::Gzip => entries(cx, flate2::bufread::MultiGzDecoder::new(file), cx.limits.unpacked_of(size), told),
        Packing::Zstd => {
            let unpacked = zstd::stream::read::Decoder::with_buffer(file).map_err(failed)?;
            entries(cx, unpacked, cx.limits.unpacked_of(size), told)
        }
        _ => entries(cx, file, size, told),
    }
}

fn entries(cx: &AdoptCx<'_>, bytes: impl Read, most: u64, told: &str) -> Result<Unpacked> {
    let dir = fs::Scratch::below(cx.scratch, "tar")?.keep();
    let mut unpacked = Unpacked { entries: BTreeMap::new() };
    let mut archive = Archive::new(bytes);
    let mut entry = Entry::default();
    let (mut count, mut total) = (0_usize, 0_u64);
    let most_entries = cx.limits.entries.min(MAX_ENTRIES);
    let damaged = |error: &io::Error| refused(told, &format!("it cannot be read: {error}"));
    while archive.next(&mut entry).map_err(|error| damaged(&error))? {
        cx.check()?;
        count += 1;
        let name = String::from_utf8_lossy(&entry.path).into_owned();
        let at = format!("{told}: entry {count} `{}`", shown(&name));
        if count > most_entries {
            return Err(refused(told, &format!("it has more than {most_entries} entries, more than any image")));
        }
        if entry.kind == EntryKind::Dir {
            continue;
        }
        let name = components(&name).map_err(|problem| refused(&at, &problem))?.join("/");
        total = total.saturating_add(entry.size);
        if total > most {
            return Err(refused(&at, &format!("with it the archive unpacks to more than {}, as no honest one does", ByteSize(most))));
        }
        let held = match entry.kind {
            EntryKind::File if entry.sparse => return Err(refused(&at, "it is stored with holes, as no image is")),
            EntryKind::File => {
                let path = dir.join(count.to_string());
                let (digest, size) = pour(cx, &mut archive, &path, &at)?;
                Held::File { path, digest, size }
            }
            EntryKind::Symlink => {
                Held::Link(target(&name, &String::from_utf8_lossy(&entry.link)).map_err(|problem| refused(&at, &problem))?)
            }
            EntryKind::HardLink => {
                let target = String::from_utf8_lossy(&entry.link).into_owned();
                Held::Link(components(&target).map_err(|problem| refused(&at, &problem))?.join("/"))
            }
            EntryKind::Dir | EntryKind::Char | EntryKind::Block | EntryKind::Fifo => {
                return Err(refused(&at, "it is a device or a pipe"));
            }
        };
        if unpacked.entries.insert(name, held).is_some() {
            return Err(refused(&at, "an entry of this name came before"));
        }
    }
    Ok(unpacked)
}

fn pour<R: Read>(cx: &AdoptCx<'_>, archive: &mut Archive<R>, to: &Path, at: &str) -> Result<(Digest, u64)> {
    let failed = |error: io::Error| refused(at, &format!("it cannot be read: {error}"));
    let mut out = fs::create_private(to)?;
    let mut hash = Digester::new(Algorithm::Sha256);
    let mut buffer = vec![0; PIECE];
    let mut size = 0;
    loop {
        cx.check()?;
        let read = archive.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            return Ok((hash.finish(), size));
        }
        hash.update(&buffer[..read]);
        out.write_all(&buffer[..read]).map_err(failed)?;
        size += read as u64;
    }
}

// Where a symbolic link leads, from the directory it lies in, to a name of the same tar.
fn target(name: &str, link: &str) -> Result<String, String> {
    super::inside::stays_inside(name, link)?;
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}
