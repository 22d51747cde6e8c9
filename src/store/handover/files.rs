//! The files of `dist` in a pack: their bytes once by digest, their paths and modes in the index.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::core::digest::{Algorithm, Digester};
use crate::core::{Digest, PathError};
use crate::fs::{self, Beneath, EntryKind};
use crate::store::{StoreError, entry};

/// The most files a pack takes or gives.
const MAX_FILES: usize = 100_000;

/// Where their bytes are in the tar.
const PREFIX: &str = "files/";

/// One file below `dist`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedFile {
    /// Below `dist`, `/`-separated.
    path: String,
    digest: Digest,
    size: u64,
    /// Artifact services drop modes; this one matters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    executable: bool,
}

/// Every file below `dist`, hashed.
pub fn list(dist: &Path) -> Result<Vec<PackedFile>, StoreError> {
    if !fs::is_dir(dist) {
        return Ok(Vec::new());
    }
    let refused = |path: &Path, what: &str| StoreError::integrity(path, what);
    let entries = fs::walk_at_most(dist, MAX_FILES, &|_| true)?;
    let entries = entries.ok_or_else(|| refused(dist, &format!("it has more than {MAX_FILES} entries")))?;
    let mut files = Vec::new();
    for found in entries.into_iter().filter(|found| found.kind != EntryKind::Dir) {
        if found.kind != EntryKind::File {
            return Err(refused(&found.path, "it is neither a file nor a directory, and cannot be handed over"));
        }
        let path = found.relative.to_str().ok_or_else(|| refused(&found.path, "its name is not UTF-8"))?.to_owned();
        let (digest, size) = hash(&found.path)?;
        files.push(PackedFile { path, digest, size, executable: fs::is_executable(&found.path) });
    }
    Ok(files)
}

fn hash(path: &Path) -> Result<(Digest, u64), StoreError> {
    let (mut file, _) = fs::open_regular(path)?;
    let mut hash = Digester::new(Algorithm::Sha256);
    let mut buffer = vec![0; entry::PIECE];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer).map_err(PathError::at("read", path))?;
        if read == 0 {
            return Ok((hash.finish(), size));
        }
        hash.update(&buffer[..read]);
        size += read as u64;
    }
}

/// Appends their bytes, each once, and tells how many. A file that changed since it was listed is refused.
pub fn append(tar: &mut tar::Builder<File>, dist: &Path, files: &[PackedFile]) -> Result<u64, StoreError> {
    let mut written = BTreeSet::new();
    let mut bytes = 0;
    for file in files.iter().filter(|file| written.insert(file.digest.clone())) {
        let path = dist.join(&file.path);
        let (open, _) = fs::open_regular(&path)?;
        let mut hashing = Hashing { from: open.take(file.size), hash: file.digest.digester(), size: 0 };
        entry::append(tar, tar::Header::new_gnu(), &name_of(&file.digest), file.size, &mut hashing)
            .map_err(PathError::at("pack", &path))?;
        if hashing.size != file.size || hashing.hash.finish() != file.digest {
            return Err(StoreError::integrity(&path, "it changed while it was packed"));
        }
        bytes += file.size;
    }
    Ok(bytes)
}

/// Hashes what is read through it.
struct Hashing<R> {
    from: R,
    hash: Digester,
    size: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.hash.update(&into[..read]);
        self.size += read as u64;
        Ok(read)
    }
}

fn name_of(digest: &Digest) -> String {
    format!("{PREFIX}{}/{}", digest.algorithm().name(), digest.hex())
}

/// The digest in an entry's name, when it is the bytes of a file.
pub fn digest_of(name: &str) -> Option<Digest> {
    name.strip_prefix(PREFIX)?.replacen('/', ":", 1).parse().ok()
}

/// Bytes that were read from a pack and have no place yet.
pub struct Staged {
    dir: PathBuf,
    digests: BTreeSet<Digest>,
}

impl Staged {
    /// None yet; they will lie in a directory of `scratch`.
    pub fn new(scratch: &Path) -> Result<Self, StoreError> {
        let dir = scratch.join("files");
        fs::create_own_dir(&dir)?;
        Ok(Self { dir, digests: BTreeSet::new() })
    }

    /// Copies the bytes of one entry: how many there are, or `None` when their hash is another.
    pub fn take(&mut self, content: &mut impl Read, digest: &Digest) -> io::Result<Option<u64>> {
        let mut file = fs::create_new(&self.dir.join(digest.hex())).map_err(|error| error.source)?;
        let size = entry::copy_hashed(content, &mut file, digest)?;
        self.digests.insert(digest.clone());
        Ok(size)
    }

    /// Is everything there that the index names, under names that stay below `dist`?
    pub fn check(&self, files: &[PackedFile]) -> Result<(), String> {
        if files.len() > MAX_FILES {
            return Err(format!("it names more than {MAX_FILES} files"));
        }
        for file in files {
            if file.path.split('/').any(|name| matches!(name, "" | "." | "..") || name.contains('\0')) {
                return Err(format!("`{}` is no path of a file", file.path.escape_debug()));
            }
            if !self.digests.contains(&file.digest) {
                return Err(format!("the bytes of {} are not in it", file.path.escape_debug()));
            }
        }
        Ok(())
    }

    /// Gives each file its place below `dist`, through no link, in place of what is there.
    pub fn place(&self, dist: &Path, files: &[PackedFile]) -> Result<(), StoreError> {
        if files.is_empty() {
            return Ok(());
        }
        fs::create_dir(dist)?;
        let below = Beneath::open(dist)?;
        for file in files {
            let mut pending = below.begin(&file.path)?;
            let path = pending.path();
            let mut staged = fs::open(&self.dir.join(file.digest.hex()))?;
            io::copy(&mut staged, pending.file()).map_err(PathError::at("write", &path))?;
            pending.replace(if file.executable { 0o755 } else { 0o644 })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests make files, links and modes themselves")]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::store::{ContentStore, pack, unpack};

    /// A directory with a `dist`, and its pack.
    fn packed(fill: &dyn Fn(&Path)) -> (tempfile::TempDir, Result<crate::store::HandOver, StoreError>) {
        let dir = tempfile::tempdir().expect("directory");
        std::fs::create_dir_all(dir.path().join("dist/deep/er")).expect("dist");
        fill(&dir.path().join("dist"));
        let moved = pack(&ContentStore::new(dir.path()), &dir.path().join("dist"), &dir.path().join("pack.tar"));
        (dir, moved)
    }

    fn tool(dist: &Path) {
        std::fs::write(dist.join("tool"), "bytes").expect("file");
        std::fs::set_permissions(dist.join("tool"), std::fs::Permissions::from_mode(0o755)).expect("mode");
        std::fs::write(dist.join("deep/er/same"), "bytes").expect("file");
        std::fs::write(dist.join("empty"), "").expect("file");
    }

    #[test]
    fn files_travel_once_with_paths_and_modes() {
        let (dir, moved) = packed(&tool);
        let moved = moved.expect("packed");
        assert_eq!((moved.files, moved.bytes, moved.images), (3, 5, 0));
        let other = dir.path().join("other");
        assert_eq!(unpack(&ContentStore::new(&other), &other.join("dist"), &dir.path().join("pack.tar")).expect("unpacked"), moved);
        for (path, content, executable) in [("tool", "bytes", true), ("deep/er/same", "bytes", false), ("empty", "", false)] {
            let path = other.join("dist").join(path);
            assert_eq!((std::fs::read_to_string(&path).expect("file").as_str(), fs::is_executable(&path)), (content, executable));
        }
    }

    #[test]
    fn links_are_refused_on_the_way_out_and_not_followed_on_the_way_in() {
        let (_dir, moved) = packed(&|dist| std::os::unix::fs::symlink("/etc/passwd", dist.join("link")).expect("link"));
        assert!(moved.expect_err("refused").is_integrity());
        let (dir, _) = packed(&tool);
        let other = dir.path().join("other");
        std::fs::create_dir_all(other.join("elsewhere")).expect("directory");
        std::fs::create_dir_all(other.join("dist")).expect("directory");
        std::os::unix::fs::symlink(other.join("elsewhere"), other.join("dist/deep")).expect("link");
        assert!(unpack(&ContentStore::new(&other), &other.join("dist"), &dir.path().join("pack.tar")).is_err());
        assert_eq!(std::fs::read_dir(other.join("elsewhere")).expect("directory").count(), 0);
    }

    #[test]
    fn an_index_that_lies_is_refused() {
        let scratch = tempfile::tempdir().expect("directory");
        let mut staged = Staged::new(scratch.path()).expect("staged");
        let bytes = b"bytes";
        let digest = Digest::of(bytes);
        assert_eq!(staged.take(&mut bytes.as_slice(), &digest).expect("taken"), Some(5));
        let file = |path: &str, digest: &Digest| PackedFile { path: path.to_owned(), digest: digest.clone(), size: 5, executable: false };
        staged.check(&[file("a/b", &digest)]).expect("fine");
        for path in ["../a", "/a", "a//b", "a/../../b", "", ".", "a\0b"] {
            assert!(staged.check(&[file(path, &digest)]).is_err(), "{path}");
        }
        assert!(staged.check(&[file("a", &Digest::of(b"others"))]).is_err());
        assert_eq!(staged.take(&mut b"wrong".as_slice(), &Digest::of(b"right")).expect("read"), None);
    }
}
