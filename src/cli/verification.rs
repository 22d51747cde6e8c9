//! What review verified of a release, as a file of it: a verification summary (SLSA "Verification Summary Attestation", an
//! in-toto statement).
//!
//! The file tells of the approval, so it cannot be among what is approved; it follows from the approval and from what that
//! binds, and from nothing else. It has no time in it and no version of ours: publishing the same release again comes to the same
//! bytes, whoever reviewed by the same config.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::releases::directory_of;
use super::session::Session;
use super::wire::check_target_name;
use crate::core::Digest;
use crate::error::{Error, Result};
use crate::forge::notes::may_tell;
use crate::forge::transaction::{ListedAsset, ReleaseSettings, RollingReleaseSettings};
use crate::fs;
use crate::manifest::{Destination, Destinations};
use crate::names;
use crate::review::{Approval, Basis, ConfigRead};

/// What the file is called.
pub const NAME: &str = names::release::VERIFICATION;

/// Statement of in-toto, version 1.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// SLSA's predicate, version 1.
const SUMMARY: &str = "https://slsa.dev/verification_summary/v1";

/// Who verified.
const VERIFIER: &str = "urn:stagefreight:review";

/// By what: a config, by its path.
const CONFIG: &str = "urn:stagefreight:config:";

/// By what: what holds where there is no config.
const DEFAULTS: &str = "urn:stagefreight:defaults";

/// What was verified: every byte was read and hashed, and the policy has nothing against it (docs/releases.md).
const LEVEL: &str = "STAGEFREIGHT_REVIEWED";

/// What a segment of an address keeps (RFC 3986, section 2.3), and what divides them.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The file of one release.
#[derive(Debug, Clone)]
pub struct Evidence {
    directory: String,
    bytes: Vec<u8>,
}

/// Adds the file to every release that wants it, and to releases that follow it. Whether there is one, and what is in it,
/// follows from what was approved and from the approval alone, so that all who ask come to the same.
pub fn attach(destinations: &mut Destinations, approval: &Approval) -> Result<Vec<Evidence>> {
    // Where it is not known what review went by, nothing true can be told of it.
    let Some(basis) = &approval.basis else { return Ok(Vec::new()) };
    let approved = destinations.clone();
    let mut made = Vec::new();
    for release in approved.destinations.iter().filter(|destination| destination.kind == "release") {
        let settings: ReleaseSettings = settings_of(release)?;
        let Some(name) = settings.verification.clone() else { continue };
        check_target_name(&release.target)?;
        let Some(statement) = summary(release, &settings, &approved, approval, basis) else { continue };
        let mut bytes = serde_json::to_vec_pretty(&statement).map_err(|error| unusable(release, &error))?;
        bytes.push(b'\n');
        let directory = directory_of(release);
        let path = Some(format!("{directory}/{NAME}"));
        let file = ListedAsset { name, sha256: Digest::of(&bytes), size: bytes.len() as u64, path };
        made.push(Evidence { directory, bytes });
        for other in destinations.destinations.iter_mut().filter(|other| other.target == release.target) {
            if other.kind == "release" && other.tag == release.tag {
                let mut settings: ReleaseSettings = settings_of(other)?;
                settings.assets.push(file.clone());
                put(other, &settings)?;
            } else if other.kind == "release_rolling" {
                let mut settings: RollingReleaseSettings = settings_of(other)?;
                if settings.release == release.tag {
                    settings.assets.push(file.clone());
                    put(other, &settings)?;
                }
            }
        }
    }
    Ok(made)
}

/// Puts the files where publish finds them.
pub fn write(session: &Session, evidence: &[Evidence]) -> Result<()> {
    for Evidence { directory, bytes } in evidence {
        fs::create_dir(&session.path(directory))?;
        fs::write_atomic(&session.path(format!("{directory}/{NAME}")), bytes, 0o644)?;
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
fn summary(release: &Destination, settings: &ReleaseSettings, all: &Destinations, approval: &Approval, basis: &Basis) -> Option<Value> {
    let reviewed = |other: &&Destination| approval.verified.contains(&other.artifact);
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
    // A mirror offers the same bytes, and so the same statement where it may: it names the repository that is first. A release
    // of the same tag with other files is another one, and no mirror of it.
    let ours = files_of(settings);
    let mirrored = |other: &&Destination| {
        other.kind == "release"
            && other.tag == release.tag
            && may_tell(host(&release.target), host(&other.target))
            && settings_of(other).is_ok_and(|settings: ReleaseSettings| files_of(&settings) == ours)
    };
    let first = all.destinations.iter().find(mirrored).unwrap_or(release);
    let target = all.targets.iter().find(|target| target.name == first.target);
    let url = target.and_then(|target| target.settings.as_ref()?.get("url")?.as_str()).unwrap_or_default();
    let predicate = json!({
        "verifier": { "id": VERIFIER },
        "resourceUri": format!("git+{}/{}@refs/tags/{}", url.trim_end_matches('/'), first.path, first.tag),
        "policy": policy(basis.config.as_ref()),
        "verificationResult": "PASSED",
        "verifiedLevels": [LEVEL],
    });
    Some(json!({ "_type": STATEMENT, "subject": subjects, "predicateType": SUMMARY, "predicate": predicate }))
}

/// The file that was read, by its digest. Whether it is that of a commit, nobody looked.
fn policy(config: Option<&ConfigRead>) -> Value {
    let Some(ConfigRead { path, sha256 }) = config else { return json!({ "uri": DEFAULTS }) };
    // Where it lies outside, its directory is that of one machine.
    let outside = path.starts_with('/') || path.split('/').any(|part| part == "..");
    let path = if outside { last(path) } else { path };
    json!({ "uri": format!("{CONFIG}{}", utf8_percent_encode(path, PATH)), "digest": { "sha256": sha256 } })
}

/// Names and digests of what a release has.
fn files_of(settings: &ReleaseSettings) -> Vec<(&str, &Digest)> {
    let mut files: Vec<_> = settings.assets.iter().map(|asset| (asset.name.as_str(), &asset.sha256)).collect();
    files.sort_by_key(|(name, _)| *name);
    files
}

fn resource(key: &str, name: &str, digest: &str) -> Option<Value> {
    let (algorithm, hex) = digest.split_once(':')?;
    Some(json!({ key: name, "digest": { algorithm: hex } }))
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::Verdict;

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

    fn release(file: &str) -> Destination {
        let assets = json!([{ "name": file, "sha256": format!("sha256:{}", "cd".repeat(32)), "size": 1 },
            { "name": "app.sbom.json", "sha256": format!("sha256:{}", "ef".repeat(32)), "size": 1, "path": "x" }]);
        let settings = json!({ "title": "v1.4.0", "notes": "", "prerelease": false, "commit": "c0ffee", "may_make_tag": false,
            "assets": assets, "verification": NAME });
        place("release", "hub/acme/app@v1.4.0", "", Some(settings))
    }

    fn asset_of_home() -> Destination {
        place("release_asset", "hub/acme/app@v1.4.0/app.tar.gz", "archive:app", None)
    }

    fn at(target: &str, path: &str, destination: Destination) -> Destination {
        Destination { target: target.to_owned(), path: path.to_owned(), ..destination }
    }

    fn all(destinations: Vec<Destination>) -> Destinations {
        Destinations {
            schema_version: "1".to_owned(),
            outputs_checksum: String::new(),
            commit: "c0ffee".to_owned(),
            version: "1.4.0".to_owned(),
            targets: Vec::new(),
            destinations,
        }
    }

    fn approval(verified: &[&str], basis: Option<Basis>) -> Approval {
        Approval {
            schema_version: "1".to_owned(),
            verdict: Verdict::Approved,
            reviewed_at: String::new(),
            outputs_sha256: String::new(),
            destinations_sha256: String::new(),
            commit: "c0ffee".to_owned(),
            verified: verified.iter().map(|id| (*id).to_owned()).collect(),
            findings: Vec::new(),
            basis,
        }
    }

    const NOTHING: Basis = Basis { config: None, commit_compared: false };

    fn statements(destinations: Vec<Destination>, approval: &Approval) -> Vec<Value> {
        let made = attach(&mut all(destinations), approval).expect("evidence");
        made.iter().map(|evidence| serde_json::from_slice(&evidence.bytes).expect("a statement")).collect()
    }

    fn described(verified: &[&str], basis: Basis) -> Option<Value> {
        let destinations =
            vec![asset_of_home(), place("registry_tag", "ghcr.io/acme/app:1.4.0", "docker:app", None), release("app.tar.gz")];
        statements(destinations, &approval(verified, Some(basis))).pop()
    }

    #[test]
    fn it_names_what_was_verified_and_nothing_else() {
        let both = described(&["archive:app", "docker:app"], NOTHING).expect("a statement");
        let names: Vec<&str> = both["subject"].as_array().expect("subjects").iter().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(names, ["app.tar.gz", "ghcr.io/acme/app:1.4.0"]);
        let one = described(&["archive:app"], NOTHING).expect("a statement");
        assert_eq!(one["subject"].as_array().map(Vec::len), Some(1));
        assert_eq!(described(&["archive:other"], NOTHING), None);
    }

    #[test]
    fn it_claims_what_review_went_by_and_no_more() {
        let none = described(&["archive:app"], NOTHING).expect("a statement");
        assert_eq!(none["predicate"]["policy"], json!({ "uri": "urn:stagefreight:defaults" }));
        assert!(!none.to_string().contains("c0ffee"), "the commit was not compared: {none:#}");
        assert_eq!(none["predicate"].get("inputAttestations"), None, "no attestation was asked: {none:#}");
        for (path, told) in [
            ("ci/my policy.yml", "urn:stagefreight:config:ci/my%20policy.yml"),
            ("/home/somebody/policy.yml", "urn:stagefreight:config:policy.yml"),
            ("../policy.yml", "urn:stagefreight:config:policy.yml"),
        ] {
            let config = Some(ConfigRead { path: path.to_owned(), sha256: "12".repeat(32) });
            let statement = described(&["archive:app"], Basis { config, commit_compared: true }).expect("a statement");
            let predicate = &statement["predicate"];
            assert_eq!(predicate["policy"], json!({ "uri": told, "digest": { "sha256": "12".repeat(32) } }), "{path}");
            // A pipeline compares the commit and a laptop does not: both tell the same.
            assert!(!statement.to_string().contains("c0ffee"), "{statement:#}");
        }
        let destinations = vec![asset_of_home(), release("app.tar.gz")];
        assert!(statements(destinations, &approval(&["archive:app"], None)).is_empty(), "it is not known what review went by");
    }

    #[test]
    fn a_mirror_repeats_the_statement_and_another_release_has_its_own() {
        let asset = asset_of_home;
        let uris = |second: Destination| -> Vec<Value> {
            let destinations =
                vec![asset(), release("app.tar.gz"), at("second", "acme/second", asset()), at("second", "acme/second", second)];
            let statements = statements(destinations, &approval(&["archive:app"], Some(NOTHING)));
            statements.iter().map(|statement| statement["predicate"]["resourceUri"].clone()).collect()
        };
        let first = "git+/acme/app@refs/tags/v1.4.0";
        assert_eq!(uris(release("app.tar.gz")), [first, first]);
        assert_eq!(uris(release("server.tar.gz")), [first, "git+/acme/second@refs/tags/v1.4.0"]);
    }

    #[test]
    fn a_target_is_not_a_way_out_of_the_workspace() {
        for target in ["../../x", ".x", "", "a/b"] {
            let destinations = vec![at(target, "acme/app", asset_of_home()), at(target, "acme/app", release("app.tar.gz"))];
            let refused = attach(&mut all(destinations), &approval(&["archive:app"], Some(NOTHING)));
            assert!(refused.is_err_and(|error| error.message().contains("target name")), "{target}");
        }
    }
}
