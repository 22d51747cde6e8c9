//! What comes after the config.

use super::Facts;
use crate::build::project::CiSystem;

/// Steps in their order.
pub(super) fn steps(facts: &Facts) -> Vec<String> {
    let Facts { project, origin, place } = facts;
    let mut steps = Vec::new();
    match origin {
        None => steps.push("git init, and commit: version and commit of every build come from git".to_owned()),
        Some(origin) if !origin.commits => steps.push("commit something: images are stamped with the commit and its time".to_owned()),
        Some(_) => {}
    }
    if project.dockerfiles.iter().all(|file| file.development) {
        steps.push("add a Dockerfile, or take over what another builder makes: stagefreight perform --from PATH".to_owned());
    }
    let registry = place.as_ref().and_then(|place| place.registry.as_ref());
    if registry.is_none() {
        steps.push("name your registry in the config: where images go cannot be told from here".to_owned());
    }
    steps.push("stagefreight check       is everything right, and can it be published?".to_owned());
    steps.push("stagefreight plan        what would be built, and where it would go".to_owned());
    steps.push("stagefreight perform     build it, publishing nothing".to_owned());
    if let Some(registry) = registry {
        let hint = registry.own.map(|own| format!(" ({own})")).unwrap_or_default();
        steps.push(format!("set {0}_USER and {0}_TOKEN in the CI{hint}", registry.credentials));
    }
    for system in &project.ci {
        steps.push(match system {
            CiSystem::Gitlab => "GitLab: include templates/gitlab/stagefreight.yml of StageFreight in .gitlab-ci.yml".to_owned(),
            CiSystem::Github => "GitHub: add StageFreight's action to a workflow, with `fetch-depth: 0` for actions/checkout".to_owned(),
            CiSystem::Gitea | CiSystem::Forgejo => {
                format!("{}: copy templates/gitea/stagefreight.yml of StageFreight beside your workflows", system.name())
            }
            CiSystem::Woodpecker => "Woodpecker: add a step that runs `stagefreight ci run all`".to_owned(),
        });
    }
    if project.ci.is_empty() {
        steps.push("in the CI: one job that runs `stagefreight ci run all`".to_owned());
    }
    steps
}
