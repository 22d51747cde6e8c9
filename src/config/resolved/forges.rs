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
        }
    }
}

/// One entry of `forges`.
#[derive(Debug, Clone)]
pub struct Forge {
    /// Its id.
    pub id: String,
    /// Product.
    pub provider: ForgeProvider,
    /// Web address, without a closing slash. For `embedded` without `url`: `http://<id>.embedded`.
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
    /// Commits are grouped by kind.
    pub grouped: bool,
    /// Git tags that move with it.
    pub aliases: Vec<TagTemplate>,
    /// Ids of builds whose files are attached.
    pub builds: Vec<String>,
    /// SHA256SUMS is attached.
    pub checksums: bool,
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
    /// The message of the annotated tag.
    Tag,
    /// A file of the repository.
    File(String),
}
