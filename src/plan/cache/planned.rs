//! The caches of one build: which are read, which are written, in which order (spec/build.md E.3).

use std::collections::BTreeMap;

use super::name::{Scope, canonicalize_ref, hash};
use super::repository::RepositoryId;
use crate::ci::PipelineContext;
use crate::config::{CacheMode, CachePlace, Config, ExternalCache, RegistryProvider};
use crate::core::Platform;
use crate::error::{Error, Result};
use crate::plan::Inputs;
use crate::plan::types::{BuilderKind, CacheRef, PlannedCache};

/// Directory of local caches where the config names none.
pub const DEFAULT_DIRECTORY: &str = "/stagefreight/cache/buildkit";

/// The reference of pipelines that run for no branch: tags and detached heads.
const NO_BRANCH: &str = "default";

/// What `external` is read by who plans and by who tidies: the same place, the same scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryCache {
    /// Id in `registries`.
    pub registry: String,
    /// Host, with a port when there is one.
    pub host: String,
    /// Repository the tags are in.
    pub path: String,
    /// Which of its tags are this repository's caches.
    pub scope: Scope,
}

/// One cache repository of the config, when `external` is one.
///
/// # Errors
/// Kind `Usage`: an unknown registry, one that BuildKit cannot reach, no path, a prefix that is none.
pub fn registry_cache(config: &Config, external: &ExternalCache, repository: &RepositoryId) -> Result<Option<RegistryCache>> {
    let CachePlace::Registry { registry: id, repository: path } = &external.place else { return Ok(None) };
    let registry = config.registries.get(id).ok_or_else(|| {
        Error::usage(format!("build_cache.external.registry: there is no registry `{id}`")).hint("name an id of `registries`")
    })?;
    if registry.provider == RegistryProvider::Embedded {
        return Err(Error::usage(format!("build_cache.external.registry: `{id}` is embedded, and BuildKit cannot reach it"))
            .hint("name a registry that runs by itself, or use `mode: local`"));
    }
    let path = path.as_ref().or(registry.default_path.as_ref()).ok_or_else(|| {
        Error::usage(format!("build_cache.external: no repository, and registry `{id}` has no default_path"))
            .hint("set `build_cache.external.repository`, a path such as `acme/cache`")
    })?;
    let scope = Scope::new(&external.prefix, repository)?;
    Ok(Some(RegistryCache { registry: id.clone(), host: registry.host.clone(), path: path.trim_matches('/').to_owned(), scope }))
}

/// Directory of a repository's local caches: the configured one, and the 16 digits of `repoHash` (spec/build.md E.2).
pub fn local_directory(config: &Config, repository: &RepositoryId) -> String {
    let root = config.build_cache.local.path.as_deref().unwrap_or(DEFAULT_DIRECTORY);
    format!("{}/{}", root.trim_end_matches('/'), hash(repository.as_str()))
}

/// Plans the caches of one build.
pub(in crate::plan) fn of_build(inputs: &Inputs<'_>, build: &str, platforms: &[String], builder: BuilderKind) -> Result<PlannedCache> {
    let Inputs { config, context, surroundings, .. } = inputs;
    let cache = &config.build_cache;
    let (local, shared) = match cache.mode {
        CacheMode::Off => return Ok(PlannedCache::default()),
        CacheMode::Local => (true, false),
        CacheMode::Shared => (false, true),
        CacheMode::Hybrid => (true, true),
    };
    // The embedded builder runs nothing, so there is nothing it could find in a cache; nor is there for what others built.
    if builder != BuilderKind::Buildx {
        return Ok(PlannedCache::default());
    }
    let mut planned = PlannedCache { mode: cache.mode.name().to_owned(), ..PlannedCache::default() };
    let parts = parts(config, platforms, &surroundings.part);
    let writes = !context.is_untrusted();
    if local {
        let directory = local_directory(config, &surroundings.repository);
        let key = Key { build: None, parts: &parts };
        for (part, part_key) in key.of(build) {
            let slot = format!("{directory}/{}", canonicalize_ref(&part_key));
            planned.from.push(local_ref(&slot, "src", &part, None));
            if writes {
                planned.to.push(local_ref(&slot, "dest", &part, Some("max")));
            }
        }
    }
    if shared {
        let external = cache.external.as_ref().ok_or_else(|| {
            Error::usage(format!("build_cache.mode is {}, and build_cache.external says not where", cache.mode.name()))
                .hint("set `build_cache.external`, for example `registry: <id of registries>`")
        })?;
        let writer = Writer::new(config, external, &surroundings.repository)?;
        let branches = Branches::of(context, external.fallback.as_deref());
        let many = config.builds.len() > 1;
        let key = Key { build: many.then_some(build), parts: &parts };
        for branch in &branches.read {
            for (part, reference) in key.of(branch) {
                planned.from.push(writer.reference(&reference, &part, false));
            }
        }
        for (part, reference) in branches.write.iter().filter(|_| writes).flat_map(|branch| key.of(branch)) {
            planned.to.push(writer.reference(&reference, &part, true));
        }
    }
    Ok(planned)
}

/// The branches whose caches are read, nearest first, and the one that is written.
#[derive(Debug, PartialEq, Eq)]
struct Branches {
    read: Vec<String>,
    write: Option<String>,
}

impl Branches {
    /// A branch reads its own and the fallback's; a merge request its source's, its target's and the fallback's. Changes
    /// from a fork read what the branch they want to go to has, and write nothing: whatever a stranger's build puts into
    /// a cache would be in everybody's next image.
    fn of(context: &PipelineContext, fallback: Option<&str>) -> Self {
        let mut read: Vec<&str> = Vec::new();
        let mut write = None;
        match &context.pull_request {
            Some(pr) if pr.fork => read.extend(pr.target_branch.as_deref()),
            Some(pr) => {
                write = pr.source_branch.as_deref().or(context.branch.as_deref());
                read.extend(write);
                read.extend(pr.target_branch.as_deref());
            }
            None => {
                write = Some(context.branch.as_deref().unwrap_or(NO_BRANCH));
                read.extend(write);
            }
        }
        read.extend(fallback.or(context.default_branch.as_deref()));
        let mut seen = Vec::new();
        for branch in read {
            if !branch.is_empty() && !seen.iter().any(|known| known == branch) {
                seen.push(branch.to_owned());
            }
        }
        Self { read: seen, write: write.map(str::to_owned) }
    }
}

/// What keeps caches of one branch apart: an export replaces a cache as a whole, so two builds, or two nodes, that wrote
/// one would take turns in emptying it. One build on one node has the branch's name alone, as the reference writes it.
struct Key<'a> {
    build: Option<&'a str>,
    parts: &'a [Vec<String>],
}

impl Key<'_> {
    /// For each call of BuildKit its platforms (none = all) and the text its cache is named after. `:` is in no branch.
    fn of(&self, branch: &str) -> Vec<(Vec<String>, String)> {
        let base = self.build.map_or_else(|| branch.to_owned(), |build| format!("{branch}:{build}"));
        if self.parts.is_empty() {
            return vec![(Vec::new(), base)];
        }
        self.parts.iter().map(|part| (part.clone(), format!("{base}:{}", part.join("+")))).collect()
    }
}

/// The platforms of each node that serves some of the step's, when several do; where other jobs build the rest of them,
/// those of this job.
fn parts(config: &Config, all: &[String], job: &[Platform]) -> Vec<Vec<String>> {
    let ours = |text: &&String| {
        job.is_empty() || text.parse::<Platform>().is_ok_and(|own| job.iter().any(|wanted| wanted.normalized() == own.normalized()))
    };
    let platforms: Vec<String> = all.iter().filter(ours).cloned().collect();
    let serves = |node: &crate::config::Node| -> Vec<String> {
        platforms.iter().filter(|wanted| node.platforms.iter().any(|own| own.to_string() == **wanted)).cloned().collect()
    };
    let parts: Vec<Vec<String>> = config.builder.nodes.iter().map(serves).filter(|part| !part.is_empty()).collect();
    match parts.len() {
        0 | 1 if platforms.len() < all.len() => vec![platforms],
        0 | 1 => Vec::new(),
        _ => parts,
    }
}

fn local_ref(slot: &str, key: &str, platforms: &[String], mode: Option<&str>) -> CacheRef {
    let mut attributes = BTreeMap::from([(key.to_owned(), slot.to_owned())]);
    if let Some(mode) = mode {
        attributes.insert("mode".to_owned(), mode.to_owned());
        attributes.insert("ignore-error".to_owned(), "true".to_owned());
    }
    CacheRef { kind: "local".to_owned(), name: slot.to_owned(), attributes, registry: None, platforms: platforms.to_vec() }
}

/// Makes references of a shared cache.
struct Writer<'a> {
    external: &'a ExternalCache,
    scope: Scope,
    registry: Option<(RegistryCache, bool)>,
}

impl<'a> Writer<'a> {
    fn new(config: &Config, external: &'a ExternalCache, repository: &RepositoryId) -> Result<Self> {
        let registry = registry_cache(config, external, repository)?;
        let plain_http = |cache: &RegistryCache| config.registries.get(&cache.registry).is_some_and(|registry| registry.plain_http);
        let registry = registry.map(|cache| {
            let plain = plain_http(&cache);
            (cache, plain)
        });
        Ok(Self { external, scope: Scope::new(&external.prefix, repository)?, registry })
    }

    fn reference(&self, branch: &str, platforms: &[String], export: bool) -> CacheRef {
        let tag = self.scope.tag(branch).to_string();
        let mut attributes = BTreeMap::new();
        let mut set = |key: &str, value: &str| attributes.insert(key.to_owned(), value.to_owned());
        let (kind, name) = match (&self.external.place, &self.registry) {
            (CachePlace::Registry { .. }, Some((cache, plain_http))) => {
                let reference = format!("{}/{}:{tag}", cache.host, cache.path);
                set("ref", &reference);
                if *plain_http {
                    set("registry.insecure", "true");
                }
                if export {
                    // The form of an image: several registries refuse BuildKit's older one, an index of layers.
                    set("image-manifest", "true");
                    set("oci-mediatypes", "true");
                }
                ("registry", reference)
            }
            (CachePlace::S3(given), _) => {
                for (key, value) in given {
                    set(key, value);
                }
                set("name", &tag);
                let bucket = given.get("bucket").map_or("", String::as_str);
                let prefix = given.get("prefix").map_or("", String::as_str);
                ("s3", format!("s3://{bucket}/{prefix}{tag}"))
            }
            _ => {
                set("scope", &tag);
                ("gha", tag.clone())
            }
        };
        if export {
            set("mode", self.external.export.name());
            // BuildKit reports a failed export and goes on; older ones do not know this and the build is run again.
            set("ignore-error", "true");
        }
        CacheRef {
            kind: kind.to_owned(),
            name,
            attributes,
            registry: self.registry.as_ref().map(|(cache, _)| cache.registry.clone()),
            platforms: platforms.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests;
