//! Upload sessions: a file that grows, then becomes a blob.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use super::Storage;
use super::blobs::found;
use crate::core::{Algorithm, Digest, Digester, PathError};
use crate::fs;

/// What beginning a session led to.
pub enum Session {
    /// It began, under this id.
    Begun(String),
    /// The repository has as many as it may.
    TooMany,
}

/// A session nobody else writes to while this value lives.
pub struct Writer {
    file: File,
    path: PathBuf,
    offset: u64,
    hash: Option<(Algorithm, Digester)>,
}

impl Storage {
    /// Begins a session, after forgetting those untouched for `age`.
    pub fn begin_upload(&self, name: &str, most: usize, age: Duration) -> fs::Result<Session> {
        let dir = self.repository(name).join("_uploads");
        fs::create_dir(&dir)?;
        let mut random = [0; 16];
        // Without a random source two sessions could meet; `create_new` refuses the second.
        let _unavailable = getrandom::fill(&mut random);
        let id = base16ct::lower::encode_string(&random);
        let path = dir.join(&id);
        drop(fs::create_new(&path)?);
        // The file just made tells the time of this file system.
        let now = fs::modified(&path)?;
        let mut open = 0;
        for other in fs::names_in(&dir)? {
            let other = dir.join(other);
            match found(fs::modified(&other))? {
                Some(touched) if now.duration_since(touched).is_ok_and(|idle| idle > age) => {
                    fs::remove_file(&other)?;
                }
                Some(_) => open += 1,
                None => {}
            }
        }
        if open > most {
            fs::remove_file(&path)?;
            return Ok(Session::TooMany);
        }
        Ok(Session::Begun(id))
    }

    /// How many bytes a session has; `None` when there is no such session.
    pub fn upload_size(&self, name: &str, id: &str) -> fs::Result<Option<u64>> {
        match self.upload_path(name, id) {
            Some(path) => found(fs::size_of(&path)),
            None => Ok(None),
        }
    }

    /// Forgets a session. `false` when there is none.
    pub fn cancel_upload(&self, name: &str, id: &str) -> fs::Result<bool> {
        self.upload_path(name, id).map_or(Ok(false), |path| fs::remove_file(&path))
    }

    /// Opens a session for writing at its end, waiting for another writer. `None` when there is no such session.
    /// `hash` is what is known of the bytes so far.
    pub fn write_upload(&self, name: &str, id: &str, hash: Option<(u64, Digester)>) -> fs::Result<Option<Writer>> {
        let Some(path) = self.upload_path(name, id) else { return Ok(None) };
        let Some(mut file) = found(fs::open_writable(&path))? else { return Ok(None) };
        file.lock().map_err(PathError::at("lock", &path))?;
        // Whoever held the lock may have closed the session.
        if !fs::exists(&path) {
            return Ok(None);
        }
        let offset = file.seek(SeekFrom::End(0)).map_err(PathError::at("read", &path))?;
        let hash = match hash {
            Some((at, digester)) if at == offset => Some((Algorithm::Sha256, digester)),
            _ if offset == 0 => Some((Algorithm::Sha256, Digester::new(Algorithm::Sha256))),
            _ => None,
        };
        Ok(Some(Writer { file, path, offset, hash }))
    }

    /// Closes a session: its bytes, when they are what `digest` says, become a blob of the repository. `Err` of the
    /// inner result is the digest they have.
    pub fn close_upload(&self, name: &str, mut writer: Writer, digest: &Digest) -> fs::Result<Result<u64, Digest>> {
        let actual = match writer.hash.take() {
            Some((algorithm, digester)) if algorithm == digest.algorithm() => digester.finish(),
            _ => writer.digest(digest.algorithm())?,
        };
        if actual != *digest {
            fs::remove_file(&writer.path)?;
            return Ok(Err(actual));
        }
        writer.file.sync_all().map_err(PathError::at("write", &writer.path))?;
        self.admit(name, &writer.path, writer.offset, digest)?;
        fs::remove_file(&writer.path)?;
        Ok(Ok(writer.offset))
    }

    // Ids are ours: anything else cannot be the name of a file.
    fn upload_path(&self, name: &str, id: &str) -> Option<PathBuf> {
        let ours = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        ours.then(|| self.repository(name).join("_uploads").join(id))
    }
}

impl Writer {
    /// How many bytes the session has.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What is known of the bytes, to go on with next time.
    pub fn hash(&self) -> Option<(u64, Digester)> {
        self.hash.as_ref().map(|(_, digester)| (self.offset, digester.clone()))
    }

    /// Appends.
    pub fn write(&mut self, bytes: &[u8]) -> fs::Result<()> {
        self.file.write_all(bytes).map_err(PathError::at("write", &self.path))?;
        self.offset += bytes.len() as u64;
        if let Some((_, digester)) = &mut self.hash {
            digester.update(bytes);
        }
        Ok(())
    }

    /// Takes back everything after `offset`.
    pub fn rewind(&mut self, offset: u64) -> fs::Result<()> {
        self.file.set_len(offset).map_err(PathError::at("write", &self.path))?;
        self.file.seek(SeekFrom::Start(offset)).map_err(PathError::at("write", &self.path))?;
        self.offset = offset;
        self.hash = None;
        Ok(())
    }

    fn digest(&mut self, algorithm: Algorithm) -> fs::Result<Digest> {
        let mut digester = Digester::new(algorithm);
        let mut buffer = vec![0; 128 * 1024];
        let at = PathError::at("read", &self.path);
        let read = (|| {
            self.file.seek(SeekFrom::Start(0))?;
            loop {
                match self.file.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(count) => digester.update(&buffer[..count]),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        })();
        read.map_err(at)?;
        Ok(digester.finish())
    }
}
