//! Tests of the room: what is accepted, what is refused, and how refusals look.

use super::*;

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
    let tags: Vec<_> = config.publish["image"].registry.tags.iter().map(|tag| tag.policy).collect();
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
