//! `stagefreight inventory`: builds of the config, single Dockerfiles, JSON, CycloneDX, and what it refuses.

use crate::support::{Sf, assert_satisfies};

const DOCKERFILE: &str = "\
ARG GO=1.26.1
FROM --platform=$BUILDPLATFORM golang:${GO}-alpine3.23 AS build
RUN apk add --no-cache --virtual .build-deps git=2.47.1-r0 make
RUN go install github.com/acme/tool/cmd/gen@v1.2.3
FROM debian:bookworm-slim
ARG HELM_VERSION=3.16.2
RUN <<EOF
apt-get update
apt-get install -y --no-install-recommends curl=7.88.1-10
curl -fsSL https://get.helm.sh/helm-v${HELM_VERSION}-linux-amd64.tar.gz | tar xz
EOF
COPY --from=build /app /app
";

const CONFIG: &str = "version: 1\nbuilds:\n  app: { kind: docker, dockerfile: docker/Dockerfile }\n  dev: { kind: docker, dockerfile: docker/Dockerfile, target: build, build_args: { GO: \"1.27.0\" } }\n";

#[test]
fn lists_what_a_dockerfile_names() {
    let sf = Sf::new().file("Dockerfile", DOCKERFILE);
    insta::assert_snapshot!(sf.run(&["inventory", "Dockerfile"]).code(0).stdout());
    // Without a config and an argument: the Dockerfile that would be built.
    assert!(sf.run(&["inventory"]).code(0).stdout().starts_with("inventory  Dockerfile  build "));
    assert_eq!(sf.run(&["inventory", "."]).code(0).stdout().lines().count(), sf.run(&["inventory"]).code(0).stdout().lines().count());
}

#[test]
fn reads_builds_of_the_config_with_their_target_and_arguments() {
    let sf = Sf::new().file("docker/Dockerfile", DOCKERFILE).file(".stagefreight.yml", CONFIG);
    let all = sf.run(&["inventory", "--output", "json"]).code(0).json();
    assert_satisfies("command-inventory", &all);
    let list = all["dockerfiles"].as_array().expect("list");
    assert_eq!((&list[0]["build"], &list[1]["build"], &list[1]["target"]), (&"app".into(), &"dev".into(), &"build".into()));
    assert_eq!((&list[0]["base_images"][1]["version"], &list[1]["base_images"][1]["version"]), (&"1.26.1".into(), &"1.27.0".into()));
    assert_eq!((&list[0]["base_images"][1]["final"], &list[1]["base_images"][1]["final"]), (&false.into(), &true.into()));
    let one = sf.run(&["inventory", "dev", "--output", "json"]).code(0).json();
    assert_eq!(one["dockerfiles"][0], list[1]);
    let elsewhere = sf.run(&["inventory", "docker", "--target", "build", "--output", "json"]).code(0).json();
    assert_eq!(elsewhere["dockerfiles"][0]["stages"][0]["final"], true);
    let directory = sf.path().to_string_lossy().into_owned();
    let from_outside = sf.command(&["inventory", "dev", "--directory", &directory]).current_dir(sf.outside()).output();
    assert!(from_outside.status.success(), "{}", String::from_utf8_lossy(&from_outside.stderr));
}

#[test]
fn cyclonedx_is_for_other_tools() {
    let sf = Sf::new().file("Dockerfile", DOCKERFILE);
    let bom = sf.run(&["inventory", "--format", "cyclonedx"]).code(0).json();
    assert_eq!((&bom["bomFormat"], &bom["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    let components = bom["components"].as_array().expect("components");
    let purls: Vec<&str> = components.iter().filter_map(|component| component["purl"].as_str()).collect();
    assert_eq!(
        purls,
        [
            "pkg:docker/debian@bookworm-slim",
            "pkg:docker/golang@1.26.1-alpine3.23",
            "pkg:docker/alpine@3.23",
            "pkg:apk/alpine/git@2.47.1-r0?distro=alpine-3.23",
            "pkg:apk/alpine/make?distro=alpine-3.23",
            "pkg:deb/debian/curl@7.88.1-10?distro=debian-12",
            "pkg:generic/helm@3.16.2",
            "pkg:golang/github.com/acme/tool@v1.2.3#cmd/gen",
        ]
    );
    let references: std::collections::BTreeSet<_> = components.iter().filter_map(|component| component["bom-ref"].as_str()).collect();
    assert_eq!(references.len(), components.len(), "every bom-ref once");
    assert_eq!(components[1]["scope"], "excluded");
}

#[test]
fn says_what_it_cannot_read() {
    let sf = Sf::new().file("Dockerfile", "FROM a\nBOGUS x\n").file("binary", [0xff, 0xfe]).file("big", vec![b'#'; 2 << 20]);
    let bad = sf.run(&["inventory", "Dockerfile"]).code(1).stderr();
    assert!(bad.contains("cannot read Dockerfile, line 2: "), "{bad}");
    assert!(sf.run(&["inventory", "binary"]).code(1).stderr().contains("is not UTF-8 text"));
    assert!(sf.run(&["inventory", "big"]).code(1).stderr().contains("larger than 1"));
    assert!(sf.run(&["inventory", "./missing"]).code(3).stderr().contains("`./missing` is no Dockerfile"));
    let sf = sf.file(".stagefreight.yml", CONFIG);
    assert!(sf.run(&["inventory", "nothing"]).code(3).stderr().contains("or a build: app, dev"));
    let sf = Sf::new().file("Dockerfile", "FROM a\n");
    assert!(sf.run(&["inventory", "Dockerfile", "--target", "none"]).code(1).stderr().contains("no stage called `none`"));
}
