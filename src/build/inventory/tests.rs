//! What an inventory says of small Dockerfiles: the table of spec/build.md L, and one test for each thing it got wrong.

use super::*;

fn inventory(text: &str) -> Inventory {
    extract(text, &Options::default()).unwrap_or_else(|error| panic!("line {}: {error}\n{text}", error.line))
}

// `manager name version!@stage`, in order; `!` is pinned, `*` is in the image.
fn shown(list: &[PackageInfo]) -> Vec<String> {
    let show = |package: &PackageInfo| {
        let version = package.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        let (pinned, is_final) = (if package.pinned { "!" } else { "" }, if package.is_final { "*" } else { "" });
        format!("{} {}{version}{pinned} @{}{is_final}", package.manager, package.name, package.stage)
    };
    list.iter().map(show).collect()
}

#[track_caller]
fn packages(text: &str, expected: &[&str]) {
    assert_eq!(shown(&inventory(&format!("FROM scratch\n{text}")).packages), expected, "{text}");
}

#[track_caller]
fn bases(text: &str, expected: &[&str]) {
    assert_eq!(shown(&inventory(text).base_images), expected, "{text}");
}

#[test]
fn base_images_and_their_lineage() {
    let found = inventory("FROM golang:1.26.1-alpine3.23 AS build\nFROM scratch\n");
    assert_eq!(shown(&found.base_images), ["base golang 1.26.1 @build"]);
    assert_eq!(shown(&found.lineage), ["base alpine 3.23 @build"]);
    let base = &found.base_images[0];
    assert_eq!((base.source, base.source_ref.as_str(), base.confidence), ("base_image", "FROM golang:1.26.1-alpine3.23", "inferred"));
    assert_eq!((base.line, base.is_final), (1, false));
    bases("FROM --platform=$BUILDPLATFORM golang:1 as x\nFROM alpine:3.20\n", &["base alpine 3.20 @1*", "base golang 1 @x"]);
    bases("from alpine:3.20\n", &["base alpine 3.20 @0*"]);
    bases("FROM scratch\n", &[]);
}

#[test]
fn references_with_ports_and_digests() {
    bases("FROM host:5000/team/x:1\n", &["base x 1 @0*"]);
    bases("FROM host:5000/x\n", &["base x @0*"]);
    let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    bases(&format!("FROM alpine:3.20@{digest}\n"), &["base alpine 3.20! @0*"]);
    let found = inventory(&format!("FROM host:5000/a/b@{digest}\n"));
    assert_eq!((shown(&found.base_images), found.base_images[0].digest.as_deref()), (vec!["base b! @0*".to_owned()], Some(digest)));
    bases("FROM alpine@${DIGEST}\n", &["base alpine @0*"]);
}

#[test]
fn variables_in_from() {
    bases("ARG V=3.20\nFROM alpine:${V}\n", &["base alpine 3.20 @0*"]);
    bases("ARG V=3.20\nFROM alpine:$V\n", &["base alpine 3.20 @0*"]);
    bases("FROM alpine:${V:-3.19}\n", &["base alpine 3.19 @0*"]);
    bases("ARG R=ghcr.io/x I=app V=\"1.2\"\nFROM ${R}/${I}:${V}\n", &["base app 1.2 @0*"]);
    bases("ARG A=1\nARG B=${A}.2\nFROM x:$B-alpine\n", &["base x 1.2 @0*"]);
    bases("FROM alpine:${UNKNOWN}\n", &["base alpine ${UNKNOWN} @0*"]);
    // What a stage declares is not known to FROM.
    bases("ARG V=1\nFROM a:1 AS s\nARG V=2\nFROM b:$V\n", &["base a 1 @s", "base b 1 @1*"]);
    let passed = Options { args: [("V".to_owned(), "9".to_owned())].into(), ..Options::default() };
    assert_eq!(shown(&extract("ARG V=1\nFROM b:$V\n", &passed).expect("reads").base_images), ["base b 9 @0*"]);
}

#[test]
fn stages_lead_to_the_real_base() {
    let text = "FROM node:22-alpine3.20 AS base\nRUN apk add a\nFROM base AS build\nRUN apk add b\nFROM base\nRUN apk add c\n";
    let found = inventory(text);
    assert_eq!(shown(&found.base_images), ["base node 22 @base*"]);
    assert_eq!(shown(&found.lineage), ["base alpine 3.20 @base*", "base alpine 3.20 @build", "base alpine 3.20 @2*"]);
    assert_eq!(shown(&found.packages), ["apk a @base*", "apk b @build", "apk c @2*"]);
    let chain: Vec<_> = found.stages.iter().map(|stage| (stage.from.as_str(), stage.base.as_deref(), stage.is_final)).collect();
    let node = Some("node:22-alpine3.20");
    assert_eq!(chain, [("node:22-alpine3.20", node, true), ("base", node, false), ("base", node, true)]);
    let target = Options { target: Some("build".to_owned()), ..Options::default() };
    assert_eq!(shown(&extract(text, &target).expect("reads").packages), ["apk a @base*", "apk b @build*", "apk c @2"]);
    assert!(extract(text, &Options { target: Some("none".to_owned()), ..Options::default() }).is_err());
}

#[test]
fn arguments() {
    let found = inventory("ARG A=1 B C=\"x y\"\nARG A=2\nFROM scratch AS s\nARG D=${A}\nARG E=$D'q'\n");
    let args: Vec<_> = found.args.iter().map(|arg| (arg.name.as_str(), arg.default.as_deref(), arg.line, arg.stage.as_deref())).collect();
    assert_eq!(
        args,
        [
            ("A", Some("1"), 1, None),
            ("B", None, 1, None),
            ("C", Some("x y"), 1, None),
            ("A", Some("2"), 2, None),
            ("D", Some("${A}"), 4, Some("s")),
            ("E", Some("${A}q"), 5, Some("s")),
        ]
    );
}

#[test]
fn comments_and_blank_lines_inside_continuations() {
    packages("RUN apk add a \\\n  # a comment\n  b \\\n\n  c\n", &["apk a @0*", "apk b @0*", "apk c @0*"]);
    packages("RUN apk add a \\\n  # RUN apk add no && \\\n  && apk add b\n", &["apk a @0*", "apk b @0*"]);
    packages("RUN apk add a # and not b\n", &["apk a @0*"]);
}

#[test]
fn the_escape_directive() {
    let text = "# escape=`\nFROM scratch\nRUN apk add a `\n  b\nCOPY x c:\\\nRUN apk add c\n";
    assert_eq!(shown(&inventory(text).packages), ["apk a @0*", "apk b @0*", "apk c @0*"]);
}

#[test]
fn operators_in_quotes_split_nothing() {
    packages("RUN echo \"a && apk add no\" && apk add yes\n", &["apk yes @0*"]);
    packages("RUN echo 'x; apk add no | b'; apk add yes\n", &["apk yes @0*"]);
    packages("RUN (apk update & apk add yes) || true\n", &["apk yes @0*"]);
    packages("RUN apk add yes >/dev/null 2>&1\n", &["apk yes @0*"]);
}

#[test]
fn documents_of_run_are_commands_and_of_copy_are_not() {
    packages("RUN <<EOF\napk add a\nif true; then\n  pip install b==1\nfi\nEOF\n", &["apk a @0*", "pip b 1! @0*"]);
    packages("RUN <<-\"EOF\" bash -e\n\tapk add a \\\n\t  b\n\tEOF\nRUN apk add c\n", &["apk a @0*", "apk b @0*", "apk c @0*"]);
    packages("COPY <<EOF /install.sh\nRUN apk add no\napk add no\nEOF\nRUN apk add a\n", &["apk a @0*"]);
    packages("RUN cat <<EOF >/x.sh && apk add a\napk add no\nEOF\n", &["apk a @0*"]);
    packages("RUN <<EOF\n#!/usr/bin/env python3\napk add no\nEOF\n", &[]);
    packages("RUN <<EOF\n#!/bin/sh\napk add a\nEOF\n", &["apk a @0*"]);
    packages("RUN python3 <<EOF\napk add no\nEOF\n", &[]);
    packages("RUN <<EOF\ncat >/x <<IN\napk add no\nIN\napk add a\nEOF\n", &["apk a @0*"]);
    packages("RUN <<A cat <<B\napk add no\nA\napk add no\nB\n", &[]);
}

#[test]
fn commands_behind_other_programs() {
    packages("RUN sudo -u root apk add a\n", &["apk a @0*"]);
    packages("RUN DEBIAN_FRONTEND=noninteractive apt-get install -y a\n", &["apt a @0*"]);
    packages("RUN env -u X Y=1 apt-get install -y a\n", &["apt a @0*"]);
    packages("RUN bash -euxc \"apk add a && apk add b\"\n", &["apk a @0*", "apk b @0*"]);
    packages("RUN [\"apk\", \"add\", \"a && b\"]\n", &["apk a && b @0*"]);
    packages("RUN [\"/bin/sh\", \"-c\", \"apk add a\"]\n", &["apk a @0*"]);
    packages("RUN --mount=type=cache,target=/x apk add a\n", &["apk a @0*"]);
    packages("RUN echo a b | xargs -n 1 apk add c\n", &["apk c @0*"]);
    packages("RUN X=$(apk add a) && ! timeout 5 apk add b\n", &["apk a @0*", "apk b @0*"]);
    packages("ONBUILD RUN apk add no\n", &[]);
}

#[test]
fn variables_in_commands() {
    packages("ARG V=1.2\nRUN pip install a==${V} b==$V\n", &["pip a 1.2! @0*", "pip b 1.2! @0*"]);
    packages("RUN pip install a==${V:-3}\n", &["pip a 3! @0*"]);
    packages("RUN pip install a==${V}\n", &["pip a ${V} @0*"]);
    packages("ARG V=1\nENV V=2\nRUN pip install a==$V\n", &["pip a 2! @0*"]);
    packages("ENV V 1.5\nRUN npm install x@${V}.0\n", &["npm x 1.5.0! @0*"]);
    packages("ENV DEPS=\"a b\"\nRUN apk add $DEPS \"$DEPS\"\n", &["apk a @0*", "apk a b @0*", "apk b @0*"]);
    packages("RUN V=1.0 && pip install a==$V && V=$(x) && pip install b==$V\n", &["pip a 1.0! @0*", "pip b $V @0*"]);
    packages("RUN pip install 'a==$V'\n", &["pip a $V @0*"]);
    let text = "ARG V=1\nFROM scratch\nRUN pip install a==$V\nARG V\nRUN pip install b==$V\n";
    assert_eq!(shown(&inventory(text).packages), ["pip a $V @0*", "pip b 1! @0*"]);
}

#[test]
fn downloads() {
    let url = "https://github.com/Acme/Tool/releases/download/v${TOOL_VERSION}/tool-${TARGETARCH}.tar.gz";
    let text = format!("FROM scratch\nARG TARGETARCH=amd64\nARG TOOL_VERSION=1.2.3\nRUN curl -fsSL \"{url}\" | tar xz\n");
    let found = inventory(&text);
    assert_eq!(shown(&found.packages), ["binary tool 1.2.3! @0*"]);
    assert_eq!(found.packages[0].url.as_deref(), Some(url));
    assert_eq!(found.packages[0].purl.as_deref(), Some("pkg:github/acme/tool@1.2.3"));
    for (command, expected) in [
        ("ARG V=2\nRUN wget https://dl.example.com/app_${V}_linux_amd64.zip", "binary app 2! @0*"),
        ("ARG V=2\nRUN wget https://dl.example.com/app-$V.tgz", "binary app 2! @0*"),
        ("RUN wget https://dl.example.com/app-${V:-4}.tgz", "binary app 4! @0*"),
        ("RUN curl -LO https://github.com/a/b/releases/download/v1.0.0/b.tgz", "binary b v1.0.0! @0*"),
        ("RUN curl -LO https://github.com/a/b/releases/download/${V}/b.tgz", "binary b ${V} @0*"),
        ("ARG ARCH=arm64\nARG APP_VERSION=7\nRUN curl https://e.example/$ARCH/app-${APP_VERSION}.tar.gz", "binary app 7! @0*"),
        ("ARG V=2\nADD https://dl.example.com/app-${V}.tgz /", "binary app 2! @0*"),
        (
            "ARG HELM_VERSION=3.1\nRUN [\"sh\", \"-c\", \"curl https://get.helm.sh/helm-v${HELM_VERSION}-linux-amd64.tar.gz\"]",
            "binary helm 3.1! @0*",
        ),
    ] {
        packages(&format!("{command}\n"), &[expected]);
    }
    packages("RUN curl https://example.com/install.sh | sh\n", &[]);
    packages("ARG V=2\nRUN echo https://dl.example.com/app-$V.tgz\n", &[]);
}

#[test]
fn images_that_are_copied_from() {
    let found = inventory(
        "FROM alpine:3 AS a\nFROM scratch\nCOPY --from=a /x /\nCOPY --from=0 /x /\nCOPY --from=ghcr.io/astral-sh/uv:0.5.1 /uv /\n",
    );
    assert_eq!(shown(&found.packages), ["base uv 0.5.1 @1*"]);
    assert_eq!(
        (found.packages[0].source, found.packages[0].source_ref.as_str()),
        ("copied_image", "COPY --from=ghcr.io/astral-sh/uv:0.5.1")
    );
    packages("RUN --mount=type=bind,from=busybox:1.36,target=/b true\n", &["base busybox 1.36 @0*"]);
}

#[test]
fn repetitions() {
    packages("RUN pip install a\nRUN pip install a==1\nRUN pip install a>=2\n", &["pip a 1! @0*"]);
    packages("RUN pip install a==1\nRUN pip install a==2\n", &["pip a 1! @0*"]);
    // Once for each stage: only one of them is in the image.
    let text = "FROM x:1 AS b\nRUN apk add curl=1\nFROM x:1\nRUN apk add curl\n";
    assert_eq!(shown(&inventory(text).packages), ["apk curl @1*", "apk curl 1! @b"]);
    assert_eq!(shown(&inventory(text).base_images), ["base x 1 @b*"]);
}

#[test]
fn purls_know_the_distribution() {
    let purl = |text: &str| inventory(text).packages[0].purl.clone().unwrap_or_default();
    assert_eq!(purl("FROM python:3.12-slim-bookworm\nRUN apt-get install curl=7\n"), "pkg:deb/debian/curl@7?distro=debian-12");
    assert_eq!(purl("FROM ubuntu:24.04 AS u\nFROM u\nRUN apt install curl\n"), "pkg:deb/ubuntu/curl?distro=ubuntu-24.04");
    assert_eq!(purl("FROM node:22-alpine3.20\nRUN apk add curl\n"), "pkg:apk/alpine/curl?distro=alpine-3.20");
    assert_eq!(purl("FROM registry.access.redhat.com/ubi9/ubi:9.4\nRUN dnf install nginx-1.24.0\n"), "pkg:rpm/redhat/nginx@1.24.0");
}

#[test]
fn what_is_no_dockerfile_is_said_with_its_line() {
    let error = extract("FROM a\nBOGUS x\n", &Options::default()).expect_err("not a Dockerfile");
    assert_eq!(error.line, 2);
    assert!(extract("", &Options::default()).is_err());
    assert!(extract("RUN x\n", &Options::default()).is_err());
    assert!(extract("FROM a\nRUN <<EOF\nnever\n", &Options::default()).is_err());
}

#[test]
fn the_bill_of_materials_is_the_same_every_time() {
    let found = inventory("FROM alpine:3.20\nRUN apk add curl=8\n");
    let one = serde_json::to_string(&bom(&[("Dockerfile".to_owned(), &found)].into())).expect("JSON");
    assert_eq!(one, serde_json::to_string(&bom(&[("Dockerfile".to_owned(), &found)].into())).expect("JSON"));
    assert!(one.starts_with(r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"#), "{one}");
    assert!(one.contains(r#""purl":"pkg:apk/alpine/curl@8?distro=alpine-3.20""#), "{one}");
}
