//! Cases of reading Dockerfiles.

use super::*;

#[test]
fn says_which_line_needs_buildkit() {
    for (text, target, expected) in [
        ("FROM scratch\nCOPY a /\n", None, None),
        ("FROM a\nENV X=1\nRUN true\n", None, Some((3, "RUN runs a command, which needs BuildKit"))),
        ("FROM a AS build\nRUN true\nFROM scratch\nCOPY a /\n", None, None),
        ("FROM a AS build\nRUN true\nFROM scratch\nCOPY --from=build a /\n", None, Some((2, "RUN runs a command, which needs BuildKit"))),
        ("FROM a AS build\nRUN true\nFROM scratch\nCOPY --from=0 a /\n", None, Some((2, "RUN runs a command, which needs BuildKit"))),
        ("ARG B=build\nFROM a AS build\nRUN true\nFROM ${B}\n", None, Some((3, "RUN runs a command, which needs BuildKit"))),
        ("FROM scratch AS x\nFROM a AS build\nRUN true\n", Some("X"), None),
        ("FROM scratch\nADD https://example.com/x /\n", None, Some((2, "ADD downloads a remote source"))),
        ("FROM scratch\nONBUILD COPY a /\n", None, Some((2, "ONBUILD is BuildKit's"))),
        ("# syntax=docker/dockerfile:1\nFROM scratch\n", None, None),
        ("# syntax=example.com/other:1\nFROM scratch\n", None, Some((1, "it selects another frontend, example.com/other:1"))),
    ] {
        let found = needs_buildkit(text, target);
        assert_eq!(found.as_ref().map(|(line, why)| (*line, why.as_str())), expected, "{text}");
    }
    assert!(needs_buildkit("FROM scratch\nBOGUS x\n", None).is_some_and(|(line, _)| line == 2));
}

#[test]
fn lists_declared_arguments_once() {
    let text = "ARG VERSION=1 X\nFROM scratch\nARG TARGETARCH\nARG VERSION\nARG Y=\"a b\"\n";
    assert_eq!(declared_args(text), ["VERSION", "X", "TARGETARCH", "Y"]);
}

#[test]
fn joins_lines_of_a_shell_command() {
    let text = "FROM scratch\nCMD a \\\n  # comment\n  b \\\n\n  c\nLABEL x=y\n";
    let dockerfile = Dockerfile::parse(text).expect("parses");
    let Verb::Cmd(command) = &dockerfile.stages[0].steps[0].instruction else { panic!("CMD") };
    assert_eq!(command, &Command::Shell("a   b   c".to_owned()));
    assert_eq!((dockerfile.stages[0].steps[1].line, dockerfile.stages[0].steps[0].text.as_str()), (7, "CMD a b c"));
}
