//! Putting a pair into a directory: bytes first, under names nobody looks for; then, in one moment, the pointer.

use std::fs::{File, Permissions};
use std::io::{Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Inner;
use crate::core::PathError;
use crate::core::artifact_ref::Ref;
use crate::core::digest::{Algorithm, Digester};
use crate::fs;
use crate::store::artifact::error::ArtifactError;
use crate::store::artifact::pair::{self, Entry, Half, Pair, Source};
use crate::store::artifact::port::{Call, Mode, Result};
use crate::store::artifact::stream::PIECE;

/// Readable for other users: whoever may enter the directory may read what is in it.
const FILE_MODE: u32 = 0o644;

/// A directory that others remove again and again is made again this often.
const TRIES: usize = 100;

/// A file that is complete and lies in `tmp`. It stays locked until it is in place, so that no collector takes it for
/// something a killed writer left; dropped before, it is gone.
pub(super) struct Staged {
    path: PathBuf,
    file: File,
    half: Half,
    in_place: bool,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.in_place {
            let _leftover = fs::remove_file(&self.path);
        }
    }
}

impl Inner {
    /// The whole put. Blocks.
    pub(super) fn save(&self, at: &Ref, pair: &Pair, call: &Call, doing: &str) -> Result<Entry> {
        call.check(doing)?;
        let data = self.stage(&pair.data, 0, call, doing)?;
        let manifest = self.stage(&pair.manifest, data.half.size, call, doing)?;
        call.check(doing)?;
        let entry = Entry { data: data.half.clone(), manifest: manifest.half.clone() };
        self.commit(at, entry, data, manifest)
    }

    fn commit(&self, at: &Ref, entry: Entry, data: Staged, manifest: Staged) -> Result<Entry> {
        let (_passing, collecting) = self.layout.pass()?;
        let held = if self.options.mode == Mode::WriteOnce { self.entry(at)? } else { None };
        if let Some(held) = &held {
            self.settle(at, entry.clone(), held)?;
        }
        if collecting {
            self.layout.note(&entry.data.digest)?;
            self.layout.note(&entry.manifest.digest)?;
        }
        self.place_blob(data)?;
        self.place_blob(manifest)?;
        if held.is_some() {
            return Ok(entry);
        }
        let pointer = self.stage_bytes(&pair::encode(at, &entry))?;
        self.place_pointer(at, entry, pointer)
    }

    /// The same again is fine; anything else is a conflict.
    fn settle(&self, at: &Ref, ours: Entry, held: &Entry) -> Result<Entry> {
        if held.same_bytes(&ours) { Ok(ours) } else { Err(ArtifactError::conflict(&self.name, at, &held.shown(), &ours.shown())) }
    }

    /// Copies a source into `tmp`, hashing.
    fn stage(&self, source: &Source, before: u64, call: &Call, doing: &str) -> Result<Staged> {
        match source {
            Source::Bytes(bytes) => {
                let staged = self.stage_bytes(bytes)?;
                call.moved(before + bytes.len() as u64);
                Ok(staged)
            }
            Source::File(path) => self.stage_file(path, before, call, doing),
        }
    }

    fn stage_bytes(&self, bytes: &[u8]) -> Result<Staged> {
        let mut staged = self.begin()?;
        staged.file.write_all(bytes).map_err(PathError::at("write", &staged.path))?;
        staged.half = Half::of(bytes);
        self.finish(staged)
    }

    fn stage_file(&self, path: &Path, before: u64, call: &Call, doing: &str) -> Result<Staged> {
        let mut from = fs::open(path)?;
        fs::will_read_in_order(&from);
        let mut staged = self.begin()?;
        let mut hash = Digester::new(Algorithm::Sha256);
        let mut buffer = vec![0; PIECE];
        let mut size = 0;
        loop {
            call.check(doing)?;
            let count = from.read(&mut buffer).map_err(PathError::at("read", path))?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
            staged.file.write_all(&buffer[..count]).map_err(PathError::at("write", &staged.path))?;
            size += count as u64;
            call.moved(before + size);
        }
        staged.half = Half { digest: hash.finish(), size, key: None };
        self.finish(staged)
    }

    fn begin(&self) -> Result<Staged> {
        loop {
            let mut random = [0; 16];
            let _unavailable = getrandom::fill(&mut random);
            let path = self.layout.tmp().join(base16ct::lower::encode_string(&random));
            match fs::create_new(&path) {
                Ok(file) => {
                    file.lock_shared().map_err(PathError::at("lock", &path))?;
                    return Ok(Staged { path, file, half: Half::of(b""), in_place: false });
                }
                Err(error) if error.is_not_found() => self.make_dir(self.layout.tmp())?,
                Err(error) if error.source.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn finish(&self, staged: Staged) -> Result<Staged> {
        let at = PathError::at("write", &staged.path);
        let file = &staged.file;
        let permitted = file.set_permissions(Permissions::from_mode(FILE_MODE));
        let kept = permitted.and_then(|()| if self.options.durable { file.sync_all() } else { Ok(()) });
        kept.map_err(at)?;
        Ok(staged)
    }

    /// Replaces what is there: bytes that were damaged are then whole again.
    fn place_blob(&self, mut staged: Staged) -> Result<()> {
        let path = self.layout.blob(&staged.half.digest);
        self.put_in_place(&path, |path| fs::replace(&staged.path, path).map(|()| true))?;
        staged.in_place = true;
        Ok(())
    }

    fn place_pointer(&self, at: &Ref, entry: Entry, mut staged: Staged) -> Result<Entry> {
        let path = self.layout.pointer(at);
        if self.options.mode == Mode::Overwrite {
            self.put_in_place(&path, |path| fs::replace(&staged.path, path).map(|()| true))?;
            staged.in_place = true;
            return Ok(entry);
        }
        for _ in 0..TRIES {
            // The name in `tmp` goes with `staged`.
            if self.put_in_place(&path, |path| fs::link_file(&staged.path, path))? {
                return Ok(entry);
            }
            // Nothing: it was removed in between.
            if let Some(held) = self.entry(at)? {
                return self.settle(at, entry, &held);
            }
        }
        Err(ArtifactError::new(
            crate::store::artifact::error::ArtifactErrorKind::Busy,
            format!("{at} of store {} is put and removed all the time", self.name),
        ))
    }

    /// Brings a file to its name, making directories where they are missing, or were removed a moment ago.
    fn put_in_place(&self, path: &Path, act: impl Fn(&Path) -> fs::Result<bool>) -> Result<bool> {
        let dir = path.parent().unwrap_or(path);
        for _ in 0..TRIES {
            match act(path) {
                Ok(done) => {
                    if done && self.options.durable {
                        fs::sync_dir(dir);
                    }
                    return Ok(done);
                }
                Err(error) if error.is_not_found() => self.make_dir(dir)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(act(path)?)
    }

    fn make_dir(&self, dir: &Path) -> Result<()> {
        if self.options.durable { Ok(fs::create_dir_durable(dir)?) } else { Ok(fs::create_dir(dir)?) }
    }
}
