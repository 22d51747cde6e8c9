//! The config's text. Every choice stands beside its reason; what could be wanted next stands there as a comment.

use super::Facts;
use super::place::{Place, Registry};
use crate::build::project::{CiSystem, FoundDockerfile, FoundLanguage};

/// The whole file.
pub(super) fn config(facts: &Facts) -> String {
    let Facts { project, place, .. } = facts;
    let remote = place.as_ref().map(|place| format!("{}/{}", place.host, place.path));
    let mut text = String::from(
        "# Written by `stagefreight init`; yours from now on. `stagefreight check` says whether it is right, `stagefreight plan`\n\
         # what it comes to here, and `stagefreight config schema` prints every key.\n",
    );
    for line in found(&project.dockerfiles, &project.languages, &project.ci, remote.as_deref()) {
        text.push_str(&format!("# Found: {line}\n"));
    }
    text.push_str("version: 1\n");
    let images: Vec<&FoundDockerfile> = project.dockerfiles.iter().filter(|file| !file.development).collect();
    registries(&mut text, place.as_ref(), !images.is_empty());
    text.push_str(
        "\n# Releases are these git tags. Between them builds are called 1.4.0-dev.3f9c2ab, after the nearest tag.\n\
         git:\n  tags:\n    stable: { pattern: '^v?\\d+\\.\\d+\\.\\d+$' }\n",
    );
    builds(&mut text, &images, &project.dockerfiles, &project.languages);
    publish(&mut text, place.as_ref(), &images);
    text.push_str(
        "\n# What review refuses before anything is published. Values that look like secrets are refused without this, too.\n\
         # security:\n#   base_images: [\"debian:*\", \"gcr.io/distroless/*\"]\n#   max_image_size: 500MiB\n",
    );
    text
}

/// What was found, one line each.
pub(super) fn found(dockerfiles: &[FoundDockerfile], languages: &[FoundLanguage], ci: &[CiSystem], remote: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    for language in languages {
        let version = language.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        lines.push(format!("{}{version} ({})", language.name, visible(&language.file)));
    }
    for file in dockerfiles {
        lines.push(format!("{} (context {})", visible(&file.path), visible(&file.context)));
    }
    lines.extend(ci.iter().map(|system| system.name().to_owned()));
    lines.push(remote.map_or_else(|| "no git remote".to_owned(), |remote| format!("git remote {}", visible(remote))));
    lines
}

fn registries(text: &mut String, place: Option<&Place>, images: bool) {
    let Some(Place { registry: Some(registry), path, .. }) = place else {
        text.push_str(
            "\n# Where images go. Name yours, then take the comments away here and below `publish`.\n\
             # registries:\n#   main:\n#     url: registry.example.com\n#     default_path: acme/app\n\
             #     credentials: MAIN          # reads MAIN_USER and MAIN_TOKEN\n",
        );
        return;
    };
    let Registry { id, provider, url, credentials, own } = registry;
    let comment = if images { "" } else { "# " };
    text.push_str("\n# Where images go: the registry of the host the git remote is at.\n");
    let lines = [
        "registries:".to_owned(),
        format!("  {id}:"),
        format!("    provider: {provider}"),
        format!("    url: {}", quoted(url)),
        format!("    default_path: {}", quoted(path)),
        format!("    credentials: {credentials}          # reads {credentials}_USER and {credentials}_TOKEN"),
    ];
    for line in lines {
        text.push_str(&format!("{comment}{line}\n"));
    }
    if let Some(own) = own {
        text.push_str(&format!("{comment}    # {own}\n"));
    }
}

fn builds(text: &mut String, images: &[&FoundDockerfile], all: &[FoundDockerfile], languages: &[FoundLanguage]) {
    if images.is_empty() {
        text.push_str(
            "\n# There is no Dockerfile here. With one, this is its image:\n# builds:\n#   app: { kind: docker, dockerfile: Dockerfile }\n",
        );
    } else {
        text.push_str("\n# One image for each Dockerfile. Without `platforms` they are for linux on the machine that builds.\nbuilds:\n");
        for image in images {
            text.push_str(&format!("  {}:\n    kind: docker\n    dockerfile: {}\n", quoted(&image.id), quoted(&image.path)));
            text.push_str(&format!("    context: {}\n", quoted(&image.context)));
            text.push_str("    # platforms: [linux/amd64, linux/arm64]\n");
        }
    }
    for file in all.iter().filter(|file| file.development) {
        text.push_str(&format!(
            "  # {}: {{ kind: docker, dockerfile: {}, context: {} }}      # for development, so not built here\n",
            file.id,
            quoted(&file.path),
            quoted(&file.context)
        ));
    }
    let compiled = [("Go", "go"), ("Rust", "rust")];
    let builder = |language: &FoundLanguage| compiled.iter().find(|(name, _)| *name == language.name).map(|(_, builder)| *builder);
    if let Some((language, builder)) = languages.iter().find_map(|language| Some((language, builder(language)?))) {
        text.push_str(&format!(
            "  # The program itself, for releases ({} in {}):\n  # cli: {{ kind: binary, builder: {builder}, platforms: [linux/amd64, linux/arm64, darwin/arm64] }}\n  \
             # bundle: {{ kind: archive, depends_on: cli }}\n",
            language.name,
            visible(&language.file)
        ));
    }
    text.push_str(
        "  # Built by something else? `stagefreight perform --from PATH` takes over what GoReleaser, cargo-dist or buildx made.\n",
    );
}

fn publish(text: &mut String, place: Option<&Place>, images: &[&FoundDockerfile]) {
    let registry = place.and_then(|place| Some((place.registry.as_ref()?, place)));
    let comment = if registry.is_some() && !images.is_empty() { "" } else { "# " };
    text.push_str("\n# On a release tag: a version that stands for ever, and names that only move forward.\n");
    text.push_str(&format!("{comment}publish:\n"));
    let ids: Vec<&str> = if images.is_empty() { vec!["app"] } else { images.iter().map(|image| image.id.as_str()).collect() };
    for id in &ids {
        let key = quoted(id);
        text.push_str(&format!("{comment}  {key}:\n{comment}    kind: registry\n{comment}    build: {key}\n"));
        text.push_str(&format!("{comment}    registry: {}\n", registry.map_or("main", |(registry, _)| registry.id)));
        // One repository holds one image.
        if let (Some((_, place)), true) = (registry, ids.len() > 1) {
            text.push_str(&format!("{comment}    path: {}\n", quoted(&format!("{}/{}", place.path, id.to_lowercase()))));
        }
        text.push_str(&format!("{comment}    tags: [\"{{version}}\", \"{{major}}.{{minor}}\", latest]\n"));
        text.push_str(&format!("{comment}    when: {{ git_tags: [stable] }}\n"));
    }
}

// Plain where YAML reads it as the text it is.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    let word = text.chars().any(|c| c.is_ascii_alphabetic()) && text.starts_with(|c: char| c.is_ascii_alphabetic());
    if text == "." || (word && text.chars().all(plain) && !["true", "false", "null", "yes", "no", "on", "off"].contains(&text)) {
        text.to_owned()
    } else {
        // A JSON string is a YAML string. Braces would be read as the start of a template, and no path of ours has them.
        serde_json::to_string(&text).unwrap_or_default()
    }
}

// Foreign text in a comment stays on its line.
fn visible(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}
