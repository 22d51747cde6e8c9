//! A file that a child made, into its place: never through a link, never from outside the repository, hashed on the way.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::core::{Algorithm, Digest, Digester, PathError};
use crate::error::{Error, Result};
use crate::fs;

/// Where a path of the workspace really is. `relative` is clean: no `..`, not absolute.
///
/// # Errors
/// When nothing is there, or when the path or a directory on the way is a symbolic link: what it names could be any file of
/// this machine.
pub fn inside(workspace: &Path, relative: &str) -> Result<PathBuf> {
    let path = workspace.join(relative);
    if !fs::exists(&path) {
        return Err(Error::failed(format!("it made nothing at {relative}")));
    }
    let real = fs::real_path(&path).map_err(|error| Error::from(error).context(format!("its output {relative}")))?;
    if real != fs::real_path(workspace)?.join(relative) {
        return Err(Error::failed(format!("its output {relative} is a symbolic link, or lies below one"))
            .hint("make a real file inside the repository: a link may lead to any file of this machine"));
    }
    Ok(real)
}

/// Copies a regular file to `relative` of the workspace, with this mode, and gives digest and length. Replaces what is
/// there; a reader sees the old file or the new one.
pub fn place(from: &Path, workspace: &Path, relative: &str, mode: u32) -> Result<(Digest, u64)> {
    let to = workspace.join(relative);
    let Some(parent) = to.parent() else { return Err(Error::failed(format!("{relative} has no directory"))) };
    fs::create_dir(parent)?;
    let scratch = fs::Scratch::below(parent, "place")?;
    let temporary = scratch.path().join("file");
    let (mut source, _) = fs::open_regular(from)?;
    let mut target = fs::create_new(&temporary)?;
    let mut hash = Digester::new(Algorithm::Sha256);
    let mut size = 0;
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = source.read(&mut buffer).map_err(PathError::at("read", from))?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        size += read as u64;
        target.write_all(&buffer[..read]).map_err(PathError::at("write", &to))?;
    }
    fs::set_mode(&temporary, mode)?;
    fs::move_file(&temporary, &to)?;
    Ok((hash.finish(), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_nothing_are_refused() {
        let dir = tempfile::tempdir().expect("dir");
        let ws = dir.path().join("ws");
        fs::write_atomic(&ws.join("out/tool"), b"program", 0o600).expect("file");
        fs::symlink(Path::new("out"), &ws.join("link")).expect("link");
        fs::symlink(Path::new("/etc/hostname"), &ws.join("out/name")).expect("link");
        assert!(inside(&ws, "out/tool").is_ok());
        for (bad, why) in [("out/none", "made nothing"), ("link/tool", "symbolic link"), ("out/name", "symbolic link")] {
            let error = inside(&ws, bad).expect_err(bad);
            assert!(error.message().contains(why), "{error}");
        }
        let (digest, size) = place(&ws.join("out/tool"), &ws, "dist/x/tool", 0o755).expect("placed");
        assert_eq!((digest, size), (Digest::of(b"program"), 7));
        assert!(fs::is_executable(&ws.join("dist/x/tool")));
        assert_eq!(fs::names_in(&ws.join("dist/x")).expect("names"), ["tool"], "no temporary stays");
    }
}
