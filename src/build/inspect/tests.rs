//! Layers laid over each other: whiteouts of every kind, links, devices, and what hostile layers may not do.

use std::io::Write as _;
use std::path::Path;

use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::core::Digest;
use crate::core::oci::{Descriptor, media_type};
use crate::error::Kind;
use crate::store::{Layout, LayoutWriter};

/// Does not care what is hidden.
struct Nobody;

impl tree::Watch for Nobody {
    fn hidden(&mut self, _: &Tree, _: NodeId) {}
}

/// A tar as tests write it, with names as they are.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn entry(mut self, kind: u8, name: &str, link: &str, content: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(content.len() as u64);
        header.set_mode(if kind == b'5' { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        if matches!(kind, b'3' | b'4') {
            header.set_device_major(8).expect("major");
            header.set_device_minor(1).expect("minor");
        }
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        self.entry(b'0', name, "", content.as_bytes())
    }

    fn dir(self, name: &str) -> Self {
        self.entry(b'5', name, "", b"")
    }

    fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(b'2', name, target, b"")
    }

    fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(b'1', name, target, b"")
    }

    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("packs");
    encoder.finish().expect("packs")
}

fn image(dir: &Path, layers: &[Vec<u8>]) -> Image {
    let writer = LayoutWriter::create(&dir.join("layout")).expect("layout");
    let layers: Vec<Descriptor> = layers.iter().map(|layer| writer.put_bytes(media_type::OCI_LAYER, layer).expect("layer")).collect();
    let config = serde_json::json!({"os": "linux", "architecture": "amd64", "config": {"Cmd": ["app"], "Env": ["PATH=/bin:/opt"], "Labels": {"a": "b"}}});
    let config = writer.put_bytes(media_type::OCI_CONFIG, config.to_string().as_bytes()).expect("config");
    let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": layers});
    let manifest = writer.put_bytes(media_type::OCI_MANIFEST, manifest.to_string().as_bytes()).expect("manifest");
    let layout = writer.finish(&manifest).expect("layout");
    Image::open(&layout, &manifest.digest, None).expect("image")
}

fn looked(image: &Image) -> Looked {
    look(image, Limits::default(), &CancellationToken::new()).expect("looks")
}

fn paths(tree: &Tree) -> Vec<String> {
    let mut paths = Vec::new();
    let _all = tree.walk::<()>(|file| {
        paths.push(String::from_utf8_lossy(file.path).into_owned() + if file.kind == FileKind::Dir { "/" } else { "" });
        Ok(())
    });
    paths
}

#[track_caller]
fn shows(layers: Vec<Tar>, expected: &[&str]) {
    let dir = tempfile::tempdir().expect("dir");
    let image = image(dir.path(), &layers.into_iter().map(Tar::end).collect::<Vec<_>>());
    assert_eq!(paths(&looked(&image).tree), expected);
}

fn content(image: &Image, path: &str) -> String {
    let looked = looked(image);
    let file = looked.file(path).expect("a file");
    let mut bytes = Vec::new();
    looked.write(image, file, &mut bytes, &Limits::default(), &CancellationToken::new()).expect("reads");
    String::from_utf8(bytes).expect("UTF-8")
}

fn lower() -> Tar {
    Tar::default().dir("d/").file("d/a", "a").file("d/b", "b").dir("d/sub/").file("d/sub/c", "c").file("top", "t")
}

#[test]
fn whiteouts_hide_what_lower_layers_hold() {
    shows(vec![lower(), Tar::default().file("d/.wh.a", "")], &["d/", "d/b", "d/sub/", "d/sub/c", "top"]);
    shows(vec![lower(), Tar::default().file(".wh.d", "")], &["top"]);
    shows(vec![lower(), Tar::default().file("./d/.wh.sub", "").file(".wh.none", "")], &["d/", "d/a", "d/b", "top"]);
    // A layer's own files stay, before or after the whiteout.
    shows(vec![lower(), Tar::default().file("d/a", "new").file("d/.wh.a", "")], &["d/", "d/a", "d/b", "d/sub/", "d/sub/c", "top"]);
    shows(vec![lower(), Tar::default().file(".wh.d", "").dir("d/").file("d/x", "")], &["d/", "d/x", "top"]);
    shows(vec![lower(), Tar::default().file("d/x", "").file(".wh.d", "")], &["d/", "d/x", "top"]);
}

#[test]
fn opaque_whiteouts_hide_everything_below() {
    shows(vec![lower(), Tar::default().file("d/.wh..wh..opq", "").file("d/x", "")], &["d/", "d/x", "top"]);
    shows(vec![lower(), Tar::default().dir("d/").file("d/sub/x", "").file("d/.wh..wh..opq", "")], &["d/", "d/sub/", "d/sub/x", "top"]);
    shows(vec![lower(), Tar::default().file(".wh..wh..opq", "")], &[]);
    shows(vec![lower(), Tar::default().file("d/.wh..wh..opq", "").file(".wh..wh..opq", "")], &[]);
    shows(vec![lower(), Tar::default().file("d/.wh..wh..opq", ""), Tar::default().file("d/a", "2")], &["d/", "d/a", "top"]);
}

#[test]
fn whiteouts_of_whiteouts_and_odd_ones_hide_nothing() {
    let all = ["d/", "d/a", "d/b", "d/sub/", "d/sub/c", "top"];
    for name in [".wh..wh.d", ".wh..wh..wh.d", ".wh.", ".wh..", ".wh...", "d/.wh..wh.plnk", "none/.wh.a", "top/.wh.a"] {
        shows(vec![lower(), Tar::default().file(name, "")], &all);
    }
}

#[test]
fn files_replace_directories_and_the_other_way_round() {
    shows(vec![lower(), Tar::default().file("d", "x")], &["d", "top"]);
    shows(vec![lower(), Tar::default().dir("top")], &["d/", "d/a", "d/b", "d/sub/", "d/sub/c", "top/"]);
    shows(vec![lower(), Tar::default().file("top/x", "")], &["d/", "d/a", "d/b", "d/sub/", "d/sub/c", "top/", "top/x"]);
    shows(vec![Tar::default().file("a", "1").file("a", "2")], &["a"]);
    shows(vec![Tar::default().file("/x//y/./z", "").file("../../w", "").file("x/../v", "")], &["v", "w", "x/", "x/y/", "x/y/z"]);
}

#[test]
fn links_lead_to_bytes_and_never_out() {
    let dir = tempfile::tempdir().expect("dir");
    let one = Tar::default()
        .dir("usr")
        .dir("usr/lib")
        .file("usr/lib/x", "lower")
        .symlink("lib", "usr/lib")
        .file("f", "first")
        .hard_link("h", "f");
    let two = Tar::default().file("lib/y", "through").file("f", "second").hard_link("h2", "/usr/lib/x").file("usr/lib/.wh.x", "");
    let three = Tar::default()
        .symlink("abs", "/../../usr/../f")
        .symlink("loop", "loop")
        .symlink("deep", "abs")
        .hard_link("broken", "nothing")
        .file("bin/sh", "#!")
        .entry(b'3', "dev/null", "", b"")
        .entry(b'6', "pipe", "", b"");
    let image = image(dir.path(), &[gzip(&one.end()), two.end(), zstd::encode_all(three.end().as_slice(), 3).expect("packs")]);
    let looked = looked(&image);
    let expected = [
        "abs",
        "bin/",
        "bin/sh",
        "broken",
        "deep",
        "dev/",
        "dev/null",
        "f",
        "h",
        "h2",
        "lib",
        "loop",
        "pipe",
        "usr/",
        "usr/lib/",
        "usr/lib/y",
    ];
    assert_eq!(paths(&looked.tree), expected);
    for (path, expected) in [
        ("f", "second"),
        ("/h", "first"),
        ("h2", "lower"),
        ("lib/y", "through"),
        ("usr/lib/y", "through"),
        ("deep", "second"),
        ("../f", "second"),
    ] {
        assert_eq!(content(&image, path), expected, "{path}");
    }
    for (path, kind, what) in [
        ("loop", Kind::Missing, "in a circle"),
        ("nothing", Kind::Missing, "no such file"),
        ("f/x", Kind::Missing, "not a directory"),
        ("usr", Kind::Failed, "it is a directory"),
        ("dev/null", Kind::Failed, "a device or pipe"),
        ("pipe", Kind::Failed, "a device or pipe"),
        ("broken", Kind::Failed, "a file that is not in the image"),
    ] {
        let error = looked.file(path).expect_err(path);
        assert!(error.kind() == kind && error.message().contains(what), "{path}: {error}");
    }
    let hashes =
        looked.hash(&image, &[looked.file("h").expect("h"), looked.file("f").expect("f")], &Limits::default(), &CancellationToken::new());
    let mut hashes: Vec<_> = hashes.expect("hashes").into_values().collect();
    hashes.sort();
    let mut expected = [Digest::of(b"first"), Digest::of(b"second")];
    expected.sort();
    assert_eq!(hashes, expected);
    assert_eq!((image.label("a"), image.command().map(|(word, ..)| word).as_deref()), (Some("b"), Some("app")));
    assert_eq!(looked.tree.program("sh", "/opt:/bin", ""), None, "it may not be run");
}

#[test]
fn counts_what_is_hidden() {
    let dir = tempfile::tempdir().expect("dir");
    let one = Tar::default().file("big", &"x".repeat(1000)).file("kept", &"y".repeat(10)).hard_link("name", "kept");
    let two = Tar::default().file("big", &"z".repeat(5)).file(".wh.kept", "");
    let looked = looked(&image(dir.path(), &[one.end(), two.end()]));
    let numbers: Vec<_> = looked.layers.iter().map(|layer| (layer.content, layer.wasted, layer.entries)).collect();
    // `kept` is still seen under its other name.
    assert_eq!(numbers, [(1010, 1000, 3), (5, 0, 2)]);
    let hidden: Vec<_> = looked.hidden.iter().map(|hidden| (hidden.path.as_str(), hidden.size, hidden.layer, hidden.hidden_by)).collect();
    assert_eq!(hidden, [("/big", 1000, 0, 1), ("/kept", 10, 0, 1)]);
}

#[test]
fn long_names_and_pax_records_are_read() {
    let dir = tempfile::tempdir().expect("dir");
    let name = format!("{}/{}", "d".repeat(200), "ünï".repeat(40));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    header.set_mode(0o4755);
    builder.append_data(&mut header, &name, &b"hi"[..]).expect("GNU long name");
    let record = |key: &str, value: &str| {
        let rest = key.len() + value.len() + 3;
        let length = (rest + 1..rest + 20).find(|length| *length == rest + length.to_string().len()).expect("a length");
        format!("{length} {key}={value}\n")
    };
    let pax = record("path", "from/pax") + &record("mtime", "12.5") + &record("uid", "3000000") + &record("SCHILY.xattr.user.x", "a\nb");
    let tar = Tar(builder.into_inner().expect("tar")[..].to_vec());
    let length = tar.0.len() - 1024;
    let tar = Tar(tar.0[..length].to_vec()).entry(b'x', "PaxHeaders/x", "", pax.as_bytes()).file("short", "content");
    let image = image(dir.path(), &[tar.end()]);
    let looked = looked(&image);
    assert_eq!(paths(&looked.tree), [format!("{}/", "d".repeat(200)), name, "from/".to_owned(), "from/pax".to_owned()]);
    assert_eq!(content(&image, "from/pax"), "content");
    let id = looked.file("from/pax").expect("file");
    let _walked = looked.tree.walk::<()>(|file| {
        if file.id == id {
            assert_eq!((file.uid, file.mtime), (3_000_000, 12));
        }
        Ok(())
    });
}

#[track_caller]
fn refused(layer: Vec<u8>, limits: Limits, what: &str) {
    let dir = tempfile::tempdir().expect("dir");
    let error = look(&image(dir.path(), &[layer]), limits, &CancellationToken::new()).expect_err("hostile");
    assert!(error.message().contains(what), "{error}");
}

#[test]
fn hostile_layers_end_in_an_error() {
    let limits = Limits::default();
    let bomb = gzip(&Tar::default().entry(b'0', "zeros", "", &vec![0; 8 << 20]).end());
    assert!(bomb.len() < 100_000);
    refused(bomb, Limits { unpacked: Some(1 << 20), ..limits }, "unpacks to more than 1");
    let many = (0..100).fold(Tar::default(), |tar, n| tar.file(&format!("f{n}"), ""));
    refused(many.end(), Limits { entries: 50, ..limits }, "more than 50 files");
    let same = (0..100).fold(Tar::default(), |tar, _| tar.file("f", ""));
    refused(same.end(), Limits { entries: 50, ..limits }, "lists more than 50 files");
    let names = (0..100).fold(Tar::default(), |tar, n| tar.file(&format!("{n}{}", "n".repeat(80)), ""));
    refused(names.end(), Limits { names: 1000, ..limits }, "names of the image's files");
    let mut long = Tar::default().entry(b'L', "././@LongLink", "", b"x");
    long.0[124..136].copy_from_slice(b"77777777777\0");
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes().copy_from_slice(&long.0[..512]);
    header.set_cksum();
    long.0[..512].copy_from_slice(header.as_bytes());
    refused(long.end(), limits, "an extension header of 8589934591 bytes");
    refused(Tar::default().entry(b'x', "p", "", b"9 path=\n").end(), limits, "broken pax record");
    refused(Tar::default().entry(b'x', "p", "", b"99999999999999999999 a=b\n").end(), limits, "broken pax record");
    refused(Tar::default().file("a", "b").end()[..700].to_vec(), limits, "end of file");
    refused(b"this is no tar".repeat(100), limits, "checksum");
    refused(gzip(&Tar::default().file("a", "b").end())[..40].to_vec(), limits, "cannot read layer");
    refused(b"BZh9 and more".to_vec(), limits, "compressed in a way");
}

#[test]
fn a_damaged_layer_is_found_out() {
    let dir = tempfile::tempdir().expect("dir");
    let image = image(dir.path(), &[gzip(&Tar::default().file("a", "b").end())]);
    let path = image.layout().blob_path(&image.layers()[0].digest);
    crate::fs::write_atomic(&path, &gzip(&Tar::default().file("a", "c").end()), 0o644).expect("damage");
    let error = look(&image, Limits::default(), &CancellationToken::new()).expect_err("damaged");
    assert_eq!(error.kind(), Kind::Unverified, "{error}");
    let stopped = CancellationToken::new();
    stopped.cancel();
    assert_eq!(look(&image, Limits::default(), &stopped).expect_err("stopped").kind(), Kind::Interrupted);
}

#[test]
fn chooses_the_platform() {
    let dir = tempfile::tempdir().expect("dir");
    let of = |platform: &str, digest: &str| {
        let (os, arch) = platform.split_once('/').expect("os/arch");
        serde_json::json!({"mediaType": media_type::OCI_MANIFEST, "digest": Digest::of(digest.as_bytes()), "size": 1, "platform": {"os": os, "architecture": arch}})
    };
    let index = |entries: Vec<serde_json::Value>| {
        let text = serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries}).to_string();
        crate::core::oci::Manifest::parse(text.into_bytes()).expect("index")
    };
    let riscv: crate::core::Platform = "linux/riscv64".parse().expect("platform");
    let two = index(vec![of("linux/s390x", "a"), of("linux/riscv64", "b"), of("unknown/unknown", "c")]);
    assert_eq!(choose(&two, Some(&riscv)).map(|entry| entry.digest.clone()).ok(), Some(Digest::of(b"b")));
    assert_eq!(choose(&two, None).expect_err("neither is ours").hint_text(), Some("it has linux/s390x, linux/riscv64"));
    let one = index(vec![of("linux/s390x", "a"), of("unknown/unknown", "c")]);
    assert_eq!(choose(&one, None).map(|entry| entry.digest.clone()).ok(), Some(Digest::of(b"a")));
    assert!(choose(&one, Some(&riscv)).is_err());
    drop(dir);
}

/// What a layer may hold, as a test case: kind, name, target.
fn entries() -> impl Strategy<Value = Vec<(u8, &'static str, &'static str)>> {
    let names = [
        "a",
        "b",
        "d/",
        "d/a",
        "d/b/c",
        ".wh.a",
        ".wh.d",
        "d/.wh..wh..opq",
        "d/.wh.a",
        ".wh..wh.x",
        "../x",
        "l/a",
        "l",
        "",
        "/",
        "d/l/../a",
    ];
    let targets = ["a", "d", "/d/a", "../..", "l", "d/l", ""];
    let kinds = [b'0', b'1', b'2', b'3', b'5', b'6', b'7', b'0', b'0'];
    prop::collection::vec(
        (prop::sample::select(kinds.to_vec()), prop::sample::select(names.to_vec()), prop::sample::select(targets.to_vec())),
        0..12,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_layers_make_a_tree_that_holds_together(layers in prop::collection::vec(entries(), 0..4)) {
        let mut tree = Tree::new(Limits::default());
        for (number, layer) in layers.iter().enumerate() {
            let tar = layer.iter().fold(Tar::default(), |tar, (kind, name, target)| tar.entry(*kind, name, target, b"")).end();
            let mut archive = Archive::new(tar.as_slice());
            let mut entry = Entry::default();
            while archive.next(&mut entry).expect("a tar") {
                tree.apply(&entry, u16::try_from(number).expect("few"), &mut Nobody).expect("small");
            }
        }
        let listed = paths(&tree);
        prop_assert_eq!(listed.len(), tree.len());
        let mut once = listed.clone();
        once.dedup();
        prop_assert_eq!(&once, &listed);
        for path in &listed {
            prop_assert!(!path.contains(".wh."), "{path}");
            let parts: Vec<&[u8]> = path.trim_end_matches('/').split('/').map(str::as_bytes).collect();
            prop_assert!(tree.find_parts(&parts, false).is_ok(), "{path} is listed but not found");
        }
    }

    #[test]
    fn any_bytes_are_a_tar_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..2048), name in "[a-z/.]{0,20}", cut in 0_usize..2048) {
        let mut whole = Tar::default().file(&name, "x").0;
        whole.extend_from_slice(&bytes);
        whole.truncate(cut);
        let mut archive = Archive::new(whole.as_slice());
        let mut entry = Entry::default();
        while matches!(archive.next(&mut entry), Ok(true)) {}
    }
}

#[test]
fn a_million_entries_take_bounded_memory() {
    let mut tree = Tree::new(Limits::default());
    let mut entry = Entry { kind: EntryKind::File, size: 1, ..Entry::default() };
    for number in 0..1_000_000_u32 {
        entry.path = format!("usr/share/dir{}/file-{number}", number / 1000).into_bytes();
        tree.apply(&entry, 0, &mut Nobody).expect("fits");
    }
    // All of them hidden again, one by one, and by a directory that is named a thousand times.
    for number in 0..500_000_u32 {
        entry.path = format!("usr/share/dir{}/.wh.file-{number}", number / 1000).into_bytes();
        tree.apply(&entry, 1, &mut Nobody).expect("fits");
    }
    assert_eq!(tree.len(), 501_002);
    for _ in 0..1000 {
        entry.path = b"usr/.wh..wh..opq".to_vec();
        tree.apply(&entry, 2, &mut Nobody).expect("fits");
    }
    assert_eq!(paths(&tree), ["usr/"]);
    assert!(size_of::<tree::Node>() <= 96, "{} bytes for each of a million", size_of::<tree::Node>());
}

#[test]
fn opens_what_a_layout_lists() {
    let dir = tempfile::tempdir().expect("dir");
    let image = image(dir.path(), &[]);
    assert!(Layout::open(&dir.path().join("layout")).is_ok());
    let summary = image.summary();
    assert_eq!(
        (summary.platform.as_deref(), summary.cmd.as_slice(), summary.layers.len()),
        (Some("linux/amd64"), &["app".to_owned()][..], 0)
    );
    assert!(looked(&image).tree.is_empty());
}
