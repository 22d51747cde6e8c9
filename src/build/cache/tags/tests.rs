//! What goes and what stays, against a registry in memory that deletes manifests with all their tags.

use std::sync::Mutex;

use super::*;
use crate::error::Error;

const DAY: i64 = 86_400;
const NOW: i64 = 1_700_000_000;

/// The worst kind of registry: it only knows how to delete a manifest.
#[derive(Debug, Default)]
struct Memory {
    tags: Mutex<BTreeMap<String, TagFacts>>,
    unreadable: Vec<String>,
    rewritten: Option<String>,
    reads: Mutex<BTreeMap<String, usize>>,
}

impl CacheTags for Memory {
    fn place(&self) -> String {
        "r.example/acme/app".to_owned()
    }

    fn list<'a>(&'a self, _: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<String>>> {
        let tags = self.tags.lock().expect("tags").keys().cloned().collect();
        Box::pin(async move { Ok(tags) })
    }

    fn read<'a>(&'a self, tag: &'a str, _: &'a CancellationToken) -> BoxFuture<'a, Result<Option<TagFacts>>> {
        Box::pin(async move {
            if self.unreadable.iter().any(|bad| bad == tag) {
                return Err(Error::failed("read r.example/acme/app: the registry failed (500)"));
            }
            let mut reads = self.reads.lock().expect("reads");
            let nth = reads.entry(tag.to_owned()).or_default();
            *nth += 1;
            let mut facts = self.tags.lock().expect("tags").get(tag).cloned();
            if let Some(facts) = facts.as_mut().filter(|_| *nth > 1 && self.rewritten.as_deref() == Some(tag)) {
                facts.digest = digest("other bytes");
            }
            Ok(facts)
        })
    }

    fn stamp<'a>(&'a self, _: &'a str, _: &'a Stamp, _: &'a CancellationToken) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn delete<'a>(&'a self, _: &'a str, digest: &'a Digest, _: &'a CancellationToken) -> BoxFuture<'a, Result<()>> {
        self.tags.lock().expect("tags").retain(|_, facts| facts.digest != *digest);
        Box::pin(async { Ok(()) })
    }
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn repository(name: &str) -> RepositoryId {
    RepositoryId::of_address(&format!("https://gitlab.com/acme/{name}")).expect("an address")
}

fn scope(name: &str) -> Scope {
    Scope::new("cache", &repository(name)).expect("a scope")
}

fn tag(name: &str, branch: &str) -> String {
    scope(name).tag(branch).to_string()
}

fn keep(max_refs: usize) -> TagKeep {
    let stale_age = Duration::from_secs(14 * 86_400);
    TagKeep { repository: repository("app"), scope: scope("app"), max_refs, stale_age }
}

impl Memory {
    /// A tag written so many days ago; `None` = nobody knows.
    fn with(self, tag: &str, content: &str, days: Option<i64>) -> Self {
        let written = days.map(|days| Timestamp::from_unix(NOW - days * DAY));
        let facts = TagFacts { digest: digest(content), lists: Vec::new(), written, repository: None };
        self.tags.lock().expect("tags").insert(tag.to_owned(), facts);
        self
    }

    fn changed(self, tag: &str, change: impl FnOnce(&mut TagFacts)) -> Self {
        change(self.tags.lock().expect("tags").get_mut(tag).expect("a tag"));
        self
    }

    async fn prune(&self, keep: &TagKeep) -> TagRetention {
        let cancel = CancellationToken::new();
        let before = self.tags.lock().expect("tags").clone();
        let said = prune_tags(self, keep, Timestamp::from_unix(NOW), true, &cancel).await.expect("dry run");
        assert_eq!(*self.tags.lock().expect("tags"), before, "a dry run changes nothing");
        self.reads.lock().expect("reads").clear();
        let done = prune_tags(self, keep, Timestamp::from_unix(NOW), false, &cancel).await.expect("pruned");
        if self.rewritten.is_none() {
            assert_eq!(said, done, "and says what the run then does");
        }
        done
    }

    fn left(&self) -> Vec<String> {
        self.tags.lock().expect("tags").keys().cloned().collect()
    }
}

fn removed(report: &TagRetention) -> Vec<&str> {
    report.tags.iter().filter(|tag| tag.removed).map(|tag| tag.tag.as_str()).collect()
}

fn why<'a>(report: &'a TagRetention, tag: &str) -> &'a str {
    report.tags.iter().find(|verdict| verdict.tag == tag).map_or("", |verdict| verdict.why.as_str())
}

#[tokio::test]
async fn age_first_then_count_and_never_anybody_elses() {
    let (a, b, c, d, unknown) = (tag("app", "a"), tag("app", "b"), tag("app", "c"), tag("app", "d"), tag("app", "unknown"));
    let theirs = tag("other", "a");
    let memory = Memory::default()
        .with(&a, "a", Some(20))
        .with(&b, "b", Some(3))
        .with(&c, "c", Some(2))
        .with(&d, "d", Some(1))
        .with(&unknown, "unknown", None)
        .with(&theirs, "theirs", Some(400))
        .with("latest", "image", Some(400))
        .with("cache-main", "x", Some(400));
    let report = memory.prune(&keep(2)).await;
    assert_eq!(removed(&report), [a.as_str(), b.as_str()]);
    assert_eq!(why(&report, &a), "not written for more than 14d 0h");
    assert_eq!(why(&report, &b), "2 younger ones stay");
    assert_eq!(why(&report, &unknown), "its age is not known");
    assert_eq!((report.tags.len(), report.errors.len()), (5, 0));
    let mut left = vec![c, d, unknown, theirs, "latest".to_owned(), "cache-main".to_owned()];
    left.sort();
    assert_eq!(memory.left(), left);
    assert!(removed(&memory.prune(&keep(2)).await).is_empty(), "and once more does nothing");
}

#[tokio::test]
async fn a_manifest_that_others_need_stays() {
    let (old, listed, alone) = (tag("app", "old"), tag("app", "listed"), tag("app", "alone"));
    let memory = Memory::default()
        .with(&old, "same", Some(30))
        .with("keep-me", "same", None)
        .with(&listed, "child", Some(30))
        .with("index", "index", None)
        .changed("index", |facts| facts.lists.push(digest("child")))
        .with(&alone, "alone", Some(30));
    let report = memory.prune(&keep(9)).await;
    assert_eq!(removed(&report), [alone.as_str()]);
    assert_eq!(why(&report, &old), "tag keep-me needs the same manifest");
    assert_eq!(why(&report, &listed), "tag index needs the same manifest");
}

#[tokio::test]
async fn two_names_with_one_hash_are_told_apart_by_their_stamps() {
    let (mine, theirs) = (tag("app", "mine"), tag("app", "theirs"));
    let memory = Memory::default()
        .with(&mine, "mine", Some(30))
        .changed(&mine, |facts| facts.repository = Some("gitlab.com/acme/app".to_owned()))
        .with(&theirs, "theirs", Some(30))
        .changed(&theirs, |facts| facts.repository = Some("gitlab.com/acme/collides".to_owned()));
    let report = memory.prune(&keep(9)).await;
    assert_eq!(removed(&report), [mine.as_str()]);
    assert_eq!(why(&report, &theirs), "written by gitlab.com/acme/collides, whose name has the same hash");
}

#[tokio::test]
async fn what_cannot_be_read_saves_everything() {
    let (old, bad) = (tag("app", "old"), tag("app", "bad"));
    for unreadable in [bad.as_str(), "latest"] {
        let memory = Memory { unreadable: vec![unreadable.to_owned()], ..Memory::default() }
            .with(&old, "old", Some(30))
            .with(&bad, "bad", Some(30))
            .with("latest", "image", None);
        let report = memory.prune(&keep(9)).await;
        assert!(removed(&report).is_empty() && !report.errors.is_empty(), "{report:?}");
        assert_eq!(memory.left().len(), 3);
    }
}

#[tokio::test]
async fn what_is_written_meanwhile_stays() {
    let old = tag("app", "old");
    let memory = Memory { rewritten: Some(old.clone()), ..Memory::default() }.with(&old, "old", Some(30));
    let report = memory.prune(&keep(9)).await;
    assert!(removed(&report).is_empty());
    assert_eq!(why(&report, &old), "it was written again meanwhile");
    assert_eq!(memory.left(), [old]);
}
