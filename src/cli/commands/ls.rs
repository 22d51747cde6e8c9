//! `stagefreight ls REPOSITORY`: its tags; `ls IMAGE`: what it is, for which platforms, and what refers to it.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::copying;
use crate::cli::session::Session;
use crate::core::oci::ManifestKind;
use crate::core::{Digest, Reference, Repository};
use crate::error::{Error, Result};
use crate::registry::{Registries, find};
use crate::report::{Table, counted};

/// What to list.
#[derive(Debug, Args)]
pub struct LsArgs {
    /// A repository (HOST/PATH), or an image (HOST/PATH:TAG, HOST/PATH@DIGEST)
    #[arg(value_name = "REPOSITORY")]
    pub name: String,
}

/// What is there.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Listed {
    /// Repository.
    repository: String,
    /// Its tags, in the order of their names; of a repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    /// The image, of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<ListedImage>,
}

/// An image.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct ListedImage {
    /// Its digest.
    #[schemars(with = "String")]
    digest: Digest,
    /// Its media type.
    media_type: String,
    /// Images of an index: platform and digest.
    manifests: Vec<ListedManifest>,
    /// What refers to it.
    referrers: Vec<ListedReferrer>,
    /// The registry has the referrers API.
    referrers_api: bool,
}

/// One image of an index.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct ListedManifest {
    /// `linux/amd64`; absent for attestations.
    platform: Option<String>,
    /// Its digest.
    #[schemars(with = "String")]
    digest: Digest,
    /// Bytes of the manifest.
    size: u64,
}

/// One thing that refers to an image.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct ListedReferrer {
    /// Its type, as far as it says.
    artifact_type: Option<String>,
    /// Its digest.
    #[schemars(with = "String")]
    digest: Digest,
    /// Bytes of the manifest.
    size: u64,
}

/// Runs it.
pub fn run(session: &Session, args: &LsArgs) -> Result<()> {
    let listed = session.block_on(list(session, &args.name))?;
    session.print(&listed, screen)
}

async fn list(session: &Session, name: &str) -> Result<Listed> {
    let reference: Reference = name.parse().map_err(|error| Error::usage(format!("`{name}`: {error}")))?;
    let Repository { host, path } = &reference.repository;
    let registries = Registries::new(&session.world, session.events.clone())?;
    let client = registries.client(host)?;
    let repository = format!("{host}/{path}");
    if !copying::names_one_image(name) {
        let mut tags = client.tags(path, &session.cancel).await?;
        tags.sort();
        if tags.is_empty() {
            return Err(Error::failed(format!("{repository} has no tags"))
                .hint("check the path; a private repository needs credentials to be seen"));
        }
        return Ok(Listed { repository, tags: Some(tags), image: None });
    }
    let found = find(&client, path, &reference.selector(), &session.cancel).await?;
    let referrers = client.referrers(path, &found.digest, &session.cancel).await?;
    let manifests = found.manifest.manifests.iter().map(|child| ListedManifest {
        platform: child.platform.as_ref().and_then(crate::core::oci::DescriptorPlatform::platform).map(|platform| platform.to_string()),
        digest: child.digest.clone(),
        size: child.size,
    });
    let image = ListedImage {
        digest: found.digest.clone(),
        media_type: found.manifest.media_type.clone(),
        manifests: if found.manifest.kind == ManifestKind::Index { manifests.collect() } else { Vec::new() },
        referrers_api: referrers.api,
        referrers: referrers
            .manifests
            .into_iter()
            .map(|referrer| ListedReferrer { artifact_type: referrer.artifact_type, digest: referrer.digest, size: referrer.size })
            .collect(),
    };
    Ok(Listed { repository, tags: None, image: Some(image) })
}

fn screen(listed: &Listed) -> String {
    if let Some(tags) = &listed.tags {
        // One tag a line: for other programs.
        return format!("{}\n", tags.join("\n"));
    }
    let Some(image) = &listed.image else { return String::new() };
    let mut text = format!("{}@{}  {}\n", listed.repository, image.digest, image.media_type);
    let mut table = Table::indented(2);
    for child in &image.manifests {
        table.row([child.platform.clone().unwrap_or_else(|| "attestation".to_owned()), child.digest.to_string()]);
    }
    for referrer in &image.referrers {
        table.row([referrer.artifact_type.clone().unwrap_or_else(|| "unknown type".to_owned()), referrer.digest.to_string()]);
    }
    text.push_str(&table.render());
    if image.referrers.is_empty() {
        text.push_str("  nothing refers to it\n");
    } else {
        text.push_str(&format!("  {}\n", counted(image.referrers.len(), "referrer")));
    }
    text
}
