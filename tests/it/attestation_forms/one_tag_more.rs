//! What a second tag of the same image costs.

use std::collections::BTreeMap;

use stagefreight::rehearse::fault::FaultPlan;

use super::adopted::{TAGS, scene};
use crate::support::release::Registries;

#[test]
fn every_tag_after_the_first_is_one_put_and_at_most_two_heads() {
    for keys in ["", ", attestations: referrers", ", attestations: tag", ", attestations: none, platforms: [linux/amd64]"] {
        let registries = Registries::described(vec![(FaultPlan::default(), true), (FaultPlan::default(), false)]);
        let named: Vec<String> = registries.servers.iter().map(stagefreight::rehearse::registry::Running::host).collect();
        let scene = scene(&[(&named[0], keys), (&named[1], keys)]);
        registries.clear_logs();
        scene.sf.run(&["publish"]).code(0);
        for server in &registries.servers {
            let mut asked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            let entries = server.log().entries();
            for entry in &entries {
                let tag = TAGS.iter().find(|tag| entry.path.ends_with(&format!("/manifests/{tag}")));
                if let Some(tag) = tag {
                    asked.entry(*tag).or_default().push(entry.method.clone());
                }
            }
            assert_eq!(asked.len(), TAGS.len());
            let count = |methods: &[String], method: &str| methods.iter().filter(|one| *one == method).count();
            assert!(asked.values().all(|methods| count(methods, "PUT") == 1 && count(methods, "HEAD") <= 2), "{keys}: {asked:?}");
            let gets: usize = asked.values().map(|methods| count(methods, "GET")).sum();
            assert_eq!(gets, 1, "the first tag is read back with its bytes, the others are not: {keys}: {asked:?}");
            assert!(asked.values().all(|methods| methods.len() <= 3), "{keys}: {asked:?}");
        }
    }
}
