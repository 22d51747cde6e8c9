//! `stagefreight version`.

use crate::support::Sf;

#[test]
fn prints_the_version() {
    let run = Sf::new().run(&["version"]).code(0);
    assert_eq!(run.stdout(), format!("stagefreight {}\n", env!("CARGO_PKG_VERSION")));
    let run = Sf::new().run(&["version", "--output", "json"]).code(0);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(run.stdout(), format!("{{\n  \"schema_version\": \"1\",\n  \"version\": \"{version}\"\n}}\n"));
}
