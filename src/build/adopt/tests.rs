//! Sources that are damaged, lie, or mean harm.

#![expect(clippy::disallowed_methods, reason = "tests write what other tools would")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::{AdoptCx, FileKind, Found, Limits, adopt};
use crate::core::Digest;
use crate::error::Result;

struct Rig {
    dir: tempfile::TempDir,
    limits: Limits,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("directory");
        std::fs::create_dir(dir.path().join("dist")).expect("dist");
        Self { dir, limits: Limits::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("parents");
        std::fs::write(path, content).expect("file");
        self
    }

    fn adopt(&self, name: &str) -> Result<Found> {
        let scratch = crate::fs::Scratch::below(self.dir.path(), "scratch")?.keep();
        let cancel = CancellationToken::new();
        adopt(&AdoptCx { scratch: &scratch, limits: self.limits, cancel: &cancel }, &self.path(name), name)
    }

    #[track_caller]
    fn refuses(&self, name: &str, words: &[&str]) {
        let error = self.adopt(name).expect_err("refused");
        for word in words {
            assert!(error.message().contains(word), "{word:?} is not in {:?}", error.message());
        }
        assert!(error.hint_text().is_some(), "{}", error.message());
    }
}

fn goreleaser(path: &str, digest: &str) -> String {
    format!(
        r#"[
  {{"name":"metadata.json","path":"dist/metadata.json","internal_type":30,"type":"Metadata"}},
  {{"name":"app.tar.gz","path":"{path}","goos":"linux","goarch":"amd64","internal_type":1,"type":"Archive",
    "extra":{{"Format":"tar.gz","Checksum":"{digest}"}}}}
]"#
    )
}

/// A tar of one file with any header.
fn tar_of(edit: impl Fn(&mut tar::Header), content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_entry_type(tar::EntryType::Regular);
    edit(&mut header);
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, content).expect("entry");
    builder.into_inner().expect("tar")
}

// Past what the tar crate itself refuses to write.
fn raw_name(header: &mut tar::Header, name: &str) {
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("gzip");
    encoder.finish().expect("gzip")
}

#[test]
fn a_list_that_lies_or_leads_out_is_refused_with_its_entry() {
    let rig = Rig::new();
    let good = gzip(&tar_of(|header| raw_name(header, "app"), b"program"));
    let digest = Digest::of(&good).to_string();
    rig.write("dist/app.tar.gz", &good).write("dist/artifacts.json", goreleaser("dist/app.tar.gz", &digest));
    let found = rig.adopt("dist").expect("honest");
    assert_eq!(found.files.len(), 1);
    assert_eq!(found.files[0].kind, FileKind::Archive { format: "tar.gz".to_owned() });

    let zeros = format!("sha256:{}", "0".repeat(64));
    rig.write("dist/artifacts.json", goreleaser("dist/app.tar.gz", &zeros));
    rig.refuses("dist", &["dist/artifacts.json: entry 2 `app.tar.gz`", "it hashes to sha256:"]);
    rig.write("secret", "token");
    for path in ["dist/../secret", "../secret", "/etc/passwd", "secret", "elsewhere/app.tar.gz"] {
        rig.write("dist/artifacts.json", goreleaser(path, ""));
        rig.refuses("dist", &["entry 2 `app.tar.gz`", "leads out of the tree"]);
    }
    rig.write("dist/artifacts.json", goreleaser("dist/none.tar.gz", ""));
    rig.refuses("dist", &["entry 2", "there is no such file"]);
    std::os::unix::fs::symlink("../secret", rig.path("dist/link.tar.gz")).expect("link");
    rig.write("dist/artifacts.json", goreleaser("dist/link.tar.gz", ""));
    rig.refuses("dist", &["entry 2", "it is a link"]);
    std::os::unix::fs::symlink("..", rig.path("dist/up")).expect("link");
    rig.write("dist/artifacts.json", goreleaser("dist/up/secret", ""));
    rig.refuses("dist", &["entry 2", "a link or no directory"]);
    rig.write("dist/artifacts.json", "[\n {\"name\": 3}\n]");
    rig.refuses("dist", &["dist/artifacts.json:2:11: invalid type"]);
    rig.write("dist/artifacts.json", "[\n");
    rig.refuses("dist", &["dist/artifacts.json:2:0: EOF"]);
}

#[test]
fn archives_that_land_outside_are_refused_with_their_entry() {
    let rig = Rig::new();
    let bad: [(&str, Vec<u8>, &str); 6] = [
        ("../../etc/passwd", tar_of(|header| raw_name(header, "../../etc/passwd"), b"x"), "leads out"),
        ("/etc/passwd", tar_of(|header| raw_name(header, "/etc/passwd"), b"x"), "leads out"),
        (
            "link",
            tar_of(
                |header| {
                    raw_name(header, "a/link");
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_link_name_literal("../../up").expect("link");
                },
                b"",
            ),
            "it is a link out of the archive",
        ),
        (
            "hard",
            tar_of(
                |header| {
                    raw_name(header, "hard");
                    header.set_entry_type(tar::EntryType::Link);
                    header.set_link_name_literal("/etc/shadow").expect("link");
                },
                b"",
            ),
            "it is a link out of the archive",
        ),
        (
            "device",
            tar_of(
                |header| {
                    raw_name(header, "device");
                    header.set_entry_type(tar::EntryType::Block);
                },
                b"",
            ),
            "it is a device",
        ),
        ("app.tar", b"not a tar, but long enough to be a header".repeat(20), "cannot be read"),
    ];
    for (entry, tar, problem) in bad {
        rig.write("dist/app.tar", &tar);
        rig.refuses("dist", &["dist/app.tar", entry, problem]);
        std::fs::remove_file(rig.path("dist/app.tar")).expect("gone");
        rig.write("dist/app.tgz", gzip(&tar));
        rig.refuses("dist", &["dist/app.tgz", problem]);
        std::fs::remove_file(rig.path("dist/app.tgz")).expect("gone");
    }
    // A link beside its target is what libraries have.
    let honest = tar_of(
        |header| {
            raw_name(header, "lib/a.so");
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_link_name_literal("../lib/a.so.1").expect("link");
        },
        b"",
    );
    rig.write("dist/app.tar", honest);
    assert_eq!(rig.adopt("dist").expect("honest").files.len(), 1);
}

#[test]
fn a_zip_is_read_without_unpacking_it() {
    let rig = Rig::new();
    rig.write("dist/app.zip", zip(&[("bin/app", 0o100_755, b"program")], 7));
    assert_eq!(rig.adopt("dist").expect("honest").files.len(), 1);
    rig.write("dist/app.zip", zip(&[("lib/a", 0o120_777, b"a.1")], 3));
    assert_eq!(rig.adopt("dist").expect("a link inside").files.len(), 1);
    for (name, mode, content, problem) in [
        ("../evil", 0o100_644, b"x".as_slice(), "leads out"),
        ("..\\evil", 0o100_644, b"x", "leads out"),
        ("/evil", 0o100_644, b"x", "leads out"),
        ("C:/evil", 0o100_644, b"x", "leads out"),
        ("link", 0o120_777, b"../../up", "a link out of the archive"),
        ("device", 0o060_644, b"", "a device"),
    ] {
        rig.write("dist/app.zip", zip(&[(name, mode, content)], content.len()));
        rig.refuses("dist", &["dist/app.zip", "entry 1", problem]);
    }
    rig.write("dist/app.zip", zip(&[("bomb", 0o100_644, b"x")], u32::MAX as usize - 1));
    rig.limits_to(|limits| limits.unpacked = 1 << 20).refuses("dist", &["dist/app.zip", "unpacks to more than"]);
    rig.write("dist/app.zip", b"PK\x03\x04 and nothing more");
    rig.refuses("dist", &["dist/app.zip", "no zip archive"]);
}

impl Rig {
    fn limits_to(&self, change: impl Fn(&mut Limits)) -> Self {
        let mut limits = self.limits;
        change(&mut limits);
        let dir = tempfile::tempdir().expect("directory");
        copy_tree(self.dir.path(), dir.path());
        Self { dir, limits }
    }
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in crate::fs::walk(from, &|path| !path.starts_with(".sf-scratch")).expect("walk") {
        let target = to.join(&entry.relative);
        match entry.kind {
            crate::fs::EntryKind::Dir => std::fs::create_dir_all(target).expect("directory"),
            crate::fs::EntryKind::File => drop(std::fs::copy(&entry.path, target).expect("copy")),
            _ => {}
        }
    }
}

/// A zip whose entries are stored, with any name, mode and claimed size.
fn zip(entries: &[(&str, u32, &[u8])], unpacked: usize) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    let unpacked = u32::try_from(unpacked).expect("32 bits").to_le_bytes();
    for (name, mode, content) in entries {
        let offset = u32::try_from(bytes.len()).expect("32 bits").to_le_bytes();
        let length = u32::try_from(content.len()).expect("32 bits").to_le_bytes();
        let name_length = u16::try_from(name.len()).expect("16 bits").to_le_bytes();
        let head = [[20, 0, 0, 0, 0, 0, 0, 0, 0, 0].as_slice(), &[0; 4], &length, &unpacked, &name_length, &[0, 0]].concat();
        bytes.extend([b"PK\x03\x04".as_slice(), &head, name.as_bytes(), content].concat());
        let attributes = (mode << 16).to_le_bytes();
        directory
            .extend([b"PK\x01\x02".as_slice(), &[20, 3], &head, &[0; 2], &[0; 2], &[0; 2], &attributes, &offset, name.as_bytes()].concat());
    }
    let count = u16::try_from(entries.len()).expect("16 bits").to_le_bytes();
    let (length, offset) = (u32::try_from(directory.len()).expect("32 bits"), u32::try_from(bytes.len()).expect("32 bits"));
    bytes.extend(directory);
    bytes.extend([b"PK\x05\x06".as_slice(), &[0; 4], &count, &count, &length.to_le_bytes(), &offset.to_le_bytes(), &[0; 2]].concat());
    bytes
}

#[test]
fn bombs_and_crowds_end_early() {
    let rig = Rig::new();
    let zeros = vec![0_u8; 32 << 20];
    rig.write("dist/bomb.tar.gz", gzip(&tar_of(|header| raw_name(header, "zeros"), &zeros)));
    let tight = rig.limits_to(|limits| (limits.unpacked, limits.ratio) = (1 << 20, 10));
    tight.refuses("dist", &["dist/bomb.tar.gz", "unpacks to more than"]);
    tight.refuses("dist/bomb.tar.gz", &["dist/bomb.tar.gz", "unpacks to more than"]);

    let crowd = Rig::new();
    for number in 0..20 {
        crowd.write(&format!("dist/{number}"), "x");
    }
    crowd.limits_to(|limits| limits.entries = 10).refuses("dist", &["dist", "more than 10 files"]);
    let mut builder = tar::Builder::new(Vec::new());
    for number in 0..20 {
        let mut header = tar::Header::new_ustar();
        header.set_size(0);
        builder.append_data(&mut header, format!("{number}"), std::io::empty()).expect("entry");
    }
    let many = builder.into_inner().expect("tar");
    let crowd = Rig::new();
    crowd.write("dist/many.tar", &many);
    let crowd = crowd.limits_to(|limits| limits.entries = 10);
    crowd.refuses("dist", &["dist/many.tar", "more than 10 entries"]);
    crowd.refuses("dist/many.tar", &["dist/many.tar", "more than 10 entries"]);
    let large = Rig::new();
    large.write("dist/large", vec![1; 2 << 20]);
    large.limits_to(|limits| limits.total = 1 << 20).refuses("dist", &["dist/large", "more than 1"]);
}

#[test]
fn what_is_no_file_and_names_not_every_system_keeps() {
    for name in ["CON", "nul.txt", "app.", "grüße", "a\nb", "a:b"] {
        let rig = Rig::new();
        rig.write(&format!("dist/{name}"), "x");
        assert!(rig.adopt("dist").is_err(), "{name:?}");
    }
    let rig = Rig::new();
    rig.write("dist/App", "one").write("dist/sub/app", "two");
    rig.refuses("dist", &["a second file is called"]);
    let rig = Rig::new();
    std::os::unix::fs::symlink("/etc/passwd", rig.path("dist/link")).expect("link");
    rig.refuses("dist", &["dist/link", "a link"]);
    let rig = Rig::new();
    rustix::fs::mknodat(rustix::fs::CWD, rig.path("dist/pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).expect("pipe");
    rig.refuses("dist", &["dist/pipe", "a pipe"]);
    let rig = Rig::new();
    rig.refuses("dist", &["there is no file"]);
    rig.refuses("none", &["there is nothing at none"]);
    rig.write("note.txt", "hello");
    rig.refuses("note.txt", &["nothing that can be taken over"]);
    let rig = Rig::new();
    rig.write("dist/.env", "TOKEN=x").write("dist/app.txt", "x");
    let found = rig.adopt("dist").expect("the rest");
    assert_eq!((found.files.len(), found.left.len()), (1, 1));
}

#[test]
fn checksum_files_must_be_right() {
    let rig = Rig::new();
    let digest = Digest::of(b"one");
    rig.write("dist/app.bin", "one").write("dist/SHA256SUMS", format!("{}  app.bin\n{}  of-another-job\n", digest.hex(), "1".repeat(64)));
    assert_eq!(rig.adopt("dist").expect("right").files.len(), 2);
    rig.write("dist/app.bin", "two");
    rig.refuses("dist", &["dist/SHA256SUMS:1", "app.bin hashes to"]);
}

#[test]
fn image_archives_with_wrong_bytes_are_refused() {
    let rig = Rig::new();
    let entry = |name: &'static str, content: &[u8]| (name, content.to_vec());
    let tar = |entries: &[(&str, Vec<u8>)]| {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in entries {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, content.as_slice()).expect("entry");
        }
        builder.into_inner().expect("tar")
    };
    let zeros = "0".repeat(64);
    let blob = format!("blobs/sha256/{zeros}");
    let index = br#"{"schemaVersion":2,"manifests":[]}"#.to_vec();
    rig.write("image.tar", tar(&[(blob.as_str(), b"other".to_vec()), ("index.json", index.clone())]));
    rig.refuses("image.tar", &["image.tar: entry `blobs/sha256/0000", "its bytes hash to"]);
    rig.write("image.tar", tar(&[("index.json", index.clone())]));
    rig.refuses("image.tar", &["it lists no image"]);
    rig.write("image.tar", tar(&[("index.json", index.clone()), ("index.json", index)]));
    rig.refuses("image.tar", &["entry 2 `index.json`", "came before"]);
    rig.write("image.tar", tar(&[entry("app", b"program")]));
    rig.refuses("image.tar", &["holds no image"]);
    let config = format!(r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["sha256:{zeros}"]}}}}"#);
    let manifest = br#"[{"Config":"config.json","RepoTags":["app:1"],"Layers":["a/layer.tar"]}]"#;
    rig.write("image.tar", tar(&[entry("manifest.json", manifest), ("config.json", config.into_bytes()), entry("a/layer.tar", b"layer")]));
    rig.refuses("image.tar", &["manifest.json: image 1: layer 1 `a/layer.tar`", "the config says sha256:0000"]);
    rig.write("image.tar", tar(&[entry("manifest.json", br#"[{"Config":"../../config.json"}]"#)]));
    rig.refuses("image.tar", &["manifest.json: image 1", "is not in the archive"]);
    rig.write("image.tar", &tar(&[entry("manifest.json", manifest)])[..700]);
    rig.refuses("image.tar", &["image.tar", "cannot be read"]);
}

#[test]
fn an_old_archive_always_becomes_the_same_image() {
    let rig = Rig::new();
    let layer = tar_of(|header| raw_name(header, "app"), b"program");
    let config = format!(
        r#"{{"os":"linux","architecture":"arm64","variant":"v8","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        Digest::of(&layer)
    );
    let manifest = br#"[{"Config":"config.json","RepoTags":["acme/app:1"],"Layers":["b/layer.tar"]}]"#;
    let write = |reverse: bool| {
        let mut entries: Vec<(&str, Vec<u8>)> =
            vec![("manifest.json", manifest.to_vec()), ("config.json", config.clone().into_bytes()), ("a/layer.tar", layer.clone())];
        if reverse {
            entries.reverse();
        }
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in &entries {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, content.as_slice()).expect("entry");
        }
        // Docker writes a layer two images share once, and links the second to it.
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "b/layer.tar", "../a/layer.tar").expect("link");
        builder.into_inner().expect("tar")
    };
    rig.write("one.tar", write(false)).write("two.tar.gz", gzip(&write(true)));
    let (one, two) = (rig.adopt("one.tar").expect("one"), rig.adopt("two.tar.gz").expect("two"));
    assert_eq!(one.images[0].root, two.images[0].root);
    assert_eq!(one.images[0].names, ["acme/app:1"]);
    assert_eq!(one.images[0].platforms[0].to_string(), "linux/arm64");
    let layout = crate::store::Layout::open(&one.images[0].layout).expect("layout");
    let closure = layout.closure(&one.images[0].root).expect("whole");
    assert_eq!(closure.blobs.len(), 2);
    assert_eq!(closure.blobs[1].digest, Digest::of(&layer), "layers stay as they are");
}

/// xorshift64*: the same seed, the same damage.
fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |end: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        usize::try_from(state.wrapping_mul(0x2545_f491_4f6c_dd1d) % (end.max(1) as u64)).expect("below the end")
    };
    let mut bytes = bytes.to_vec();
    for _ in 0..=below(4) {
        let at = below(bytes.len());
        match below(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, 0xff),
            _ if at < bytes.len() => bytes[at] ^= 1 << below(8),
            _ => {}
        }
    }
    bytes
}

#[test]
fn damage_is_read_or_refused_and_never_panics() {
    let zipped = zip(&[("bin/app", 0o100_755, b"program"), ("lib/a", 0o120_777, b"a.1")], 7);
    let tarred = tar_of(|header| raw_name(header, "app"), b"program");
    let digest = Digest::of(&gzip(&tarred)).to_string();
    let list = goreleaser("dist/app.tar.gz", &digest);
    for (name, whole, bytes) in [
        ("dist/app.zip", "dist", zipped),
        ("dist/app.tar", "dist", tarred.clone()),
        ("dist/app.tar.gz", "dist", gzip(&tarred)),
        ("dist/image.tar", "dist/image.tar", tarred),
        ("dist/artifacts.json", "dist", list.into_bytes()),
    ] {
        let rig = Rig::new();
        for seed in 1..=300 {
            rig.write(name, damaged(&bytes, seed));
            if let Err(error) = rig.adopt(whole) {
                assert!(error.message().starts_with("dist"), "seed {seed}: {}", error.message());
            }
        }
    }
}
