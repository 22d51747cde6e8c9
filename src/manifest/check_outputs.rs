//! The structure of an outputs manifest, in the contract's order (spec/manifest.md §5.1 step 3).

use std::collections::HashSet;

use super::artifact::{Artifact, ArtifactId, ArtifactKind};
use super::error::{ManifestError, Rule, Sentinel};
use super::file::quoted;
use super::host::{is_blank, normalise_host};
use super::target::{Target, TargetKind};

/// As the reader checks: nothing is filled in, nothing is changed.
pub(super) fn check(artifacts: &[Artifact]) -> Result<(), ManifestError> {
    let mut seen = HashSet::with_capacity(artifacts.len());
    for (index, artifact) in artifacts.iter().enumerate() {
        check_identity(index, artifact)?;
        check_unique(index, seen.insert(artifact.id.as_str()), artifact)?;
        check_body(index, artifact)?;
        for (position, target) in targets(artifact).iter().enumerate() {
            check_target(index, position, target)?;
        }
    }
    Ok(())
}

/// As the writer does: empty ids are minted and hosts are normalised, artifact by artifact.
pub(super) fn finalize(artifacts: &mut [Artifact]) -> Result<(), ManifestError> {
    let mut seen = HashSet::with_capacity(artifacts.len());
    for (index, artifact) in artifacts.iter_mut().enumerate() {
        check_named(index, artifact)?;
        if artifact.id.is_empty() {
            artifact.id = ArtifactId::new(&artifact.kind, &artifact.name);
        }
        check_identity(index, artifact)?;
        check_unique(index, seen.insert(artifact.id.clone()), artifact)?;
        check_body(index, artifact)?;
        for (position, target) in artifact.targets.iter_mut().flatten().enumerate() {
            check_target(index, position, target)?;
            if let Some(registry) = &mut target.registry {
                let host = normalise_host(&registry.host);
                // The reader refuses a blank host, so such a file must not be written (docs/manifests.md, "Where we differ").
                if is_blank(&host) {
                    let problem = format!("registry.host {} names no host", quoted(&registry.host));
                    return Err(fail(Rule::OutRegHost, &place(index, position), problem));
                }
                registry.host = host;
            }
        }
    }
    Ok(())
}

fn check_named(index: usize, artifact: &Artifact) -> Result<(), ManifestError> {
    let at = format!("artifacts[{index}]");
    if is_blank(artifact.kind.as_str()) {
        return Err(fail(Rule::OutArtKind, &at, "kind is empty"));
    }
    if is_blank(&artifact.name) {
        return Err(fail(Rule::OutArtName, &at, "name is empty"));
    }
    Ok(())
}

fn check_identity(index: usize, artifact: &Artifact) -> Result<(), ManifestError> {
    // Cheap first: this runs for every artifact of large files.
    if artifact.kind.is_valid() && !is_blank(&artifact.name) && artifact.id.is_of(artifact.kind.as_str(), &artifact.name) {
        return Ok(());
    }
    check_named(index, artifact)?;
    if artifact.id.is_of(artifact.kind.as_str(), &artifact.name) {
        return Ok(());
    }
    let expected = ArtifactId::new(&artifact.kind, &artifact.name);
    let problem = format!("id is {}, not {}", quoted(artifact.id.as_str()), quoted(expected.as_str()));
    Err(fail(Rule::OutArtId, &format!("artifacts[{index}]"), problem))
}

fn check_unique(index: usize, first: bool, artifact: &Artifact) -> Result<(), ManifestError> {
    if first {
        return Ok(());
    }
    let problem = format!("{} is listed a second time", quoted(artifact.id.as_str()));
    Err(fail(Rule::OutArtDup, &format!("artifacts[{index}]"), problem))
}

fn check_body(index: usize, artifact: &Artifact) -> Result<(), ManifestError> {
    let present = [
        (artifact.docker.is_some(), ArtifactKind::Docker),
        (artifact.binary.is_some(), ArtifactKind::Binary),
        (artifact.archive.is_some(), ArtifactKind::Archive),
    ];
    let count = present.iter().filter(|(there, _)| *there).count();
    let matches = present.iter().any(|(there, kind)| *there && *kind == artifact.kind);
    let at = || format!("artifacts[{index}] ({})", shown(artifact));
    match (count, matches) {
        (0, _) => return Err(fail(Rule::OutDescNone, &at(), "there is no descriptor: docker, binary or archive")),
        (1, true) => {}
        (1, false) => {
            let problem = format!("kind is {}, but the descriptor is of another kind", quoted(artifact.kind.as_str()));
            return Err(fail(Rule::OutDescKind, &at(), problem));
        }
        _ => return Err(fail(Rule::OutDescMany, &at(), "there is more than one descriptor")),
    }
    // Since v0.7.0 an image may have no target at all.
    if artifact.kind != ArtifactKind::Docker && !targets(artifact).is_empty() {
        return Err(fail(Rule::OutTgtForbidden, &at(), format!("a {} cannot have targets", artifact.kind)));
    }
    Ok(())
}

fn check_target(index: usize, position: usize, target: &Target) -> Result<(), ManifestError> {
    let at = || place(index, position);
    if is_blank(target.kind.as_str()) {
        return Err(fail(Rule::OutTgtKind, &at(), "kind is empty"));
    }
    match (&target.registry, &target.forge_release_asset) {
        (None, None) => return Err(fail(Rule::OutTgtNone, &at(), "there is no body: registry or forge_release_asset")),
        (Some(_), Some(_)) => return Err(fail(Rule::OutTgtMany, &at(), "there is more than one body")),
        (Some(registry), None) if target.kind == TargetKind::Registry => {
            if is_blank(&registry.host) {
                return Err(fail(Rule::OutRegHost, &at(), "registry.host is empty"));
            }
            if is_blank(&registry.path) {
                return Err(fail(Rule::OutRegPath, &at(), "registry.path is empty"));
            }
            if registry.tags.as_ref().is_none_or(Vec::is_empty) {
                return Err(fail(Rule::OutRegTags, &at(), "registry.tags is empty"));
            }
        }
        (None, Some(asset)) if target.kind == TargetKind::ForgeReleaseAsset => {
            if is_blank(&asset.asset_name) {
                return Err(fail(Rule::OutForgeName, &at(), "forge_release_asset.asset_name is empty"));
            }
        }
        _ => {
            let problem = format!("kind is {}, but the body is of another kind", quoted(target.kind.as_str()));
            return Err(fail(Rule::OutTgtBody, &at(), problem));
        }
    }
    Ok(())
}

fn targets(artifact: &Artifact) -> &[Target] {
    artifact.targets.as_deref().unwrap_or_default()
}

fn place(index: usize, position: usize) -> String {
    format!("artifacts[{index}].targets[{position}]")
}

fn shown(artifact: &Artifact) -> String {
    artifact.id.as_str().chars().take(80).collect::<String>().escape_debug().to_string()
}

fn fail(rule: Rule, place: &str, problem: impl std::fmt::Display) -> ManifestError {
    ManifestError::new(Some(Sentinel::OutputsManifestInvalid), rule, format!("{place}: {problem}"))
}
