//! Decides what goes. Pure: the same inventory, policy and time give the same list, which a dry run shows and a run
//! executes.

use std::collections::HashSet;

use super::cache;
use super::images;
use super::inventory::{Container, Inventory, Network};
use super::policy::Policy;
use crate::core::{Timestamp, duration};

/// What kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A container that ended.
    Container,
    /// An image, with all its names.
    Image,
    /// A record of the build cache.
    BuildCache,
    /// A network.
    Network,
}

impl Kind {
    /// For screens and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::BuildCache => "build_cache",
            Self::Network => "network",
        }
    }
}

/// Something that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Full id.
    pub id: String,
    /// Names; a description for the build cache.
    pub names: Vec<String>,
    /// Bytes that only it holds, as far as the engine tells.
    pub size: u64,
    /// Why it goes.
    pub why: String,
}

/// An image that a rule would have taken, and stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Full id.
    pub id: String,
    /// Names.
    pub names: Vec<String>,
    /// Why it stays.
    pub why: String,
}

/// What goes, in the order it goes: containers, images, build cache, networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What goes.
    pub items: Vec<Item>,
    /// Images that stay although a rule would take them.
    pub kept: Vec<Kept>,
}

/// Decides.
pub fn plan(found: &Inventory, policy: &Policy, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let (gone, staying): (Vec<&Container>, Vec<&Container>) = found.containers.iter().partition(|container| {
        let age = container.finished.map(|finished| now.since(finished));
        container.ended && policy.exited.zip(age).is_some_and(|(older, age)| age >= older)
    });
    for container in gone {
        let ended = container.finished.map(|finished| duration::human(now.since(finished))).unwrap_or_default();
        plan.items.push(Item {
            kind: Kind::Container,
            id: container.id.clone(),
            names: vec![container.name.clone()],
            size: container.size,
            why: format!("ended {ended} ago"),
        });
    }
    images::choose(&found.images, &staying, policy, now, &mut plan);
    if let Some(keep) = policy.cache {
        cache::choose(&found.cache, keep, now, &mut plan);
    }
    if policy.networks {
        let used: HashSet<&str> = staying.iter().flat_map(|container| container.networks.iter().map(String::as_str)).collect();
        let unused = |network: &&Network| !network.special && network.endpoints == 0 && !used.contains(network.id.as_str());
        plan.items.extend(found.networks.iter().filter(unused).map(|network| Item {
            kind: Kind::Network,
            id: network.id.clone(),
            names: vec![network.name.clone()],
            size: 0,
            why: "no container uses it".to_owned(),
        }));
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::super::policy::tests::policy;
    use super::*;

    const NOW: i64 = 1_000_000;

    fn ids(plan: &Plan) -> Vec<&str> {
        plan.items.iter().map(|item| item.id.as_str()).collect()
    }

    fn container(id: &str, ended: bool, finished: Option<i64>, network: &str) -> Container {
        Container {
            id: id.to_owned(),
            name: id.to_owned(),
            ended,
            finished: finished.map(Timestamp::from_unix),
            networks: vec![network.to_owned()],
            ..Container::default()
        }
    }

    #[test]
    fn containers_go_by_their_end_and_networks_with_the_last_that_names_them() {
        let network = |id: &str, special, endpoints| Network { id: id.to_owned(), name: id.to_owned(), special, endpoints };
        let found = Inventory {
            containers: vec![
                container("old", true, Some(NOW - 3600), "n-old"),
                container("new", true, Some(NOW - 3599), "n-new"),
                container("running", false, Some(NOW - 9999), "n-run"),
                container("unknown", true, None, "n-unknown"),
            ],
            networks: vec![
                network("bridge", true, 0),
                network("n-old", false, 0),
                network("n-new", false, 0),
                network("n-run", false, 1),
                network("alone", false, 0),
            ],
            ..Inventory::default()
        };
        let planned = plan(&found, &policy(&[]), Timestamp::from_unix(NOW));
        assert_eq!(ids(&planned), ["old", "n-old", "alone"]);
        assert_eq!(planned.items[0].why, "ended 1h 00m ago");
        let mut nothing = policy(&[]);
        (nothing.exited, nothing.networks) = (None, false);
        assert_eq!(ids(&plan(&found, &nothing, Timestamp::from_unix(NOW))), Vec::<&str>::new());
    }
}
