//! A script that installs from a release: it fetches the archive for the machine it runs on, checks its SHA-256, and puts
//! its programs where they are asked for. The digests stand in the script, so whoever trusts it trusts nothing else.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::core::Digest;

/// What it is called.
pub const NAME: &str = crate::names::release::INSTALL;

/// What one segment of an address keeps (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What it installs.
#[derive(Debug, Clone)]
pub struct Script<'a> {
    /// What is released, for people: `acme/app v1.4.0`.
    pub title: &'a str,
    /// Where files are fetched from: the address that a name is appended to, without a closing slash.
    pub base: &'a str,
    /// One per platform; of several for one, the first.
    pub files: Vec<Installed>,
}

/// What one platform gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// `os/arch[/variant]`.
    pub platform: String,
    /// The file's name at the forge.
    pub file: String,
    /// Its SHA-256.
    pub sha256: Digest,
    /// How it is packed.
    pub packed: Packed,
    /// Programs in it, as paths; of a file that is no archive, what it shall be called.
    pub programs: Vec<String>,
}

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packed {
    /// `tar.gz`
    TarGz,
    /// `tar.zst`
    TarZst,
    /// `zip`
    Zip,
    /// It is the program.
    Not,
}

impl Packed {
    /// What a plan calls it: the format of an archive. Anything else is the program itself.
    pub fn of(format: &str) -> Self {
        match format {
            "tar.gz" => Self::TarGz,
            "tar.zst" => Self::TarZst,
            "zip" => Self::Zip,
            _ => Self::Not,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::TarGz => "tar.gz",
            Self::TarZst => "tar.zst",
            Self::Zip => "zip",
            Self::Not => "program",
        }
    }
}

/// Words of `uname -s` and the operating systems they name.
const SYSTEMS: [(&str, &str); 5] =
    [("Linux", "linux"), ("Darwin", "darwin"), ("FreeBSD", "freebsd"), ("OpenBSD", "openbsd"), ("NetBSD", "netbsd")];

/// Words of `uname -m` and the architectures they name, with the variant where there is one.
const MACHINES: [(&str, &str); 8] = [
    ("x86_64 | amd64", "amd64"),
    ("aarch64 | arm64", "arm64"),
    ("armv7*", "arm/v7"),
    ("armv6*", "arm/v6"),
    ("i386 | i486 | i586 | i686", "386"),
    ("riscv64", "riscv64"),
    ("ppc64le", "ppc64le"),
    ("s390x", "s390x"),
];

impl Script<'_> {
    /// The script, for any POSIX shell.
    pub fn text(&self) -> String {
        let mut known = String::new();
        let mut platforms = Vec::new();
        for installed in &self.files {
            let platform = installed.platform.strip_suffix("/v8").unwrap_or(&installed.platform);
            if platform.starts_with("windows/") || platforms.contains(&platform) {
                continue;
            }
            platforms.push(platform);
            let programs: Vec<String> = installed.programs.iter().map(|program| quoted(program)).collect();
            let how = installed.packed.word();
            known.push_str(&format!(
                "  {platform})\n    file={} sum={} how={how}\n    from={}\n    set -- {} ;;\n",
                quoted(&installed.file),
                installed.sha256.hex(),
                quoted(&format!("{}/{}", self.base, utf8_percent_encode(&installed.file, UNRESERVED))),
                programs.join(" ")
            ));
        }
        let systems: Vec<String> = SYSTEMS.iter().map(|(word, os)| format!("  {word}) os={os} ;;")).collect();
        let machines: Vec<String> = MACHINES.iter().map(|(words, arch)| format!("  {words}) arch={arch} ;;")).collect();
        TEMPLATE
            .replace("@TITLE@", &self.title.replace(|ch: char| ch.is_control(), " "))
            .replace("@SYSTEMS@", &systems.join("\n"))
            .replace("@MACHINES@", &machines.join("\n"))
            .replace("@KNOWN@", known.trim_end())
            .replace("@PLATFORMS@", &platforms.join(", "))
    }
}

/// One word of a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

const TEMPLATE: &str = r#"#!/bin/sh
# Installs @TITLE@: fetches the file for this machine, checks its SHA-256, and copies its programs.
#
#   sh install.sh [--to DIRECTORY]      into DIRECTORY [default: $HOME/.local/bin]
#
# Platforms: @PLATFORMS@
set -eu

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

to=${HOME:-.}/.local/bin
case ${1-} in
  --to) to=${2:?--to needs a directory} ;;
  '') ;;
  *) fail "unknown argument $1; there is --to DIRECTORY" ;;
esac

case $(uname -s) in
@SYSTEMS@
  *) os=$(uname -s) ;;
esac
case $(uname -m) in
@MACHINES@
  *) arch=$(uname -m) ;;
esac
case $os/$arch in
@KNOWN@
  *) fail "there is nothing for $os/$arch; there is something for @PLATFORMS@" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if command -v curl >/dev/null 2>&1; then
  curl -fsSL --retry 3 -o "$work/fetched" "$from" || fail "cannot fetch $from"
elif command -v wget >/dev/null 2>&1; then
  wget -q -O "$work/fetched" "$from" || fail "cannot fetch $from"
else
  fail "neither curl nor wget is installed"
fi

if command -v sha256sum >/dev/null 2>&1; then
  found=$(sha256sum "$work/fetched")
elif command -v shasum >/dev/null 2>&1; then
  found=$(shasum -a 256 "$work/fetched")
elif command -v openssl >/dev/null 2>&1; then
  found=$(openssl dgst -sha256 -r "$work/fetched")
else
  fail "none of sha256sum, shasum and openssl is installed"
fi
found=${found%% *}
[ "$found" = "$sum" ] || fail "$file is not what was released: its SHA-256 is $found and shall be $sum"

mkdir "$work/unpacked"
case $how in
  tar.gz) tar -xzf "$work/fetched" -C "$work/unpacked" ;;
  tar.zst) zstd -dcq "$work/fetched" | tar -xf - -C "$work/unpacked" ;;
  zip) unzip -q "$work/fetched" -d "$work/unpacked" ;;
  program) cp "$work/fetched" "$work/unpacked/$1" ;;
esac

mkdir -p "$to"
for program; do
  name=${program##*/}
  # In one step, also over a program that runs.
  cp "$work/unpacked/$program" "$to/.$name.new"
  chmod 755 "$to/.$name.new"
  mv -f "$to/.$name.new" "$to/$name"
  echo "installed $to/$name"
done
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(platform: &str, file: &str) -> Installed {
        Installed {
            platform: platform.to_owned(),
            file: file.to_owned(),
            sha256: Digest::of(file.as_bytes()),
            packed: Packed::TarGz,
            programs: vec!["app/it's".to_owned()],
        }
    }

    #[test]
    fn names_are_words_of_the_shell_and_windows_is_left_out() {
        let files = vec![installed("linux/arm64/v8", "a b.tar.gz"), installed("windows/amd64", "w.zip"), installed("linux/arm64", "x")];
        let text = Script { title: "acme/app v1\nrm -rf /", base: "https://x/$(id)", files }.text();
        assert!(text.contains("  linux/arm64)\n    file='a b.tar.gz' sum=") && text.contains(r"set -- 'app/it'\''s' ;;"), "{text}");
        assert!(!text.contains("windows/amd64)") && !text.contains("file='x'"), "{text}");
        assert!(text.contains("from='https://x/$(id)/a%20b.tar.gz'") && !text.contains("\nrm -rf /"), "{text}");
        assert!(!text.contains('@'), "a place was left open: {text}");
    }
}
