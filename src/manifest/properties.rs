//! What holds for every manifest, not only for the golden ones.

use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::core::Timestamp;

/// Texts with everything that is escaped, folded or astral.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z0-9./:-]{1,12}", "[\\x00-\\x20<>&\"\\\\/\u{7f}-\u{a0}\u{2027}-\u{202a}\u{feff}\u{fffd}🚢é]{0,6}"]
}

fn name() -> impl Strategy<Value = String> {
    // A letter first: a text of white space alone is blank, and blank names and hosts are refused.
    "[a-z][a-zé<&\u{2028}]{0,7}(:[a-z]{1,3})?"
}

fn texts() -> impl Strategy<Value = Option<Vec<String>>> {
    option::of(prop::collection::vec(text(), 0..3))
}

fn target() -> impl Strategy<Value = Target> {
    let registry = (name(), name(), prop::collection::vec(text(), 1..4), any::<[bool; 4]>()).prop_map(|(host, path, tags, flags)| Target {
        kind: TargetKind::Registry,
        registry: Some(RegistryTarget { host, path, tags: Some(tags), native_scan: flags[0] }),
        requirements: Requirements { sign: flags[1], attest: flags[2], sbom: flags[3] },
        ..Target::default()
    });
    let asset = name().prop_map(|asset_name| Target {
        kind: TargetKind::ForgeReleaseAsset,
        forge_release_asset: Some(ForgeReleaseAssetTarget { asset_name }),
        ..Target::default()
    });
    prop_oneof![registry, asset]
}

fn artifact() -> impl Strategy<Value = Artifact> {
    let persistence = option::of(text()).prop_map(|path| path.map(|path| Persistence::oci_layout(&path)).unwrap_or_default());
    let bodies = (text(), text(), text(), text(), texts(), option::of(prop::collection::vec(target(), 0..3)));
    (0..3_u8, text(), text(), persistence, bodies).prop_map(|(kind, version, digest, persistence, (a, b, c, d, list, targets))| {
        let mut artifact = Artifact { version, digest, persistence, ..Artifact::default() };
        match kind {
            0 => {
                artifact.kind = ArtifactKind::Docker;
                artifact.docker = Some(DockerDescriptor { dockerfile: a, context: b, platforms: list, build_args_digest: c });
                artifact.targets = targets;
            }
            1 => {
                artifact.kind = ArtifactKind::Binary;
                artifact.binary = Some(BinaryDescriptor { os: a, arch: b, path: c, toolchain: d, build_id: String::new() });
            }
            _ => {
                artifact.kind = ArtifactKind::Archive;
                artifact.archive = Some(ArchiveDescriptor { format: a, path: b, set: c });
                artifact.targets = targets.map(|_| Vec::new());
            }
        }
        artifact
    })
}

prop_compose! {
    fn outputs()(
        commit in text(),
        pipeline in option::of((text(), text())),
        artifacts in option::of(prop::collection::vec(artifact(), 0..5)),
        prefix in name(),
    ) -> OutputsManifest {
        let mut manifest = OutputsManifest {
            commit,
            pipeline: pipeline.map(|(id, provider)| Pipeline { id, provider }),
            artifacts,
            ..OutputsManifest::default()
        };
        // Names are unique by their position.
        for (index, artifact) in manifest.artifacts.iter_mut().flatten().enumerate() {
            artifact.name = format!("{prefix}{index}");
        }
        manifest
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let place = (text(), text(), text()).prop_map(|(host, path, tag)| OutcomeTarget { kind: "registry".to_owned(), host, path, tag });
    (0..3_u8, place, text(), text(), any::<i64>(), prop::collection::vec(text(), 0..4)).prop_map(|(kind, place, a, b, size, sources)| {
        let status = if size % 2 == 0 { OutcomeStatus::Success } else { OutcomeStatus::Failed };
        match kind {
            0 => Outcome {
                kind: OutcomeType::Push,
                target: Some(place),
                push: Some(PushOutcome { status, digest: a, error: b, ..PushOutcome::default() }),
                ..Outcome::default()
            },
            1 => Outcome {
                kind: OutcomeType::Attestation,
                target: Some(place),
                attestation: Some(AttestationOutcome {
                    status,
                    kind: a,
                    signed_at: b,
                    transparency: size > 0,
                    ..AttestationOutcome::default()
                }),
                ..Outcome::default()
            },
            _ => Outcome {
                kind: OutcomeType::ArchiveBuild,
                archive: Some(ArchiveOutcome { status, path: a, sha256: b, size, sources, ..ArchiveOutcome::default() }),
                ..Outcome::default()
            },
        }
    })
}

fn now() -> Timestamp {
    Timestamp::from_unix(1_782_907_200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back_and_finalizing_again_changes_nothing(manifest in outputs()) {
        let mut finalized = manifest.clone();
        finalized.finalize(now()).expect("valid by construction");
        let file = finalized.to_bytes();
        let read = OutputsManifest::from_file(Ok(file.clone())).expect("readable");
        prop_assert_eq!(&read, &finalized);
        prop_assert_eq!(read.into_file(Timestamp::from_unix(0)).expect("again"), file.clone());
        // serde_json, an independent reader, sees the same text values, and the compact form verifies as well.
        let value: serde_json::Value = serde_json::from_slice(&file).expect("JSON");
        prop_assert_eq!(value["commit"].as_str().unwrap_or_default(), manifest.commit);
        prop_assert!(OutputsManifest::from_file(Ok(value.to_string().into_bytes())).is_ok());
    }

    #[test]
    fn results_round_trip_too(id in name(), outcomes in prop::collection::vec(outcome(), 1..5)) {
        let result = ArtifactResult {
            artifact_id: ArtifactId::of_result("docker", &id),
            artifact_name: id,
            kind: "docker".to_owned(),
            outcomes: Some(outcomes),
        };
        let mut finalized =
            ResultsManifest { intent_checksum: "c".to_owned(), results: Some(vec![result]), ..ResultsManifest::default() };
        finalized.finalize(now()).expect("valid by construction");
        let file = finalized.to_bytes();
        let read = ResultsManifest::from_file(Ok(file.clone())).expect("readable");
        prop_assert_eq!(&read, &finalized);
        prop_assert_eq!(read.into_file(Timestamp::from_unix(0)).expect("again"), file);
    }

    #[test]
    fn no_text_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0..1000_usize) {
        let _any = OutputsManifest::decode(&bytes);
        let mut file = b"{\"artifacts\":[{\"id\":\"\\ud83d\\u00e9\",\"docker\":{\"platforms\":[null,\"a\"]},\"x\":[{\"y\":-1.5e3}]}]}".to_vec();
        let at = at % file.len();
        file.splice(at..at, bytes.into_iter().take(3));
        let _any = OutputsManifest::decode(&file);
        let _kind = DocumentKind::detect(&file);
        file.truncate(at);
        let _any = ResultsManifest::decode(&file);
    }
}
