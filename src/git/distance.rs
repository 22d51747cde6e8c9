//! How far HEAD is ahead of each tag, from one walk over the history.
//!
//! The distance of a tag is the number of commits that HEAD reaches and the tag does not, as `git describe` counts.
//! Asking git once per tag costs a walk each; here 64 tags share one pass over the commits in memory.

use std::collections::HashMap;

/// A commit id, SHA-1 or SHA-256, padded with zeros.
type Id = [u8; 32];

/// Takes `git rev-list --topo-order --parents HEAD` line by line.
pub(super) struct Walk {
    targets: Vec<Id>,
    index: HashMap<Id, u32>,
    /// Parents of each commit in the order of the walk, children before parents.
    parents: Vec<Vec<Id>>,
}

/// Distances by commit.
#[derive(Default)]
pub(super) struct Distances(HashMap<Id, u64>);

impl Walk {
    pub(super) fn towards<'a>(commits: impl Iterator<Item = &'a str>) -> Self {
        let mut targets: Vec<Id> = commits.filter_map(id).collect();
        targets.sort_unstable();
        targets.dedup();
        Self { targets, index: HashMap::new(), parents: Vec::new() }
    }

    pub(super) fn line(&mut self, line: &str) {
        let mut ids = line.split(' ').filter_map(id);
        let Some(commit) = ids.next() else { return };
        let Ok(position) = u32::try_from(self.parents.len()) else { return };
        self.index.insert(commit, position);
        self.parents.push(ids.collect());
    }

    pub(super) fn finish(self) -> Distances {
        let total = self.parents.len() as u64;
        // A parent beyond the cut of a shallow clone has no position.
        let parents: Vec<Vec<u32>> =
            self.parents.iter().map(|ids| ids.iter().filter_map(|parent| self.index.get(parent).copied()).collect()).collect();
        let mut distances = HashMap::new();
        for chunk in self.targets.chunks(64) {
            // Bit n of a commit says that it is the n-th target of the chunk or one of its ancestors.
            let mut marks = vec![0_u64; parents.len()];
            for (bit, target) in chunk.iter().enumerate() {
                if let Some(position) = self.index.get(target) {
                    marks[*position as usize] |= 1 << bit;
                }
            }
            let mut ancestors = [0_u64; 64];
            for position in 0..parents.len() {
                let mark = marks[position];
                if mark == 0 {
                    continue;
                }
                for parent in &parents[position] {
                    marks[*parent as usize] |= mark;
                }
                let mut rest = mark;
                while rest != 0 {
                    ancestors[rest.trailing_zeros() as usize] += 1;
                    rest &= rest - 1;
                }
            }
            for (target, reached) in chunk.iter().zip(ancestors) {
                distances.insert(*target, total.saturating_sub(reached));
            }
        }
        Distances(distances)
    }
}

impl Distances {
    /// Distance of a commit of the walk; the largest number for one that was not a target.
    pub(super) fn of(&self, commit: &str) -> u64 {
        id(commit).and_then(|id| self.0.get(&id).copied()).unwrap_or(u64::MAX)
    }
}

fn id(hex: &str) -> Option<Id> {
    let mut id = [0; 32];
    base16ct::lower::decode(hex, &mut id).ok()?;
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_head_reaches_and_the_tag_does_not() {
        // head merges c (on b) and d (on a); b and a are on the trunk.
        let name = |c: char| std::iter::repeat_n(c, 40).collect::<String>();
        let lines = [('f', "cd"), ('d', "a"), ('c', "b"), ('b', "a"), ('a', "")];
        let mut walk = Walk::towards([name('c'), name('d'), name('b'), name('a'), name('a')].iter().map(String::as_str));
        for (commit, parents) in lines {
            let parents: Vec<String> = parents.chars().map(name).collect();
            walk.line(format!("{} {}", name(commit), parents.join(" ")).trim());
        }
        let distances = walk.finish();
        let counted: Vec<u64> = ['c', 'd', 'b', 'a'].into_iter().map(|c| distances.of(&name(c))).collect();
        assert_eq!(counted, [2, 3, 3, 4]);
        assert_eq!(distances.of(&name('e')), u64::MAX);
    }

    #[test]
    fn more_tags_than_one_pass_holds() {
        let name = |n: usize| format!("{n:040x}");
        let mut walk = Walk::towards((0..200).map(name).collect::<Vec<_>>().iter().map(String::as_str));
        for n in (0..200).rev() {
            walk.line(&if n == 0 { name(0) } else { format!("{} {}", name(n), name(n - 1)) });
        }
        let distances = walk.finish();
        assert!((0..200).all(|n| distances.of(&name(n)) == 199 - n as u64));
    }
}
