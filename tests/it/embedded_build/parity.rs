//! The embedded builder against BuildKit: the same Dockerfiles give the same files and the same config.

use super::repo::*;

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
