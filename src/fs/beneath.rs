//! Files below a directory that others may have touched: every step of a path is taken by the directory's handle and through
//! no link, so that nothing named below it can be anywhere else.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};

use super::Result;
use crate::core::PathError;

/// A directory held by its handle.
#[derive(Debug)]
pub struct Beneath {
    dir: OwnedFd,
    path: PathBuf,
}

/// A file that is being written beside its final name. Dropping it removes what was written.
#[derive(Debug)]
pub struct Pending {
    at: Beneath,
    temporary: String,
    name: String,
    file: File,
    finished: bool,
}

impl Beneath {
    /// Opens a directory, which must not be a link itself.
    pub fn open(path: &Path) -> Result<Self> {
        let dir = rustix::fs::open(path, directory_flags(), Mode::empty()).map_err(failed("open directory", path))?;
        Ok(Self { dir, path: path.to_owned() })
    }

    /// Where it was opened, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A directory below it, `/`-separated; empty is itself. With `create`, directories that are not there are made (mode
    /// 0755 minus the umask).
    pub fn dir(&self, relative: &str, create: bool) -> Result<Self> {
        let mut at = Self { dir: self.dir.try_clone().map_err(PathError::at("open directory", &self.path))?, path: self.path.clone() };
        for name in relative.split('/').filter(|name| !name.is_empty()) {
            let path = at.path.join(plain(&at.path, name)?);
            if create {
                match rustix::fs::mkdirat(&at.dir, name, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                    Err(error) => return Err(failed("create directory", &path)(error)),
                }
            }
            let dir = rustix::fs::openat(&at.dir, name, directory_flags(), Mode::empty()).map_err(failed("open directory", &path))?;
            at = Self { dir, path };
        }
        Ok(at)
    }

    /// Opens a regular file below it for reading, and tells its length.
    pub fn file(&self, relative: &str) -> Result<(File, u64)> {
        let (parent, name) = split(relative);
        let dir = self.dir(parent, false)?;
        let path = dir.path.join(plain(&dir.path, name)?);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File = rustix::fs::openat(&dir.dir, name, flags, Mode::empty()).map_err(failed("open", &path))?.into();
        let metadata = file.metadata().map_err(PathError::at("inspect", &path))?;
        if !metadata.is_file() {
            return Err(PathError::at("open", &path)(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")));
        }
        Ok((file, metadata.len()))
    }

    /// Reads a regular file below it of at most `limit` bytes.
    pub fn read(&self, relative: &str, limit: u64) -> Result<Vec<u8>> {
        let (file, _) = self.file(relative)?;
        super::read::read_at_most(file, &self.path.join(relative), limit)
    }

    /// Names of its entries in byte order; those that are not UTF-8 are left out.
    pub fn names(&self) -> Result<Vec<String>> {
        let listing = rustix::fs::Dir::read_from(&self.dir).map_err(failed("read directory", &self.path))?;
        let mut names = Vec::new();
        for entry in listing {
            let entry = entry.map_err(failed("read directory", &self.path))?;
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push(name.to_owned()),
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Begins a file below it, making the directories on the way. It only gets its name by [`Pending::replace`] or
    /// [`Pending::keep_new`]; until then it is private (mode 0600) and has a name of its own beside it.
    pub fn begin(&self, relative: &str) -> Result<Pending> {
        let (parent, name) = split(relative);
        let at = self.dir(parent, true)?;
        plain(&at.path, name)?;
        loop {
            let mut random = [0; 8];
            let _unavailable = getrandom::fill(&mut random);
            let temporary = format!("{}{}", super::TEMPORARY_PREFIX, u64::from_le_bytes(random));
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::openat(&at.dir, temporary.as_str(), flags, Mode::from_raw_mode(0o600)) {
                Ok(file) => return Ok(Pending { at, temporary, name: name.to_owned(), file: file.into(), finished: false }),
                Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(failed("write", &at.path.join(name))(error)),
            }
        }
    }

    /// Writes a whole file below it, in place of what is there, durably.
    pub fn write(&self, relative: &str, bytes: &[u8], mode: u32) -> Result<()> {
        let mut pending = self.begin(relative)?;
        pending.fill(bytes)?;
        pending.replace(mode)
    }

    /// Removes a file below it, or nothing when there is none.
    pub fn remove(&self, relative: &str) -> Result<()> {
        let (parent, name) = split(relative);
        let dir = self.dir(parent, false)?;
        match rustix::fs::unlinkat(&dir.dir, plain(&dir.path, name)?, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(failed("remove", &dir.path.join(name))(error)),
        }
    }

    fn sync(&self) {
        // Some file systems cannot; the data is safe there in their own way.
        let _unsupported = rustix::fs::fsync(&self.dir);
    }
}

impl Pending {
    /// The file, for writing.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// The name it will have.
    pub fn path(&self) -> PathBuf {
        self.at.path.join(&self.name)
    }

    /// Writes bytes at its end.
    pub fn fill(&mut self, bytes: &[u8]) -> Result<()> {
        use std::io::Write as _;
        self.file.write_all(bytes).map_err(PathError::at("write", &self.path()))
    }

    /// Makes it durable and gives it its name, in place of a file that has it. A directory in the way is an error.
    pub fn replace(mut self, mode: u32) -> Result<()> {
        self.complete(mode)?;
        let path = self.path();
        rustix::fs::renameat(&self.at.dir, self.temporary.as_str(), &self.at.dir, self.name.as_str())
            .map_err(failed("move into place", &path))?;
        self.finished = true;
        self.at.sync();
        Ok(())
    }

    /// Makes it durable and gives it its name, unless something has that name: then `false`, and what is there stays.
    pub fn keep_new(self, mode: u32) -> Result<bool> {
        self.complete(mode)?;
        let path = self.path();
        // The temporary name goes with the drop.
        match rustix::fs::linkat(&self.at.dir, self.temporary.as_str(), &self.at.dir, self.name.as_str(), AtFlags::empty()) {
            Ok(()) => {
                self.at.sync();
                Ok(true)
            }
            Err(rustix::io::Errno::EXIST) => Ok(false),
            Err(error) => Err(failed("move into place", &path)(error)),
        }
    }

    fn complete(&self, mode: u32) -> Result<()> {
        let path = self.path();
        rustix::fs::fchmod(&self.file, Mode::from_raw_mode(mode)).map_err(failed("change the mode of", &path))?;
        self.file.sync_all().map_err(PathError::at("make durable", &path))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.finished {
            let _gone = rustix::fs::unlinkat(&self.at.dir, self.temporary.as_str(), AtFlags::empty());
        }
    }
}

fn directory_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn split(relative: &str) -> (&str, &str) {
    relative.rsplit_once('/').unwrap_or(("", relative))
}

fn plain<'n>(at: &Path, name: &'n str) -> Result<&'n str> {
    if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
        let error = io::Error::new(io::ErrorKind::InvalidInput, format!("`{}` is not a file name", name.escape_debug()));
        return Err(PathError::at("use", at)(error));
    }
    Ok(name)
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(rustix::io::Errno) -> PathError {
    let path = path.to_owned();
    move |errno| {
        let link = matches!(errno, rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR);
        let error = if link { io::Error::new(io::ErrorKind::NotADirectory, "a link or a file is in the way") } else { errno.into() };
        PathError::at(doing, &path)(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_made_below_and_nowhere_else() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let root = dir.path().join("root");
        crate::fs::create_dir(&root).expect("root");
        let beneath = Beneath::open(&root).expect("opened");
        beneath.write("a/b/file", b"one", 0o644).expect("written");
        assert_eq!(beneath.read("a/b/file", 100).expect("read"), b"one");
        for bad in ["../file", "a/../../file", "a/./b", ""] {
            assert!(beneath.write(bad, b"x", 0o644).is_err(), "{bad}");
        }
        let outside = dir.path().join("outside");
        crate::fs::create_dir(&outside).expect("outside");
        crate::fs::symlink(&outside, &root.join("link")).expect("link");
        assert!(beneath.write("link/file", b"x", 0o644).is_err());
        assert!(beneath.read("link/file", 100).is_err());
        assert!(crate::fs::names_in(&outside).expect("names").is_empty());
        crate::fs::symlink(&root.join("a/b/file"), &root.join("alias")).expect("link");
        assert!(beneath.read("alias", 100).is_err());
        assert!(Beneath::open(&root.join("link")).is_err(), "a link is not opened");
    }

    #[test]
    fn what_is_not_finished_leaves_nothing_and_what_is_there_stays() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let beneath = Beneath::open(dir.path()).expect("opened");
        let mut pending = beneath.begin("file").expect("begun");
        pending.fill(b"half").expect("filled");
        drop(pending);
        assert!(beneath.names().expect("names").is_empty());
        let keep = |text: &[u8]| {
            let mut pending = beneath.begin("file").expect("begun");
            pending.fill(text).expect("filled");
            pending.keep_new(0o644).expect("kept")
        };
        assert!(keep(b"first"));
        assert!(!keep(b"second"));
        assert_eq!(beneath.read("file", 100).expect("read"), b"first");
        assert_eq!(beneath.names().expect("names"), ["file"]);
        beneath.remove("file").expect("removed");
        beneath.remove("file").expect("nothing to remove");
    }
}
