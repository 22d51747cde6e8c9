//! `stagefreight inspect` next to `crane export | tar t`, on images that BuildKit, the embedded builder and nobody built.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use stagefreight::core::oci::media_type;
use stagefreight::store::LayoutWriter;

use crate::support::{Registry, Sf, assert_satisfies, component, docker, path_with_components};

/// A workspace with a static busybox, for images that run something.
fn with_busybox(dockerfile: &str) -> Sf {
    let busybox = std::fs::read(component("busybox", "busybox")).expect("busybox");
    let sf = Sf::new().file("bin/busybox", busybox).file("Dockerfile", dockerfile);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(sf.path().join("bin/busybox"), mode).expect("mode");
    sf
}

/// Built by BuildKit into an OCI layout; `layout` below the workspace.
fn by_buildkit(sf: &Sf) -> PathBuf {
    let output = sf.outside().join("buildkit");
    let built = Command::new(docker())
        .env("PATH", path_with_components())
        .args(["buildx", "build", "--quiet", "--provenance=false", "--output"])
        .arg(format!("type=oci,tar=false,dest={}", output.display()))
        .arg(sf.path())
        .stdout(Stdio::null())
        .output()
        .expect("docker buildx");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    output
}

/// What `crane export | tar t` lists, and what is in the files it extracts.
struct Exported {
    paths: BTreeSet<String>,
    dir: tempfile::TempDir,
}

impl Exported {
    fn of(reference: &str) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let tar = dir.path().join("export.tar");
        let exported =
            Command::new(component("crane", "crane")).args(["export", "--insecure", reference]).arg(&tar).output().expect("crane");
        assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
        let listed = Command::new("tar").arg("tf").arg(&tar).output().expect("tar");
        assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
        let paths = String::from_utf8_lossy(&listed.stdout).lines().map(|line| line.trim_end_matches('/').to_owned()).collect();
        std::fs::create_dir(dir.path().join("files")).expect("dir");
        // crane writes the uppermost layer first, so a hard link may come before what it links to: tar says so and goes on.
        let _links =
            Command::new("tar").args(["xf"]).arg(&tar).arg("-C").arg(dir.path().join("files")).stderr(Stdio::null()).status().expect("tar");
        Self { paths, dir }
    }

    /// Regular files that were extracted, with their bytes.
    fn files(&self, paths: &BTreeSet<String>) -> BTreeMap<String, Vec<u8>> {
        let at = |path: &String| self.dir.path().join("files").join(path);
        let regular = paths.iter().filter(|path| at(path).symlink_metadata().is_ok_and(|meta| meta.is_file()));
        regular.map(|path| (path.clone(), std::fs::read(at(path)).expect("file"))).collect()
    }
}

fn listed(sf: &Sf, image: &str) -> (BTreeSet<String>, serde_json::Value) {
    let document = sf.run(&["inspect", image, "--tree", "--output", "json"]).code(0).json();
    assert_satisfies("command-inspect", &document);
    let files = document["files"].as_array().expect("files");
    let paths = files.iter().map(|file| file["path"].as_str().expect("path").trim_start_matches('/').to_owned()).collect();
    (paths, document)
}

/// Compares with crane: the same paths, and the same bytes of every file. Gives how many files were compared.
#[track_caller]
fn agrees(sf: &Sf, image: &str, layout: &Path, name: &str) -> usize {
    let registry = Registry::v2(false);
    let reference = format!("{}/inspect/{name}:1", registry.host);
    sf.run(&["copy", &layout.to_string_lossy(), &reference]).code(0);
    let exported = Exported::of(&reference);
    let (ours, _) = listed(sf, image);
    assert_eq!(ours, exported.paths, "{name}");
    // The same from the registry itself.
    assert_eq!(listed(sf, &reference).0, ours);
    let files = exported.files(&ours);
    let mut hash = vec!["inspect", image];
    hash.extend(files.keys().flat_map(|path| ["--hash", path]));
    let hashes = sf.run(&hash).code(0).stdout();
    for ((path, bytes), line) in files.iter().zip(hashes.lines()) {
        let expected = stagefreight::core::Digest::of(bytes);
        assert_eq!(line, format!("{}  {path}", expected.hex()));
    }
    for (path, bytes) in &files {
        let written = sf.run(&["inspect", image, "--file", path]).code(0).output.stdout;
        assert!(written == *bytes, "{name}: {path} has {} bytes, not {}", written.len(), bytes.len());
    }
    files.len()
}

const SHELL: &str = "FROM scratch\nCOPY bin/busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n";

#[test]
fn files_and_directories_that_later_layers_removed() {
    let sf = with_busybox(&format!(
        "{SHELL}RUN mkdir -p /d/sub /e && echo a >/d/a && echo b >/d/sub/b && echo c >/e/c\nRUN rm /d/a && rm -r /e && echo again >/d/sub/b\nRUN echo a2 >/d/a && mkdir /e && echo n >/e/n\n"
    ));
    let layout = by_buildkit(&sf);
    assert!(agrees(&sf, &layout.to_string_lossy(), &layout, "whiteouts") >= 4);
    let text = sf.run(&["inspect", &layout.to_string_lossy(), "--layers"]).code(0).stdout();
    assert!(text.contains("/d/sub/b  of layer 2, by layer 3"), "{text}");
}

#[test]
fn hard_links_within_layers_and_across() {
    let sf = with_busybox(&format!(
        "{SHELL}RUN mkdir /h && echo one >/h/a && ln /h/a /h/b && ln -s /h /link && ln -s ../h/a /h/s\nRUN ln /h/a /h/c && echo two >/link/d\nRUN rm /h/a\n"
    ));
    let layout = by_buildkit(&sf);
    agrees(&sf, &layout.to_string_lossy(), &layout, "links");
    let image = layout.to_string_lossy().into_owned();
    for path in ["/h/b", "/link/c", "h/../link/b"] {
        assert_eq!(sf.run(&["inspect", &image, "--file", path]).code(0).stdout(), "one\n", "{path}");
    }
}

#[test]
fn directories_made_anew_are_opaque() {
    let sf = with_busybox(&format!(
        "{SHELL}RUN mkdir -p /o/deep && echo a >/o/a && echo b >/o/deep/b\nRUN rm -r /o && mkdir -p /o/deep && echo n >/o/deep/n\n"
    ));
    let layout = by_buildkit(&sf);
    agrees(&sf, &layout.to_string_lossy(), &layout, "opaque");
    let (paths, _) = listed(&sf, &layout.to_string_lossy());
    let below: Vec<_> = paths.iter().filter(|path| path.starts_with("o/")).collect();
    assert_eq!(below, ["o/deep", "o/deep/n"]);
}

#[test]
fn the_embedded_builders_images_in_the_store() {
    let sf = Sf::new()
        .file("Dockerfile", "FROM scratch AS base\nCOPY links /\nCOPY app /usr/lib/app\nFROM base\nCOPY app /lib/other\nCOPY app /usr/lib/app\nCOPY conf /etc/conf\nENTRYPOINT [\"/lib/app\"]\n")
        .file("app", "#!/bin/sh\n")
        .file("conf/ünï côde", "x".repeat(100_000))
        .file(&format!("conf/{}/{}", "d".repeat(120), "f".repeat(120)), "long")
        .file("conf/empty", "")
        .file("links/usr/lib/.keep", "")
        .file(".stagefreight.yml", "version: 1\nbuilds:\n  app: { kind: docker, builder: embedded }\n")
        .git();
    std::os::unix::fs::symlink("usr/lib", sf.path().join("links/lib")).expect("link");
    std::fs::set_permissions(sf.path().join("app"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("mode");
    sf.commit("links");
    sf.run(&["perform"]).code(0);
    let listing = sf.run(&["store", "ls", "--output", "json"]).code(0).json();
    let digest = listing["images"][0]["digest"].as_str().expect("digest").to_owned();
    let layout = sf.path().join(".stagefreight/objects/sha256").join(digest.trim_start_matches("sha256:"));
    assert!(agrees(&sf, &digest, &layout, "embedded") >= 5);
    let binary = sf.run(&["inspect", &digest, "--binary"]).code(0).stdout();
    assert_eq!(binary, format!("{}  /usr/lib/app\n", stagefreight::core::Digest::of(b"#!/bin/sh\n").hex()));
    let shown = sf.run(&["inspect", &digest]).code(0).stdout();
    assert!(shown.contains("entrypoint  [\"/lib/app\"]") && shown.contains("org.opencontainers.image.revision="), "{shown}");
    let document = sf.run(&["inspect", &digest, "--layers", "--output", "json"]).code(0).json();
    assert_satisfies("command-inspect", &document);
    assert_eq!(document["image"]["root"], digest);
    assert!(document["layer_use"].as_array().is_some_and(|layers| layers.len() >= 4), "{document}");
}

/// A tar with entries as tests name them: type, name, link target.
fn tar_of(entries: &[(u8, &str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, link) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::new(*kind));
        let content = if *kind == b'0' { *name } else { "" };
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        header.set_device_major(1).and_then(|()| header.set_device_minor(3)).expect("device");
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        builder.append(&header, content.as_bytes()).expect("entry");
    }
    builder.into_inner().expect("tar")
}

fn by_hand(dir: &Path, layers: &[(&str, Vec<u8>)]) -> PathBuf {
    let layout = dir.join("by-hand");
    let writer = LayoutWriter::create(&layout).expect("layout");
    let diff_ids: Vec<String> = layers.iter().map(|(_, tar)| stagefreight::core::Digest::of(tar).to_string()).collect();
    let pack = |(kind, tar): &(&str, Vec<u8>)| {
        let bytes = match *kind {
            media_type::OCI_LAYER_ZSTD => zstd::encode_all(tar.as_slice(), 3).expect("zstd"),
            media_type::OCI_LAYER_GZIP => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                std::io::Write::write_all(&mut encoder, tar).expect("gzip");
                encoder.finish().expect("gzip")
            }
            _ => tar.clone(),
        };
        writer.put_bytes(kind, &bytes).expect("layer")
    };
    let descriptors: Vec<_> = layers.iter().map(pack).collect();
    let config = serde_json::json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = writer.put_bytes(media_type::OCI_CONFIG, config.to_string().as_bytes()).expect("config");
    let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": descriptors});
    let manifest = writer.put_bytes(media_type::OCI_MANIFEST, manifest.to_string().as_bytes()).expect("manifest");
    writer.finish(&manifest).expect("layout");
    layout
}

#[test]
fn layers_made_by_hand_in_every_compression() {
    let sf = Sf::new();
    let lower = [
        (b'5', "dev/", ""),
        (b'3', "dev/null", ""),
        (b'6', "dev/pipe", ""),
        (b'5', "a/", ""),
        (b'0', "a/x", ""),
        (b'0', "a/y", ""),
        (b'1', "a/z", "a/x"),
    ];
    let upper = [(b'0', "a/.wh.x", ""), (b'0', ".wh..wh.aufs", ""), (b'0', ".wh..wh..wh.a", ""), (b'5', "b/", ""), (b'0', "b/new", "")];
    let top = [(b'0', ".wh.b", ""), (b'2', "s", "/a/y"), (b'0', "a/y", "")];
    let layout = by_hand(
        sf.outside(),
        &[
            (media_type::OCI_LAYER_GZIP, tar_of(&lower)),
            (media_type::OCI_LAYER, tar_of(&upper)),
            (media_type::OCI_LAYER_ZSTD, tar_of(&top)),
        ],
    );
    let image = layout.to_string_lossy().into_owned();
    agrees(&sf, &image, &layout, "by-hand");
    insta::assert_snapshot!(sf.run(&["inspect", &image, "--tree"]).code(0).stdout());
    insta::assert_snapshot!(sf.run(&["inspect", &image, "--layers"]).code(0).stdout());
    assert_eq!(sf.run(&["inspect", &image, "--file", "/s"]).code(0).stdout(), "a/y");
    assert_eq!(sf.run(&["inspect", &image, "--file", "/a/z"]).code(0).stdout(), "a/x");
    let document = sf.run(&["inspect", &image, "--hash", "a/y", "--output", "json"]).code(0).json();
    assert_satisfies("command-inspect", &document);
    assert_eq!(document["hashes"][0]["sha256"], stagefreight::core::Digest::of(b"a/y").hex());
}

#[test]
fn opaque_directories_as_the_image_specification_means_them() {
    // BuildKit marks a directory that was made anew; crane 0.22 does not know the mark, container runtimes do.
    let sf = Sf::new();
    let lower = [(b'5', "o/", ""), (b'0', "o/old", "")];
    let upper = [(b'5', "o/", ""), (b'0', "o/new", ""), (b'0', "o/.wh..wh..opq", "")];
    let layout = by_hand(sf.outside(), &[(media_type::OCI_LAYER_GZIP, tar_of(&lower)), (media_type::OCI_LAYER_GZIP, tar_of(&upper))]);
    let (paths, _) = listed(&sf, &layout.to_string_lossy());
    assert_eq!(paths.into_iter().collect::<Vec<_>>(), ["o", "o/new"]);
}

#[test]
fn a_program_is_run_when_it_is_asked_for_its_version_and_nothing_stays() {
    let sf =
        with_busybox("FROM scratch\nCOPY bin/busybox /bin/busybox\nENV APP_VERSION=1.4.0\nENTRYPOINT [\"/bin/busybox\", \"sh\", \"-c\"]\n")
            .file(".stagefreight.yml", "version: 1\nbuilds: { app: { kind: docker, builder: embedded } }\n")
            .git();
    docker();
    sf.run(&["perform"]).code(0);
    let image = sf.artifact_digest();
    let asked = |words: &str| {
        let command = sf.command(&["inspect", &image, "--version-by", words, "--output", "json"]);
        let output = command.env("PATH", path_with_components()).output();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let left = || {
        let ask = |args: &[&str]| Command::new(docker()).args(args).output().expect("docker").stdout;
        let (images, containers) = (ask(&["images", "--format", "{{.Repository}}"]), ask(&["ps", "-a", "--format", "{{.Names}}"]));
        let names = String::from_utf8_lossy(&[images, containers].concat()).into_owned();
        names.lines().filter(|name| name.starts_with("stagefreight-inspect")).count()
    };
    // Nothing may be written and nobody reached; what is said is what the image's own environment holds.
    let (code, said, told) = asked("echo${IFS}app${IFS}$APP_VERSION");
    assert_eq!(code, Some(0), "{told}");
    let document: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_satisfies("command-inspect", &document);
    assert_eq!(document["version"]["output"], "app 1.4.0", "{document:#}");
    let of = stagefreight::core::Digest::of(b"app 1.4.0\n").to_string();
    assert_eq!(document["version"]["fingerprint"], of.as_str());
    let (code, _, told) = asked("false");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("fails when asked for its version"), "{told}");
    let (code, _, told) = asked("true");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("says nothing when asked for its version"), "{told}");
    assert_eq!(left(), 0);
}

#[test]
fn says_what_it_cannot_show() {
    let sf = Sf::new().file("plain/file", "");
    let layout = by_hand(sf.outside(), &[(media_type::OCI_LAYER_GZIP, tar_of(&[(b'0', "zeros", "")]))]);
    let image = layout.to_string_lossy().into_owned();
    let says = |args: &[&str], code: i32, what: &str| {
        let run = sf.run(&[&["inspect"], args].concat()).code(code);
        assert!(run.stderr().contains(what) && run.stdout().is_empty(), "{args:?}: {}", run.stderr());
    };
    says(&["./nothing"], 3, "there is no OCI layout at");
    says(&["plain"], 7, "plain is a directory, but no OCI layout");
    says(&[&format!("sha256:{}", "0".repeat(64))], 3, "the store holds nothing for sha256:000");
    says(&["UPPER/case:x"], 2, "`UPPER/case:x`");
    says(&[&image, "--file", "/none"], 3, "there is no such file in the image");
    says(&[&image, "--binary"], 3, "says no program to start");
    says(&[&image, "--platform", "linux"], 2, "--platform");
    says(&[&image, "--tree", "--max-unpacked", "1KiB"], 1, "unpacks to more than 1");
    says(&[&image, "--file", "zeros", "--output", "json"], 2, "not JSON");
    says(&[&image, "--file", "a", "--tree"], 2, "cannot be used with");
    assert!(sf.run(&["inspect", &image]).code(0).stdout().contains("linux/amd64"));
}
