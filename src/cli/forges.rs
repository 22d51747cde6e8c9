//! Forges of our own for rehearsals, started for a run: they know the repositories and tags that its destinations name.

use std::collections::BTreeMap;

use super::session::Session;
use super::wire::rehearsal_dir;
use crate::config::{Config, Forge, ForgeProvider};
use crate::core::HostOptions;
use crate::error::Result;
use crate::forge::{EMBEDDED, ProjectSettings};
use crate::manifest::DestinationTarget;
use crate::rehearse::api::Running;
use crate::rehearse::forge_github::{Options, Repository, serve};

/// What a run knows of releases before any forge is asked.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Target the release is at.
    pub target: String,
    /// Its tag.
    pub tag: String,
    /// What only releases read.
    pub settings: Option<serde_json::Value>,
}

/// The forges that were started, by their id in the config.
#[derive(Default)]
pub struct Started(BTreeMap<String, Running>);

impl Started {
    /// Where the embedded forge of a target listens; nothing for targets on forges of others.
    pub async fn endpoint(
        &mut self,
        session: &Session,
        target: &DestinationTarget,
        all: &[DestinationTarget],
        seeds: &[Seed],
    ) -> Result<Option<std::net::SocketAddr>> {
        if target.provider != EMBEDDED {
            return Ok(None);
        }
        let forge = ProjectSettings::of(target)?.forge;
        if let Some(running) = self.0.get(&forge) {
            return Ok(Some(running.addr));
        }
        let mut repositories = BTreeMap::new();
        for other in all.iter().filter(|other| other.kind == target.kind && other.provider == EMBEDDED) {
            let settings = ProjectSettings::of(other)?;
            if settings.forge == forge {
                repositories.insert(settings.project, repository(&other.name, seeds));
            }
        }
        let running = serve(Options::new(rehearsal_dir(session, &forge), repositories))
            .await
            .map_err(|error| error.context(format!("embedded forge {forge}")))?;
        session.events.detail(format!("embedded forge {forge} listens on {}", running.addr));
        let addr = running.addr;
        self.0.insert(forge, running);
        Ok(Some(addr))
    }
}

// Tags that must be there before a release are.
fn repository(target: &str, seeds: &[Seed]) -> Repository {
    let mut repository = Repository::default();
    for seed in seeds.iter().filter(|seed| seed.target == target) {
        let Some(settings) = &seed.settings else { continue };
        let may_make = settings.get("may_make_tag").and_then(serde_json::Value::as_bool).unwrap_or(true);
        if let Some(commit) = settings.get("commit").and_then(serde_json::Value::as_str).filter(|_| !may_make) {
            repository.tags.insert(seed.tag.clone(), commit.to_owned());
        }
    }
    repository
}

/// A project on a forge of the config, as a plan describes it.
pub fn described(name: &str, forge: &Forge, project: &str) -> DestinationTarget {
    DestinationTarget {
        name: name.to_owned(),
        kind: "release".to_owned(),
        provider: forge.provider.name().to_owned(),
        host: forge.url.split_once("://").map_or(forge.url.as_str(), |(_, rest)| rest).to_owned(),
        plain_http: forge.url.starts_with("http://"),
        credentials: forge.credentials.clone(),
        ca_file: forge.ca_file.clone(),
        options: HostOptions::default(),
        settings: Some(serde_json::json!({ "forge": forge.id, "url": forge.url, "project": project })),
    }
}

/// Forges that references may name: those of the config, and the two everybody knows, by the name of their product.
pub fn known(config: &Config) -> BTreeMap<String, DestinationTarget> {
    let public = |provider: ForgeProvider, url: &str| Forge {
        id: provider.name().to_owned(),
        provider,
        url: url.to_owned(),
        credentials: None,
        ca_file: None,
    };
    let ours = [public(ForgeProvider::Github, "https://github.com"), public(ForgeProvider::Gitlab, "https://gitlab.com")];
    // One of the config comes later, and so in place of ours.
    ours.iter().chain(config.forges.values()).map(|forge| (forge.id.clone(), described(&forge.id, forge, ""))).collect()
}
