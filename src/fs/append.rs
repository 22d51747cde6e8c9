//! A file that only grows, line by line, each on disk before the call returns.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::Result;
use crate::core::PathError;

/// An append-only file of lines.
#[derive(Debug)]
pub struct AppendFile {
    file: File,
    path: PathBuf,
}

impl AppendFile {
    /// Opens or creates it. A torn last line (a crash in the middle of a write) is closed with a line feed, so that
    /// the next line stands by itself.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(parent) = path.parent() {
            super::create_dir(parent)?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(PathError::at("open", path))?;
        if ends_torn(&mut file).map_err(PathError::at("read", path))? {
            file.write_all(b"\n").map_err(PathError::at("append to", path))?;
        }
        if let Some(parent) = path.parent() {
            super::sync_dir(parent);
        }
        Ok(Self { file, path: path.to_owned() })
    }

    /// Appends one line with a line feed, in one write, and fsyncs.
    pub fn append(&mut self, line: &str) -> Result<()> {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        self.file.write_all(&bytes).and_then(|()| self.file.sync_data()).map_err(PathError::at("append to", &self.path))
    }
}

fn ends_torn(file: &mut File) -> std::io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last[0] != b'\n')
}
