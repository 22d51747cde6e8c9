//! Caches in a registry: kept few and young, one repository's only (spec/build.md F.4, W.3, W.4).

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::core::{BoxFuture, Digest, Timestamp};
use crate::error::Result;
use crate::plan::cache::{RepositoryId, Scope};

/// Tags looked at at a time.
const AT_ONCE: usize = 8;

/// The tags of one registry repository. Implemented by `registry`.
pub trait CacheTags: std::fmt::Debug + Send + Sync {
    /// `ghcr.io/acme/app`.
    fn place(&self) -> String;
    /// Every tag of the repository.
    fn list<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<String>>>;
    /// What a tag names; `None` when it is not there.
    fn read<'a>(&'a self, tag: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<TagFacts>>>;
    /// Writes down on a tag's manifest when and for whom it was written.
    fn stamp<'a>(&'a self, tag: &'a str, stamp: &'a Stamp, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<()>>;
    /// Removes a tag that names this digest, and where the registry cannot do that alone, the manifest with all its tags.
    fn delete<'a>(&'a self, tag: &'a str, digest: &'a Digest, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<()>>;
}

/// What a tag names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagFacts {
    /// Its manifest.
    pub digest: Digest,
    /// Manifests that one lists, when it is an index: deleting one of them breaks it.
    pub lists: Vec<Digest>,
    /// When it was written last, as its stamp says; without a stamp, when the newest layer of the cache was made; `None`
    /// when neither is known.
    pub written: Option<Timestamp>,
    /// Which repository wrote it, as its stamp says.
    pub repository: Option<String>,
}

/// What is written down on a cache's manifest after an export: no registry tells when a tag was last written, and eight
/// digits of a hash do not tell two repositories apart for certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Now.
    pub written: Timestamp,
    /// Whose cache it is.
    pub repository: RepositoryId,
}

/// What is kept of one repository's caches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagKeep {
    /// Whose.
    pub repository: RepositoryId,
    /// Which of the tags are its caches.
    pub scope: Scope,
    /// Newest references that are kept.
    pub max_refs: usize,
    /// References not written for longer go.
    pub stale_age: Duration,
}

/// One tag of the scope and what became of it, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TagVerdict {
    /// The tag.
    pub tag: String,
    /// Its manifest; none when it could not be read.
    pub digest: Option<String>,
    /// When it was written; none when that is not known.
    #[schemars(with = "Option<String>")]
    pub written: Option<Timestamp>,
    /// It went, or would go.
    pub removed: bool,
    /// One sentence.
    pub why: String,
}

/// What retention of caches in a registry did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TagRetention {
    /// `ghcr.io/acme/app`.
    pub place: String,
    /// `cache-e2f630c7`.
    pub scope: String,
    /// The scope's tags, oldest first, those of unknown age last.
    pub tags: Vec<TagVerdict>,
    /// What went wrong; the tags it is about stayed.
    pub errors: Vec<String>,
}

impl TagRetention {
    /// How many tags went, or would go.
    pub fn removed(&self) -> usize {
        self.tags.iter().filter(|tag| tag.removed).count()
    }
}

/// Reads every tag of the scope, decides, and deletes. A tag goes when it is older than allowed, or when enough younger
/// ones stay. It stays when its age is not known, when it carries another repository's stamp, when any other tag that
/// stays names the same manifest or lists it, when it changed meanwhile, and when anything at all could not be read that
/// decides about it. A dry run does all of it but the deleting.
pub async fn prune_tags(
    tags: &dyn CacheTags,
    keep: &TagKeep,
    now: Timestamp,
    dry_run: bool,
    cancel: &CancellationToken,
) -> Result<TagRetention> {
    let mut report = TagRetention { place: tags.place(), scope: keep.scope.to_string(), ..TagRetention::default() };
    let (ours, others): (Vec<String>, Vec<String>) = tags.list(cancel).await?.into_iter().partition(|tag| keep.scope.owns(tag));
    let ours = read_all(tags, ours, cancel).await;
    let mut verdicts = decide(ours, keep, now, &mut report.errors);
    if verdicts.iter().any(|verdict| verdict.0.removed) {
        let others = read_all(tags, others, cancel).await;
        spare_shared(&mut verdicts, &others, &mut report.errors);
    }
    for (verdict, facts) in &mut verdicts {
        let Some(facts) = facts.as_ref().filter(|_| verdict.removed && !dry_run) else { continue };
        if let Err(why) = remove(tags, &verdict.tag, facts, cancel).await {
            verdict.removed = false;
            verdict.why.clone_from(&why);
            report.errors.push(format!("{}:{}: {why}", report.place, verdict.tag));
        }
    }
    report.tags = verdicts.into_iter().map(|(verdict, _)| verdict).collect();
    Ok(report)
}

type Read = (String, std::result::Result<Option<TagFacts>, String>);
type Verdict = (TagVerdict, Option<TagFacts>);

async fn read_all(tags: &dyn CacheTags, names: Vec<String>, cancel: &CancellationToken) -> Vec<Read> {
    let read = names.into_iter().map(|tag| async move {
        let facts = tags.read(&tag, cancel).await.map_err(|error| error.message().to_owned());
        (tag, facts)
    });
    stream::iter(read).buffered(AT_ONCE).collect().await
}

fn decide(read: Vec<Read>, keep: &TagKeep, now: Timestamp, errors: &mut Vec<String>) -> Vec<Verdict> {
    let mut dated = Vec::new();
    let mut rest = Vec::new();
    for (tag, facts) in read {
        let stays = |why: String, facts: Option<TagFacts>| {
            let digest = facts.as_ref().map(|facts| facts.digest.to_string());
            let written = facts.as_ref().and_then(|facts| facts.written);
            (TagVerdict { tag: tag.clone(), digest, written, removed: false, why }, facts)
        };
        match facts {
            // Somebody else removed it.
            Ok(None) => {}
            Ok(Some(facts)) if facts.repository.as_ref().is_some_and(|owner| *owner != keep.repository.as_str()) => {
                let owner = facts.repository.clone().unwrap_or_default();
                rest.push(stays(format!("written by {owner}, whose name has the same hash"), Some(facts)));
            }
            Ok(Some(facts)) => match facts.written {
                Some(written) => dated.push((written, stays(String::new(), Some(facts)))),
                None => rest.push(stays("its age is not known".to_owned(), Some(facts))),
            },
            Err(why) => {
                errors.push(why.clone());
                rest.push(stays(format!("could not be read: {why}"), None));
            }
        }
    }
    dated.sort_by(|(a, one), (b, other)| (a, &one.0.tag).cmp(&(b, &other.0.tag)));
    let fresh = dated.iter().filter(|(written, _)| now.since(*written) <= keep.stale_age).count();
    let stale = dated.len() - fresh;
    let surplus = fresh.saturating_sub(keep.max_refs);
    let mut verdicts: Vec<Verdict> = dated.into_iter().map(|(_, verdict)| verdict).collect();
    for (index, (verdict, _)) in verdicts.iter_mut().enumerate() {
        verdict.removed = index < stale + surplus;
        verdict.why = match index {
            _ if index < stale => format!("not written for more than {}", crate::core::duration::human(keep.stale_age)),
            _ if verdict.removed => format!("{} younger ones stay", keep.max_refs),
            _ => "young enough".to_owned(),
        };
    }
    verdicts.extend(rest);
    verdicts
}

/// Takes back what would break another tag: some registries delete a manifest with every tag that names it.
fn spare_shared(verdicts: &mut [Verdict], others: &[Read], errors: &mut Vec<String>) {
    let mut held: BTreeMap<Digest, String> = BTreeMap::new();
    let mut unread: Option<String> = None;
    let mut hold = |tag: &str, facts: &TagFacts| {
        for digest in std::iter::once(&facts.digest).chain(&facts.lists) {
            held.entry(digest.clone()).or_insert_with(|| tag.to_owned());
        }
    };
    for (tag, facts) in others {
        match facts {
            Ok(Some(facts)) => hold(tag, facts),
            Ok(None) => {}
            Err(why) => unread = Some(format!("tag {tag} could not be read: {why}")),
        }
    }
    for (verdict, facts) in verdicts.iter().filter(|(verdict, _)| !verdict.removed) {
        match facts {
            Some(facts) => hold(&verdict.tag, facts),
            None => unread = Some(format!("tag {} {}", verdict.tag, verdict.why)),
        }
    }
    if let Some(why) = &unread {
        errors.push(format!("nothing is removed, since it cannot be known what else names the manifests: {why}"));
    }
    for (verdict, facts) in verdicts.iter_mut().filter(|(verdict, _)| verdict.removed) {
        let holder = facts.as_ref().and_then(|facts| held.get(&facts.digest));
        if let Some(holder) = holder {
            verdict.removed = false;
            verdict.why = format!("tag {holder} needs the same manifest");
        } else if unread.is_some() {
            verdict.removed = false;
            "another tag could not be read".clone_into(&mut verdict.why);
        }
    }
}

async fn remove(tags: &dyn CacheTags, tag: &str, seen: &TagFacts, cancel: &CancellationToken) -> std::result::Result<(), String> {
    let said = |error: crate::error::Error| error.message().to_owned();
    match tags.read(tag, cancel).await.map_err(said)? {
        None => Ok(()),
        Some(now) if now.digest != seen.digest => Err("it was written again meanwhile".to_owned()),
        Some(_) => tags.delete(tag, &seen.digest, cancel).await.map_err(said),
    }
}

#[cfg(test)]
mod tests;
