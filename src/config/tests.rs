//! Tests of the room: what is accepted, what is refused, and how refusals look.

use super::*;

fn registry_of<'c>(config: &'c Config, id: &str) -> &'c RegistryPublish {
    match &config.publish[id].kind {
        PublishKind::Registry(entry) => entry,
        other => panic!("{other:?}"),
    }
}

const SMALLEST: &str = r#"version: 1
registries:
  ghcr: { provider: ghcr, url: ghcr.io, credentials: GHCR }
builds:
  app: { kind: docker, platforms: [linux/amd64, linux/arm64] }
publish:
  image: { kind: registry, build: app, registry: ghcr, path: acme/app, tags: ["{version}", "{major}.{minor}", latest], when: { git_tags: [stable] } }
git:
  tags: { stable: { pattern: '^v\d+\.\d+\.\d+$' } }
"#;

#[test]
fn the_smallest_config_loads() {
    let (config, warnings) = load(SMALLEST, ".stagefreight.yml").expect("valid");
    assert_eq!(warnings, []);
    let tags: Vec<_> = registry_of(&config, "image").tags.iter().map(|tag| tag.policy).collect();
    assert_eq!(tags, [TagPolicy::Immutable, TagPolicy::Forward, TagPolicy::Forward]);
    assert_eq!(config.publish["image"].when[0].git_tags, ["stable"]);
    assert_eq!(config.registries["ghcr"].host, "ghcr.io");
}

#[test]
fn a_mistake_shows_its_place() {
    let text = SMALLEST.replace("registry: ghcr,", "registry: ghrc,");
    let errors = load(&text, ".stagefreight.yml").expect_err("dangling");
    let expected = "\
error: registry `ghrc` is not defined
  ┌─ .stagefreight.yml:7:50
  │
7 │   image: { kind: registry, build: app, registry: ghrc, path: acme/app, tags: [\"{version}\", \"{major}.{minor}\", latest], when: { git_tags…
  │                                                  ^^^^ did you mean `ghcr`?
hint: registries defined here: ghcr
";
    assert_eq!(errors.to_string(), expected);
}

/// Pieces that get a random text past the first lines of the reader.
fn pieces() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let words = [
        "version: 1\n",
        "vars: ",
        "registries:\n",
        "builds:\n",
        "publish:\n",
        "git:\n",
        "security:\n",
        "defaults: ",
        "  app:\n",
        "  a: ",
        "{ kind: docker }",
        "{ kind: registry, build: a, registry: a, tags: [",
        "] }",
        "    kind: docker\n",
        "    platforms: ",
        "[",
        "]",
        "{",
        "}",
        "\"{var:a}\"",
        "'{version}'",
        "{{",
        "}}",
        "{sha:",
        "&x ",
        "*x",
        "<<: *x",
        ", ",
        ": ",
        "\n",
        "  ",
        "- ",
        "ghcr.io",
        "http://u:p@h/",
        "url: ",
        "tags: ",
        "when: ",
        "branches: ",
        "'^v('",
        "re:",
        "!",
        "~",
        "null",
        "1.10",
        "0x1f",
        ".nan",
        "ä",
        "\u{feff}",
        "\t",
        "# x\n",
        "|\n",
        ">-\n",
        "!!binary ",
        "!!int ",
        "? ",
        "--- ",
        "...",
        "%YAML 1.2\n",
        "\r\n",
        "\u{0}",
        "badges: 1\n",
        "targets:\n",
    ];
    proptest::collection::vec(prop_oneof![9 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => ".{0,8}"], 0..40)
        .prop_map(|parts| parts.concat())
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 1500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in pieces()) {
        match load(&text, "x.yml") {
            Ok((config, _)) => {
                let shown = yaml_of(&config).expect("printable");
                let (again, _) = load(&shown, "shown.yml").unwrap_or_else(|errors| panic!("{errors}\n{shown}"));
                proptest::prop_assert_eq!(yaml_of(&again).expect("printable"), shown);
            }
            Err(errors) => {
                proptest::prop_assert!(!errors.problems.is_empty());
                for problem in &errors.problems {
                    proptest::prop_assert!(!problem.message.is_empty());
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _either = load_bytes(&bytes, "x.yml");
    }

    #[test]
    fn a_valid_config_with_one_character_changed_never_panics(at in 0usize..2000, with in ".") {
        let mut text: Vec<char> = SMALLEST.chars().collect();
        let at = at % text.len();
        text.splice(at..=at, with.chars());
        let _either = load(&text.into_iter().collect::<String>(), "x.yml");
    }
}

#[test]
fn conditions_are_names_or_expressions() {
    let with = |branches: &str| SMALLEST.replace("git_tags: [stable]", &format!("branches: [{branches}]"));
    for right in ["'^main$'", "'re:main'", "'!^dependabot/'", "'! re:x'", "'a|b'"] {
        load(&with(right), "x.yml").unwrap_or_else(|errors| panic!("{right}: {errors}"));
    }
    for wrong in ["main", "'!main'", "feature/x", "'re:('", "'!'", "''"] {
        assert!(load(&with(wrong), "x.yml").is_err(), "{wrong}");
    }
}

#[test]
fn one_secret_hides_its_whole_line_and_urls_lose_their_passwords() {
    let text = "version: 1\nregistries:\n  a: { provider: nope, credentials: \"ghp_s3cret/\" }\n  b: { url: \"https://u:s3cret@h\", colour: red }\nvars: { x: \"https://me:s3cret@h/{var:y}\" }\n";
    let errors = load(text, "x.yml").expect_err("several mistakes");
    assert!(errors.problems.len() >= 3, "{errors}");
    assert!(!errors.to_string().contains("s3cret"), "{errors}");
    assert!(!format!("{:?}", errors.problems).contains("s3cret"), "{errors}");
}

#[test]
fn many_mistakes_stay_cheap() {
    let mut text = String::from("version: 1\nbuilds:\n");
    for number in 0..5000 {
        text.push_str(&format!("  b{number}: {{ kind: docker, depends_on: b{}, x{number}: 1 }}\n", (number + 1) % 5000));
    }
    let started = std::time::Instant::now();
    let errors = load(&text, "x.yml").expect_err("a circle of 5000");
    assert_eq!(errors.problems.len(), MAX_PROBLEMS);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
