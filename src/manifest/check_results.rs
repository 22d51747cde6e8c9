//! The structure of a results manifest, in the contract's order (spec/manifest.md §5.2 steps 4 and 5).

use super::error::{ManifestError, Rule, Sentinel};
use super::file::quoted;
use super::host::is_blank;
use super::outcome::{Outcome, OutcomeStatus, OutcomeType};
use super::results::ArtifactResult;

/// The only sort there is: sources of archives, by bytes, duplicates kept.
pub(super) fn sort_sources(results: &mut [ArtifactResult]) {
    for outcome in results.iter_mut().flat_map(|result| result.outcomes.iter_mut().flatten()) {
        if let Some(archive) = &mut outcome.archive {
            archive.sources.sort();
        }
    }
}

pub(super) fn check(results: &[ArtifactResult]) -> Result<(), ManifestError> {
    for (index, result) in results.iter().enumerate() {
        check_identity(index, result)?;
        for (position, outcome) in result.outcomes().iter().enumerate() {
            check_outcome(outcome).map_err(|(rule, problem)| {
                let id: String = result.artifact_id.as_str().chars().take(80).collect();
                fail(rule, format!("results[{index}] ({}) outcomes[{position}]: {problem}", id.escape_debug()))
            })?;
        }
    }
    Ok(())
}

fn check_identity(index: usize, result: &ArtifactResult) -> Result<(), ManifestError> {
    let fail = |rule, problem: String| Err(fail(rule, format!("results[{index}]: {problem}")));
    if is_blank(result.artifact_id.as_str()) {
        return fail(Rule::ResIdRequired, "artifact_id is empty".to_owned());
    }
    if is_blank(&result.kind) {
        return fail(Rule::ResKind, "kind is empty".to_owned());
    }
    if !result.artifact_id.is_of(&result.kind, &result.artifact_name) {
        let expected = format!("{}:{}", result.kind, result.artifact_name);
        return fail(Rule::ResIdMismatch, format!("artifact_id is {}, not {}", quoted(result.artifact_id.as_str()), quoted(&expected)));
    }
    if result.outcomes().is_empty() {
        return fail(Rule::ResOutcomes, "there are no outcomes".to_owned());
    }
    Ok(())
}

fn check_outcome(outcome: &Outcome) -> Result<(), (Rule, String)> {
    let needs_target = match &outcome.kind {
        OutcomeType::Push | OutcomeType::Attestation | OutcomeType::ProvenanceAttestation => true,
        OutcomeType::BinaryBuild | OutcomeType::ArchiveBuild | OutcomeType::BlobSignature => false,
        OutcomeType::Other(text) => return Err((Rule::OutcType, format!("type {} is not one we know", quoted(text)))),
    };
    match &outcome.target {
        None if needs_target => return Err((Rule::OutcTgtRequired, format!("a {} needs a target", outcome.kind))),
        Some(target) if needs_target && is_blank(&target.kind) => return Err((Rule::OutcTgtKind, "target.kind is empty".to_owned())),
        Some(_) if !needs_target => return Err((Rule::OutcTgtForbidden, format!("a {} cannot have a target", outcome.kind))),
        _ => {}
    }
    let bodies: Vec<_> = bodies(outcome).into_iter().filter_map(|(kind, status)| Some((kind, status?))).collect();
    match bodies.as_slice() {
        [] => Err((Rule::OutcSubNone, "there is no body".to_owned())),
        [(kind, status)] if *kind == outcome.kind => {
            if status.is_valid() {
                return Ok(());
            }
            Err((Rule::OutcStatus, format!("status is {}, not success, failed or skipped", quoted(status.as_str()))))
        }
        [(kind, _)] => Err((Rule::OutcSubType, format!("type is {}, but the body is that of a {kind}", outcome.kind))),
        _ => Err((Rule::OutcSubMany, "there is more than one body".to_owned())),
    }
}

/// The status of each body that is present, with the type it belongs to.
fn bodies(outcome: &Outcome) -> [(OutcomeType, Option<&OutcomeStatus>); 6] {
    [
        (OutcomeType::Push, outcome.push.as_ref().map(|body| &body.status)),
        (OutcomeType::Attestation, outcome.attestation.as_ref().map(|body| &body.status)),
        (OutcomeType::BinaryBuild, outcome.binary.as_ref().map(|body| &body.status)),
        (OutcomeType::ArchiveBuild, outcome.archive.as_ref().map(|body| &body.status)),
        (OutcomeType::BlobSignature, outcome.blob_signature.as_ref().map(|body| &body.status)),
        (OutcomeType::ProvenanceAttestation, outcome.provenance_attestation.as_ref().map(|body| &body.status)),
    ]
}

fn fail(rule: Rule, message: String) -> ManifestError {
    ManifestError::new(Some(Sentinel::ResultsManifestInvalid), rule, message)
}
