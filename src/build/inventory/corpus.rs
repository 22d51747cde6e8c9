//! Dockerfiles nobody wrote: pieces of real ones in any order, cut anywhere. None of them may be more than an error.

use proptest::prelude::*;

use super::{Options, extract};

/// Pieces, whole instructions and parts of them.
const PIECES: &[&str] = &[
    "FROM alpine:3.20\n",
    "FROM ",
    "from x AS y\n",
    "AS ",
    "FROM --platform=$BUILDPLATFORM golang:1.26-alpine3.23 AS b\n",
    "FROM host:5000/a/b@sha256:",
    "# escape=`\n",
    "# syntax=docker/dockerfile:1\n",
    "ARG A=1 B=\"2\n",
    "ARG ",
    "A=${B:-${C}}",
    "ENV X=1 Y=$X\n",
    "ENV X rest of it\n",
    "RUN ",
    "RUN <<EOF\n",
    "<<-'E' ",
    "EOF\n",
    "E\n",
    "apk add --virtual .d a=1 b~2 ",
    "apt-get install -yt x c=1 ",
    "pip install 'a[b]==1' ",
    "npm i @s/p@1.0.0 ",
    "go install -ldflags '' m@v1.0.0 ",
    "cargo install x --version 1.0.0 ",
    "gem install x:1 ",
    "composer require a/b:1 ",
    "dnf install n-1.0-1.x86_64 ",
    "uv add x@1 ",
    "poetry add y@^1 ",
    "ansible-galaxy collection install a.b:1 ",
    "curl -L https://x.example/a-${A}.tgz ",
    "wget \"https://github.com/o/r/releases/download/$V/f\" ",
    "&& ",
    "|| ",
    "; ",
    "| ",
    "& ",
    "\\\n",
    "`\n",
    "\n",
    "# comment \\\n",
    "'",
    "\"",
    "`",
    "$(",
    "${",
    ")",
    "}",
    "(",
    "{",
    "$",
    "\\",
    "--",
    "- ",
    "-",
    "=",
    "@",
    ":",
    "<<",
    "<",
    ">",
    ">&",
    "sh -c '",
    "sudo -u x ",
    "env A=b ",
    "export V=$(x) ",
    "[\"sh\", \"-c\", \"",
    "\"]\n",
    "COPY --from=",
    "COPY <<A <<B /x\n",
    "ADD --checksum=sha256:0 https://x.example/a-1.0.tgz /\n",
    "HEALTHCHECK CMD x\n",
    "ONBUILD RUN y\n",
    "SHELL [\"a\"]\n",
    "\t",
    "  ",
    "\u{feff}",
    "ä",
    "\u{1f980}",
    "\u{0}",
    "\r\n",
    "\u{85}",
    "\u{2028}",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_dockerfiles_are_read_or_refused(text in pieces()) {
        let begun = format!("FROM alpine:3.20\n{text}");
        let first = extract(&begun, &Options::default());
        prop_assert_eq!(&first, &extract(&begun, &Options::default()), "the same text, another answer");
        let _whole = extract(&text, &Options::default());
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _read = extract(&text, &Options::default());
        let _run = extract(&format!("FROM x\nRUN {text}"), &Options::default());
    }

    #[test]
    fn what_is_found_is_well_formed(text in pieces()) {
        if let Ok(found) = extract(&format!("FROM alpine:3.20\nRUN {text}"), &Options::default()) {
            for package in found.packages.iter().chain(&found.base_images) {
                prop_assert!(!package.pinned || package.version.is_some() || package.digest.is_some());
                prop_assert!(package.purl.as_ref().is_none_or(|purl| purl.is_ascii() && !purl.contains(['$', ' ', '"'])), "{:?}", package);
            }
        }
    }
}
