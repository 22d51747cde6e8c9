//! The one value every consumer takes instead of the environment (spec/build.md U.1, W.9).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A CI system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// GitLab CI.
    Gitlab,
    /// GitHub Actions.
    Github,
    /// Gitea Actions.
    Gitea,
    /// Forgejo Actions.
    Forgejo,
    /// Woodpecker.
    Woodpecker,
    /// No CI: a person's machine.
    Local,
}

impl Provider {
    /// The name as config and `SF_CI_PROVIDER` write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gitlab => "gitlab",
            Self::Github => "github",
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
            Self::Woodpecker => "woodpecker",
            Self::Local => "local",
        }
    }
}

/// What started the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Commits on a branch.
    Push,
    /// A tag.
    Tag,
    /// A merge or pull request.
    MergeRequest,
    /// A schedule.
    Schedule,
    /// A person or an API call.
    Manual,
    /// A release on the forge.
    Release,
}

impl Event {
    /// The event a name stands for: one of ours, `pull_request` for `merge_request`, or a CI system's own.
    pub fn from_name(name: &str) -> Option<Self> {
        super::events::any(name)
    }

    /// The name as config writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Tag => "tag",
            Self::MergeRequest => "merge_request",
            Self::Schedule => "schedule",
            Self::Manual => "manual",
            Self::Release => "release",
        }
    }
}

/// The merge or pull request a pipeline runs for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PullRequest {
    /// Its number, when the CI tells.
    pub number: Option<u64>,
    /// Branch the changes come from.
    pub source_branch: Option<String>,
    /// Branch they shall go to.
    pub target_branch: Option<String>,
    /// The changes come from another repository, so nothing of this one may be trusted to them.
    pub fork: bool,
}

/// What is known of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineContext {
    /// Which CI.
    pub provider: Provider,
    /// What started it.
    pub event: Event,
    /// Branch; `None` on tags and detached heads.
    pub branch: Option<String>,
    /// Git tag; `None` off tags.
    pub tag: Option<String>,
    /// Full commit id, when the CI tells it.
    pub sha: Option<String>,
    /// Default branch, when the CI tells it.
    pub default_branch: Option<String>,
    /// Merge or pull request.
    pub pull_request: Option<PullRequest>,
    /// `group/project` on the forge.
    pub project: Option<String>,
    /// Web address of the repository, without credentials.
    pub repo_url: Option<String>,
    /// Web address of the pipeline run.
    pub pipeline_url: Option<String>,
    /// Id of the pipeline run, the same for all its jobs.
    pub pipeline_id: Option<String>,
    /// Id of this job or its name.
    pub job_id: Option<String>,
    /// Attempt of the run, from 1, where the CI counts.
    pub attempt: Option<u32>,
    /// Name of the machine that runs the job, when the CI tells it.
    pub runner: Option<String>,
    /// Workspace, when the CI tells it.
    pub workspace: Option<String>,
}

impl PipelineContext {
    /// Not a person's machine.
    pub fn is_ci(&self) -> bool {
        self.provider != Provider::Local
    }

    /// A pipeline of somebody else's changes: no credentials, no publishing.
    pub fn is_untrusted(&self) -> bool {
        self.pull_request.as_ref().is_some_and(|pr| pr.fork)
    }
}
