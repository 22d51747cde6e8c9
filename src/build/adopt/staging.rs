//! Copying foreign files into scratch, hashed on the way. What is published is the copy, so what happens to the original
//! afterwards no longer matters.

use std::collections::BTreeSet;
use std::io::{Read, Write as _};
use std::path::PathBuf;

use super::names::shown;
use super::tree::Tree;
use super::{AdoptCx, FileKind, FoundFile};
use crate::core::{Algorithm, ByteSize, Digest, Digester, portable_name};
use crate::error::{Error, Result};
use crate::fs;

const PIECE: usize = 256 * 1024;

/// Files of one source.
pub(super) struct Staging<'a> {
    cx: &'a AdoptCx<'a>,
    tree: Tree,
    dir: PathBuf,
    taken: u64,
    copies: usize,
    /// Names in lower case: two that differ in case alone are one on some systems.
    names: BTreeSet<(bool, String)>,
    files: Vec<FoundFile>,
}

/// A file in scratch.
pub(super) struct Staged {
    pub path: PathBuf,
    pub digest: Digest,
    pub size: u64,
    pub executable: bool,
}

/// What is wrong with one entry: `at` is the file and entry that names it.
pub(super) fn refused(at: &str, problem: &str) -> Error {
    Error::failed(format!("{at}: {problem}")).hint("nothing was taken over; build it again, and hand it on as the tool wrote it")
}

impl<'a> Staging<'a> {
    /// Copies out of `tree`.
    pub(super) fn new(cx: &'a AdoptCx<'a>, tree: Tree, label: &str) -> Result<Self> {
        let dir = cx.scratch.join(label);
        fs::create_dir(&dir)?;
        Ok(Self { cx, tree, dir, taken: 0, copies: 0, names: BTreeSet::new(), files: Vec::new() })
    }

    /// Copies the file at `path`, which `at` names.
    pub(super) fn copy(&mut self, path: &str, at: &str) -> Result<Staged> {
        let (file, size, executable) = self.tree.open(path).map_err(|problem| refused(at, &problem))?;
        self.copies += 1;
        let target = self.dir.join(self.copies.to_string());
        let (digest, copied) = self.pour(file, &target, at)?;
        if copied != size {
            return Err(refused(at, "it changed while it was read"));
        }
        Ok(Staged { path: target, digest, size, executable })
    }

    fn pour(&mut self, mut from: impl Read, to: &std::path::Path, at: &str) -> Result<(Digest, u64)> {
        let failed = |error: std::io::Error| Error::failed(format!("{at}: cannot be copied")).because(&error);
        let mut out = fs::create_private(to)?;
        let mut hash = Digester::new(Algorithm::Sha256);
        let mut buffer = vec![0; PIECE];
        let mut size = 0;
        loop {
            self.cx.check()?;
            let read = from.read(&mut buffer).map_err(failed)?;
            if read == 0 {
                return Ok((hash.finish(), size));
            }
            size += read as u64;
            self.taken += read as u64;
            if self.taken > self.cx.limits.total {
                return Err(refused(at, &format!("with it the files have more than {}", ByteSize(self.cx.limits.total))));
            }
            hash.update(&buffer[..read]);
            out.write_all(&buffer[..read]).map_err(failed)?;
        }
    }

    /// Keeps a copied file under these names.
    pub(super) fn keep(&mut self, staged: Staged, kind: FileKind, name: String, file_name: &str, at: &str) -> Result<()> {
        for text in [name.as_str(), file_name] {
            portable_name(text).map_err(|problem| refused(at, &format!("its name {problem}")))?;
        }
        let binary = matches!(kind, FileKind::Binary { .. });
        if !self.names.insert((binary, name.to_ascii_lowercase())) {
            return Err(refused(at, &format!("a second file is called `{}`", shown(&name))));
        }
        if self.files.len() >= self.cx.limits.entries {
            return Err(refused(at, &format!("it is one of more than {} files", self.cx.limits.entries)));
        }
        if let FileKind::Archive { format } = &kind {
            super::inside::check(self.cx, &staged.path, staged.size, format, at)?;
        }
        let executable = binary || staged.executable;
        self.files.push(FoundFile {
            kind,
            name,
            file_name: file_name.to_owned(),
            staged: staged.path,
            digest: staged.digest,
            size: staged.size,
            executable,
        });
        Ok(())
    }

    /// The files kept so far.
    pub(super) fn files(&self) -> &[FoundFile] {
        &self.files
    }

    /// Everything that was kept, in the order of the source. Checksum files among them are compared with the others,
    /// unless they are of a hash we do not know.
    pub(super) fn finish(self, shown: &str, sha256: bool) -> Result<Vec<FoundFile>> {
        if sha256 {
            super::sums::check(&self.files, shown, &self.cx.limits)?;
        }
        Ok(self.files)
    }
}
