//! Platforms built in different jobs: `perform --platform` in each, `merge` in one that comes after, and everything that
//! can go wrong between them. The embedded builder makes the images, so nothing here needs BuildKit.

use std::path::Path;

use serde_json::Value;

use crate::support::release::Registries;
use crate::support::{Run, Sf, assert_satisfies};

/// A job that built one platform.
fn part(registries: &Registries, platform: &str) -> Sf {
    let sf = Sf::releasing_to(registries);
    sf.run(&["perform", "--platform", platform]).code(0);
    sf
}

fn file(sf: &Sf, name: &str) -> Value {
    serde_json::from_str(&sf.read(&format!(".stagefreight/{name}"))).expect("JSON")
}

/// A file without what differs between two runs of anything, in two directories.
fn timeless(sf: &Sf, name: &str) -> Value {
    let mut value = file(sf, name);
    for key in ["checksum", "generated_at", "outputs_checksum", "repository"] {
        value.as_object_mut().expect("object").remove(key);
    }
    value
}

fn merge(into: &Sf, parts: &[&Sf]) -> Run {
    let paths: Vec<String> = parts.iter().map(|part| part.path().display().to_string()).collect();
    into.run(&[&["merge"], &*paths.iter().map(String::as_str).collect::<Vec<_>>()].concat())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("directory");
    for entry in std::fs::read_dir(from).expect("directory") {
        let entry = entry.expect("entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

#[test]
fn parts_become_what_one_perform_would_have_made() {
    let registries = Registries::two();
    let whole = Sf::releasing_to(&registries);
    whole.run(&["perform"]).code(0);
    let (amd64, arm64) = (part(&registries, "linux/amd64"), part(&registries, "linux/arm64"));
    let joined = Sf::releasing_to(&registries);
    let run = merge(&joined, &[&arm64, &amd64]).code(0);
    assert!(run.stdout().starts_with("merge  version 1.4.0  commit "), "{}", run.stdout());
    for name in ["outputs.json", "destinations.json", "builds.json", "plan.json"] {
        assert_eq!(timeless(&joined, name), timeless(&whole, name), "{name}");
    }
    assert_eq!(joined.artifact_digest(), whole.artifact_digest());
    joined.run(&["store", "verify"]).code(0);
    joined.run(&["review"]).code(0);
    joined.run(&["publish"]).code(0);
    assert_eq!(registries.digest(1, "acme/app", "1.4.0"), Some(joined.artifact_digest()));

    // A pipeline that runs again adopts what was published, part by part, and arrives at the same.
    let (amd64, arm64) = (part(&registries, "linux/amd64"), part(&registries, "linux/arm64"));
    assert_eq!(file(&amd64, "parts/linux-amd64.json")["artifacts"][0]["record"]["origin"], "adopted");
    let again = Sf::releasing_to(&registries);
    merge(&again, &[&amd64, &arm64]).code(0);
    assert_eq!(again.artifact_digest(), whole.artifact_digest());
    assert_eq!(file(&again, "builds.json")["builds"][0]["origin"], "adopted");
}

#[test]
fn parts_of_one_workspace_need_no_directory_and_a_part_is_not_built_twice() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    sf.run(&["perform", "--platform", "linux/amd64"]).code(0);
    let again = sf.run(&["perform", "--platform", "linux/amd64"]).code(0);
    assert!(again.stdout().contains("reused"), "{}", again.stdout());
    let run = sf.run(&["perform", "--platform", "linux/arm64/v8", "--output", "json"]).code(0);
    assert_satisfies("command-perform", &run.json());
    assert_eq!(run.json()["part"], ".stagefreight/parts/linux-arm64.json");
    assert_satisfies("part", &file(&sf, "parts/linux-arm64.json"));
    let run = sf.run(&["merge", "--output", "json"]).code(0);
    assert_satisfies("command-merge", &run.json());
    let merged = sf.artifact_digest();
    // Both in one call is a part too, and the same image.
    let both = part(&registries, "linux/arm64,linux/amd64");
    merge(&both, &[]).code(0);
    assert_eq!(both.artifact_digest(), merged);
    // A whole takes the place of the parts.
    sf.run(&["perform", "--rebuild"]).code(0);
    assert!(!sf.path().join(".stagefreight/parts").exists());
    assert_eq!(sf.artifact_digest(), merged);
}

#[test]
fn a_part_is_never_taken_for_the_whole() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    sf.run(&["perform"]).code(0);
    sf.run(&["review"]).code(0);
    // The whole and its approval are of yesterday once a part is built over them.
    sf.run(&["perform", "--platform", "linux/arm64", "--rebuild"]).code(0);
    for command in ["review", "publish"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(sf.run(&[command]).snapshot(), @r"
            exit: 3
            ----- stdout
            ----- stderr
            error: .stagefreight/outputs.json is not there: this workspace holds only parts of a build, linux-arm64
            hint: collect the .stagefreight/ of every job that built a part, then run `stagefreight merge`        (exit 3)
            ");
        }
    }
    assert_eq!(registries.writes(), 0);
}

#[test]
fn parts_travel_with_packed_stores_and_under_any_name() {
    let registries = Registries::two();
    let (amd64, arm64) = (part(&registries, "linux/amd64"), part(&registries, "linux/arm64"));
    let joined = Sf::releasing_to(&registries);
    // One is handed over as a packed store and its file, which lie where the CI system unpacked them.
    amd64.run(&["store", "pack", "store.tar"]).code(0);
    joined.run(&["store", "unpack", &amd64.path().join("store.tar").display().to_string()]).code(0);
    copy(&amd64.path().join(".stagefreight/parts"), &joined.path().join(".stagefreight/parts"));
    // The other as a directory that is not called .stagefreight.
    let elsewhere = joined.outside().join("part-arm64");
    copy(&arm64.path().join(".stagefreight"), &elsewhere);
    joined.run(&["merge", "../part-arm64"]).code(0);
    let whole = Sf::releasing_to(&registries);
    whole.run(&["perform"]).code(0);
    assert_eq!(joined.artifact_digest(), whole.artifact_digest());
}

#[test]
fn what_does_not_belong_together_is_not_joined() {
    let registries = Registries::two();
    let (amd64, arm64) = (part(&registries, "linux/amd64"), part(&registries, "linux/arm64"));
    let refused = |parts: &[&Sf], code: i32| {
        let joined = Sf::releasing_to(&registries);
        let run = merge(&joined, parts).code(code);
        assert!(!joined.path().join(".stagefreight/outputs.json").exists(), "nothing is recorded");
        let left: Vec<_> =
            std::fs::read_dir(joined.path().join(".stagefreight")).into_iter().flatten().flatten().map(|e| e.file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".sf-")), "no temporary directories: {left:?}");
        run.stderr()
    };

    let text = refused(&[&arm64], 3);
    assert!(text.starts_with("error: no part holds app for linux/amd64\n"), "{text}");
    assert!(text.contains("hint: run `stagefreight perform --platform linux/amd64`"), "{text}");
    let text = refused(&[], 3);
    assert!(text.starts_with("error: there is no part of a build in .stagefreight/parts\n"), "{text}");
    let whole = Sf::releasing_to(&registries);
    whole.run(&["perform"]).code(0);
    let text = refused(&[&amd64, &whole], 3);
    assert!(text.starts_with("error: there is no part of a build in "), "{text}");

    let other_commit = Sf::releasing_to(&registries);
    other_commit.write("data/one", "two");
    other_commit.commit("second");
    other_commit.git_run(&["tag", "-f", "v1.4.0"]);
    other_commit.run(&["perform", "--platform", "linux/arm64"]).code(0);
    let text = refused(&[&amd64, &other_commit], 2);
    assert!(text.starts_with("error: the parts are not of one build: the commit of "), "{text}");
    assert!(text.contains("linux-arm64.json differs"), "the later of two is named: {text}");

    let pipeline = |id: &str, platform: &str| {
        let sf = Sf::releasing_to(&registries).env("SF_CI_PROVIDER", "gitlab").env("SF_CI_PIPELINE_ID", id).env("SF_CI_TAG", "v1.4.0");
        sf.run(&["perform", "--platform", platform]).code(0);
        sf
    };
    let text = refused(&[&pipeline("7", "linux/amd64"), &pipeline("8", "linux/arm64")], 2);
    assert!(text.contains("the pipeline of ") && text.contains("gitlab 7") && text.contains("gitlab 8"), "{text}");

    // The same commit, and one job was given another config.
    let other_plan = Sf::releasing_to(&registries);
    let config = other_plan.read(".stagefreight.yml").replace("builder: embedded", "builder: embedded, build_args: { WHO: me }");
    std::fs::write(other_plan.outside().join("other.yml"), config).expect("config");
    other_plan.run(&["perform", "--platform", "linux/arm64", "--config", "../other.yml"]).code(0);
    let text = refused(&[&amd64, &other_plan, &arm64], 2);
    assert!(text.starts_with("error: the parts are not of one build: the plan of "), "{text}");
    assert!(text.contains("builds.app.args.WHO: nothing in ") && text.contains(", me in "), "{text}");

    // The same platform, made twice from changed files.
    let changed = |content: &str| {
        let sf = Sf::releasing_to(&registries);
        sf.write("data/one", content);
        sf.run(&["perform", "--platform", "linux/amd64,linux/arm64"]).code(0);
        sf
    };
    let text = refused(&[&changed("x"), &changed("y")], 1);
    assert!(text.contains("error: build app: cannot merge: linux/amd64 is in "), "{text}");
    assert!(text.contains("warning: the parts were built from changed files"), "{text}");
}

#[test]
fn bytes_that_are_gone_or_damaged_are_found_out() {
    let registries = Registries::two();
    let (amd64, arm64) = (part(&registries, "linux/amd64"), part(&registries, "linux/arm64"));
    let joined = Sf::releasing_to(&registries);
    // The layers are the same for both platforms, and one good copy is enough: both are damaged, at the same length.
    let layouts = [(&amd64, "linux-amd64"), (&arm64, "linux-arm64")].map(|(sf, name)| {
        let digest = file(sf, &format!("parts/{name}.json"))["artifacts"][0]["digest"].as_str().expect("digest").to_owned();
        let layout = sf.path().join(".stagefreight/objects").join(digest.replace(':', "/"));
        let manifest = std::fs::read(layout.join("blobs").join(digest.replace(':', "/"))).expect("manifest");
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        let layer = layout.join("blobs").join(manifest["layers"][0]["digest"].as_str().expect("layer").replace(':', "/"));
        let length = std::fs::metadata(&layer).expect("layer").len();
        std::fs::remove_file(&layer).expect("layer");
        std::fs::write(&layer, vec![0; usize::try_from(length).expect("small")]).expect("layer");
        layout
    });
    let text = merge(&joined, &[&amd64, &arm64]).code(7).stderr();
    assert!(text.starts_with("error: build app: ") && text.contains("the bytes hash to"), "{text}");
    std::fs::remove_dir_all(&layouts[1]).expect("layout");
    let text = merge(&joined, &[&amd64, &arm64]).code(3).stderr();
    assert!(text.contains("no store holds its image") && text.contains("store unpack"), "{text}");
    std::fs::write(arm64.path().join(".stagefreight/parts/linux-arm64.json"), "{").expect("part");
    let text = merge(&joined, &[&amd64, &arm64]).code(1).stderr();
    assert!(text.contains("linux-arm64.json is not valid"), "{text}");
}

#[test]
fn a_platform_nobody_asked_for_is_a_mistake() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    insta::assert_snapshot!(sf.run(&["perform", "--platform", "linux/s390x"]).snapshot(), @r"
    exit: 2
    ----- stdout
    ----- stderr
    error: no build is for linux/s390x
    hint: the builds of this plan are for linux/amd64, linux/arm64        (exit 2)
    ");
}
