//! An adapter whose bytes are known.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::record::Record;
use super::stamp::Stamp;
use crate::core::{Algorithm, Digest, Digester, PathError};
use crate::fs::{self, Scratch};
use crate::names;
use crate::remote::failure::{Failure, FailureKind};
use crate::world::Environment;

/// Larger adapters are refused, in bytes.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

const PIECE: usize = 256 * 1024;

/// The mode of a copy: nobody writes to it, only we run it.
const MODE: u32 = 0o500;

/// An adapter that may be run.
#[derive(Debug)]
pub struct VerifiedAdapter {
    path: PathBuf,
    file_name: String,
    digest: Digest,
    pinned: bool,
    // A copy that is not kept goes with us.
    _scratch: Option<Scratch>,
}

impl VerifiedAdapter {
    /// Copies `original` while hashing it, or finds the copy that was made before. With `expected`, any other bytes are
    /// refused; without, whatever is there is taken, which the caller has decided.
    pub fn prepare(original: &Path, expected: Option<&Digest>, env: &Environment, scratch: &Path) -> Result<Self, Failure> {
        let (file, size) = open(original)?;
        let file_name = original.file_name().and_then(|name| name.to_str()).unwrap_or("adapter").to_owned();
        let stamp = Stamp::of(&file).map_err(PathError::at("inspect", original))?;
        let cache = cache_dir(env);
        if let (Some(cache), Some(expected)) = (&cache, expected)
            && let Some(path) = kept(cache, expected, Some(&stamp))
        {
            return Ok(Self { path, file_name, digest: expected.clone(), pinned: true, _scratch: None });
        }
        let parent = cache.as_deref().unwrap_or(scratch);
        let made = copy(original, file, size, &file_name, parent, expected)?;
        let digest = made.digest.clone();
        let (path, scratch) = match &cache {
            Some(cache) => keep(cache, made, &stamp, &file_name)?,
            None => (made.path, Some(made.scratch)),
        };
        Ok(Self { path, file_name, digest, pinned: expected.is_some(), _scratch: scratch })
    }

    /// What is run.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file name of the original, which it also gets as its own name.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Hash of its bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Its bytes are those of the lockfile.
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }
}

/// Hashes an adapter where it lies, without running or copying it: digest and length.
pub fn digest_of(original: &Path) -> Result<(Digest, u64), Failure> {
    let (file, size) = open(original)?;
    Ok((hash(original, file)?, size))
}

/// Hashes any regular file.
pub fn digest_of_file(path: &Path) -> Result<Digest, Failure> {
    hash(path, fs::open_regular(path)?.0)
}

fn hash(original: &Path, mut file: File) -> Result<Digest, Failure> {
    let mut hash = Digester::new(Algorithm::Sha256);
    let mut buffer = vec![0; PIECE];
    loop {
        let count = file.read(&mut buffer).map_err(PathError::at("read", original))?;
        if count == 0 {
            return Ok(hash.finish());
        }
        hash.update(&buffer[..count]);
    }
}

/// `$XDG_CACHE_HOME/stagefreight/adapters`, else below the home directory; only where nobody else can write.
fn cache_dir(env: &Environment) -> Option<PathBuf> {
    let cache = env.get(names::env::XDG_CACHE_HOME).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = cache.or_else(|| env.get(names::env::HOME).map(|home| Path::new(home).join(".cache")))?;
    let dir = cache.join("stagefreight/adapters");
    fs::create_own_dir(&dir).and_then(|()| fs::set_mode(&dir, 0o700)).ok().map(|()| dir)
}

fn open(original: &Path) -> Result<(File, u64), Failure> {
    let refused = |text: String| Failure::new(FailureKind::Missing, text);
    let (file, size) = fs::open_regular(original).map_err(|error| match error.source.kind() {
        std::io::ErrorKind::NotFound => refused(format!("there is no adapter at {}", original.display())),
        std::io::ErrorKind::InvalidInput => {
            refused(format!("refusing to run {}: it is a link or no regular file", original.display())).hint("name the file itself")
        }
        _ => refused(error.to_string()),
    })?;
    let mode = file.metadata().map_err(PathError::at("inspect", original))?.mode();
    if mode & 0o111 == 0 {
        return Err(refused(format!("{} is not executable", original.display())).hint(format!("chmod +x {}", original.display())));
    }
    if mode & 0o002 != 0 {
        return Err(refused(format!("refusing to run {}: everybody may write to it", original.display()))
            .hint(format!("chmod o-w {}", original.display())));
    }
    if size > MAX_BYTES {
        return Err(refused(format!("{} is larger than {}", original.display(), crate::core::ByteSize(MAX_BYTES))));
    }
    Ok((file, size))
}

struct Made {
    path: PathBuf,
    scratch: Scratch,
    digest: Digest,
}

// Into a directory of its own, so that the copy can have its own name.
fn copy(original: &Path, mut file: File, size: u64, file_name: &str, parent: &Path, expected: Option<&Digest>) -> Result<Made, Failure> {
    let scratch = Scratch::below(parent, "adapter")?;
    let path = scratch.path().join(file_name);
    let mut target = fs::create_private(&path)?;
    let mut hash = Digester::new(Algorithm::Sha256);
    let mut buffer = vec![0; PIECE];
    let mut copied = 0;
    loop {
        let count = file.read(&mut buffer).map_err(PathError::at("read", original))?;
        if count == 0 {
            break;
        }
        copied += count as u64;
        if copied > size {
            return Err(Failure::new(FailureKind::Unverified, format!("{} grew while it was read", original.display())));
        }
        hash.update(&buffer[..count]);
        target.write_all(&buffer[..count]).map_err(PathError::at("write", &path))?;
    }
    // Durable before its stamp is written: after a power cut the stamp must not speak for bytes that are not there.
    target.sync_all().map_err(PathError::at("make durable", &path))?;
    drop(target);
    let digest = hash.finish();
    if let Some(expected) = expected
        && *expected != digest
    {
        let message = format!("{} is not the adapter that was pinned: it is {digest}, pinned is {expected}", original.display());
        return Err(Failure::new(FailureKind::Unverified, message)
            .hint("put the pinned adapter back, or pin this one after looking at it: `stagefreight remote update`"));
    }
    fs::set_mode(&path, MODE)?;
    Ok(Made { path, scratch, digest })
}

// The copy of these bytes, when it is there and untouched, and made from this very original.
fn kept(cache: &Path, digest: &Digest, original: Option<&Stamp>) -> Option<PathBuf> {
    let record = Record::read(&cache.join(format!("{}.json", digest.hex())))?;
    if original.is_some_and(|original| !record.originals.contains(original)) {
        return None;
    }
    let path = cache.join(digest.hex()).join(&record.name);
    let (file, _) = fs::open_regular(&path).ok()?;
    let meta = file.metadata().ok()?;
    let ours = meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & 0o7777 == MODE && meta.nlink() == 1;
    (ours && Stamp::of(&file).ok()? == record.copy).then_some(path)
}

// Moves a fresh copy into the cache, or takes the equal one that is there.
fn keep(cache: &Path, made: Made, original: &Stamp, file_name: &str) -> Result<(PathBuf, Option<Scratch>), Failure> {
    let record_path = cache.join(format!("{}.json", made.digest.hex()));
    if let Some(path) = kept(cache, &made.digest, None) {
        if let Some(mut record) = Record::read(&record_path) {
            record.add(original.clone());
            record.write(&record_path);
        }
        return Ok((path, None));
    }
    let dir = cache.join(made.digest.hex());
    fs::remove_tree(&dir)?;
    // Another process may have been quicker: then ours is used once.
    if fs::rename(made.scratch.path(), &dir).is_err() {
        return Ok((made.path, Some(made.scratch)));
    }
    let _moved = made.scratch.keep();
    let path = dir.join(file_name);
    let (file, _) = fs::open_regular(&path)?;
    let copy = Stamp::of(&file).map_err(PathError::at("inspect", &path))?;
    Record { name: file_name.to_owned(), copy, originals: vec![original.clone()] }.write(&record_path);
    Ok((path, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        dir: tempfile::TempDir,
        env: Environment,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("temporary directory");
            let env = Environment::from_pairs([("XDG_CACHE_HOME", dir.path().join("cache").to_str().expect("UTF-8"))]);
            Self { dir, env }
        }

        fn adapter(&self, text: &[u8], mode: u32) -> PathBuf {
            let path = self.dir.path().join("epack-remote-x");
            fs::write_atomic(&path, text, mode).expect("adapter");
            path
        }

        fn prepare(&self, path: &Path, expected: Option<&Digest>) -> Result<VerifiedAdapter, Failure> {
            VerifiedAdapter::prepare(path, expected, &self.env, self.dir.path())
        }

        fn cached(&self) -> Vec<String> {
            fs::names_in(&self.dir.path().join("cache/stagefreight/adapters")).expect("names")
        }
    }

    #[test]
    fn the_copy_is_found_again_and_is_not_the_original() {
        let place = Place::new();
        let path = place.adapter(b"#!/bin/sh\n", 0o755);
        let digest = Digest::of(b"#!/bin/sh\n");
        let first = place.prepare(&path, Some(&digest)).expect("prepared");
        let second = place.prepare(&path, Some(&digest)).expect("prepared again");
        assert_eq!(first.path(), second.path());
        assert_ne!(first.path(), path);
        // What replaces the original afterwards does not run.
        place.adapter(b"#!/bin/evil\n", 0o755);
        assert_eq!(fs::read_bounded(first.path(), 100).expect("copy"), b"#!/bin/sh\n");
        let refused = place.prepare(&path, Some(&digest)).expect_err("replaced");
        assert_eq!(refused.kind, FailureKind::Unverified);
        assert_eq!(place.cached().len(), 2, "a refused copy leaves nothing: {:?}", place.cached());
    }

    #[test]
    fn a_copy_that_was_touched_is_made_anew() {
        let place = Place::new();
        let path = place.adapter(b"one", 0o755);
        let digest = Digest::of(b"one");
        let copy = place.prepare(&path, Some(&digest)).expect("prepared").path().to_owned();
        fs::set_mode(&copy, 0o700).expect("mode");
        fs::write_atomic(&copy, b"two", 0o500).expect("tampered");
        let again = place.prepare(&path, Some(&digest)).expect("prepared anew");
        assert_eq!(fs::read_bounded(again.path(), 100).expect("copy"), b"one");
    }

    #[test]
    fn what_must_not_run_does_not() {
        let place = Place::new();
        let path = place.adapter(b"x", 0o644);
        assert!(place.prepare(&path, None).is_err_and(|failure| failure.message.contains("not executable")));
        let path = place.adapter(b"x", 0o757);
        assert!(place.prepare(&path, None).is_err_and(|failure| failure.message.contains("everybody may write")));
        let path = place.adapter(b"x", 0o755);
        let link = place.dir.path().join("link");
        fs::symlink(&path, &link).expect("link");
        assert!(place.prepare(&link, None).is_err_and(|failure| failure.message.contains("link")));
        assert!(place.prepare(place.dir.path(), None).is_err());
        assert!(place.prepare(&place.dir.path().join("none"), None).is_err_and(|failure| failure.kind == FailureKind::Missing));
        assert!(!place.prepare(&path, None).expect("whatever is there").is_pinned());
    }
}
