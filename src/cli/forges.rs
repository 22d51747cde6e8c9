//! Forges of our own for rehearsals, started for a run: they know the repositories and tags that its destinations name.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::session::Session;
use super::wire::rehearsal_dir;
use crate::config::{Config, Forge, ForgeProvider};
use crate::core::{HostOptions, Secret};
use crate::error::Result;
use crate::forge::{ProjectSettings, Provider, REHEARSAL_TOKEN};
use crate::manifest::DestinationTarget;
use crate::rehearse::api;
use crate::rehearse::forge_github::{Options, Repository, serve};
use crate::rehearse::forge_gitlab::{self, CatalogProject, Role, TokenKind, Trusted};
use crate::rehearse::request::Request;

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
pub struct Started(BTreeMap<String, Ours>);

/// A forge of our own.
enum Ours {
    Github(api::Running),
    Gitlab(forge_gitlab::Running),
}

impl Ours {
    fn addr(&self) -> SocketAddr {
        match self {
            Self::Github(running) => running.addr,
            Self::Gitlab(running) => running.addr(),
        }
    }
}

impl Started {
    /// Where the embedded forge of a target listens; nothing for targets on forges of others.
    pub async fn endpoint(
        &mut self,
        session: &Session,
        target: &DestinationTarget,
        all: &[DestinationTarget],
        seeds: &[Seed],
    ) -> Result<Option<SocketAddr>> {
        let Some((provider, true)) = Provider::of_target(&target.provider) else { return Ok(None) };
        let forge = ProjectSettings::of(target)?.forge;
        if let Some(running) = self.0.get(&forge) {
            return Ok(Some(running.addr()));
        }
        let mut projects: BTreeMap<String, Known> = BTreeMap::new();
        // Releases and packages of one project are two targets.
        for other in all.iter().filter(|other| other.provider == target.provider) {
            let settings = ProjectSettings::of(other)?;
            if settings.forge == forge {
                projects.entry(settings.project).or_default().tags.extend(tags_of(&other.name, seeds));
            }
        }
        self.start(session, forge, provider, projects).await.map(Some)
    }

    /// The same for a forge that is asked for the requests of one project: it knows these.
    pub async fn telling(&mut self, session: &Session, target: &DestinationTarget, requests: Vec<Request>) -> Result<Option<SocketAddr>> {
        let Some((provider, true)) = Provider::of_target(&target.provider) else { return Ok(None) };
        let settings = ProjectSettings::of(target)?;
        let known = Known { requests, ..Known::default() };
        self.start(session, settings.forge, provider, BTreeMap::from([(settings.project, known)])).await.map(Some)
    }

    async fn start(
        &mut self,
        session: &Session,
        forge: String,
        provider: Provider,
        projects: BTreeMap<String, Known>,
    ) -> Result<SocketAddr> {
        let dir = rehearsal_dir(session, &forge);
        let running = if provider == Provider::Gitlab {
            forge_gitlab::start(gitlab(dir, projects)).await.map(Ours::Gitlab)
        } else {
            let repository = |Known { tags, requests }| Repository { tags, requests, ..Repository::default() };
            serve(Options::new(dir, projects.into_iter().map(|(project, known)| (project, repository(known))))).await.map(Ours::Github)
        };
        let running = running.map_err(|error| error.context(format!("embedded forge {forge}")))?;
        let addr = running.addr();
        session.events.detail(format!("embedded forge {forge} listens on {addr}"));
        self.0.insert(forge, running);
        Ok(addr)
    }
}

/// What a project of a forge of our own has before anything is published.
#[derive(Default)]
struct Known {
    tags: BTreeMap<String, String>,
    requests: Vec<Request>,
}

/// A GitLab that lets us do everything, and remembers.
fn gitlab(dir: PathBuf, projects: BTreeMap<String, Known>) -> forge_gitlab::Options {
    let catalog = CatalogProject { resource: true, ..CatalogProject::default() };
    let project =
        |(path, Known { tags, requests })| forge_gitlab::Project { path, tags, catalog, requests, ..forge_gitlab::Project::default() };
    let everything = Trusted { token: Secret::new(REHEARSAL_TOKEN), kind: TokenKind::Private { api: true }, role: Role::Maintainer };
    forge_gitlab::Options {
        projects: projects.into_iter().map(project).collect(),
        trusted: vec![everything],
        remembers: true,
        ..forge_gitlab::Options::new(dir)
    }
}

// Tags that must be there before a release are.
fn tags_of(target: &str, seeds: &[Seed]) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for seed in seeds.iter().filter(|seed| seed.target == target) {
        let Some(settings) = &seed.settings else { continue };
        let may_make = settings.get("may_make_tag").and_then(serde_json::Value::as_bool).unwrap_or(true);
        if let Some(commit) = settings.get("commit").and_then(serde_json::Value::as_str).filter(|_| !may_make) {
            tags.insert(seed.tag.clone(), commit.to_owned());
        }
    }
    tags
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
