//! What the tables of this room share.

use indexmap::IndexMap;
use regex::Regex;

use super::{DockerfileFacts, Inputs, Surroundings};
use crate::ci::{Event, PipelineContext, Provider, PullRequest};
use crate::config::{
    Build, Condition, Config, DockerBuild, Publish, PublishKind, Registry, RegistryProvider, RegistryPublish, Requirements, TagPolicy,
    TagTemplate,
};
use crate::core::Timestamp;
use crate::git::{GitFacts, ReachableTag};

pub(super) const HEAD: &str = "3f9c2ab4db603904910711ef698c2613972d6820";

pub(super) fn context(event: Event, branch: Option<&str>, tag: Option<&str>) -> PipelineContext {
    PipelineContext {
        provider: Provider::Github,
        event,
        branch: branch.map(str::to_owned),
        tag: tag.map(str::to_owned),
        sha: Some(HEAD.to_owned()),
        default_branch: Some("main".to_owned()),
        pull_request: None,
        project: Some("acme/app".to_owned()),
        repo_url: Some("https://github.com/acme/app".to_owned()),
        pipeline_url: None,
        pipeline_id: Some("900".to_owned()),
        job_id: None,
        attempt: None,
        runner: None,
        workspace: None,
    }
}

pub(super) fn on_branch(branch: &str) -> PipelineContext {
    context(Event::Push, Some(branch), None)
}

pub(super) fn on_tag(tag: &str) -> PipelineContext {
    context(Event::Tag, None, Some(tag))
}

pub(super) fn pull_request(fork: bool) -> PipelineContext {
    let pr = PullRequest { number: Some(7), source_branch: Some("topic".to_owned()), target_branch: Some("main".to_owned()), fork };
    PipelineContext { pull_request: Some(pr), ..context(Event::MergeRequest, None, None) }
}

pub(super) fn git(tags: &[(&str, u64)]) -> GitFacts {
    GitFacts {
        head: HEAD.to_owned(),
        branch: None,
        commit_time: Timestamp::from_unix(1_782_907_200),
        dirty: false,
        shallow: false,
        tags: tags.iter().map(|(name, distance)| ReachableTag { name: (*name).to_owned(), distance: *distance }).collect(),
        remote: None,
    }
}

pub(super) fn patterns(pairs: &[(&str, &str)]) -> IndexMap<String, Regex> {
    pairs.iter().map(|(name, pattern)| ((*name).to_owned(), Regex::new(pattern).expect("a pattern"))).collect()
}

pub(super) fn surroundings() -> Surroundings {
    let dockerfiles = vec![DockerfileFacts { path: "Dockerfile".to_owned(), args: Vec::new() }];
    Surroundings { dockerfiles, host_platform: crate::core::Platform::new("linux", "amd64"), ..Surroundings::bare("ws") }
}

pub(super) fn build(id: &str, depends_on: &[&str]) -> Build {
    Build {
        id: id.to_owned(),
        required: true,
        depends_on: depends_on.iter().map(|id| (*id).to_owned()).collect(),
        docker: DockerBuild {
            dockerfile: None,
            context: ".".to_owned(),
            target: None,
            platforms: Vec::new(),
            args: IndexMap::new(),
            labels: IndexMap::new(),
            builder: None,
            provenance: None,
            sbom: false,
            compression: None,
            buildkit: crate::config::BuildkitOptions::default(),
            stage: Vec::new(),
        },
    }
}

pub(super) fn registry(id: &str, host: &str) -> Registry {
    Registry {
        id: id.to_owned(),
        provider: RegistryProvider::Generic,
        host: host.to_owned(),
        plain_http: false,
        credentials: None,
        default_path: Some("acme/app".to_owned()),
        required: true,
        ca_file: None,
        mirrors: Vec::new(),
        options: crate::core::HostOptions::default(),
        rendition: crate::core::Rendition::default(),
    }
}

pub(super) fn publish(id: &str, registries: &[&str], tags: &[&str], when: Vec<Condition>) -> Publish {
    Publish {
        id: id.to_owned(),
        when,
        required: true,
        kind: PublishKind::Registry(RegistryPublish {
            build: "app".to_owned(),
            registries: registries.iter().map(|id| (*id).to_owned()).collect(),
            path: None,
            tags: tags.iter().map(|template| TagTemplate { template: (*template).to_owned(), policy: TagPolicy::Forward }).collect(),
            requires: Requirements::default(),
        }),
    }
}

/// One build, two registries, the given publish entries.
pub(super) fn config(entries: Vec<Publish>) -> Config {
    let mut config = Config::default();
    config.builds.insert("app".to_owned(), build("app", &[]));
    for (id, host) in [("ghcr", "ghcr.io"), ("hub", "docker.io")] {
        config.registries.insert(id.to_owned(), registry(id, host));
    }
    config.publish.extend(entries.into_iter().map(|entry| (entry.id.clone(), entry)));
    config.git.tags = patterns(&[("stable", r"^v\d+\.\d+\.\d+$")]);
    config.git.branches = patterns(&[("main", "^main$")]);
    config
}

pub(super) fn planned(config: &Config, context: &PipelineContext, git: &GitFacts) -> crate::error::Result<super::Plan> {
    planned_in(config, context, git, &surroundings())
}

pub(super) fn planned_in(
    config: &Config,
    context: &PipelineContext,
    git: &GitFacts,
    surroundings: &Surroundings,
) -> crate::error::Result<super::Plan> {
    let env = |name: &str| (name == "CHANNEL").then(|| "beta".to_owned());
    super::plan(&Inputs { config, context, git, surroundings, env: &env, now: Timestamp::from_unix(1_790_000_000) })
}
