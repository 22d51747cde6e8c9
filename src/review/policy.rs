//! The gates: integrity first, then what `security` in the config asks for.

use std::collections::BTreeMap;

use super::approval::{Approval, Basis, ConfigRead, Finding, REVIEW_SCHEMA_VERSION, Severity, Verdict};
use super::approved::sha256_hex;
use super::secrets::looks_secret;
use crate::config::Security;
use crate::core::{ByteSize, Timestamp};

/// What is being judged.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// Bytes of `outputs.json`.
    pub outputs: &'a [u8],
    /// Bytes of `destinations.json`.
    pub destinations: &'a [u8],
    /// Commit the outputs name.
    pub commit: &'a str,
    /// Run id the outputs name.
    pub pipeline: Option<&'a str>,
    /// Commit this pipeline runs for, when the CI or git tells.
    pub expected_commit: Option<&'a str>,
    /// Run id of this pipeline.
    pub expected_pipeline: Option<&'a str>,
    /// The file the policy was read from.
    pub config: Option<&'a ConfigRead>,
    /// Facts of every artifact, read from the store.
    pub artifacts: &'a [ArtifactFacts],
}

/// What the command read of one artifact.
#[derive(Debug, Clone, Default)]
pub struct ArtifactFacts {
    /// `docker:app`.
    pub id: String,
    /// `None` when the whole closure was read and hashed; else what is wrong with it.
    pub damage: Option<String>,
    /// One per platform.
    pub platforms: Vec<PlatformFacts>,
    /// Base images it was built from; `None` when that is not known.
    pub bases: Option<Vec<BaseFact>>,
    /// Build arguments it was built with.
    pub args: BTreeMap<String, String>,
}

/// A base image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseFact {
    /// As the Dockerfile names it, with its host: `docker.io/library/debian:12`.
    pub reference: String,
}

/// What one platform's image says of itself.
#[derive(Debug, Clone, Default)]
pub struct PlatformFacts {
    /// `linux/amd64`.
    pub platform: String,
    /// Compressed bytes: config and layers.
    pub size: u64,
    /// Labels of its config.
    pub labels: BTreeMap<String, String>,
    /// `NAME=value` of its config's environment.
    pub env: Vec<String>,
    /// Commands in its history.
    pub history: Vec<String>,
}

/// Applies every gate and writes the verdict down.
pub fn judge(policy: &Security, subject: &Subject<'_>, now: Timestamp) -> Approval {
    let mut findings = Vec::new();
    origin(subject, &mut findings);
    for artifact in subject.artifacts {
        if let Some(damage) = &artifact.damage {
            refuse(
                &mut findings,
                "integrity",
                &artifact.id,
                format!("{}: {damage}", artifact.id),
                "run perform again; the bytes in the store are not what was built",
            );
            continue;
        }
        base_images(policy, artifact, &mut findings);
        sizes(policy, artifact, &mut findings);
        labels(policy, artifact, &mut findings);
        if policy.secret_scan {
            secrets(artifact, &mut findings);
        }
    }
    let refused = findings.iter().any(|finding| finding.severity == Severity::Refuse);
    Approval {
        schema_version: REVIEW_SCHEMA_VERSION.to_owned(),
        verdict: if refused { Verdict::Refused } else { Verdict::Approved },
        reviewed_at: now.to_string(),
        outputs_sha256: sha256_hex(subject.outputs),
        destinations_sha256: sha256_hex(subject.destinations),
        commit: subject.commit.to_owned(),
        verified: subject.artifacts.iter().filter(|artifact| artifact.damage.is_none()).map(|artifact| artifact.id.clone()).collect(),
        findings,
        basis: Some(Basis { config: subject.config.cloned(), commit_compared: subject.expected_commit.is_some() }),
    }
}

fn refuse(findings: &mut Vec<Finding>, rule: &str, artifact: &str, message: String, hint: &str) {
    findings.push(Finding {
        severity: Severity::Refuse,
        rule: rule.to_owned(),
        artifact: artifact.to_owned(),
        message,
        hint: Some(hint.to_owned()),
    });
}

// Outputs carried over from another pipeline must fail closed (spec/build.md U.4).
fn origin(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    const HINT: &str = "review the outputs of this pipeline: run perform in it, or pass on its .stagefreight/ directory";
    if let Some(expected) = subject.expected_commit.filter(|expected| *expected != subject.commit) {
        let message = format!("the outputs were made from commit {:.12}, this pipeline runs for {expected:.12}", subject.commit);
        refuse(findings, "origin", "", message, HINT);
    }
    if let (Some(made), Some(here)) = (subject.pipeline, subject.expected_pipeline)
        && made != here
    {
        let message = format!("the outputs were made by pipeline {made}, this is pipeline {here}");
        refuse(findings, "origin", "", message, HINT);
    }
}

fn base_images(policy: &Security, artifact: &ArtifactFacts, findings: &mut Vec<Finding>) {
    if policy.base_images.is_empty() {
        return;
    }
    let Some(bases) = &artifact.bases else {
        let message = format!("{}: its base images are not known, and security.base_images names the allowed ones", artifact.id);
        refuse(
            findings,
            "base_images",
            &artifact.id,
            message,
            "build it with `perform --rebuild`; of what another builder made they cannot be known",
        );
        return;
    };
    for base in bases.iter().filter(|base| base.reference != "scratch") {
        let candidates = spellings(&base.reference);
        if !policy.base_images.iter().any(|pattern| candidates.iter().any(|text| pattern.glob.is_match(text))) {
            let allowed: Vec<&str> = policy.base_images.iter().map(|pattern| pattern.text.as_str()).collect();
            let message = format!("{}: base image {} is not allowed (allowed: {})", artifact.id, base.reference, allowed.join(", "));
            refuse(findings, "base_images", &artifact.id, message, "use an allowed base image, or add it to security.base_images");
        }
    }
}

// `docker.io/library/debian:12` may be allowed as itself, as `debian:12`, and each without its tag or digest.
fn spellings(reference: &str) -> Vec<String> {
    let short = reference.strip_prefix("docker.io/").map(|rest| rest.strip_prefix("library/").unwrap_or(rest).to_owned());
    let mut all: Vec<String> = std::iter::once(reference.to_owned()).chain(short).collect();
    for text in all.clone() {
        let bare = text.split('@').next().unwrap_or(&text);
        let end = bare.rfind('/').unwrap_or(0);
        let untagged = bare[end..].find(':').map_or(bare, |colon| &bare[..end + colon]);
        all.push(bare.to_owned());
        all.push(untagged.to_owned());
    }
    all
}

fn sizes(policy: &Security, artifact: &ArtifactFacts, findings: &mut Vec<Finding>) {
    let Some(limit) = policy.max_image_size else { return };
    for platform in artifact.platforms.iter().filter(|platform| platform.size > limit.0) {
        let message =
            format!("{} {} weighs {}, more than security.max_image_size {limit}", artifact.id, platform.platform, ByteSize(platform.size));
        refuse(findings, "max_image_size", &artifact.id, message, "make the image smaller, or raise security.max_image_size");
    }
}

fn labels(policy: &Security, artifact: &ArtifactFacts, findings: &mut Vec<Finding>) {
    for (name, wanted) in &policy.required_labels {
        for platform in &artifact.platforms {
            let found = platform.labels.get(name).filter(|value| !value.is_empty());
            let message = match (found, wanted) {
                (None, _) => format!("{} {} has no label {name}", artifact.id, platform.platform),
                (Some(found), Some(wanted)) if found != wanted => {
                    format!("{} {} has label {name}={found}, security.required_labels asks for {wanted}", artifact.id, platform.platform)
                }
                _ => continue,
            };
            refuse(findings, "required_labels", &artifact.id, message, "add the label in the Dockerfile or below builds.<id>.labels");
        }
    }
}

fn secrets(artifact: &ArtifactFacts, findings: &mut Vec<Finding>) {
    const HINT: &str = "hand it to the build as a secret (RUN --mount=type=secret), never as an argument, label or ENV";
    for (name, value) in &artifact.args {
        if let Some(why) = looks_secret(name, value) {
            refuse(findings, "secret_scan", &artifact.id, format!("{}: build argument {name} {why}", artifact.id), HINT);
        }
    }
    for platform in &artifact.platforms {
        for pair in &platform.env {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if let Some(why) = looks_secret(name, value) {
                refuse(findings, "secret_scan", &artifact.id, format!("{} {}: ENV {name} {why}", artifact.id, platform.platform), HINT);
            }
        }
        for (name, value) in &platform.labels {
            if let Some(why) = looks_secret(name, value) {
                refuse(findings, "secret_scan", &artifact.id, format!("{} {}: label {name} {why}", artifact.id, platform.platform), HINT);
            }
        }
        for command in &platform.history {
            // A history line has no name of its own; only values that can be nothing else count.
            if let Some(why) = looks_secret("", command) {
                refuse(
                    findings,
                    "secret_scan",
                    &artifact.id,
                    format!("{} {}: a command in its history {why}", artifact.id, platform.platform),
                    HINT,
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BaseImagePattern;

    fn subject(artifacts: &[ArtifactFacts]) -> Subject<'_> {
        Subject {
            outputs: b"o",
            destinations: b"d",
            commit: "c1",
            pipeline: Some("7"),
            expected_commit: Some("c1"),
            expected_pipeline: Some("7"),
            config: None,
            artifacts,
        }
    }

    fn rules(policy: &Security, subject: &Subject<'_>) -> Vec<String> {
        judge(policy, subject, Timestamp::from_unix(0)).findings.into_iter().map(|finding| finding.rule).collect()
    }

    fn pattern(text: &str) -> BaseImagePattern {
        BaseImagePattern { text: text.to_owned(), glob: globset::Glob::new(text).expect("glob").compile_matcher() }
    }

    fn image() -> ArtifactFacts {
        ArtifactFacts {
            id: "docker:app".into(),
            bases: Some(Vec::new()),
            platforms: vec![PlatformFacts { platform: "linux/amd64".into(), ..Default::default() }],
            ..Default::default()
        }
    }

    #[test]
    fn approves_what_nothing_speaks_against() {
        let approval = judge(&Security::default(), &subject(&[image()]), Timestamp::from_unix(0));
        assert_eq!((approval.verdict, approval.findings.len()), (Verdict::Approved, 0));
    }

    #[test]
    fn tells_what_it_went_by() {
        let config = ConfigRead { path: "ci/policy.yml".to_owned(), sha256: "ab".repeat(32) };
        let basis = |subject: &Subject<'_>| judge(&Security::default(), subject, Timestamp::from_unix(0)).basis.expect("a basis");
        let told = basis(&Subject { config: Some(&config), ..subject(&[]) });
        assert_eq!(told, Basis { config: Some(config), commit_compared: true });
        let alone = basis(&Subject { expected_commit: None, ..subject(&[]) });
        assert_eq!(alone, Basis { config: None, commit_compared: false });
    }

    #[test]
    fn refuses_damage_and_outputs_of_other_pipelines() {
        let damaged = ArtifactFacts { damage: Some("blob missing".into()), ..image() };
        assert_eq!(rules(&Security::default(), &subject(&[damaged])), ["integrity"]);
        let foreign = Subject { expected_commit: Some("c2"), expected_pipeline: Some("8"), ..subject(&[]) };
        assert_eq!(rules(&Security::default(), &foreign), ["origin", "origin"]);
    }

    #[test]
    fn base_images_match_as_people_write_them() {
        let policy = Security { base_images: vec![pattern("debian:*"), pattern("gcr.io/distroless/*")], ..Default::default() };
        for (reference, fine) in [
            ("docker.io/library/debian:12", true),
            ("gcr.io/distroless/static@sha256:aa", true),
            ("docker.io/evil/debian:12", false),
            ("scratch", true),
        ] {
            let artifact = ArtifactFacts { bases: Some(vec![BaseFact { reference: reference.into() }]), ..image() };
            assert_eq!(rules(&policy, &subject(&[artifact])).is_empty(), fine, "{reference}");
        }
        assert_eq!(rules(&policy, &subject(&[ArtifactFacts { bases: None, ..image() }])), ["base_images"]);
    }

    #[test]
    fn sizes_labels_and_secrets() {
        let mut artifact = image();
        artifact.platforms[0].size = 11;
        artifact.platforms[0].env = vec!["API_TOKEN=abcdef123456".into(), "PATH=/bin".into()];
        artifact.args = BTreeMap::from([("NPM_TOKEN".to_owned(), "npm_0123456789abcdef".to_owned())]);
        let policy = Security {
            max_image_size: Some(ByteSize(10)),
            required_labels: [("team".to_owned(), None)].into_iter().collect(),
            ..Default::default()
        };
        assert_eq!(rules(&policy, &subject(&[artifact])), ["max_image_size", "required_labels", "secret_scan", "secret_scan"]);
    }
}
