//! Outputs of several versions of many tools, captured with `/src` as their directory. Those named `written-…` are of
//! tools that were not at hand, as their documentation shows them.

use std::path::Path;

use stagefreight::build::diagnostics::{Origin, parse};

#[test]
fn every_captured_output_gives_its_errors() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/build_errors/captured");
    let mut names: Vec<_> = std::fs::read_dir(&dir).expect("captured outputs").map(|entry| entry.expect("entry").file_name()).collect();
    names.sort();
    assert!(names.len() >= 60, "the corpus has {} outputs", names.len());
    let mut shown = String::new();
    for name in names {
        let text = std::fs::read_to_string(dir.join(&name)).expect("text");
        let found = parse(text.lines(), Origin::Step);
        assert!(!found.is_empty(), "{}: nothing found in\n{text}", name.display());
        shown.push_str(&format!("{}\n", name.display().to_string().trim_end_matches(".txt")));
        shown.extend(found.iter().map(|problem| format!("  {problem}\n")));

        // BuildKit's plain progress puts a stamp before every line; terminals and Windows tools end lines their way.
        let stamped: Vec<String> = text.lines().map(|line| format!("#12 3.145 {line}\r")).collect();
        assert_eq!(parse(stamped.iter().map(String::as_str), Origin::Step), found, "{}", name.display());
    }
    insta::assert_snapshot!(shown);
}
