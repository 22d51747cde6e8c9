//! Writing down what was made and where it shall go. The outputs manifest comes last of the files that describe it,
//! so that a reader who sees it finds the rest; an earlier approval is removed first, since it is of other bytes.

use super::statements::statements;
use super::{Made, MadeFile, Performed, PerformedArtifact, masked, origin_word};
use crate::cli::components::seal;
use crate::cli::dist;
use crate::cli::files;
use crate::cli::releases::{Known, complete, point};
use crate::cli::rendered::Rendered;
use crate::cli::session::Session;
use crate::cli::wire::targets_of;
use crate::config::TagPolicy;
use crate::error::Result;
use crate::manifest::{
    Artifact, ArtifactId, ArtifactKind, BUILDS_SCHEMA_VERSION, BuildRecords, DESTINATIONS_SCHEMA_VERSION, Destination, Destinations,
    DockerDescriptor, OutputsManifest, Persistence, Pipeline, Requirements, Target,
};
use crate::names;
use crate::plan::{Plan, PlannedDestination};
use crate::store::ContentStore;

/// Writes `plan.json`, `destinations.json`, `builds.json` and `outputs.json`.
pub fn record(session: &Session, plan: &Plan, made: &[Made], files: &[MadeFile]) -> Result<Performed> {
    let mut outputs = OutputsManifest {
        commit: plan.commit.clone(),
        pipeline: Some(pipeline(plan)),
        artifacts: Some(made.iter().map(|made| describe(plan, made)).chain(files.iter().map(|file| file.artifact.clone())).collect()),
        ..OutputsManifest::default()
    };
    outputs.finalize(session.world.clock.now())?;
    let mut destinations = destinations(plan, made, files, &outputs.checksum)?;
    let path = |id: &str| {
        let file = files.iter().find(|file| file.artifact.id.as_str() == id);
        file.and_then(|file| dist::path_of(&file.artifact)).map(str::to_owned)
    };
    let known = Known { targets: &plan.targets, path: &path, statements: statements(made) };
    complete(session, &mut destinations.destinations, &known)?;
    point(&mut destinations.destinations, &outputs.commit)?;
    seal(&mut destinations.destinations)?;
    let mut builds: Vec<_> = made.iter().map(|made| &made.record).chain(files.iter().map(|file| &file.record)).cloned().collect();
    for build in &mut builds {
        super::mask(&mut build.args);
    }
    let builds = BuildRecords { schema_version: BUILDS_SCHEMA_VERSION.to_owned(), outputs_checksum: outputs.checksum.clone(), builds };

    write(session, plan, &outputs, &destinations, &builds)?;

    let artifacts = made.iter().map(|artifact| PerformedArtifact {
        id: artifact.record.artifact.clone(),
        digest: artifact.digest.to_string(),
        size: artifact.closure.size,
        origin: origin_word(artifact.record.origin),
        by: artifact.record.by.clone(),
        why: artifact.step.builder.why.clone(),
        cache: artifact.cache.as_ref().map(|build| build.cache.clone()),
    });
    Ok(Performed {
        version: plan.version.version.clone(),
        commit: plan.commit.clone(),
        outputs_checksum: Some(outputs.checksum.clone()),
        part: None,
        artifacts: artifacts.chain(files.iter().map(file)).collect(),
        destinations: destinations.destinations.len(),
    })
}

fn file(file: &MadeFile) -> PerformedArtifact {
    PerformedArtifact {
        id: file.artifact.id.as_str().to_owned(),
        digest: file.artifact.digest.clone(),
        size: file.size,
        origin: origin_word(file.record.origin),
        by: file.record.by.clone(),
        why: String::new(),
        cache: None,
    }
}

/// Writes what an earlier pipeline made down as this pipeline's, which found it equal and whole. The bytes stay; the
/// earlier approval goes, since it was given to another pipeline.
pub fn take_over(
    session: &Session,
    plan: &Plan,
    mut outputs: OutputsManifest,
    mut destinations: Destinations,
    mut builds: BuildRecords,
) -> Result<OutputsManifest> {
    outputs.pipeline = Some(pipeline(plan));
    outputs.finalize(session.world.clock.now())?;
    destinations.outputs_checksum.clone_from(&outputs.checksum);
    builds.outputs_checksum.clone_from(&outputs.checksum);
    write(session, plan, &outputs, &destinations, &builds)?;
    Ok(outputs)
}

/// This pipeline, as the outputs manifest names it.
pub fn pipeline(plan: &Plan) -> Pipeline {
    Pipeline { id: plan.pipeline_id.clone().unwrap_or_default(), provider: plan.provider.clone() }
}

fn write(session: &Session, plan: &Plan, outputs: &OutputsManifest, destinations: &Destinations, builds: &BuildRecords) -> Result<()> {
    let workspace = &session.directory;
    crate::fs::remove_file(&workspace.join(names::path::REVIEW))?;
    crate::fs::remove_file(&workspace.join(names::path::OUTPUTS))?;
    files::write(workspace, names::path::PLAN, &masked(plan))?;
    files::write(workspace, names::path::DESTINATIONS, destinations)?;
    files::write(workspace, names::path::BUILDS, builds)?;
    files::write_bytes(workspace, names::path::OUTPUTS, &outputs.clone().into_file(session.world.clock.now())?)?;
    Ok(())
}

fn of_build<'a>(plan: &'a Plan, made: &'a Made) -> impl Iterator<Item = &'a PlannedDestination> {
    plan.destinations.iter().filter(|planned| planned.build == made.step.id && planned.artifact.is_none())
}

fn describe(plan: &Plan, made: &Made) -> Artifact {
    // One target per repository, its tags in the order of the plan.
    let mut targets: Vec<Target> = Vec::new();
    for planned in of_build(plan, made).filter(|planned| planned.kind == "registry_tag") {
        let known =
            targets.iter_mut().find_map(|target| target.registry.as_mut().filter(|r| r.host == planned.host && r.path == planned.path));
        if let Some(registry) = known {
            registry.tags.get_or_insert_default().push(planned.tag.clone());
            continue;
        }
        let requirements = Requirements { sign: planned.requires.sign, attest: planned.requires.attest, sbom: planned.requires.sbom };
        targets.push(Target { requirements, ..Target::registry(&planned.host, &planned.path, vec![planned.tag.clone()]) });
    }
    Artifact {
        id: ArtifactId::new(&ArtifactKind::Docker, &made.step.id),
        kind: ArtifactKind::Docker,
        name: made.step.id.clone(),
        version: plan.version.version.clone(),
        digest: made.digest.to_string(),
        persistence: Persistence::oci_layout(&ContentStore::relative_path(&made.digest)),
        docker: Some(DockerDescriptor {
            dockerfile: made.step.dockerfile.clone(),
            context: made.step.context.clone(),
            platforms: Some(made.step.platforms.clone()),
            build_args_digest: made.build_args_digest.clone().unwrap_or_default(),
        }),
        targets: (!targets.is_empty()).then_some(targets),
        ..Artifact::default()
    }
}

fn destinations(plan: &Plan, made: &[Made], files: &[MadeFile], outputs_checksum: &str) -> Result<Destinations> {
    let mut destinations = Vec::new();
    for planned in &plan.destinations {
        let Some((artifact, rendered)) = held(planned, made, files)? else { continue };
        let Rendered { digest, size, derived } = rendered;
        destinations.push(Destination {
            name: planned.name.clone(),
            kind: planned.kind.clone(),
            target: planned.target.clone(),
            artifact,
            digest,
            size,
            derived,
            path: planned.path.clone(),
            tag: planned.tag.clone(),
            settings: planned.settings.clone(),
            policy: policy_word(planned.policy).to_owned(),
            required: planned.required,
            why: planned.why.clone(),
        });
    }
    Ok(Destinations {
        schema_version: DESTINATIONS_SCHEMA_VERSION.to_owned(),
        outputs_checksum: outputs_checksum.to_owned(),
        commit: plan.commit.clone(),
        version: plan.version.version.clone(),
        targets: targets_of(plan),
        destinations,
    })
}

// The artifact a destination holds, and what it gets of it; nothing for a build that failed and was not required.
fn held(planned: &PlannedDestination, made: &[Made], files: &[MadeFile]) -> Result<Option<(String, Rendered)>> {
    if planned.build.is_empty() {
        return Ok(Some((String::new(), Rendered { digest: String::new(), size: 0, derived: None })));
    }
    if let Some(id) = &planned.artifact {
        let file = files.iter().find(|file| file.artifact.id.as_str() == id);
        let rendered = |file: &MadeFile| Rendered { digest: file.artifact.digest.clone(), size: file.size, derived: None };
        return Ok(file.map(|file| (id.clone(), rendered(file))));
    }
    let Some(image) = made.iter().find(|artifact| artifact.step.id == planned.build) else { return Ok(None) };
    Ok(Some((image.record.artifact.clone(), Rendered::of(&image.closure, &planned.rendition)?)))
}

fn policy_word(policy: TagPolicy) -> &'static str {
    match policy {
        TagPolicy::Immutable => "immutable",
        TagPolicy::Forward => "forward",
        TagPolicy::Any => "any",
    }
}
