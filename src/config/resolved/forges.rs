//! Forges, repositories on them, and releases.

use super::TagTemplate;

/// A known forge product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForgeProvider {
    /// `github`.
    Github,
    /// `gitlab`.
    Gitlab,
    /// `gitea`.
    Gitea,
    /// `forgejo`.
    Forgejo,
    /// `embedded`: our own GitHub, started for the run, data below `.stagefreight/rehearsal/`.
    Embedded,
    /// `embedded-gitlab`: our own GitLab, in the same way.
    EmbeddedGitlab,
}

impl ForgeProvider {
    /// The name config writes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
            Self::Embedded => "embedded",
            Self::EmbeddedGitlab => "embedded-gitlab",
        }
    }

    /// It is one of our own, which is started for the run.
    pub fn is_embedded(self) -> bool {
        matches!(self, Self::Embedded | Self::EmbeddedGitlab)
    }

    /// It works as GitLab does.
    pub fn is_gitlab(self) -> bool {
        matches!(self, Self::Gitlab | Self::EmbeddedGitlab)
    }
}

/// One entry of `forges`.
#[derive(Debug, Clone)]
pub struct Forge {
    /// Its id.
    pub id: String,
    /// Product.
    pub provider: ForgeProvider,
    /// Web address, without a closing slash. For one of our own without `url`: `http://<id>.embedded`.
    pub url: String,
    /// Prefix of the variable with the token, upper case.
    pub credentials: Option<String>,
    /// Additional certificate authorities for this host, a path relative to the config.
    pub ca_file: Option<String>,
}

/// One entry of `repos`.
#[derive(Debug, Clone)]
pub struct Repo {
    /// Its id.
    pub id: String,
    /// Id of its forge.
    pub forge: String,
    /// Project path.
    pub project: String,
    /// Releases are made there for people; elsewhere they, and their tags, are repeated.
    pub primary: bool,
    /// False: a failure there does not fail the run.
    pub required: bool,
}

/// `release`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseDefaults {
    /// False: no release is made.
    pub enabled: bool,
    /// False: a failed release does not fail the run.
    pub required: bool,
    /// Notes name the images that were published.
    pub registry_links: bool,
}

impl Default for ReleaseDefaults {
    fn default() -> Self {
        Self { enabled: true, required: true, registry_links: true }
    }
}

/// A publish entry of kind `release`.
#[derive(Debug, Clone)]
pub struct ReleasePublish {
    /// Ids of repositories, at least one.
    pub repos: Vec<String>,
    /// Tag template off tag pipelines.
    pub tag: Option<String>,
    /// Title template; `None` = the tag.
    pub title: Option<String>,
    /// Whether it is for everybody.
    pub kind: ReleaseType,
    /// Where its notes come from.
    pub notes: NotesSource,
    /// A template of the repository that makes the notes.
    pub template: Option<String>,
    /// Commits are grouped by kind.
    pub grouped: bool,
    /// Git tags that move with it.
    pub aliases: Vec<TagTemplate>,
    /// Ids of builds whose files are attached.
    pub builds: Vec<String>,
    /// SHA256SUMS is attached.
    pub checksums: bool,
    /// SBOMs and provenance of images published with it are attached.
    pub attestations: bool,
    /// A script that installs from it is attached.
    pub install_script: bool,
    /// Releases that move with it.
    pub rolling: Vec<TagTemplate>,
    /// When the primary repository's is seen; `None` = each as soon as it is complete.
    pub primary: Option<PrimaryTurn>,
    /// Releases that stay; `None` = all.
    pub retention: Option<ReleaseRetention>,
}

/// When the primary repository's release is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrimaryTurn {
    /// Before the mirrors'.
    First,
    /// After those of required mirrors.
    Last,
}

impl PrimaryTurn {
    /// The word config writes.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
        }
    }
}

/// How many releases of each group of tags stay. Zero: that rule keeps none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseRetention {
    /// The newest so many.
    pub keep_last: u32,
    /// The newest of each of the last so many days that have any.
    pub keep_daily: u32,
    /// Of weeks.
    pub keep_weekly: u32,
    /// Of months.
    pub keep_monthly: u32,
    /// Of years.
    pub keep_yearly: u32,
    /// Names of `git.tags`: releases of tags that match stay.
    pub protect: Vec<String>,
}

/// Whether a release is for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseType {
    /// Never a pre-release.
    Latest,
    /// Always a pre-release.
    Prerelease,
    /// As its version says.
    Unspecified,
}

/// Where notes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotesSource {
    /// The commits since the release before.
    Commits,
    /// The pull or merge requests merged since the release before, at the primary repository.
    Requests,
    /// The message of the annotated tag.
    Tag,
    /// A file of the repository.
    File(String),
}

impl NotesSource {
    /// As the config writes it.
    pub fn name(&self) -> &str {
        match self {
            Self::Commits => "commits",
            Self::Requests => "requests",
            Self::Tag => "tag",
            Self::File(path) => path,
        }
    }
}
