//! Which records of the build cache go: the longest unused first, until what is left fits; each before the records it
//! builds on, since these cannot go earlier.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::inventory::CacheRecord;
use super::plan::{Item, Kind, Plan};
use crate::config::CacheKeep;
use crate::core::{Timestamp, duration};

/// Adds what goes. Records in use, records that are part of an image (taking them frees nothing) and BuildKit's own stay.
pub fn choose(records: &[CacheRecord], keep: CacheKeep, now: Timestamp, plan: &mut Plan) {
    let at: HashMap<&str, usize> = records.iter().enumerate().map(|(at, record)| (record.id.as_str(), at)).collect();
    let mut dependents = vec![0_usize; records.len()];
    for parent in records.iter().flat_map(|record| &record.parents) {
        if let Some(at) = at.get(parent.as_str()) {
            dependents[*at] += 1;
        }
    }
    let mut left: u64 = records.iter().filter(|record| !record.shared).map(|record| record.size).sum();
    let enough = keep.keep_storage.map_or(0, |size| size.0);
    let may_go = |record: &CacheRecord| {
        let old = record.used.is_some_and(|used| keep.older_than.is_none_or(|older| now.since(used) >= older));
        old && !record.in_use && !record.shared && !matches!(record.kind.as_str(), "internal" | "frontend")
    };
    let mut free: BinaryHeap<Reverse<(Option<Timestamp>, usize)>> =
        (0..records.len()).filter(|at| dependents[*at] == 0 && may_go(&records[*at])).map(|at| Reverse((records[at].used, at))).collect();
    while left > enough
        && let Some(Reverse((used, index))) = free.pop()
    {
        let record = &records[index];
        left = left.saturating_sub(record.size);
        let unused = used.map(|used| duration::human(now.since(used))).unwrap_or_default();
        plan.items.push(Item {
            kind: Kind::BuildCache,
            id: record.id.clone(),
            names: Some(record.description.clone()).filter(|text| !text.is_empty()).into_iter().collect(),
            size: record.size,
            why: format!("unused for {unused}"),
        });
        for parent in record.parents.iter().filter_map(|parent| at.get(parent.as_str()).copied()) {
            dependents[parent] = dependents[parent].saturating_sub(1);
            if dependents[parent] == 0 && may_go(&records[parent]) {
                free.push(Reverse((records[parent].used, parent)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::core::ByteSize;

    const NOW: i64 = 1_000_000;

    fn record(id: &str, parents: &[&str], age: i64, size: u64) -> CacheRecord {
        CacheRecord {
            id: id.to_owned(),
            parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
            kind: "regular".to_owned(),
            size,
            used: Some(Timestamp::from_unix(NOW - age)),
            ..CacheRecord::default()
        }
    }

    fn chosen(records: &[CacheRecord], older: u64, keep: u64) -> Vec<String> {
        let mut plan = Plan::default();
        let keep = CacheKeep { older_than: Some(Duration::from_secs(older)), keep_storage: Some(ByteSize(keep)) };
        choose(records, keep, Timestamp::from_unix(NOW), &mut plan);
        plan.items.into_iter().map(|item| item.id).collect()
    }

    #[test]
    fn the_longest_unused_go_first_until_the_rest_fits() {
        let records = [record("c", &[], 300, 10), record("a", &[], 500, 10), record("b", &[], 400, 10), record("new", &[], 5, 10)];
        assert_eq!(chosen(&records, 100, 0), ["a", "b", "c"]);
        assert_eq!(chosen(&records, 100, 25), ["a", "b"]);
        assert_eq!(chosen(&records, 100, 40), Vec::<String>::new());
        assert_eq!(chosen(&records, 450, 0), ["a"]);
    }

    #[test]
    fn what_others_build_on_goes_after_them_or_stays() {
        let records = [record("base", &[], 900, 1), record("mid", &["base"], 200, 1), record("top", &["mid", "gone"], 300, 1)];
        assert_eq!(chosen(&records, 100, 0), ["top", "mid", "base"]);
        let mut used = records.clone();
        used[2].in_use = true;
        assert_eq!(chosen(&used, 100, 0), Vec::<String>::new());
    }

    #[test]
    fn shared_records_buildkits_own_and_those_of_unknown_age_stay() {
        let mut records =
            [record("shared", &[], 900, 100), record("own", &[], 900, 1), record("unknown", &[], 900, 1), record("x", &[], 900, 1)];
        records[0].shared = true;
        records[1].kind = "frontend".to_owned();
        records[2].used = None;
        assert_eq!(chosen(&records, 100, 0), ["x"]);
        assert_eq!(chosen(&records, 100, 3), Vec::<String>::new(), "shared bytes do not count");
    }
}
