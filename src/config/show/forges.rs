//! `forges`, `repos`, `release`, and publish entries of kind `release`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{ShownCondition, ShownTag};
use crate::config::resolved::{Forge, PrimaryTurn, Publish, ReleaseDefaults, ReleasePublish, ReleaseRetention, ReleaseType, Repo};

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShownForge<'c> {
    provider: &'static str,
    url: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<&'c str>,
}

impl<'c> ShownForge<'c> {
    pub(super) fn new(forge: &'c Forge) -> Self {
        let Forge { id: _, provider, url, credentials, ca_file } = forge;
        Self { provider: provider.name(), url, credentials: credentials.as_deref(), ca_file: ca_file.as_deref() }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShownRepo<'c> {
    forge: &'c str,
    project: &'c str,
    roles: [&'static str; 1],
    required: bool,
}

impl<'c> ShownRepo<'c> {
    pub(super) fn new(repo: &'c Repo) -> Self {
        let Repo { id: _, forge, project, primary, required } = repo;
        Self { forge, project, roles: [if *primary { "primary" } else { "mirror" }], required: *required }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShownRelease {
    enabled: bool,
    required: bool,
    registry_links: bool,
}

impl ShownRelease {
    /// Nothing, when all of it is as it is without the section.
    pub(super) fn new(release: ReleaseDefaults) -> Option<Self> {
        let ReleaseDefaults { enabled, required, registry_links } = release;
        (release != ReleaseDefaults::default()).then_some(Self { enabled, required, registry_links })
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShownReleasePublish<'c> {
    kind: &'static str,
    repos: &'c [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'c str>,
    r#type: &'static str,
    notes: ShownNotes<'c>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<ShownTag<'c>>,
    archives: &'c [String],
    checksums: bool,
    attestations: bool,
    install_script: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rolling: Vec<ShownTag<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<ShownRetention<'c>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    when: Vec<ShownCondition<'c>>,
    required: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShownRetention<'c> {
    keep_last: u32,
    keep_daily: u32,
    keep_weekly: u32,
    keep_monthly: u32,
    keep_yearly: u32,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    protect: &'c [String],
}

impl<'c> ShownRetention<'c> {
    pub(super) fn new(retention: &'c ReleaseRetention) -> Self {
        let ReleaseRetention { keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly, protect } = retention;
        Self {
            keep_last: *keep_last,
            keep_daily: *keep_daily,
            keep_weekly: *keep_weekly,
            keep_monthly: *keep_monthly,
            keep_yearly: *keep_yearly,
            protect,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownNotes<'c> {
    from: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<&'c str>,
    group_by: &'static str,
}

impl<'c> ShownReleasePublish<'c> {
    pub(super) fn new(publish: &'c Publish, kind: &'c ReleasePublish) -> Self {
        let Publish { id: _, when, required, kind: _ } = publish;
        let ReleasePublish {
            repos,
            tag,
            title,
            kind,
            notes,
            template,
            grouped,
            aliases,
            builds,
            checksums,
            attestations,
            install_script,
            rolling,
            primary,
            retention,
        } = kind;
        Self {
            kind: "release",
            repos,
            tag: tag.as_deref(),
            title: title.as_deref(),
            r#type: match kind {
                ReleaseType::Latest => "latest",
                ReleaseType::Prerelease => "prerelease",
                ReleaseType::Unspecified => "unspecified",
            },
            notes: ShownNotes {
                from: notes.name(),
                template: template.as_deref(),
                group_by: if *grouped { "conventional" } else { "none" },
            },
            aliases: aliases.iter().map(ShownTag::new).collect(),
            archives: builds,
            checksums: *checksums,
            attestations: *attestations,
            install_script: *install_script,
            rolling: rolling.iter().map(ShownTag::new).collect(),
            primary: primary.map(PrimaryTurn::name),
            retention: retention.as_ref().map(ShownRetention::new),
            when: when.iter().map(ShownCondition::new).collect(),
            required: *required,
        }
    }
}
