//! What somebody decided for single destinations, against the policy of their names, and why.

use std::collections::BTreeMap;

use super::port::Observation;

/// Decisions by destination name, each with its reason. They are written into the journal and the placements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Overwrite whatever is there.
    pub replace: BTreeMap<String, String>,
    /// Take over a moving name whose holder does not tell enough to be compared.
    pub adopt: BTreeMap<String, String>,
    /// Move a name that only moves forward back to an older version.
    pub backwards: BTreeMap<String, String>,
}

impl Overrides {
    /// Why a destination may be overwritten although its policy says no; `None` when nobody decided that, or decided
    /// something that does not fit what was found.
    pub fn reason(&self, destination: &str, found: &Observation) -> Option<String> {
        let decided = |verb: &str, map: &BTreeMap<String, String>| map.get(destination).map(|reason| format!("{verb}: {reason}"));
        let replaced = || self.replace.get(destination).cloned();
        match found {
            Observation::Diverged { may_move: false, unjudged, .. } => {
                let adopted = if *unjudged { decided("adopted", &self.adopt) } else { None };
                adopted.or_else(replaced)
            }
            Observation::Superseded { .. } => decided("moved backwards", &self.backwards).or_else(replaced),
            Observation::Diverged { .. } => replaced(),
            _ => None,
        }
    }

    /// Every destination that is named.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.replace.keys().chain(self.adopt.keys()).chain(self.backwards.keys()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_covers_what_it_was_made_for() {
        let map = |name: &str| BTreeMap::from([(name.to_owned(), "because".to_owned())]);
        let overrides = Overrides { replace: map("r"), adopt: map("a"), backwards: map("b") };
        let diverged =
            |unjudged| Observation::Diverged { found: "x".to_owned(), about: None, may_move: false, why: String::new(), unjudged };
        let newer = Observation::Superseded { found: "x".to_owned(), why: String::new() };
        assert_eq!(overrides.reason("a", &diverged(true)).as_deref(), Some("adopted: because"));
        assert_eq!(overrides.reason("a", &diverged(false)), None, "what tells that it is newer is not adopted");
        assert_eq!(overrides.reason("a", &newer), None);
        assert_eq!(overrides.reason("b", &newer).as_deref(), Some("moved backwards: because"));
        assert_eq!(overrides.reason("b", &diverged(true)), None);
        assert!(overrides.reason("r", &newer).is_some() && overrides.reason("r", &diverged(false)).is_some());
        assert_eq!(overrides.reason("r", &Observation::Absent), None);
    }
}
