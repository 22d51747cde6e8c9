//! One archive, from its entries to its place.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::entries::entries;
use super::failure::Failure;
use super::zip::write_zip;
use crate::build::binary::{FileCx, FileKind, MadeFile, inside, place};
use crate::build::embedded::{Codec, layer, pack as compress};
use crate::config::ArchiveFormat;
use crate::core::{Algorithm, Digest, Digester, PathError};
use crate::error::{Error, Result};
use crate::fs;
use crate::plan::{ArchiveStep, FileStep};

/// Packs it.
///
/// # Errors
/// What is to be packed is not there or cannot be unpacked everywhere; the disk is full; the run was interrupted.
pub async fn pack(cx: &FileCx<'_>, step: &FileStep, work: &ArchiveStep) -> Result<MadeFile> {
    let (workspace, archive, time) = (cx.workspace.clone(), work.clone(), step.source_date_epoch);
    let (threads, cancel) = (cx.threads, cx.cancel.clone());
    let packed = tokio::task::spawn_blocking(move || write(&workspace, &archive, time, threads, &cancel)).await;
    let packed = packed.map_err(|error| Error::failed("packing failed").because(&error))?;
    let (digest, size) = packed.map_err(|error| error.context(format!("archive {}", step.name)))?;
    let mut sources: Vec<String> = work.contents.iter().filter_map(|packed| packed.artifact.clone()).collect();
    sources.sort();
    sources.dedup();
    Ok(MadeFile {
        kind: FileKind::Archive { format: work.format.name().to_owned(), sources, listed: work.checksums },
        name: step.name.clone(),
        build: step.build.clone(),
        path: work.path.clone(),
        digest,
        size,
        by: "archive",
    })
}

/// Writes it into its place and gives digest and length.
pub(super) fn write(workspace: &Path, work: &ArchiveStep, time: i64, threads: usize, cancel: &CancellationToken) -> Result<(Digest, u64)> {
    if work.format == ArchiveFormat::Raw {
        let Some(only) = work.contents.first() else { return Err(Error::failed("there is no file to take")) };
        let from = inside(workspace, &only.path)?;
        let mode = if fs::is_executable(&from) { 0o755 } else { 0o644 };
        return place(&from, workspace, &work.path, mode);
    }
    let nodes = entries(workspace, work, time, work.format != ArchiveFormat::Zip)?;
    let to = workspace.join(&work.path);
    let parent = to.parent().unwrap_or(workspace);
    fs::create_dir(parent)?;
    let scratch = fs::Scratch::below(parent, "pack")?;
    let temporary = scratch.path().join("file");
    let file = fs::create_new(&temporary)?;
    let codec = match work.format {
        ArchiveFormat::TarGz => Some(Codec::Gzip),
        ArchiveFormat::TarZst => Some(Codec::Zstd),
        ArchiveFormat::Zip | ArchiveFormat::Raw => None,
    };
    let (digest, size) = if let Some(codec) = codec {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let packed = compress::<Failure>(codec, threads, &mut out, |tar| Ok(layer::write(&nodes, tar, cancel)?))?;
        out.flush().map_err(PathError::at("write", &to))?;
        (packed.digest, packed.size)
    } else {
        write_zip(&nodes, file, time, threads, cancel)?;
        hashed(&temporary)?
    };
    fs::set_mode(&temporary, 0o644)?;
    fs::move_file(&temporary, &to)?;
    Ok((digest, size))
}

// A zip is patched while it is written, so its digest is of the finished file.
fn hashed(path: &Path) -> Result<(Digest, u64)> {
    use std::io::Read as _;
    let (mut file, size) = fs::open_regular(path)?;
    let mut hash = Digester::new(Algorithm::Sha256);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut buffer).map_err(PathError::at("read", path))?;
        if read == 0 {
            return Ok((hash.finish(), size));
        }
        hash.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the second readers are programs of their own")]

    use std::process::Command;

    use super::*;
    use crate::plan::PackedFile;

    fn step(format: ArchiveFormat) -> ArchiveStep {
        let packed = |name: &str| PackedFile { artifact: None, path: name.into(), name: name.into() };
        ArchiveStep {
            format,
            prefix: None,
            contents: vec![packed("tool"), packed("tree")],
            include: vec![],
            checksums: true,
            path: format!("dist/a.{}", format.name()),
        }
    }

    fn workspace() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("dir");
        let text: Vec<u8> = (0..3_500_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 27) as u8 | 0x40).collect();
        fs::write_atomic(&dir.path().join("tool"), &text, 0o755).expect("tool");
        for (name, content) in [("tree/small.txt", &b"hello\n"[..]), ("tree/empty", b""), ("tree/deep/x", b"x")] {
            fs::write_atomic(&dir.path().join(name), content, 0o600).expect("file");
        }
        dir
    }

    fn said(dir: &Path, program: &str, args: &[&str]) -> String {
        let output = Command::new(program).args(args).current_dir(dir).output().unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[test]
    fn the_same_bytes_on_any_number_of_threads_and_at_any_time() {
        for format in [ArchiveFormat::TarGz, ArchiveFormat::TarZst, ArchiveFormat::Zip] {
            let made = |threads| {
                let ws = workspace();
                let made = write(ws.path(), &step(format), 1_700_000_000, threads, &CancellationToken::new()).expect("packs");
                let bytes = fs::read_bounded(&ws.path().join(step(format).path), 1 << 30).expect("file");
                assert_eq!(made, (Digest::of(&bytes), bytes.len() as u64));
                made
            };
            assert_eq!(made(1), made(5), "{}", format.name());
        }
    }

    #[test]
    fn tar_and_unzip_read_what_was_packed() {
        let ws = workspace();
        for format in [ArchiveFormat::TarGz, ArchiveFormat::TarZst, ArchiveFormat::Zip] {
            write(ws.path(), &step(format), 1_700_000_001, 2, &CancellationToken::new()).expect("packs");
            let out = ws.path().join(format.name());
            fs::create_dir(&out).expect("dir");
            let file = format!("../dist/a.{}", format.name());
            match format {
                ArchiveFormat::TarGz => drop(said(&out, "tar", &["-xzf", &file])),
                ArchiveFormat::TarZst => drop(said(&out, "tar", &["--zstd", "-xf", &file])),
                _ => {
                    said(&out, "unzip", &["-tq", &file]);
                    said(&out, "unzip", &["-q", &file]);
                }
            }
            for name in ["tool", "tree/small.txt", "tree/empty", "tree/deep/x"] {
                let same = fs::read_bounded(&out.join(name), 1 << 30).expect(name)
                    == fs::read_bounded(&ws.path().join(name), 1 << 30).expect(name);
                assert!(same, "{} {name}", format.name());
            }
            assert_eq!(said(&out, "stat", &["-c", "%a", "tool"]).trim(), "755");
            assert_eq!(said(&out, "stat", &["-c", "%a", "tree/small.txt"]).trim(), "644");
            // zip keeps two seconds, in the reader's own time zone.
            if format != ArchiveFormat::Zip {
                assert_eq!(said(&out, "stat", &["-c", "%Y", "tool"]).trim(), "1700000001");
            }
        }
    }

    #[test]
    fn a_raw_archive_is_the_file() {
        let ws = workspace();
        let mut raw = step(ArchiveFormat::Raw);
        raw.contents.truncate(1);
        let (digest, size) = write(ws.path(), &raw, 0, 1, &CancellationToken::new()).expect("takes");
        let bytes = fs::read_bounded(&ws.path().join("tool"), 1 << 30).expect("file");
        assert_eq!((digest, size), (Digest::of(&bytes), bytes.len() as u64));
    }

    #[test]
    fn an_interrupted_run_leaves_nothing() {
        let ws = workspace();
        let cancel = CancellationToken::new();
        cancel.cancel();
        for format in [ArchiveFormat::TarGz, ArchiveFormat::Zip] {
            assert!(write(ws.path(), &step(format), 0, 2, &cancel).is_err());
            assert_eq!(fs::names_in(&ws.path().join("dist")).expect("names"), Vec::<String>::new());
        }
    }
}
