//! Images at a real Gitea's container registry: its own kind of tokens, and what others read there.

use std::process::Command;

use crate::support::{Gitea, Sf, component};

const BUILD: &str = r#"builds:
  app: { kind: docker, builder: embedded, platforms: [linux/amd64, linux/arm64] }
publish:
  image: { kind: registry, build: app, registry: gitea, path: PATH, tags: ["{version}", "{major}.{minor}", latest] }
"#;

/// What somebody without a token reads.
fn crane(arguments: &[&str]) -> String {
    let output = Command::new(component("crane", "crane")).args(arguments).output().expect("crane runs");
    assert!(output.status.success(), "crane {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A tagged workspace whose image goes to a name of its own there.
fn workspace(name: &str) -> (Sf, String) {
    let gitea = Gitea::get();
    let host = gitea.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let registry = format!("registries: {{ gitea: {{ provider: gitea, url: \"http://{host}\", credentials: FORGE }} }}\n");
    let path = format!("acme/{name}");
    let sf = Sf::new()
        .file("Dockerfile", "FROM scratch\nCOPY app /app\nENTRYPOINT [\"/app\"]\n")
        .file("app", "#!/bin/true\n".repeat(2000))
        .file(".gitignore", ".stagefreight/\n.stagefreight.yml\n")
        .file(".stagefreight.yml", format!("version: 1\n{registry}{}", BUILD.replace("PATH", &path)))
        .git()
        .tag("v1.4.0");
    (sf.env("FORGE_USER", "acme"), format!("{host}/{path}"))
}

#[test]
fn an_image_is_published_read_back_by_others_and_not_sent_again() {
    let (sf, repository) = workspace("image-app");
    let token = &Gitea::get().token;
    let sf = sf.env("FORGE_TOKEN", token).prepared();
    sf.run(&["preflight"]).code(0);
    sf.run(&["publish"]).code(0);
    let digest = sf.artifact_digest();
    for tag in ["1.4.0", "1.4", "latest"] {
        assert_eq!(crane(&["digest", "--insecure", &format!("{repository}:{tag}")]), digest, "{tag}");
    }
    crane(&["validate", "--insecure", "--remote", &format!("{repository}:1.4.0")]);
    let status = sf.run(&["status", "--output", "json"]).code(0).json();
    assert!(status["destinations"].as_array().expect("lines").iter().all(|line| line["state"] == "complete"), "{status:#}");
    sf.run(&["verify"]).code(0);
    sf.run(&["publish"]).code(0);
    assert_eq!(sf.placements()["totals"]["writes"], 0);
    // From nothing that is remembered.
    sf.forget_publishing();
    sf.run(&["publish"]).code(0);
    assert_eq!(sf.placements()["totals"]["writes"], 0);
    let kept = crate::support::file_release::left_behind(&sf.path().join(".stagefreight/"));
    assert!(!kept.contains(token.as_str()), "the token was written down");
}

#[test]
fn a_token_that_may_only_read_packages_is_refused_with_what_it_lacks() {
    let (sf, _) = workspace("image-refused");
    let gitea = Gitea::get();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let asked = serde_json::json!({ "name": "reads-packages", "scopes": ["read:package"] });
    let weak = runtime.block_on(gitea.token_with(asked));
    let sf = sf.env("FORGE_TOKEN", &weak).prepared();
    let refused = sf.run(&["publish"]).code(3);
    let said = format!("{}{}", refused.stdout(), refused.stderr());
    assert!(said.contains("FORGE_TOKEN") || said.contains("401") || said.contains("403"), "{said}");
    assert!(!said.contains(&weak), "the token was printed");
}
