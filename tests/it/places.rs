//! Entries that plan well and could not be published: they are refused before anything is built.

use crate::support::Sf;
use crate::support::forge_cli::Workspace;

const LAB: &str =
    "forges: { lab: { provider: gitlab, url: \"https://gitlab.acme.dev\" } }\nrepos: { home: { forge: lab, project: acme/app } }\n";

#[track_caller]
fn refused(places: &str, publish: &str, parts: &[&str]) -> Workspace {
    let workspace = Workspace::new();
    workspace.config(places, publish);
    let said = workspace.run(&["plan"], 2).stderr();
    assert!(parts.iter().all(|part| said.contains(part)) && said.contains("hint: "), "{parts:?}: {said}");
    workspace
}

#[test]
fn a_package_has_files() {
    for entry in [
        "{ kind: generic-package, repo: home, archives: [] }",
        // In every pipeline, so that a tag does not find out.
        "{ kind: generic-package, repo: home, archives: [], aliases: [latest], when: { events: [schedule] } }",
        "{ kind: files, url: \"https://files.acme.dev/app\", archives: [] }",
    ] {
        refused(LAB, &format!("  things: {entry}\n"), &["publish `things`", "has no files", "`archives`"]);
    }
    // Without `archives` those of kind archive, of which there is none.
    let sf = Sf::new()
        .file(".gitignore", ".stagefreight/\n")
        .file(
            ".stagefreight.yml",
            format!(
                "version: 1\n{LAB}builds: {{ tool: {{ kind: binary, builder: command, command: [cp, README, \"{{output}}\"], platforms: [linux/amd64] }} }}\n\
                 publish: {{ things: {{ kind: generic-package, repo: home }} }}\n"
            ),
        )
        .git()
        .tag("v1.4.0");
    let said = sf.run(&["plan"]).code(2).stderr();
    assert!(said.contains("publish `things`") && said.contains("has no files"), "{said}");
}

/// A build that makes one file of this name, beside the others.
fn with_file(name: &str, places: &str, release: &str, more: &str) -> Workspace {
    let workspace = Workspace::new();
    let publish = format!("  release: {{ kind: release, repos: home, archives: [tool, extra], {release} }}\n{more}");
    workspace.config(places, &publish);
    let extra = format!(
        "builds:\n  extra: {{ kind: command, command: [\"true\"], outputs: [{{ type: file, source: {name} }}] }}\n  \
         image: {{ kind: docker, builder: embedded, platforms: [linux/amd64] }}"
    );
    let text = workspace.sf.read(".stagefreight.yml").replace("builds:", &extra);
    workspace.sf.write(".stagefreight.yml", text);
    workspace.sf.write("Dockerfile", "FROM scratch\nCOPY README /\n");
    workspace
}

#[test]
fn names_of_added_files_are_taken() {
    let registry = "registries: { hub: { provider: embedded, url: localhost, default_path: acme/app } }\n";
    let image = "  image: { kind: registry, build: image, registry: hub, tags: [\"{version}\"] }\n";
    let places = format!("{LAB}{registry}");
    for (name, release, more) in [
        ("SHA256SUMS.txt", "checksums: true", ""),
        ("verification.json", "attestations: false", ""),
        ("install.sh", "install_script: false", ""),
        ("image-digests.txt", "checksums: true", ""),
    ] {
        let run = with_file(name, &places, release, more);
        run.run(&["plan"], 0);
    }
    for (name, release, more) in [
        ("verification.json", "checksums: true", ""),
        ("Verification.JSON", "checksums: true", ""),
        ("install.sh", "install_script: true", ""),
        ("image-digests.txt", "checksums: true", image),
    ] {
        let said = with_file(name, &places, release, more).run(&["plan"], 2).stderr();
        assert!(said.contains(name) && said.contains("would both be called") && said.contains("is added to the files"), "{name}: {said}");
    }
}

#[test]
fn two_places_of_one_name_are_told_apart() {
    let places = LAB.replace("home:", "x.files:");
    let publish = "  released: { kind: release, repos: x.files, archives: [pack] }\n  \
                   x: { kind: files, url: \"https://files.acme.dev/app\", archives: [pack] }\n";
    refused(&places, publish, &["x.files", "publish `released` (repository `x.files`)", "publish `x` (url `https://files.acme.dev/app`)"]);
    let places = LAB.replace(
        "home: { forge: lab, project: acme/app }",
        "home: { forge: lab, project: acme/app }, home.packages: { forge: lab, project: acme/b }",
    );
    let publish = "  package: { kind: generic-package, repo: home, archives: [pack] }\n  \
                   released: { kind: release, repos: home.packages, archives: [pack] }\n";
    refused(
        &places,
        publish,
        &["home.packages", "publish `package` (repository `home`)", "publish `released` (repository `home.packages`)"],
    );
    // Two entries at one place are no two places.
    let workspace = Workspace::new();
    let publish = "  one: { kind: generic-package, repo: home, package: a, archives: [pack] }\n  \
                   two: { kind: generic-package, repo: home, package: b, archives: [pack] }\n";
    workspace.config(LAB, publish);
    workspace.run(&["plan"], 0);
}

#[test]
fn a_release_that_moves_is_no_tag_on_the_screen() {
    let workspace = Workspace::new();
    workspace.config(LAB, "  release: { kind: release, repos: home, archives: [pack], aliases: [\"v{major}\"], rolling: [nightly] }\n");
    let screen = workspace.run(&["release", "plan"], 0).stdout();
    let word = |end: &str| {
        let line = screen.lines().find(|line| line.trim_end().ends_with(end));
        line.and_then(|line| line.split_whitespace().next()).unwrap_or_default()
    };
    assert_eq!((word("@nightly"), word("@v1"), word("@v1.4.0")), ("rolling", "tag", "release"), "{screen}");
}
