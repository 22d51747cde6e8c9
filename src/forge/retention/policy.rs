//! What stays and what goes. Pure: what is there, a policy and the time in, decisions out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use regex::Regex;

use crate::core::{Timestamp, Version};
use crate::forge::notes;
use crate::forge::release::StoredRelease;

/// A draft of ours is left behind when it is older than any publish takes.
pub const ORPHAN_AGE: Duration = Duration::from_secs(24 * 3600);

/// How many releases, or versions of a package, stay of each group. A group is what is called alike: `v{version}`, `cli/v{version}`,
/// `v{version}-rc`. Zero everywhere: nothing goes but drafts that were left behind.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The newest so many.
    pub keep_last: u32,
    /// The newest of each of the last so many days that have any.
    pub keep_daily: u32,
    /// Of weeks, from Monday.
    pub keep_weekly: u32,
    /// Of months.
    pub keep_monthly: u32,
    /// Of years.
    pub keep_yearly: u32,
    /// Tags and versions that stay whatever their age.
    pub protect: Vec<Regex>,
    /// Why nothing goes, whatever the counts are: an entry that publishes there takes nothing away.
    pub keeps_all: Option<String>,
}

/// What becomes of one release or version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It stays; the text says why.
    Stays(String),
    /// It goes; the text says why.
    Goes(String),
}

/// A release, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The release.
    pub release: StoredRelease,
    /// What becomes of it.
    pub fate: Fate,
}

impl Decision {
    /// It goes.
    pub fn goes(&self) -> bool {
        matches!(self.fate, Fate::Goes(_))
    }
}

impl Policy {
    /// Nothing goes, and the text says why.
    pub fn keeping_all(why: impl Into<String>) -> Self {
        Self { keeps_all: Some(why.into()), ..Self::default() }
    }

    /// What both keep.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.keep_last = self.keep_last.max(other.keep_last);
        self.keep_daily = self.keep_daily.max(other.keep_daily);
        self.keep_weekly = self.keep_weekly.max(other.keep_weekly);
        self.keep_monthly = self.keep_monthly.max(other.keep_monthly);
        self.keep_yearly = self.keep_yearly.max(other.keep_yearly);
        self.protect.extend(other.protect.iter().cloned());
        self.keeps_all = self.keeps_all.or_else(|| other.keeps_all.clone());
        self
    }

    /// Does it take anything away but drafts that were left behind?
    pub fn is_active(&self) -> bool {
        self.keeps_all.is_none() && self.has_rules()
    }

    /// Does anything say what goes, whether or not something else keeps it?
    pub fn has_rules(&self) -> bool {
        [self.keep_last, self.keep_daily, self.keep_weekly, self.keep_monthly, self.keep_yearly].iter().any(|count| *count > 0)
    }
}

/// Something that may go: a release, a version of a package.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Tag or version.
    pub(super) name: String,
    /// Another name that protects it: the tag of a version.
    pub(super) also: Option<String>,
    /// When it was made, where that is known.
    pub(super) created: Option<Timestamp>,
    /// What becomes of it whatever the others are. It does not count for them.
    pub(super) fixed: Option<Fate>,
    /// Why it stays where no rule keeps it. It counts for the others.
    pub(super) spared: Option<String>,
}

/// Decides on every release of a list, in the order of the list.
pub fn decide(releases: &[StoredRelease], policy: &Policy, now: Timestamp) -> Vec<Decision> {
    let item = |release: &StoredRelease| Item {
        name: release.tag.clone(),
        also: None,
        spared: None,
        created: created(release),
        fixed: fixed_fate(release, releases, now),
    };
    let items: Vec<Item> = releases.iter().map(item).collect();
    let fates = fates(&items, policy);
    releases.iter().zip(fates).map(|(release, fate)| Decision { release: release.clone(), fate }).collect()
}

/// What becomes of each, in the order of the list. Only those whose fate is not fixed count for the others.
pub(super) fn fates(items: &[Item], policy: &Policy) -> Vec<Fate> {
    let mut kept: BTreeMap<usize, String> = BTreeMap::new();
    let mut groups: BTreeMap<(String, String), Vec<(usize, Version)>> = BTreeMap::new();
    let mut fates: Vec<Option<Fate>> = items.iter().map(|item| item.fixed.clone().or_else(|| excepted(item, policy))).collect();
    for (at, item) in items.iter().enumerate() {
        if fates[at].is_some() {
            continue;
        }
        match shape(&item.name) {
            Some((group, version)) => groups.entry(group).or_default().push((at, version)),
            None => fates[at] = Some(Fate::Stays("its name is no version".to_owned())),
        }
    }
    for members in groups.values_mut() {
        // The newest version first; of one version that was tagged twice, the younger.
        members.sort_by(|(one, a), (other, b)| {
            let created = |at: &usize| items[*at].created.map(Timestamp::unix);
            b.cmp(a).then_with(|| created(other).cmp(&created(one)))
        });
        for (rank, (at, _)) in members.iter().enumerate() {
            if (rank as u64) < u64::from(policy.keep_last) {
                kept.insert(*at, format!("it is among the newest {}", policy.keep_last));
            }
        }
        for (count, bucket, name) in [
            (policy.keep_daily, day as fn(Timestamp) -> i64, "day"),
            (policy.keep_weekly, week, "week"),
            (policy.keep_monthly, month, "month"),
            (policy.keep_yearly, year, "year"),
        ] {
            let mut seen = BTreeSet::new();
            for (at, _) in members.iter() {
                let Some(when) = items[*at].created else { continue };
                if (seen.len() as u64) < u64::from(count) && seen.insert(bucket(when)) {
                    kept.entry(*at).or_insert_with(|| format!("it is the newest of its {name}"));
                }
            }
        }
    }
    let undecided = |at: usize| match kept.get(&at) {
        Some(why) => Fate::Stays(why.clone()),
        None if items[at].spared.is_some() => Fate::Stays(items[at].spared.clone().unwrap_or_default()),
        None if items[at].created.is_none() => Fate::Stays("nobody tells how old it is".to_owned()),
        None => Fate::Goes("no rule keeps it".to_owned()),
    };
    fates.into_iter().enumerate().map(|(at, fate)| fate.unwrap_or_else(|| undecided(at))).collect()
}

/// What stays by its name, or because nothing is asked for.
fn excepted(item: &Item, policy: &Policy) -> Option<Fate> {
    let names = || std::iter::once(&item.name).chain(&item.also);
    if policy.protect.iter().any(|pattern| names().any(|name| pattern.is_match(name))) {
        return Some(Fate::Stays("it is protected".to_owned()));
    }
    if !policy.has_rules() {
        return Some(Fate::Stays("no rule takes anything away".to_owned()));
    }
    policy.keeps_all.clone().map(Fate::Stays)
}

/// What is decided of a release whatever the others and the rules are.
fn fixed_fate(release: &StoredRelease, all: &[StoredRelease], now: Timestamp) -> Option<Fate> {
    let stays = |why: &str| Some(Fate::Stays(why.to_owned()));
    if !notes::is_marked(&release.notes) {
        return stays("somebody else made it");
    }
    if !release.is_visible() {
        let Some(created) = created(release) else { return stays("it is not known how old this draft is") };
        if now.since(created) < ORPHAN_AGE {
            return stays("a publish may be at work on this draft");
        }
        let done = all.iter().any(|other| other.tag == release.tag && other.is_visible());
        return Some(Fate::Goes(if done {
            "a draft that was left behind; its release is published".to_owned()
        } else {
            "a draft that was left behind".to_owned()
        }));
    }
    None
}

fn created(release: &StoredRelease) -> Option<Timestamp> {
    Timestamp::parse(release.created.as_deref()?).ok()
}

/// What a tag is called alike with, and its version: `cli/v1.4.0-rc.2` is `cli/v` and `rc`.
fn shape(tag: &str) -> Option<((String, String), Version)> {
    let from = tag.rfind('/').map_or(0, |slash| slash + 1);
    let first = from + tag[from..].find(|ch: char| ch.is_ascii_digit())?;
    let version: Version = tag[first..].parse().ok()?;
    let channel: String = version.prerelease().chars().take_while(char::is_ascii_alphabetic).collect();
    // A pre-release that is only numbers is a channel of its own all the same.
    let channel = if channel.is_empty() && !version.prerelease().is_empty() { "-".to_owned() } else { channel };
    Some(((tag[..first].to_owned(), channel), version))
}

fn day(when: Timestamp) -> i64 {
    when.unix().div_euclid(86_400)
}

fn week(when: Timestamp) -> i64 {
    // 1970-01-01 was a Thursday.
    (day(when) + 3).div_euclid(7)
}

fn month(when: Timestamp) -> i64 {
    let text = when.to_string();
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    number(0..4) * 12 + number(5..7) - 1
}

fn year(when: Timestamp) -> i64 {
    month(when).div_euclid(12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::release::{Container, Visibility};

    fn release(tag: &str, created: &str, visibility: Visibility) -> StoredRelease {
        StoredRelease {
            container: Container { id: tag.to_owned(), upload: None },
            tag: tag.to_owned(),
            title: tag.to_owned(),
            notes: notes::merge("", "x"),
            visibility,
            prerelease: false,
            target: String::new(),
            created: Some(created.to_owned()),
            page: None,
            listed: None,
            elsewhere: Vec::new(),
            addresses: Vec::new(),
            files: Vec::new(),
        }
    }

    fn published(tag: &str, created: &str) -> StoredRelease {
        release(tag, created, Visibility::Published)
    }

    fn going(releases: &[StoredRelease], policy: &Policy) -> Vec<String> {
        let now = Timestamp::parse("2026-11-21T12:00:00Z").expect("time");
        decide(releases, policy, now).into_iter().filter(Decision::goes).map(|decision| decision.release.tag).collect()
    }

    #[test]
    fn groups_do_not_push_each_other_out() {
        let mut all: Vec<StoredRelease> = (0..9).map(|minor| published(&format!("v1.{minor}.0-rc.1"), "2026-11-01T00:00:00Z")).collect();
        all.push(published("v1.0.0", "2026-01-01T00:00:00Z"));
        all.push(published("cli/v0.1.0", "2025-01-01T00:00:00Z"));
        let policy = Policy { keep_last: 2, ..Policy::default() };
        let gone = going(&all, &policy);
        assert_eq!(gone.len(), 7);
        assert!(gone.iter().all(|tag| tag.contains("-rc")), "{gone:?}");
        assert!(!gone.contains(&"v1.8.0-rc.1".to_owned()), "the newest stay");
    }

    #[test]
    fn what_is_not_ours_protected_or_no_version_stays() {
        let foreign = StoredRelease { notes: "by hand".to_owned(), ..published("v0.1.0", "2020-01-01T00:00:00Z") };
        let all = [
            published("v3.0.0", "2026-03-01T00:00:00Z"),
            published("v2.0.0", "2026-02-01T00:00:00Z"),
            published("v1.0.0", "2026-01-01T00:00:00Z"),
            published("nightly", "2020-01-01T00:00:00Z"),
            foreign,
        ];
        let protect = vec![Regex::new("^v2").expect("pattern")];
        assert_eq!(going(&all, &Policy { keep_last: 1, protect, ..Policy::default() }), ["v1.0.0"]);
        assert!(going(&all, &Policy::default()).is_empty(), "no policy, nothing goes");
    }

    #[test]
    fn who_keeps_everything_is_the_most_generous() {
        let all = ["v3.0.0", "v2.0.0", "v1.0.0"].map(|tag| published(tag, "2026-03-01T00:00:00Z"));
        let (two, one) = (Policy { keep_last: 2, ..Policy::default() }, Policy { keep_last: 1, ..Policy::default() });
        assert_eq!(going(&all, &one.clone().or(&two)), ["v1.0.0"]);
        let kept = Policy::keeping_all("`nightly` says so");
        for both in [one.clone().or(&kept), kept.clone().or(&one)] {
            assert!(!both.is_active() && both.has_rules());
            let now = Timestamp::parse("2026-11-21T12:00:00Z").expect("time");
            let fates: Vec<Fate> = decide(&all, &both, now).into_iter().map(|decision| decision.fate).collect();
            assert_eq!(fates, vec![Fate::Stays("`nightly` says so".to_owned()); 3]);
        }
        assert!(!kept.has_rules(), "without a rule nobody asks why");
    }

    #[test]
    fn the_newest_of_each_span_of_time_stays() {
        let all = [
            published("v1.5.0", "2026-11-20T00:00:00Z"),
            published("v1.4.0", "2026-11-02T00:00:00Z"),
            published("v1.3.0", "2026-10-30T00:00:00Z"),
            published("v1.2.0", "2026-10-01T00:00:00Z"),
            published("v1.1.0", "2025-12-31T00:00:00Z"),
        ];
        assert_eq!(going(&all, &Policy { keep_monthly: 2, ..Policy::default() }), ["v1.4.0", "v1.2.0", "v1.1.0"]);
        assert_eq!(going(&all, &Policy { keep_yearly: 9, ..Policy::default() }), ["v1.4.0", "v1.3.0", "v1.2.0"]);
        assert_eq!(going(&all, &Policy { keep_weekly: 9, ..Policy::default() }), Vec::<String>::new());
    }

    #[test]
    fn a_draft_goes_when_nobody_can_be_at_work_on_it() {
        let all = [
            published("v1.0.0", "2026-11-01T00:00:00Z"),
            release("v1.0.0", "2026-11-01T00:00:00Z", Visibility::Draft),
            release("v1.1.0", "2026-11-21T11:00:00Z", Visibility::Draft),
            StoredRelease { notes: String::new(), ..release("v0.9.0", "2020-01-01T00:00:00Z", Visibility::Draft) },
        ];
        let now = Timestamp::parse("2026-11-21T12:00:00Z").expect("time");
        let gone: Vec<bool> = decide(&all, &Policy::default(), now).iter().map(Decision::goes).collect();
        assert_eq!(gone, [false, true, false, false]);
    }
}
