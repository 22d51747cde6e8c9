//! The embedded builder against BuildKit: the same Dockerfiles give the same files and the same config.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;
use stagefreight::build::embedded::{Embedded, needs_buildkit};
use stagefreight::build::{BaseImage, BaseImages, BuildCx, Builder as _, Built};
use stagefreight::core::{BoxFuture, Digest, Platform, Reference};
use stagefreight::error::{Error, Kind};
use stagefreight::event::Events;
use stagefreight::plan::{BuildStep, BuilderChoice, BuilderKind};
use tokio_util::sync::CancellationToken;

const EPOCH: i64 = 1_700_000_000;

/// A repository in a temporary directory.
struct Repo {
    dir: tempfile::TempDir,
    args: BTreeMap<String, String>,
    target: Option<String>,
    bases: Vec<(&'static str, PathBuf, Digest)>,
}

impl Repo {
    fn new(dockerfile: &str) -> Self {
        let repo = Self { dir: tempfile::tempdir().expect("dir"), args: BTreeMap::new(), target: None, bases: Vec::new() };
        repo.file("Dockerfile", dockerfile, 0o644)
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    fn file(self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> Self {
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("parents");
        std::fs::write(&path, content).expect("file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
        self
    }

    fn dir(self, name: &str, mode: u32) -> Self {
        let path = self.root().join(name);
        std::fs::create_dir_all(&path).expect("dir");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
        self
    }

    fn link(self, name: &str, target: &str) -> Self {
        std::os::unix::fs::symlink(target, self.root().join(name)).expect("link");
        self
    }

    fn arg(mut self, name: &str, value: &str) -> Self {
        self.args.insert(name.to_owned(), value.to_owned());
        self
    }

    fn target(mut self, name: &str) -> Self {
        self.target = Some(name.to_owned());
        self
    }

    fn base(mut self, name: &'static str, built: &Built) -> Self {
        self.bases.push((name, built.layout.clone(), built.digest.clone()));
        self
    }

    fn step(&self) -> BuildStep {
        BuildStep {
            id: "app".to_owned(),
            required: true,
            depends_on: Vec::new(),
            dockerfile: "Dockerfile".to_owned(),
            context: ".".to_owned(),
            target: self.target.clone(),
            platforms: vec!["linux/amd64".to_owned()],
            args: self.args.clone(),
            labels: BTreeMap::new(),
            source_date_epoch: EPOCH,
            provenance: None,
            sbom: false,
            compression: "gzip".to_owned(),
            builder: BuilderChoice { kind: BuilderKind::Embedded, why: "a test".to_owned() },
        }
    }

    /// Builds with a changed step, below `out`.
    fn build_as(&self, out: &str, threads: usize, change: impl FnOnce(&mut BuildStep)) -> Result<Built, Error> {
        let mut step = self.step();
        change(&mut step);
        let scratch = self.dir.path().join(out);
        std::fs::create_dir_all(&scratch).expect("scratch");
        let cx = BuildCx { workspace: self.root(), scratch, cancel: CancellationToken::new(), events: Events::none() };
        let builder = Embedded::new(vec![Arc::new(Bases(self.bases.clone()))]).threads(threads);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(builder.build(&cx, &step))
    }

    #[track_caller]
    fn build(&self) -> Built {
        self.build_as("embedded", 2, |_| {}).unwrap_or_else(|e| panic!("{e}\nhint: {:?}", e.hint_text()))
    }

    #[track_caller]
    fn fails(&self) -> Error {
        match self.build_as("failing", 2, |_| {}) {
            Ok(built) => panic!("built {}", built.digest),
            Err(error) => error,
        }
    }

    /// The same through docker buildx, as an OCI layout.
    #[track_caller]
    fn buildkit(&self) -> Built {
        let docker = docker();
        let layout = self.dir.path().join("buildkit");
        let mut command = Command::new(docker);
        command.args(["buildx", "build", "--provenance=false", "--platform=linux/amd64", "--build-arg"]);
        command.arg(format!("SOURCE_DATE_EPOCH={EPOCH}"));
        for (name, value) in &self.args {
            command.arg("--build-arg").arg(format!("{name}={value}"));
        }
        if let Some(target) = &self.target {
            command.arg("--target").arg(target);
        }
        for (name, path, digest) in &self.bases {
            command.arg("--build-context").arg(format!("{name}=oci-layout://{}@{digest}", path.display()));
        }
        command.arg("--output").arg(format!("type=oci,tar=false,dest={}", layout.display())).arg(".").current_dir(self.root());
        let output = command.output().expect("docker runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json")).expect("index")).expect("json");
        let digest = index["manifests"][0]["digest"].as_str().expect("digest").parse().expect("digest");
        Built { digest, layout, build_args_digest: None, bases: Vec::new() }
    }
}

fn docker() -> PathBuf {
    let own = std::env::var_os("SF_COMPONENTS")
        .map_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/stagefreight/components"), PathBuf::from);
    let own = own.join("bin/docker");
    let docker = if own.exists() { own } else { PathBuf::from("docker") };
    let alive = Command::new(&docker).arg("info").output().is_ok_and(|output| output.status.success());
    assert!(alive, "docker does not answer: run `scripts/components install docker && scripts/components start docker`");
    docker
}

/// Base images the test hands to the builder.
struct Bases(Vec<(&'static str, PathBuf, Digest)>);

impl BaseImages for Bases {
    fn fetch<'a>(
        &'a self,
        reference: &'a Reference,
        _: &'a Platform,
        _: &'a Path,
        _: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<BaseImage, Error>> {
        Box::pin(async move {
            let path = reference.repository.path.trim_start_matches("library/");
            let found = self.0.iter().find(|(name, ..)| *name == path);
            let (_, layout, digest) = found.ok_or_else(|| Error::missing(format!("{reference} is not one of the test's images")))?;
            Ok(BaseImage { layout: layout.clone(), manifest: digest.clone(), resolved: digest.clone() })
        })
    }
}

fn blob(layout: &Path, digest: &str) -> Vec<u8> {
    let bytes = std::fs::read(layout.join("blobs").join(digest.replace(':', "/"))).expect("blob");
    assert_eq!(Digest::of(&bytes).as_str(), digest, "a blob's name is its digest");
    bytes
}

fn json(layout: &Path, digest: &str) -> Value {
    serde_json::from_slice(&blob(layout, digest)).expect("json")
}

fn config(built: &Built) -> Value {
    let manifest = json(&built.layout, built.digest.as_str());
    json(&built.layout, manifest["config"]["digest"].as_str().expect("config"))
}

/// The image's files with overlay semantics: type, mode, owner, and content or link target by path.
fn tree(built: &Built) -> BTreeMap<String, String> {
    let manifest = json(&built.layout, built.digest.as_str());
    let mut files = BTreeMap::<String, String>::new();
    // BuildKit writes `null` for an image without layers.
    for layer in manifest["layers"].as_array().unwrap_or(&Vec::new()) {
        let packed = blob(&built.layout, layer["digest"].as_str().expect("digest"));
        let mut bytes = Vec::new();
        if layer["mediaType"].as_str().is_some_and(|t| t.ends_with("zstd")) {
            bytes = zstd::decode_all(packed.as_slice()).expect("zstd");
        } else {
            flate2::read::MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).expect("gzip");
        }
        let mut archive = tar::Archive::new(bytes.as_slice());
        for entry in archive.entries().expect("tar") {
            let mut entry = entry.expect("entry");
            let path = entry.path().expect("path").to_string_lossy().trim_matches('/').to_owned();
            if path.is_empty() {
                continue;
            }
            if let Some((dir, name)) = path.rsplit_once('/').or(Some(("", &path))).filter(|(_, name)| name.starts_with(".wh.")) {
                let hidden = format!("{dir}/{}", &name[4..]).trim_start_matches('/').to_owned();
                files.retain(|path, _| *path != hidden && !path.starts_with(&format!("{hidden}/")));
                continue;
            }
            let header = entry.header().clone();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("content");
            let what = match header.entry_type() {
                tar::EntryType::Directory => "dir".to_owned(),
                tar::EntryType::Symlink => format!("-> {}", entry.link_name().expect("link").expect("link").display()),
                tar::EntryType::Link => {
                    let target = entry.link_name().expect("link").expect("link").to_string_lossy().trim_matches('/').to_owned();
                    let same = files.get(&target).unwrap_or_else(|| panic!("hard link to {target}")).clone();
                    files.insert(path, same);
                    continue;
                }
                _ => format!("file {}", Digest::of(&content).short()),
            };
            let owner = (header.uid().expect("uid"), header.gid().expect("gid"));
            files.insert(path, format!("{:o} {}:{} {what}", header.mode().expect("mode") & 0o7777, owner.0, owner.1));
        }
    }
    files
}

/// Asserts that both builders made the same image, as far as anybody who runs it can tell.
#[track_caller]
fn same(name: &str, repo: &Repo) {
    let (ours, theirs) = (repo.build(), repo.buildkit());
    let (our_tree, their_tree) = (tree(&ours), tree(&theirs));
    let differences: Vec<String> = our_tree
        .keys()
        .chain(their_tree.keys())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .filter(|path| our_tree.get(*path) != their_tree.get(*path))
        .map(|path| format!("{path}: embedded {:?}, BuildKit {:?}", our_tree.get(path), their_tree.get(path)))
        .collect();
    assert!(differences.is_empty(), "{name}:\n{}", differences.join("\n"));
    let (ours, theirs) = (config(&ours), config(&theirs));
    for key in ["Env", "Entrypoint", "Cmd", "WorkingDir", "User", "Labels", "ExposedPorts", "Volumes", "Healthcheck", "StopSignal", "Shell"]
    {
        assert_eq!(ours["config"][key], theirs["config"][key], "{name}: {key}");
    }
    for key in ["architecture", "os", "variant", "author"] {
        assert_eq!(ours[key], theirs[key], "{name}: {key}");
    }
    let history = |config: &Value| config["history"].as_array().map(|h| h.iter().map(|e| e["empty_layer"] == true).collect::<Vec<_>>());
    assert_eq!(history(&ours), history(&theirs), "{name}: history");
}

fn with_files(dockerfile: &str) -> Repo {
    Repo::new(dockerfile)
        .file("app", "#!/bin/sh\necho hello\n", 0o755)
        .file("LICENSE", "free\n", 0o644)
        .file("conf/app.toml", "port = 1\n", 0o640)
        .file("conf/d/10-a.toml", "a\n", 0o600)
        .file("conf/d/20-b.toml", "b\n", 0o644)
        .file("site/index.html", "<p>", 0o644)
        .file("site/css/main.css", "p{}", 0o644)
        .file("setuid", "x", 0o4755)
        .dir("empty", 0o750)
        .dir("conf/d", 0o700)
        .link("site/home.html", "index.html")
        .link("site/outside", "/etc/passwd")
        .link("to-app", "app")
        .link("to-conf", "conf")
}

#[test]
fn dirs_and_files_land_where_buildkit_lands_them() {
    same(
        "dirs",
        &with_files(
            "FROM scratch\nCOPY app /usr/bin/app\nCOPY LICENSE /usr/share/\nCOPY conf /etc/app\nCOPY conf/ /etc/again/\nCOPY conf/. /etc/dot\n\
             COPY empty /var/empty\nCOPY setuid .\nCOPY app LICENSE /opt/two/\nCOPY --link app /linked/app\nCOPY conf /etc/app\nCOPY [\"app\", \"/with space/\"]\n",
        ),
    );
}

#[test]
fn globs_match_what_buildkit_matches() {
    same(
        "globs",
        &with_files(
            "FROM scratch\nCOPY conf/d/*.toml /t/\nCOPY c*/*.t?ml /u/\nCOPY site/[h-i]* /v/\nCOPY *.none LICENSE /w/\nCOPY L*E /x\nCOPY con* /y/\n",
        ),
    );
}

#[test]
fn stages_give_what_was_put_into_them() {
    same(
        "stages",
        &with_files(
            "ARG BASE=files\nFROM scratch AS files\nARG KEPT=yes\nENV A=1\nWORKDIR /data\nCOPY --chown=7:8 conf conf\nCOPY app .\nFROM ${BASE} AS second\nENV B=$A$KEPT\n\
             COPY LICENSE .\nFROM scratch AS unused\nCOPY missing /\nFROM second\nCOPY --from=files /data/conf /from-name\nCOPY --from=0 /data/app /from-number\n\
             COPY --from=second --chown=3 /data /owned/\n",
        ),
    );
    same(
        "target",
        &with_files("FROM scratch AS one\nCOPY app /\nFROM one AS two\nCOPY LICENSE /\nFROM scratch\nCOPY conf /\n").target("two"),
    );
}

#[test]
fn owners_and_modes_are_buildkits() {
    let passwd = "root:x:0:0::/:\napp:x:1000:1001::/:\n";
    let group = "root:x:0:\nstaff:x:50:\n";
    same(
        "owners",
        &with_files(
            "FROM scratch\nCOPY passwd group /etc/\nCOPY --chown=1000 app /a/b/app\nCOPY --chown=app conf /named\nCOPY --chown=app:staff LICENSE /n/\n\
             COPY --chown=5:6 --chmod=0640 conf /modes\nCOPY --chmod=4711 app /bin/\nCOPY --chown=9:9 site /site\nUSER app\nWORKDIR /home/app/deep\nCOPY LICENSE .\n",
        )
        .file("passwd", passwd, 0o644)
        .file("group", group, 0o644),
    );
}

#[test]
fn variables_expand_as_in_buildkit() {
    same(
        "variables",
        &with_files(
            r#"# escape=\
ARG VERSION=1.0
ARG WHO="acme ${VERSION}"
FROM scratch
ARG VERSION
ARG WHO
ARG OWN=default OTHER
ARG TARGETARCH
ARG TARGETPLATFORM
ARG SOURCE_DATE_EPOCH
ENV A=1 B="two words" C='$A' D=a\ b
ENV E=$A-${B} F=${UNSET:-fallback} G=${A:+set} OLD=x
ENV LEGACY the rest = of it
ENV A=2 H=$A V=$VERSION W=$WHO O=$OWN P=$OTHER T=$TARGETPLATFORM S=$SOURCE_DATE_EPOCH
LABEL one=1 "two three"="a b" version="${VERSION}" multi="line \
continued"
COPY app /opt/${VERSION}/app-$TARGETARCH
WORKDIR /srv/${A}
WORKDIR sub
COPY LICENSE copied
USER ${OWN}:${A}
EXPOSE 8080 53/udp 9000-9002 ${A}1/TCP
VOLUME /data ${A}x
VOLUME ["/json", "/two"]
STOPSIGNAL SIGTERM
MAINTAINER someone <a@b.c>
"#,
        )
        .arg("VERSION", "2.5")
        .arg("OTHER", "given"),
    );
}

#[test]
fn commands_health_and_shell_are_kept() {
    same(
        "shell",
        &with_files(
            "FROM scratch\nSHELL [\"/bin/ash\", \"-eo\", \"pipefail\", \"-c\"]\nENTRYPOINT exec app $X\nCMD one \\\n  # why\n  two\n",
        ),
    );
    same(
        "exec",
        &with_files(
            "FROM scratch AS a\nCMD [\"old\"]\nENTRYPOINT [\"/app\", \"a b\"]\nFROM a\nHEALTHCHECK --interval=1m30s --timeout=3s --retries=4 --start-period=500ms CMD [\"/app\", \"check\"]\n",
        ),
    );
    same(
        "reset",
        &with_files("FROM scratch AS a\nCMD [\"old\"]\nHEALTHCHECK CMD check me\nFROM a\nENTRYPOINT [\"/app\"]\nHEALTHCHECK NONE\n"),
    );
}

#[test]
fn ignore_files_leave_out_the_same() {
    let repo = |dockerfile: &str| {
        with_files(dockerfile)
            .file(".stagefreight-not/x", "x", 0o644)
            .file("docs/a.md", "a", 0o644)
            .file("docs/deep/b.md", "b", 0o644)
            .file("docs/deep/keep.md", "k", 0o644)
    };
    let copy = "FROM scratch\nCOPY . /all/\n";
    same("none", &repo(copy));
    same(
        "ignored",
        &repo(copy).file(
            ".dockerignore",
            "# comment\n**/*.md\n!docs/deep/keep.md\nconf\n!conf/d/10-a.toml\nsite/*\nempty/\nDockerfile\n",
            0o644,
        ),
    );
    same("own", &repo(copy).file(".dockerignore", "*\n", 0o644).file("Dockerfile.dockerignore", "site\n", 0o644));
}

#[test]
fn links_are_kept_and_followed_alike() {
    same(
        "links",
        &with_files(
            "FROM scratch\nCOPY site /site\nCOPY to-app /bin/\nCOPY to-app /renamed\nCOPY to-conf /conf\nCOPY to-conf/app.toml /through\nCOPY to-* /many/\n",
        ),
    );
    let base = with_files("FROM scratch\nCOPY base /\n")
        .dir("base/usr/lib", 0o755)
        .link("base/lib", "usr/lib")
        .link("base/abs", "/usr")
        .build_kept();
    same(
        "into-links",
        &with_files("FROM base\nCOPY app /lib/app\nCOPY conf /abs/share/conf\nWORKDIR /lib/work\nCOPY LICENSE .\n").base("base", &base.1),
    );
}

#[test]
fn bases_are_built_upon() {
    let base = with_files(
        "FROM scratch\nENV PATH=/only KEEP=1\nLABEL from=base keep=1\nCOPY conf /conf\nCOPY app /bin/app\nWORKDIR /work\nUSER 12\nEXPOSE 1\nVOLUME /v\nCMD [\"base\"]\nENTRYPOINT [\"/bin/app\"]\n",
    )
    .build_kept();
    same("config", &with_files("FROM base\nLABEL from=child\nENV KEEP=2\nCOPY LICENSE .\n").base("base", &base.1));
    same(
        "entry",
        &with_files("FROM base\nENTRYPOINT [\"/x\"]\nCOPY app /conf/app.toml\nCOPY --chmod=600 app /bin/app\nCOPY site /conf/d/\n")
            .base("base", &base.1),
    );
    same("from", &with_files("FROM scratch\nCOPY --from=base /conf /c\nCOPY --from=base /bin/* /b/\n").base("base", &base.1));
}

#[test]
fn archives_are_unpacked_by_add_and_here_documents_written() {
    let mut tar = tar::Builder::new(Vec::new());
    let mut entry = |name: &str, content: &[u8], mode: u32| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_uid(33);
        header.set_gid(44);
        header.set_mtime(1_000_000);
        header.set_size(content.len() as u64);
        header.set_entry_type(if name.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular });
        tar.append_data(&mut header, name, content).expect("entry");
    };
    entry("in/", b"", 0o711);
    entry("in/file", b"inside", 0o640);
    entry("top", b"top", 0o755);
    let tar = tar.into_inner().expect("tar");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gz, &tar).expect("gzip");
    let gz = gz.finish().expect("gzip");
    same(
        "add",
        &with_files("FROM scratch\nADD files.tar /plain\nADD files.tar.gz /gz/\nADD --chown=5:5 files.tar /owned\nADD app LICENSE /files/\nCOPY files.tar /copied\n")
            .file("files.tar", &tar, 0o644)
            .file("files.tar.gz", &gz, 0o644),
    );
    same(
        "heredoc",
        &with_files(
            "FROM scratch\nENV A=x\nCOPY <<EOF /etc/one\nvalue $A \"quoted\" \\$B\nEOF\nCOPY <<'TWO' <<-THREE /dir/\nraw $A\nTWO\n\ttabs $A\nTHREE\nCOPY --chmod=755 <<EOF /run.sh\n#!/bin/sh\nEOF\n",
        ),
    );
}

impl Repo {
    /// The image together with the repository that keeps it on disk.
    fn build_kept(self) -> (Self, Built) {
        let built = self.build();
        (self, built)
    }
}

#[test]
fn what_is_written_is_valid_oci_and_the_closure_is_whole() {
    let repo = with_files("FROM scratch\nARG TARGETARCH\nCOPY app /app-$TARGETARCH\nCOPY conf /conf\nENTRYPOINT [\"/app\"]\n");
    let built = repo
        .build_as("multi", 2, |step| step.platforms = vec!["linux/amd64".into(), "linux/arm64".into(), "linux/arm/v7".into()])
        .expect("builds");
    let index: oci_spec::image::ImageIndex = serde_json::from_slice(&blob(&built.layout, built.digest.as_str())).expect("an index");
    assert_eq!(index.manifests().len(), 3);
    let mut conf_layers = std::collections::BTreeSet::new();
    for (entry, arch) in index.manifests().iter().zip(["amd64", "arm64", "arm"]) {
        let manifest: oci_spec::image::ImageManifest =
            serde_json::from_slice(&blob(&built.layout, entry.digest().as_ref())).expect("a manifest");
        let config: oci_spec::image::ImageConfiguration =
            serde_json::from_slice(&blob(&built.layout, manifest.config().digest().as_ref())).expect("a config");
        assert_eq!(config.architecture().to_string(), arch);
        assert_eq!(config.rootfs().diff_ids().len(), manifest.layers().len());
        for (layer, diff_id) in manifest.layers().iter().zip(config.rootfs().diff_ids()) {
            let packed = blob(&built.layout, layer.digest().as_ref());
            assert_eq!(packed.len() as u64, layer.size());
            let mut bytes = Vec::new();
            flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).expect("one gzip member");
            assert_eq!(Digest::of(&bytes).as_str(), diff_id);
        }
        conf_layers.insert(manifest.layers()[1].digest().to_string());
        let one = Built { digest: entry.digest().to_string().parse().expect("digest"), ..built.clone() };
        assert!(tree(&one).contains_key(&format!("app-{arch}")));
    }
    assert_eq!(conf_layers.len(), 1, "the layer that is the same on all platforms is one blob");
    let layout = stagefreight::store::Layout::open(&built.layout).expect("layout");
    layout.closure(&built.digest).expect("everything is there");
    assert_eq!(layout.entries().expect("entries")[0].digest, built.digest);
}

#[test]
fn zstd_layers_say_so() {
    let repo = with_files("FROM scratch\nCOPY . /\n");
    let built = repo.build_as("zstd", 2, |step| step.compression = "zstd".into()).expect("builds");
    let manifest = json(&built.layout, built.digest.as_str());
    assert_eq!(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd");
    assert_eq!(tree(&built), tree(&repo.build()));
}

#[test]
fn our_own_state_never_enters_the_context() {
    let repo = with_files("FROM scratch\nCOPY . /\n").file(".stagefreight/outputs.json", "{}", 0o644).file(
        ".dockerignore",
        "!.stagefreight\n",
        0o644,
    );
    assert!(!tree(&repo.build()).keys().any(|path| path.contains("stagefreight")));
}

#[test]
fn labels_of_the_plan_and_clamped_times_are_in_the_image() {
    let repo = with_files("FROM scratch\nLABEL a=1 b=1\nCOPY app LICENSE /\n");
    let old = std::fs::File::options().write(true).open(repo.root().join("LICENSE")).expect("file");
    old.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000)).expect("time");
    let built = repo.build_as("labels", 1, |step| drop(step.labels.insert("b".into(), "2".into()))).expect("builds");
    let config = config(&built);
    assert_eq!(config["config"]["Labels"], serde_json::json!({"a": "1", "b": "2"}));
    assert_eq!(config["created"], "2023-11-14T22:13:20Z");
    let manifest = json(&built.layout, built.digest.as_str());
    let packed = blob(&built.layout, manifest["layers"][0]["digest"].as_str().expect("digest"));
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
    let times: Vec<u64> = archive.entries().expect("tar").map(|e| e.expect("entry").header().mtime().expect("mtime")).collect();
    assert_eq!(times, [1000, 1_700_000_000], "LICENSE keeps its old time, app's is clamped");
}

#[test]
fn mistakes_are_named_with_file_line_and_a_way_out() {
    let says = |repo: &Repo, message: &str, hint: &str| {
        let error = repo.fails();
        assert!(error.message().contains(message), "{}", error.message());
        assert!(error.hint_text().unwrap_or_default().contains(hint), "{:?}", error.hint_text());
        error
    };
    let run = says(
        &with_files("FROM scratch\nCOPY app /\nRUN make\n"),
        "Dockerfile:3: RUN make: RUN runs a command",
        "install docker with buildx",
    );
    assert_eq!(run.kind(), Kind::Usage);
    says(&with_files("FROM scratch\nCOPY ap /\n"), "Dockerfile:2: COPY ap /: ap is not in the build context", "there is app");
    says(&with_files("FROM scratch\nCOPY ../secret /\n"), "../secret is not in the build context", "does not leave it");
    says(&with_files("FROM scratch\nCOPY site/outside /\n"), "site/outside is not in the build context", "");
    says(&with_files("FROM scratch\nCOPY --chown=nobody app /\n"), "user nobody is not in /etc/passwd", "numeric");
    says(&with_files("FROM scratch\nCOPY app conf /x\n"), "must be a directory", "end it with `/`");
    says(&with_files("FROM scratch\nADD https://example.com/x /\n"), "ADD downloads a remote source", "BuildKit");
    says(&with_files("FROM scratch\nCOPY --chmod=rwx app /\n"), "--chmod=rwx is not a mode", "0755");
    says(&with_files("FROM scratch\nBOGUS\n"), "Dockerfile:2:", "");
    says(&with_files("FROM nowhere/x\n"), "Dockerfile:1: cannot get the base image nowhere/x", "");
    says(&with_files("ARG B\nFROM $B\n"), "names no image", "builds.app.args");
    says(&with_files("FROM scratch\nLABEL a=${X:?set X}\n"), "set X", "");
    says(&with_files("FROM scratch AS a\n").target("b"), "no stage `b`", "it has a");
    assert!(needs_buildkit("FROM scratch\nRUN x\n", None).is_some());
    let outside = with_files("FROM scratch\n").build_as("x", 1, |step| step.context = "../..".into()).expect_err("outside");
    assert_eq!((outside.kind(), outside.message()), (Kind::Usage, "build context `../..` is outside the repository"));
    let missing = with_files("FROM scratch\n").build_as("x", 1, |step| step.dockerfile = "no/Dockerfile".into()).expect_err("missing");
    assert!(missing.hint_text().is_some_and(|hint| hint.contains("builds.app.dockerfile")));
}

#[test]
fn a_base_in_a_layout_of_the_workspace_is_found_by_tag_or_alone() {
    let (kept, base) = with_files("FROM scratch\nCOPY conf /conf\n").build_kept();
    let repo = with_files("FROM oci-layout://bases/conf\nCOPY app /\n");
    let copy = Command::new("cp").arg("-r").arg(&base.layout).arg(repo.root().join("conf-layout")).status().expect("cp");
    assert!(copy.success());
    std::fs::create_dir_all(repo.root().join("bases")).expect("dir");
    std::fs::rename(repo.root().join("conf-layout"), repo.root().join("bases/conf")).expect("move");
    let built = repo.build();
    assert_eq!(built.bases, [("oci-layout://bases/conf".to_owned(), base.digest.to_string())]);
    assert!(tree(&built).contains_key("conf/app.toml") && tree(&built).contains_key("app"));
    // A layer of the base that was tampered with is noticed.
    let manifest = json(&base.layout, base.digest.as_str());
    let layer = manifest["layers"][0]["digest"].as_str().expect("digest").replace(':', "/");
    std::fs::write(repo.root().join("bases/conf/blobs").join(layer), b"other bytes").expect("tamper");
    assert!(repo.fails().message().contains("is damaged"));
    drop(kept);
}

#[test]
fn cancelling_ends_the_build() {
    let repo = with_files("FROM scratch\nCOPY . /\n");
    let cx =
        BuildCx { workspace: repo.root(), scratch: repo.dir.path().join("c"), cancel: CancellationToken::new(), events: Events::none() };
    std::fs::create_dir_all(&cx.scratch).expect("scratch");
    cx.cancel.cancel();
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let error = runtime.block_on(Embedded::new(Vec::new()).build(&cx, &repo.step())).expect_err("cancelled");
    assert_eq!(error.kind(), Kind::Interrupted);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_same_inputs_give_the_same_digest(
        names in proptest::collection::btree_set("[a-e]{1,3}(/[a-e]{1,3}){0,2}x", 1..12),
        sizes in proptest::collection::vec(0_usize..3_000_000, 12),
        later in 0_u64..100_000,
        threads in 2_usize..6,
        zstd in any::<bool>(),
    ) {
        let build = |reversed: bool, later: u64, threads: usize| {
            let mut repo = Repo::new("FROM scratch\nCOPY . /\nCOPY --chmod=700 . /again\n");
            let mut files: Vec<_> = names.iter().zip(&sizes).collect();
            if reversed {
                files.reverse();
            }
            for (name, size) in files {
                let content: Vec<u8> = (0..*size).map(|i| (i * i / 7).to_le_bytes()[0]).collect();
                repo = repo.file(name, content, 0o644);
                let file = std::fs::File::options().write(true).open(repo.root().join(name)).expect("file");
                file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(EPOCH as u64 + later)).expect("time");
            }
            repo.build_as("out", threads, |step| step.compression = if zstd { "zstd".into() } else { "gzip".into() }).expect("builds").digest
        };
        prop_assert_eq!(build(false, 0, 1), build(true, later, threads));
    }
}
