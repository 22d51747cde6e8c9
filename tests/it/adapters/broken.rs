//! Adapters that are broken on purpose: the public tool gives each of them level `full`, ours names what is wrong.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::judged::{by_us, example, ids, publicly};
use crate::support::Sf;

/// The example in Python with one thing changed, under the name of the change.
fn broken(sf: &Sf, name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/adapters");
    let change = std::fs::read_to_string(fixtures.join(format!("{name}.py"))).expect("a fixture of that name");
    let sound = std::fs::read_to_string(example("python")).expect("the example");
    let (body, last) = sound.trim_end().rsplit_once('\n').expect("more than one line");
    assert_eq!(last, "sys.exit(main())");
    let path = sf.outside().join(format!("epack-remote-{name}"));
    std::fs::write(&path, format!("{body}\n{change}{last}\n")).expect("adapter");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("mode");
    // For the one that needs it.
    std::fs::write(path.with_file_name("companion"), "").expect("companion");
    path
}

#[track_caller]
fn caught(name: &str, by: &[&str]) {
    let sf = Sf::new().env("EXAMPLE_SECRET", "do-not-print-this");
    let root = sf.outside().join("releases");
    let root = root.to_str().expect("UTF-8");
    let adapter = broken(&sf, name);
    let public = publicly(&adapter, &[("EXAMPLE_ROOT", root)]);
    assert_eq!(public["conformance_level"], "full", "the public tool has learned to see `{name}`: it needs no fixture any more");
    let config = format!("root={root}");
    let (code, report) = by_us(&sf, &adapter, &["--set", &config, "--file-root", root, "--pass", "EXAMPLE_SECRET"]);
    assert_eq!(code, 7, "{name} was not caught");
    let unmet = [ids(&report, "fail"), ids(&report, "unproven")].concat();
    for id in by {
        assert!(unmet.contains(&(*id).to_owned()), "{name}: {id} is met; not met are {unmet:?}");
    }
    assert!(!report.to_string().contains("do-not-print-this"), "a secret is in the report");
}

macro_rules! caught {
    ($($name:ident: $($id:literal)+;)*) => {
        /// Every fixture.
        const ALL: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { caught(stringify!($name), &[$($id),+]); })*
    };
}

caught! {
    locked: "REM-031" "REM-041";
    mute: "REM-003" "REM-010";
    chatty: "REM-011";
    parrot: "REM-015";
    mistyped: "REM-013";
    identity: "REM-052" "SF-013";
    gullible: "SF-006" "SF-007";
    forgetful: "SF-014";
    twin: "SF-008";
    leaky: "REM-084";
    tenner: "C-022" "C-023";
    boundless: "SF-010";
    runless: "REM-024";
    miscounting: "SF-017" "SF-018";
    litterer: "C-031";
    painter: "C-013";
    lingerer: "SF-003";
    futurist: "SF-001";
    forger: "SF-009";
    undated: "SF-011";
    unversioned: "SF-020";
    eager: "SF-021";
    overwriter: "SF-022";
    shortsighted: "SF-023";
    blind: "SF-024";
    scattered: "SF-025";
}

#[test]
fn every_fixture_is_tested() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/adapters");
    let mut there: Vec<String> = std::fs::read_dir(fixtures)
        .expect("fixtures")
        .filter_map(|entry| entry.expect("entry").file_name().to_str()?.strip_suffix(".py").map(str::to_owned))
        .collect();
    there.sort();
    let mut tested: Vec<String> = ALL.iter().map(|name| (*name).to_owned()).collect();
    tested.sort();
    assert_eq!(there, tested);
    assert!(tested.len() >= 12);
}
