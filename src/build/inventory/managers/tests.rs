//! The table of spec/build.md L, line by line, and one case for each way managers write a version.

use super::*;
use crate::build::embedded::expand::Lexer;

// `manager name version!` where `!` is pinned, space-separated fields joined with `,`.
fn read(command: &str) -> String {
    let words: Vec<String> = Lexer::new('\\').split(command).iter().map(|word| word.replace(['"', '\''], "")).collect();
    let show = |found: Found| {
        let version = found.version.map(|version| format!(" {version}")).unwrap_or_default();
        let url = found.url.map(|url| format!(" <{url}>")).unwrap_or_default();
        format!("{} {}{version}{}{url}", found.manager, found.name, if found.pinned { "!" } else { "" })
    };
    installed(&words).into_iter().map(show).collect::<Vec<_>>().join(", ")
}

#[track_caller]
fn reads(cases: &[(&str, &str)]) {
    for (command, expected) in cases {
        assert_eq!(read(command), *expected, "{command}");
    }
}

#[test]
fn the_table_of_the_specification() {
    reads(&[
        ("apk add --no-cache curl git", "apk curl, apk git"),
        ("apt-get install -y curl", "apt curl"),
        ("apt install curl", "apt curl"),
        ("pip install a==1.2 b>=3 c", "pip a 1.2!, pip b 3, pip c"),
        ("pip3 install a", "pip a"),
        ("pip2 install a", "pip a"),
        ("ansible-galaxy collection install ns.coll:1.2.3 other.coll", "galaxy ns.coll 1.2.3!, galaxy other.coll"),
        ("ansible-galaxy install ns.coll:1.0", "galaxy ns.coll 1.0!"),
        ("npm install -g left-pad@1.3.0 @scope/pkg@2.0.1 x @scope/y", "npm left-pad 1.3.0!, npm @scope/pkg 2.0.1!, npm x, npm @scope/y"),
        ("go install example.com/cmd/tool@v1.2.3", "go example.com/cmd/tool v1.2.3!"),
        ("go install example.com/cmd/tool@latest", "go example.com/cmd/tool latest"),
        ("apk update", ""),
        ("npm ci", ""),
    ]);
}

#[test]
fn apk_versions_virtual_groups_and_options_with_values() {
    reads(&[
        ("apk add --repository https://dl.example.com/edge pkg", "apk pkg"),
        ("apk add -X https://dl.example.com/edge pkg", "apk pkg"),
        ("apk add pkg=1.2.3-r0", "apk pkg 1.2.3-r0!"),
        ("apk add pkg~1.2 other~=3", "apk pkg 1.2, apk other 3"),
        ("apk add pkg>=1.2 other<2", "apk pkg 1.2, apk other 2"),
        ("apk add --virtual .build-deps gcc musl-dev", "apk gcc, apk musl-dev"),
        ("apk add -t .build-deps gcc", "apk gcc"),
        ("apk add --virtual=.build-deps gcc", "apk gcc"),
        ("apk add .build-deps", ""),
        ("apk --no-cache add curl", "apk curl"),
        ("apk --repository https://x.example/y add curl", "apk curl"),
        ("apk add nginx@edge !busybox", "apk nginx"),
        ("apk add ./local.apk /tmp/x.apk", ""),
        ("apk add a -- -b", "apk a, apk -b"),
        ("/sbin/apk add a", "apk a"),
    ]);
}

#[test]
fn apt_versions_and_options_with_values() {
    reads(&[
        ("apt-get install -y --no-install-recommends curl=7.88.1-10 git", "apt curl 7.88.1-10!, apt git"),
        ("apt-get -y install -t bookworm-backports golang", "apt golang"),
        ("apt-get -o Dpkg::Options::=--force-confold install curl", "apt curl"),
        ("apt-get install -yt bookworm-backports golang", "apt golang"),
        ("apt-get install curl=7.*", "apt curl 7.*"),
        ("apt-get install libc6:i386 pkg/stable g++ gone-", "apt libc6, apt pkg, apt g++"),
        ("apt-get install ./x.deb /tmp/y.deb", ""),
        ("apt-get install curl=${VERSION}", "apt curl ${VERSION}"),
        ("apt-get remove curl", ""),
    ]);
}

#[test]
fn rpm_names_are_told_from_versions() {
    reads(&[
        (
            "dnf install -y nginx-1.24.0-1.el9 gcc-toolset-12 postgresql-16",
            "dnf nginx 1.24.0-1.el9!, dnf gcc-toolset-12, dnf postgresql-16",
        ),
        ("dnf -y install nginx-1:1.24.0-1.el9.x86_64 @development nodejs-18.*", "dnf nginx 1:1.24.0-1.el9!, dnf nodejs 18.*"),
        ("yum install --enablerepo epel htop", "yum htop"),
        ("microdnf install --setopt install_weak_deps=0 java-17-openjdk-headless.x86_64", "microdnf java-17-openjdk-headless"),
        (
            "dnf install https://example.com/epel-release-latest-9.noarch.rpm",
            "dnf epel-release-latest-9.noarch <https://example.com/epel-release-latest-9.noarch.rpm>",
        ),
        ("zypper --non-interactive in --no-recommends -r repo vim=9.0 git>=2", "zypper vim 9.0!, zypper git 2"),
    ]);
}

#[test]
fn python_tools() {
    reads(&[
        ("pip install -r requirements.txt -c constraints.txt flask", "pip flask"),
        ("pip install --index-url https://example.com/simple 'a[b,c]==1.0; python_version>=\"3\"' .", "pip a 1.0!"),
        ("pip install a~=1.4 b!=2 c==1.* d>=1,<2 e===1.0", "pip a 1.4, pip b, pip c 1.*, pip d 1, pip e 1.0!"),
        ("python3 -m pip install --upgrade pip==24.0", "pip pip 24.0!"),
        ("pip3.12 install a", "pip a"),
        (
            "pip install git+https://example.com/a/b.git@0123456789abcdef",
            "pip b 0123456789abcdef! <git+https://example.com/a/b.git@0123456789abcdef>",
        ),
        ("pip install git+https://example.com/a/b@main#egg=c", "pip c main <git+https://example.com/a/b@main#egg=c>"),
        ("pip install -e .[dev] ./dist/x.whl", ""),
        ("uv pip install --system ruff==0.5.0", "uv ruff 0.5.0!"),
        ("uv tool install ruff@0.5.0", "uv ruff 0.5.0!"),
        ("uv add httpx", "uv httpx"),
        ("poetry add requests@2.31.0 flask@^3.0 -G dev pytest==8.0.0", "poetry requests 2.31.0!, poetry flask ^3.0, poetry pytest 8.0.0!"),
        ("pipx install poetry==1.8.3", "pip poetry 1.8.3!"),
    ]);
}

#[test]
fn javascript_tools_pin_exact_versions_only() {
    reads(&[
        (
            "npm install a@latest b@^1 c@~1.2 d@1.2 e@1.x f@>=1.0.0 g@next h@1.0.0-rc.1",
            "npm a latest, npm b ^1, npm c ~1.2, npm d 1.2, npm e 1.x, npm f >=1.0.0, npm g next, npm h 1.0.0-rc.1!",
        ),
        ("npm i -g --registry https://r.example.com pnpm@9.1.0", "npm pnpm 9.1.0!"),
        ("npm install alias@npm:@real/name@1.0.0 user/repo ./local x.tgz", "npm @real/name 1.0.0!"),
        ("npm --prefix /app install x", "npm x"),
        ("yarn global add typescript@5.4.5", "yarn typescript 5.4.5!"),
        ("pnpm add --filter web react", "pnpm react"),
        ("bun add zod@3.23.8", "bun zod 3.23.8!"),
        ("npm install a@${V}", "npm a ${V}"),
    ]);
}

#[test]
fn go_cargo_gem_and_composer() {
    reads(&[
        ("go install -ldflags \"-s -w\" -tags netgo example.com/x/y/v2/cmd/z@v2.0.1", "go example.com/x/y/v2/cmd/z v2.0.1!"),
        (
            "go install example.com/x@main example.com/y@v1 example.com/z@0123456789ab ./...",
            "go example.com/x main, go example.com/y v1, go example.com/z 0123456789ab!",
        ),
        ("cargo install ripgrep@14.1.0 --locked", "cargo ripgrep 14.1.0!"),
        ("cargo install --version 0.9.1 cargo-chef", "cargo cargo-chef 0.9.1!"),
        ("cargo +nightly install --vers ^0.9 --features a,b just", "cargo just ^0.9"),
        (
            "cargo install --git https://example.com/a/b.git --rev 0123456789abcdef",
            "cargo b 0123456789abcdef! <https://example.com/a/b.git>",
        ),
        ("cargo install --path .", ""),
        ("cargo binstall -y just", "cargo just"),
        ("gem install bundler -v 2.5.0 --no-document", "gem bundler 2.5.0!"),
        ("gem install rails:7.1.0 --version ~>2 rake", "gem rails 7.1.0!, gem rake ~>2"),
        (
            "composer require --no-dev vendor/a:1.2.3 vendor/b=^2.0 vendor/c 3.0.0 vendor/d",
            "composer vendor/a 1.2.3!, composer vendor/b ^2.0, composer vendor/c 3.0.0!, composer vendor/d",
        ),
        ("composer global require vendor/a", "composer vendor/a"),
    ]);
}
