//! Documents that are made from the code: checked in, made again here, and compared. `UPDATE_GENERATED=1` rewrites them.

use std::path::Path;

use stagefreight::error::Kind;
use stagefreight::names;

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, text).expect("generated file");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(there, text, "{name} is not what the code says: run UPDATE_GENERATED=1 cargo test --test it generated");
}

#[test]
fn exit_codes() {
    let mut text = "# Exit codes\n\nMade from `src/error.rs`; do not edit.\n\n| code | meaning |\n|---|---|\n| 0 | done |\n".to_owned();
    for kind in Kind::ALL {
        text.push_str(&format!("| {} | {} |\n", kind.exit_code(), kind.doc()));
    }
    text.push_str("\nWhen several apply, the first of these decides: 130 and 143, 4, 3, 5, then the rest.\n");
    compare("docs/exit-codes.md", &text);
}

#[test]
fn environment_variables() {
    let mut text =
        "# Environment variables\n\nMade from `src/names.rs`; do not edit. Besides these, each `credentials: NAME` of the config reads \
                    `NAME_USER` and the first of `NAME_TOKEN`, `NAME_PASS`, `NAME_PASSWORD`.\n\n| variable | what it does |\n|---|---|\n"
            .to_owned();
    for variable in names::env::ALL {
        let secret = if variable.secret { " (secret)" } else { "" };
        text.push_str(&format!("| `{}` | {}{secret} |\n", variable.name, variable.doc));
    }
    compare("docs/environment.md", &text);
}
