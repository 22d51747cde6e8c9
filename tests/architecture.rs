//! The import table of the design, enforced: every source file is parsed, every path is followed through renames and
//! re-exports to the item it means, and what a room may not name fails here. The table: `architecture/table.rs`.
#![expect(clippy::expect_used, clippy::disallowed_methods, clippy::panic, reason = "tests fail by panicking and read the sources directly")]

#[path = "architecture/arrows.rs"]
mod arrows;
#[path = "architecture/document.rs"]
mod document;
#[path = "architecture/table.rs"]
mod table;
#[path = "architecture/tree.rs"]
mod tree;

use std::path::{Path, PathBuf};

use tree::Tree;

/// Files longer than this hold a second thing. Tests are lists of cases and may be somewhat longer.
const LONGEST: &[(&str, usize)] = &[("src", 500), ("tests", 700)];

/// Files that are longer all the same, with their length and the reason. The list may only shrink.
const LONGER: &[(&str, usize, &str)] = &[];

/// Names that say nothing about what is inside.
const NAMES_THAT_SAY_NOTHING: &[&str] = &["utils", "util", "helpers", "helper", "common", "manager", "misc", "shared"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a directory: (path relative to it, text).
fn sources(directory: &Path) -> Vec<(String, String)> {
    fn walk(directory: &Path, prefix: &str, into: &mut Vec<(String, String)>) {
        let mut entries: Vec<_> = std::fs::read_dir(directory).expect("readable directory").map(|entry| entry.expect("entry")).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().into_string().expect("UTF-8 name");
            if entry.file_type().expect("file type").is_dir() {
                walk(&entry.path(), &format!("{prefix}{name}/"), into);
            } else if Path::new(&name).extension().is_some_and(|extension| extension == "rs") {
                into.push((format!("{prefix}{name}"), std::fs::read_to_string(entry.path()).expect("UTF-8 source")));
            }
        }
    }
    let mut found = Vec::new();
    walk(directory, "", &mut found);
    found
}

fn violations<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let tree = Tree::parse(files).unwrap_or_else(|error| panic!("{error}"));
    arrows::check(&tree).iter().map(ToString::to_string).collect()
}

#[test]
fn every_room_names_only_what_the_table_allows() {
    let sources = sources(&root().join("src"));
    assert!(sources.len() > 40, "the sources were not found");
    let found = violations(sources.iter().map(|(file, text)| (file.as_str(), text.as_str())));
    assert!(found.is_empty(), "{} arrows against the table:\n{}", found.len(), found.join("\n"));
}

/// Where the suite runs the binary, every run is looked through for secrets. The others copy it or mount it.
#[test]
fn the_suite_runs_the_binary_in_one_place() {
    let by_name = ["CARGO_BIN_EXE_", "stagefreight\""].concat();
    let named: Vec<String> =
        sources(&root().join("tests/it")).into_iter().filter(|(_, text)| text.contains(&by_name)).map(|(file, _)| file).collect();
    assert_eq!(named, ["backend/commands.rs", "packaging/project.rs", "support/sf.rs"]);
}

#[test]
fn the_documents_show_the_same_table() {
    let text = std::fs::read_to_string(root().join("docs/architecture.md")).expect("docs/architecture.md");
    let written = document::table(&text);
    let mut problems = Vec::new();
    for (room, allowed) in table::TABLE {
        let whole = |may: &table::May| matches!(may, table::May::Use(_));
        let name = |may: &table::May| match may {
            table::May::Use(name) | table::May::Items(name, _) => (*name).to_owned(),
        };
        let (wholes, parts): (Vec<_>, Vec<_>) = allowed.iter().partition(|may| whole(may));
        let meant = document::Row { whole: wholes.into_iter().map(name).collect(), parts: parts.into_iter().map(name).collect() };
        match written.get(*room) {
            Some(row) if *row == meant => {}
            Some(row) => problems.push(format!("{room}: the document says {row:?}, the table {meant:?}")),
            None => problems.push(format!("{room} is not in the document's table")),
        }
    }
    for room in written.keys().filter(|room| *room != "cli" && !table::TABLE.iter().any(|(listed, _)| listed == room)) {
        problems.push(format!("{room} stands in the document, but is not in the table"));
    }
    assert!(problems.is_empty(), "docs/architecture.md and tests/architecture/table.rs differ:\n{}", problems.join("\n"));
}

#[test]
fn rows_of_the_document_are_read() {
    let rows =
        document::table("| room | may use |\n|---|---|\n| a, b | c, d; of e `X` and `Y`, of f the values |\n| g | – |\n\n| h | c |\n");
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let row = |whole: &[&str], parts: &[&str]| document::Row { whole: names(whole), parts: names(parts) };
    assert_eq!(rows.get("a"), Some(&row(&["c", "d"], &["e", "f"])));
    assert_eq!(rows.get("b"), rows.get("a"));
    assert_eq!(rows.get("g"), Some(&row(&[], &[])));
    assert_eq!(rows.get("h"), None);
}

#[test]
fn every_room_is_in_the_table_and_says_what_it_is() {
    let mut problems = Vec::new();
    for entry in std::fs::read_dir(root().join("src")).expect("src") {
        let name = entry.expect("entry").file_name().into_string().expect("UTF-8 name");
        let room = name.trim_end_matches(".rs");
        if !matches!(room, "lib" | "main" | "cli" | "bin") && !table::TABLE.iter().any(|(listed, _)| *listed == room) {
            problems.push(format!("src/{name} is not in the table"));
        }
    }
    for (file, text) in sources(&root().join("src")) {
        let opening = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        if !opening.starts_with("//! ") {
            problems.push(format!("src/{file} does not begin with `//!`: what it is, what it may use, what it must not do"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn files_have_a_size_and_a_name_that_tell_what_they_are() {
    let mut problems = Vec::new();
    for (directory, longest) in LONGEST {
        for (file, text) in sources(&root().join(directory)) {
            let file = format!("{directory}/{file}");
            for part in file.trim_end_matches(".rs").split('/') {
                if NAMES_THAT_SAY_NOTHING.contains(&part) {
                    problems.push(format!("{file}: `{part}` says nothing about what is inside"));
                }
            }
            let lines = text.lines().count();
            match LONGER.iter().find(|(name, _, _)| *name == file) {
                None if lines > *longest => {
                    problems.push(format!("{file} has {lines} lines; past {longest} there is a second thing inside"));
                }
                Some((_, limit, _)) if lines > *limit => {
                    problems.push(format!("{file} has grown to {lines} lines; its exception ends at {limit}"));
                }
                Some(_) if lines <= *longest => {
                    problems.push(format!("{file} has {lines} lines and needs no exception any more: remove it"));
                }
                _ => {}
            }
        }
    }
    for (name, _, _) in LONGER {
        if !root().join(name).exists() {
            problems.push(format!("{name} is gone: remove its exception"));
        }
    }
    let main = std::fs::read_to_string(root().join("src/main.rs")).expect("main.rs");
    if main.lines().count() > 40 {
        problems.push(format!("src/main.rs has {} lines; it collects the process and calls the library in 40", main.lines().count()));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A small crate in which everything is allowed, to which the tests below add one line.
const ROOMS: &[(&str, &str)] = &[
    (
        "lib.rs",
        "pub mod core; pub mod http; pub mod manifest; pub mod store; pub mod publish; pub mod registry; pub mod fs; pub mod git; pub mod plan;",
    ),
    ("core/mod.rs", "pub struct Digest; pub mod oci;"),
    ("core/oci.rs", "pub struct Descriptor;"),
    ("fs/mod.rs", "pub fn read() {}"),
    ("git/mod.rs", "pub struct GitFacts; pub struct Repository;"),
    ("http/mod.rs", "mod client; pub use client::Client;"),
    ("http/client.rs", "pub struct Client; impl Client { pub async fn get(&self) {} }"),
    ("manifest/mod.rs", "use crate::core::Digest; pub struct Destination(Digest);"),
    ("plan/mod.rs", "use crate::git::GitFacts; pub fn plan(_: &GitFacts) {}"),
    ("store/mod.rs", "pub use crate::http::Client as Transport; pub use crate::core::*; pub mod deep; pub struct Store;"),
    ("store/deep.rs", "use super::Store; pub fn open() -> Store { super::Store }"),
    ("publish/mod.rs", "mod port; pub use port::Step; pub use port::Engine; use crate::store::Store; pub type Bytes = Store;"),
    ("publish/port.rs", "pub trait Step {} pub struct Engine;"),
    ("registry/mod.rs", "use crate::publish::{self, Step}; use crate::http::Client; pub fn f(_: &dyn publish::Step) -> Client { Client }"),
];

/// The small crate with `text` added to `file`.
fn with(file: &str, text: &str) -> Vec<String> {
    let files: Vec<(&str, String)> = ROOMS
        .iter()
        .map(|(name, source)| (*name, if *name == file { format!("{source}\n{text}") } else { (*source).to_owned() }))
        .collect();
    violations(files.iter().map(|(name, source)| (*name, source.as_str())))
}

#[test]
fn the_small_crate_is_clean() {
    assert_eq!(with("lib.rs", ""), Vec::<String>::new());
}

#[test]
fn a_new_arrow_is_found_however_it_is_written() {
    let arrows = [
        ("a use", "manifest/mod.rs", "use crate::http::Client;"),
        ("a group", "manifest/mod.rs", "use crate::{core::Digest as D, http::{Client as C}};"),
        ("a path in an expression", "manifest/mod.rs", "fn f() { let _ = crate::http::Client; }"),
        ("a path in a type", "manifest/mod.rs", "struct S(Vec<Option<crate::http::Client>>);"),
        ("a path in a bound", "manifest/mod.rs", "fn f<T: crate::publish::Step>(_: T) {}"),
        ("a path in a pattern", "manifest/mod.rs", "fn f(c: u8) { if let crate::http::Client = c {} }"),
        ("super", "core/mod.rs", "use super::http::Client;"),
        ("super twice", "core/oci.rs", "fn f() { let _ = super::super::http::Client; }"),
        ("self and super", "core/oci.rs", "use self::super::super::http::Client;"),
        ("the crate renamed", "manifest/mod.rs", "use crate as house; fn f() { let _ = house::http::Client; }"),
        ("the crate renamed by a group", "manifest/mod.rs", "use crate::{self as house}; fn f() { let _ = house::http::Client; }"),
        ("the crate renamed by extern crate", "manifest/mod.rs", "extern crate self as house; fn f() { let _ = house::http::Client; }"),
        ("the crate by its own name", "manifest/mod.rs", "fn f() { let _ = ::stagefreight::http::Client; }"),
        ("a room renamed", "manifest/mod.rs", "use crate::http as web; type T = web::Client;"),
        ("everything of the crate", "manifest/mod.rs", "use crate::*; fn f() { let _ = http::Client; }"),
        ("everything of a room", "manifest/mod.rs", "use crate::http::*;"),
        ("inside a function", "manifest/mod.rs", "fn f() { use crate::http::Client; let _ = Client; }"),
        ("inside an inline module", "manifest/mod.rs", "mod inner { use super::super::http::Client; }"),
        ("in a macro call", "manifest/mod.rs", "fn f() { println!(\"{}\", crate::http::Client); }"),
        ("in a macro definition", "manifest/mod.rs", "macro_rules! m { () => { $crate::http::Client } }"),
        ("in an attribute's string", "manifest/mod.rs", "#[serde(with = \"crate::http::as_text\")] struct S;"),
        ("a re-export under a new name", "publish/mod.rs", "use crate::store::Transport;"),
        (
            "a re-export of a re-export",
            "publish/mod.rs",
            "use crate::store as s; mod chain { pub use super::s::Transport as T; } fn f(_: chain::T) {}",
        ),
        ("a part of a room behind a port", "registry/mod.rs", "use crate::publish::Engine;"),
        ("the same through the room's name", "registry/mod.rs", "fn g(_: publish::Engine) {}"),
        ("everything behind a port", "registry/mod.rs", "use crate::publish::*;"),
        ("more of git than its facts", "plan/mod.rs", "use crate::git::Repository;"),
        ("a visible re-export", "core/mod.rs", "pub use crate::manifest::Destination;"),
        ("tests too", "manifest/mod.rs", "#[cfg(test)] mod tests { use crate::http::Client; }"),
    ];
    for (how, file, text) in arrows {
        assert!(!with(file, text).is_empty(), "not found: {how}: {text}");
    }
}

#[test]
fn a_pure_room_that_acts_is_found_however_it_is_written() {
    let acts = [
        "async fn f() {}",
        "trait T { async fn f(&self); }",
        "fn f() { let _ = async { 1 }; }",
        "use std::fs;",
        "fn f() { let _ = std::fs::read(\"x\"); }",
        "use std as s; fn f() { let _ = s::fs::read(\"x\"); }",
        "use std::{env::var, collections::BTreeMap};",
        "fn f() { let _ = std::time::SystemTime::now(); }",
        "use std::time::SystemTime as Then;",
        "use tokio::sync::Mutex;",
        "use tokio;",
        "fn f() { assert!(std::net::TcpStream::connect(\"x\").is_ok()); }",
        "fn f(p: &std::path::Path) -> bool { p.exists() }",
        "mod inner { fn f() { std::process::exit(1) } }",
    ];
    for text in acts {
        assert!(!with("manifest/mod.rs", text).is_empty(), "not found: {text}");
    }
}

#[test]
fn test_code_may_act_and_use_files() {
    let text = "#[cfg(test)] mod tests { use super::*; use crate::fs; #[test] fn t() { let _ = std::fs::read(\"x\"); fs::read(); } }";
    assert_eq!(with("manifest/mod.rs", text), Vec::<String>::new());
    assert!(!with("manifest/mod.rs", "#[cfg(not(test))] fn f() { let _ = std::fs::read(\"x\"); }").is_empty());
}
