//! What review verified of a release, as a file of it: a verification summary (SLSA "Verification Summary Attestation", an
//! in-toto statement).
//!
//! The file tells of the approval, so it cannot be among what is approved; it follows from the approval and from what that
//! binds, and from nothing else. It has no time in it and no version of ours: publishing the same release again comes to the same
//! bytes, whichever job reviewed.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::session::Session;
use crate::core::Digest;
use crate::error::{Error, Result};
use crate::forge::notes::may_tell;
use crate::forge::transaction::{ListedAsset, ReleaseSettings, RollingReleaseSettings};
use crate::fs;
use crate::manifest::{Destination, Destinations};
use crate::names;

/// What the file is called.
pub const NAME: &str = "verification.json";

/// Statement of in-toto, version 1.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// SLSA's predicate, version 1.
const SUMMARY: &str = "https://slsa.dev/verification_summary/v1";

/// Who verified.
const VERIFIER: &str = "urn:stagefreight:review";

/// What was verified: every byte was read and hashed, the outputs are of this commit, and the config's `security` has nothing
/// against them (docs/releases.md).
const LEVEL: &str = "STAGEFREIGHT_REVIEWED";

/// Adds the file to every release that wants it, and to releases that follow it. `verified` are the artifacts the approval
/// names; with `write` the file is put where publish finds it.
pub fn attach(session: &Session, destinations: &mut Destinations, verified: &[String], write: bool) -> Result<()> {
    for at in 0..destinations.destinations.len() {
        let release = &destinations.destinations[at];
        if release.kind != "release" {
            continue;
        }
        let mut settings: ReleaseSettings = settings_of(release)?;
        let Some(name) = settings.verification.clone() else { continue };
        let Some(statement) = summary(release, &settings, destinations, verified) else { continue };
        let mut bytes = serde_json::to_vec_pretty(&statement).map_err(|error| unusable(release, &error))?;
        bytes.push(b'\n');
        let directory = format!("{}/{}", names::path::RELEASE, release.target);
        let path = format!("{directory}/{NAME}");
        if write {
            fs::create_dir(&session.path(&directory))?;
            fs::write_atomic(&session.path(&path), &bytes, 0o644)?;
        }
        let file = ListedAsset { name, sha256: Digest::of(&bytes), size: bytes.len() as u64, path: Some(path) };
        let (target, tag) = (release.target.clone(), release.tag.clone());
        settings.assets.push(file.clone());
        put(&mut destinations.destinations[at], &settings)?;
        for rolling in destinations.destinations.iter_mut().filter(|other| other.kind == "release_rolling" && other.target == target) {
            let mut settings: RollingReleaseSettings = settings_of(rolling)?;
            if settings.release == tag {
                settings.assets.push(file.clone());
                put(rolling, &settings)?;
            }
        }
    }
    Ok(())
}

fn settings_of<T: DeserializeOwned>(destination: &Destination) -> Result<T> {
    serde_json::from_value(destination.settings.clone().unwrap_or_default()).map_err(|error| unusable(destination, &error))
}

fn put(destination: &mut Destination, settings: &impl Serialize) -> Result<()> {
    destination.settings = Some(serde_json::to_value(settings).map_err(|error| unusable(destination, &error))?);
    Ok(())
}

fn unusable(destination: &Destination, error: &serde_json::Error) -> Error {
    Error::failed(format!("the settings of {} cannot be used", destination.name)).because(error).hint("run perform again")
}

/// The statement; `None` when nothing of the release was verified.
fn summary(release: &Destination, settings: &ReleaseSettings, all: &Destinations, verified: &[String]) -> Option<Value> {
    let reviewed = |other: &&Destination| verified.contains(&other.artifact);
    let host = |name: &str| all.targets.iter().find(|target| target.name == name).map_or("", |target| target.host.as_str());
    let here = |other: &&Destination| match other.kind.as_str() {
        "release_asset" => other.target == release.target && other.tag == release.tag,
        "registry_tag" => may_tell(host(&release.target), host(&other.target)),
        _ => false,
    };
    let subject = |other: &Destination| {
        // A file is called as it is attached, an image by its reference.
        let name = if other.kind == "registry_tag" { other.name.as_str() } else { last(&other.name) };
        resource("name", name, &other.digest)
    };
    let subjects: Vec<Value> = all.destinations.iter().filter(here).filter(reviewed).filter_map(subject).collect();
    if subjects.is_empty() {
        return None;
    }
    let statements = settings.assets.iter().filter(|asset| asset.path.is_some() && is_statement(&asset.name));
    let inputs: Vec<Value> = statements.filter_map(|asset| resource("uri", &asset.name, &asset.sha256.to_string())).collect();
    // A mirror offers the same bytes, and so the same statement where it may: it names the repository that is first.
    let may_name =
        |other: &&Destination| other.kind == "release" && other.tag == release.tag && may_tell(host(&release.target), host(&other.target));
    let first = all.destinations.iter().find(may_name).unwrap_or(release);
    let target = all.targets.iter().find(|target| target.name == first.target);
    let url = target.and_then(|target| target.settings.as_ref()?.get("url")?.as_str()).unwrap_or_default();
    let repository = format!("git+{}/{}@refs/tags/{}", url.trim_end_matches('/'), first.path, first.tag);
    Some(json!({
        "_type": STATEMENT,
        "subject": subjects,
        "predicateType": SUMMARY,
        "predicate": {
            "verifier": { "id": VERIFIER },
            "resourceUri": repository,
            "policy": {
                "uri": format!("{repository}#{}", names::path::CONFIG),
                "digest": { "gitCommit": settings.commit },
            },
            "inputAttestations": inputs,
            "verificationResult": "PASSED",
            "verifiedLevels": [LEVEL],
        },
    }))
}

fn resource(key: &str, name: &str, digest: &str) -> Option<Value> {
    let (algorithm, hex) = digest.split_once(':')?;
    Some(json!({ key: name, "digest": { algorithm: hex } }))
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Is it an SBOM or a provenance that an image carries? `app-linux-amd64.sbom.json`, `….provenance.2.json`.
fn is_statement(name: &str) -> bool {
    name.strip_suffix(".json").is_some_and(|stem| stem.split('.').any(|part| matches!(part, "sbom" | "provenance" | "statement")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(kind: &str, name: &str, artifact: &str, settings: Option<Value>) -> Destination {
        Destination {
            name: name.to_owned(),
            kind: kind.to_owned(),
            target: "home".to_owned(),
            artifact: artifact.to_owned(),
            digest: format!("sha256:{}", "ab".repeat(32)),
            size: 1,
            derived: None,
            path: "acme/app".to_owned(),
            tag: "v1.4.0".to_owned(),
            settings,
            policy: "immutable".to_owned(),
            required: true,
            why: String::new(),
        }
    }

    fn described(verified: &[&str]) -> Option<Value> {
        let assets = json!([{ "name": "app.sbom.json", "sha256": format!("sha256:{}", "cd".repeat(32)), "size": 1, "path": "x" },
            { "name": "SHA256SUMS", "sha256": format!("sha256:{}", "ef".repeat(32)), "size": 1, "path": "y" }]);
        let settings = json!({ "title": "v1.4.0", "notes": "", "prerelease": false, "commit": "c0ffee", "may_make_tag": false,
            "assets": assets, "verification": NAME });
        let release = place("release", "hub/acme/app@v1.4.0", "", Some(settings));
        let all = Destinations {
            schema_version: "1".to_owned(),
            outputs_checksum: String::new(),
            commit: "c0ffee".to_owned(),
            version: "1.4.0".to_owned(),
            targets: Vec::new(),
            destinations: vec![
                place("release_asset", "hub/acme/app@v1.4.0/app.tar.gz", "archive:app", None),
                place("registry_tag", "ghcr.io/acme/app:1.4.0", "docker:app", None),
                release.clone(),
            ],
        };
        let verified: Vec<String> = verified.iter().map(|id| (*id).to_owned()).collect();
        summary(&release, &settings_of(&release).expect("settings"), &all, &verified)
    }

    #[test]
    fn it_names_what_was_verified_and_nothing_else() {
        let both = described(&["archive:app", "docker:app"]).expect("a statement");
        let names: Vec<&str> = both["subject"].as_array().expect("subjects").iter().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(names, ["app.tar.gz", "ghcr.io/acme/app:1.4.0"]);
        assert_eq!(both["predicate"]["inputAttestations"].as_array().map(Vec::len), Some(1), "{both:#}");
        assert_eq!(both["predicate"]["policy"]["digest"]["gitCommit"], "c0ffee");
        let one = described(&["archive:app"]).expect("a statement");
        assert_eq!(one["subject"].as_array().map(Vec::len), Some(1));
        assert_eq!(described(&["archive:other"]), None);
    }
}
