//! `stagefreight config check|show|schema`: what is accepted, what is refused and how the refusal looks.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Sf, assert_satisfies};

/// The smallest config that publishes something.
const SMALLEST: &str = r#"version: 1
registries:
  ghcr: { provider: ghcr, url: ghcr.io, credentials: GHCR }
  hub: { provider: dockerhub, url: docker.io, default_path: acme/app }
builds:
  app: { kind: docker, platforms: [linux/amd64, linux/arm64] }
publish:
  image:
    kind: registry
    build: app
    registry: ghcr
    path: acme/app
    tags: ["{version}", "{major}.{minor}", latest]
    when: { git_tags: [stable] }
git:
  tags: { stable: { pattern: '^v\d+\.\d+\.\d+$' } }
"#;

/// The smallest config with one text replaced by another.
fn with(from: &str, to: &str) -> String {
    assert!(SMALLEST.contains(from), "{from}");
    SMALLEST.replacen(from, to, 1)
}

/// Broken configs by name. Each becomes one snapshot of exit code, standard output and standard error.
fn broken() -> Vec<(&'static str, String)> {
    vec![
        ("dangling_registry", with("registry: ghcr", "registry: ghrc")),
        ("dangling_build", with("build: app", "build: ap")),
        ("dangling_tag_pattern", with("[stable]", "[stabel]")),
        ("unknown_section", with("registries:", "registrys:")),
        ("unknown_key", with("platforms:", "platfroms:")),
        ("unknown_kind", with("kind: docker", "kind: dokcer")),
        ("missing_kind", with("kind: docker, ", "")),
        ("missing_version", with("version: 1\n", "")),
        ("newer_version", with("version: 1", "version: 2")),
        ("wrong_type", with("platforms: [linux/amd64, linux/arm64]", "platforms: linux/amd64")),
        ("truth_value_as_text", with("    path: acme/app", "    path: true")),
        ("text_as_truth_value", with("kind: docker,", "kind: docker, required: yes,")),
        ("list_form", "version: 1\nbuilds:\n  - id: app\n    kind: docker\n  - id: web\n    kind: docker\n".to_owned()),
        ("older_sections", "version: 1\nversioning:\n  tag_sources: []\nmatchers: {}\ntargets:\n  - id: image\n    kind: registry\n".to_owned()),
        ("malformed_yaml", with("{ kind: docker, platforms: [linux/amd64, linux/arm64] }", "{ kind: docker, platforms: [linux/amd64")),
        ("tab_indent", "version: 1\nbuilds:\n\tapp: { kind: docker }\n".to_owned()),
        ("repeated_key", with("builds:\n", "builds:\n  app: { kind: docker }\n")),
        ("not_a_map", "- version: 1\n".to_owned()),
        ("empty_file", String::new()),
        ("circle", "version: 1\nbuilds:\n  a: { kind: docker, depends_on: b }\n  b: { kind: docker, depends_on: [c] }\n  c: { kind: docker, depends_on: build:a }\n  d: { kind: docker, depends_on: d }\n".to_owned()),
        ("duplicate_destination", with("git:", "  again: { kind: registry, build: app, registry: ghcr, path: acme/app, tags: [latest] }\ngit:")),
        ("one_host_twice", with("registry: ghcr", "registry: [hub, hub2, hub]").replace("builds:", "  hub2: { url: registry-1.docker.io }\nbuilds:")),
        ("no_path", with("    path: acme/app\n", "")),
        ("no_tags", with("[\"{version}\", \"{major}.{minor}\", latest]", "[]")),
        ("long_tag", with("latest]", &format!("{}]", "x".repeat(129)))),
        ("illegal_tag", with("latest]", "\"-latest/1\"]")),
        ("unknown_token", with("{version}", "{vresion}")),
        ("unclosed_token", with("{version}", "{version")),
        ("random_immutable_tag", with("latest]", "\"{rand:4}\"]\n    immutable: [\"{rand:4}\", \"{verison}\"]")),
        ("undeclared_env", with("    path: acme/app", "    path: \"acme/{env:TEAM}\"")),
        ("secret_env", with("version: 1", "version: 1\nvars_from_env: [NPM_TOKEN]")),
        ("unknown_variable", with("    path: acme/app", "    path: \"{var:ogr}/app\"").replace("version: 1", "version: 1\nvars: { org: acme }")),
        ("variable_circle", with("    path: acme/app", "    path: \"{var:a}/app\"").replace("version: 1", "version: 1\nvars: { a: \"{var:b}\", b: \"x{var:a}\" }")),
        ("bad_expression", with(r"^v\d+\.\d+\.\d+$", "^v(")),
        ("bad_platform", with("linux/arm64", "arm64")),
        ("bad_size", with("version: 1", "version: 1\nsecurity: { max_image_size: 12abc }")),
        ("bad_paths", with("kind: docker,", "kind: docker, dockerfile: /etc/Dockerfile, context: ../other,")),
        ("url_with_credentials", with("url: ghcr.io", "url: \"https://me:hunter2@ghcr.io\"")),
        ("token_as_credentials", with("credentials: GHCR", "credentials: \"ghp_abc/123=\"")),
        ("url_with_path", with("url: ghcr.io", "url: https://ghcr.io/acme")),
        ("bad_registry_options", with("url: ghcr.io", "url: ghcr.io, concurrency: 0, rate: -1, retries: 1000, client_certificate: \"-----BEGIN hunter2\", mirrors: [\"http://a\", \"b/c\"], attestations: referrers, platforms: [linux/amd64, linux]")),
        ("unknown_provider", with("provider: ghcr", "provider: gchr")),
        ("unknown_event", with("{ git_tags: [stable] }", "{ git_tags: [stable], events: [tags, pull_requests] }")),
        ("empty_condition", with("{ git_tags: [stable] }", "[{ git_tags: [] }, { events: ['!schedle'] }]")),
        ("unmet_requirement", with("    path: acme/app", "    path: acme/app\n    requires: { sign: true, sbom: false }")),
        ("later_section", with("version: 1", "version: 1\nsigning: { profiles: { default: { requires: oidc } } }\nretention: { kep_last: 3 }")),
        ("later_kind", with("kind: registry", "kind: pages")),
        ("later_key", with("kind: docker,", "kind: docker, build_mode: crucible,")),
        ("bad_secrets", with("kind: docker,", "kind: docker, secrets: [{ id: npmrc }, { id: npmrc, env: \"ghp_abc/123=\" }, { id: x, env: A, src: b }],")),
        ("bad_buildkit_options", with("kind: docker,", "kind: docker, build_contexts: { base: \"build:bsae\", self: \"build:app\", up: ../x, odd: \"ftp://x\" }, ulimits: [nofile], add_hosts: [db], shm_size: 1.5GB, ssh: \"a b\",")),
        ("bake_and_dockerfile", with("kind: docker,", "kind: docker, bake: docker-bake.hcl, dockerfile: Dockerfile,")),
        ("bad_builder", with("version: 1", "version: 1\nbuilder: { backend: buildkitd, driver: docker, context: x, name: \"a b\" }")),
        ("bad_nodes", with("version: 1", "version: 1\nbuilder: { nodes: [{ endpoint: \"tcp://a:1\", platforms: [linux/amd64] }, { endpoint: \"tcp://me:hunter2@b\", platforms: [linux/amd64] }, { endpoint: b, platforms: [] }] }")),
        ("builder_twice", with("version: 1", "version: 1\nbuilder: { backend: spawn }\nbuild_cache: { builder: { backend: dind } }")),
        ("cache_nowhere", with("version: 1", "version: 1\nbuild_cache: { mode: shared }")),
        ("bad_cache", with("version: 1", "version: 1\nbuild_cache: { mode: hybrid, local: { path: cache, retention: { max_age: 7x, max_size: 15.9GB } }, external: { registry: ghcr, path: my-deadbeef, options: { bucket: b }, retention: { max_refs: 0 } } }")),
        ("cache_without_repository", with("version: 1", "version: 1\nbuild_cache: { mode: shared, external: { registry: ghcr } }")),
        ("cache_secret", with("version: 1", "version: 1\nbuild_cache: { mode: shared, external: { type: s3, options: { bucket: b, secret_access_key: hunter2 } } }")),
        ("bad_cleanup", with("version: 1", "version: 1\nbuild_cache: { cleanup: { enabled: true, protect: { images: { refs: [\"sha256:12\", \"a[\"] }, volumes: { named: false } }, prune: { build_cache: { older_than: 0s, keep_storage: 12abc } } } }")),
        ("components_nowhere", with("git:", "  parts: { kind: gitlab-component }\ngit:")),
        ("components_somewhere", with("git:", "  parts: { kind: gitlab-component, spec_files: [] }\n  hub: { kind: gitlab-component, repo: hubbed, build: app, spec_files: [ci/lint.yml, \"templates/[.yml\", ../x.yml] }\ngit:").replace("builds:", "forges: { lab: { provider: gitlab, url: gitlab.acme.dev }, hub: { provider: github, url: github.com } }\nrepos:\n  one: { forge: lab, project: acme/one }\n  two: { forge: lab, project: acme/two }\n  hubbed: { forge: hub, project: acme/three }\nbuilds:")),
        ("several_at_once", with("registry: ghcr", "registry: ghrc").replace("platforms:", "platfroms:").replace("latest]", "\"{vresion}\"]")),
    ]
}

#[test]
fn broken_configs_show_what_is_wrong_where_and_the_way_out() {
    for (name, text) in broken() {
        let run = Sf::new().file(".stagefreight.yml", text).run(&["config", "check"]).code(2);
        assert!(!run.stderr().contains("hunter2") && !run.stderr().contains("ghp_abc"), "{name} prints a secret");
        insta::assert_snapshot!(name, run.snapshot());
    }
}

#[test]
fn a_valid_config_is_ok() {
    let run = Sf::new().file(".stagefreight.yml", SMALLEST).run(&["config", "check"]).code(0);
    insta::assert_snapshot!(run.snapshot());
}

#[test]
fn json_tells_problems_and_warnings() {
    let sf = Sf::new().file(".stagefreight.yml", with("registry: ghcr", "registry: ghrc") + "badges: {}\nlint: { x: 1 }\n");
    let json = sf.run(&["config", "check", "--output", "json"]).code(2).json();
    assert_satisfies("command-config-check", &json);
    assert_eq!(json["valid"], false);
    assert_eq!(json["problems"][0]["line"], 11);
    assert_eq!(json["problems"][0]["column"], 15);
    assert_eq!(json["warnings"].as_array().map(Vec::len), Some(1), "{json}");
    assert!(json["warnings"][0]["message"].as_str().is_some_and(|text| text.contains("badges, lint")), "{json}");
    let json = Sf::new().file(".stagefreight.yml", SMALLEST).run(&["config", "check", "--output", "json"]).code(0).json();
    assert_eq!(json["valid"], true);
    assert_eq!(json["counts"]["publish"], 1);
}

#[test]
fn an_unused_pattern_is_a_warning() {
    let text = with("git:\n", "git:\n  branches: { main: '^main$' }\n");
    let json = Sf::new().file(".stagefreight.yml", text).run(&["config", "check", "--output", "json"]).code(0).json();
    assert_eq!(json["warnings"][0]["message"], "branch pattern `main` is never used");
}

#[test]
fn a_condition_that_never_holds_is_a_warning() {
    let text = with("{ git_tags: [stable] }", "{ git_tags: [stable], branches: 're:^main$', events: '!schedule' }");
    let json = Sf::new().file(".stagefreight.yml", text).run(&["config", "check", "--output", "json"]).code(0).json();
    assert!(json["warnings"][0]["message"].as_str().is_some_and(|text| text.contains("never holds")), "{json}");
}

#[test]
fn without_a_file_one_dockerfile_is_one_image() {
    let run = Sf::new().file("Dockerfile", "FROM scratch\n").env("SF_CI_PROVIDER", "local").run(&["config", "check"]).code(0);
    insta::assert_snapshot!(run.snapshot().replace(&stagefreight::core::Platform::host().to_string(), "[HOST]"));
    let none = Sf::new().run(&["config", "check"]).code(2);
    insta::assert_snapshot!("no_dockerfile", none.snapshot());
    let sf = Sf::new().file("Dockerfile", "FROM scratch\n").file("docker/web.dockerfile", "FROM scratch\n");
    insta::assert_snapshot!("several_dockerfiles", sf.run(&["config", "check"]).code(2).snapshot());
    assert_eq!(sf.run(&["config", "check", "--output", "json"]).code(2).json()["valid"], false);
}

#[test]
fn files_that_are_no_config_are_refused_clearly() {
    let run = Sf::new().file(".stagefreight.yml", b"version: 1\nvars: { a: \xff }\n").run(&["config", "check"]).code(2);
    insta::assert_snapshot!("not_utf8", run.snapshot());
    let run = Sf::new().file(".stagefreight.yml", "#".repeat((1 << 20) + 1)).run(&["config", "check"]).code(2);
    insta::assert_snapshot!("too_large", run.snapshot());
    let run = Sf::new().run(&["config", "check", "--config", "other.yml"]).code(2);
    insta::assert_snapshot!("named_file_missing", run.snapshot());
    let mut bomb = String::from("version: 1\ndefaults:\n  a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        bomb.push_str(&format!("  a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(",")));
    }
    let started = std::time::Instant::now();
    let run = Sf::new().file(".stagefreight.yml", bomb).run(&["config", "check"]).code(2);
    assert!(run.stderr().starts_with("error: "), "{}", run.stderr());
    assert!(started.elapsed().as_secs() < 60, "an alias bomb took {:?}", started.elapsed());
}

#[test]
fn show_fills_everything_in_and_reads_back_the_same() {
    let sf = Sf::new().file(".stagefreight.yml", full_example());
    let first = sf.run(&["config", "show"]).code(0).stdout();
    insta::assert_snapshot!(first);
    sf.write(".stagefreight.yml", &first);
    assert_eq!(sf.run(&["config", "show"]).code(0).stdout(), first);
    let run = sf.run(&["config", "show", "--output", "json"]).code(0);
    let json = run.json();
    assert_eq!(json["config"]["registries"]["ghcr"]["url"], "ghcr.io");
    assert_satisfies("command-config-show", &json);
    // As text, since the order of entries is part of a config.
    let members: std::collections::HashMap<String, Box<serde_json::value::RawValue>> = serde_json::from_str(&run.stdout()).expect("JSON");
    sf.write(".stagefreight.yml", members["config"].get());
    assert_eq!(sf.run(&["config", "show"]).code(0).stdout(), first);
}

#[test]
fn the_checked_in_schema_is_the_generated_one() {
    let generated = Sf::new().run(&["config", "schema"]).code(0).stdout();
    let path = root().join("schemas/config.schema.json");
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, &generated).expect("schema");
    }
    let checked_in = std::fs::read_to_string(&path).expect("schemas/config.schema.json");
    assert!(checked_in == generated, "schemas/config.schema.json is old: run the tests once with UPDATE_GENERATED=1");
}

#[test]
fn every_example_is_valid_for_the_program_and_for_the_schema() {
    let examples = examples();
    assert!(examples.len() >= 3, "the examples were not found");
    for (name, text) in examples {
        Sf::new().file(".stagefreight.yml", &text).run(&["config", "check"]).code(0);
        assert_eq!(schema_refuses(&text), Vec::<String>::new(), "{name}");
    }
    for text in [with("platforms:", "platfroms:"), with("kind: docker", "kind: dokcer"), with("version: 1\n", "")] {
        assert!(!schema_refuses(&text).is_empty(), "the schema accepts:\n{text}");
    }
}

#[test]
fn the_shape_of_what_comes_later_is_known() {
    let text = include_str!("fixtures/config/grown-up.yml");
    assert_eq!(schema_refuses(text), Vec::<String>::new());
    let json = Sf::new().file(".stagefreight.yml", text).run(&["config", "check", "--output", "json"]).code(2).json();
    let problems: Vec<&str> = json["problems"].as_array().expect("problems").iter().filter_map(|p| p["message"].as_str()).collect();
    for problem in &problems {
        assert!(problem.contains("not supported yet") || problem.contains("cannot be met yet"), "{problem}");
    }
    assert!(problems.iter().any(|problem| problem.starts_with("`signing`")), "{problems:#?}");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Configs the repository shows people: those of `examples`, and the YAML blocks of `docs/config.md`.
fn examples() -> Vec<(String, String)> {
    let mut found = vec![("smallest".to_owned(), SMALLEST.to_owned())];
    for entry in std::fs::read_dir(root().join("examples")).expect("examples") {
        let path = entry.expect("entry").path().join(".stagefreight.yml");
        if let Ok(text) = std::fs::read_to_string(&path) {
            found.push((path.display().to_string(), text));
        }
    }
    found.extend(doc_blocks().into_iter().enumerate().map(|(index, text)| (format!("docs/config.md block {index}"), text)));
    found
}

/// YAML blocks of docs/config.md that are whole configs.
fn doc_blocks() -> Vec<String> {
    let text = read(&root().join("docs/config.md"));
    text.split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```"))
        .map(|(block, _)| block.to_owned())
        .filter(|b| b.starts_with("version: 1"))
        .collect()
}

/// The example of docs/config.md that uses every key.
fn full_example() -> String {
    doc_blocks().into_iter().find(|block| block.contains("# every key")).expect("an example with every key")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the schema has against a config.
fn schema_refuses(yaml: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(&read(&root().join("schemas/config.schema.json"))).expect("schema");
    let validator = jsonschema::validator_for(&schema).expect("a valid schema");
    // YAML 1.2, as editors read it: `off` is text.
    let options = serde_saphyr::options! { strict_booleans: true };
    let instance: Value = serde_saphyr::from_str_with_options(yaml, options).expect("YAML");
    validator.iter_errors(&instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
