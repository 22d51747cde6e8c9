//! What of a closure travels when. Pure: no clock, no I/O.

use std::collections::{HashMap, VecDeque};

use super::host_facts::BULK;
use crate::core::Digest;
use crate::core::oci::{Descriptor, media_type};
use crate::store::Closure;

/// Hands out a closure's blobs and manifests. Bulk blobs go largest first, because the longest transfer decides when
/// the whole is done; small ones go beside them smallest first, so that configs and manifests never wait behind layers.
/// A manifest is ready as soon as its own blobs, its children and its subject are there.
#[derive(Debug)]
pub struct Order {
    bulk: VecDeque<usize>,
    small: VecDeque<usize>,
    ready: VecDeque<usize>,
    // For each manifest how much it still waits for; for each blob and manifest who waits for it.
    waits: Vec<usize>,
    blob_awaited: Vec<Vec<usize>>,
    manifest_awaited: Vec<Vec<usize>>,
}

impl Order {
    /// Of a closure, whose blobs and manifests are named by their place in it from here on. Foreign layers stay where
    /// they are: nobody waits for them.
    pub fn of(closure: &Closure) -> Self {
        let travels = |blob: &Descriptor| !media_type::is_foreign_layer(&blob.media_type);
        let mut at: Vec<usize> = (0..closure.blobs.len()).filter(|at| travels(&closure.blobs[*at])).collect();
        at.sort_by_key(|at| closure.blobs[*at].size);
        let (small, bulk): (Vec<usize>, Vec<usize>) = at.into_iter().partition(|at| closure.blobs[*at].size < BULK);
        let blobs: HashMap<&Digest, usize> = closure.blobs.iter().enumerate().map(|(at, blob)| (&blob.digest, at)).collect();
        let manifests: HashMap<&Digest, usize> =
            closure.manifests.iter().enumerate().map(|(at, (descriptor, _))| (&descriptor.digest, at)).collect();
        let mut order = Self {
            bulk: bulk.into_iter().rev().collect(),
            small: small.into(),
            ready: VecDeque::new(),
            waits: vec![0; closure.manifests.len()],
            blob_awaited: vec![Vec::new(); closure.blobs.len()],
            manifest_awaited: vec![Vec::new(); closure.manifests.len()],
        };
        for (at, (_, manifest)) in closure.manifests.iter().enumerate() {
            for blob in manifest.blobs().filter(|blob| travels(blob)) {
                if let Some(blob) = blobs.get(&blob.digest) {
                    order.blob_awaited[*blob].push(at);
                    order.waits[at] += 1;
                }
            }
            for needed in manifest.manifests.iter().chain(&manifest.subject) {
                if let Some(needed) = manifests.get(&needed.digest).filter(|needed| **needed != at) {
                    order.manifest_awaited[*needed].push(at);
                    order.waits[at] += 1;
                }
            }
        }
        order.ready = (0..order.waits.len()).filter(|at| order.waits[*at] == 0).collect();
        order
    }

    /// The next bulk blob.
    pub fn next_bulk(&mut self) -> Option<usize> {
        self.bulk.pop_front()
    }

    /// The next small blob.
    pub fn next_small(&mut self) -> Option<usize> {
        self.small.pop_front()
    }

    /// The next manifest all of whose needs are there.
    pub fn next_manifest(&mut self) -> Option<usize> {
        self.ready.pop_front()
    }

    /// A blob is there.
    pub fn blob_arrived(&mut self, at: usize) {
        for waiting in std::mem::take(&mut self.blob_awaited[at]) {
            self.one_less(waiting);
        }
    }

    /// A manifest is there.
    pub fn manifest_arrived(&mut self, at: usize) {
        for waiting in std::mem::take(&mut self.manifest_awaited[at]) {
            self.one_less(waiting);
        }
    }

    fn one_less(&mut self, manifest: usize) {
        self.waits[manifest] -= 1;
        if self.waits[manifest] == 0 {
            self.ready.push_back(manifest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::oci::Manifest;

    fn blob(seed: u8, size: u64) -> Descriptor {
        Descriptor::new(media_type::OCI_LAYER, Digest::of(&[seed]), size)
    }

    fn manifest(config: &Descriptor, layers: &[&Descriptor], subject: Option<&Descriptor>) -> (Descriptor, Manifest) {
        let raw = serde_json::json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": layers, "subject": subject,
        });
        let manifest = Manifest::parse(raw.to_string().into_bytes()).expect("manifest");
        (manifest.descriptor(), manifest)
    }

    #[test]
    fn manifests_follow_their_own_blobs_and_subjects_come_first() {
        let (config, small) = (blob(1, 10), blob(2, 20));
        let (large, larger) = (blob(3, 5 * BULK), blob(4, 9 * BULK));
        let foreign = Descriptor { media_type: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip".into(), ..blob(5, BULK) };
        let first = manifest(&config, &[&small, &large, &foreign, &small], None);
        let attestation = manifest(&config, &[&small], Some(&first.0));
        let second = manifest(&config, &[&larger], None);
        let index = serde_json::json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [attestation.0, first.0, second.0],
        });
        let index = Manifest::parse(index.to_string().into_bytes()).expect("index");
        let closure = Closure {
            root: index.descriptor(),
            manifests: vec![attestation, first, second, (index.descriptor(), index)],
            blobs: vec![config, small, large, larger, foreign],
            size: 0,
        };
        let mut order = Order::of(&closure);
        let bulk: Vec<usize> = std::iter::from_fn(|| order.next_bulk()).collect();
        let small: Vec<usize> = std::iter::from_fn(|| order.next_small()).collect();
        assert_eq!((bulk, small), (vec![3, 2], vec![0, 1]));
        assert_eq!(order.next_manifest(), None);
        order.blob_arrived(0);
        order.blob_arrived(1);
        assert_eq!(order.next_manifest(), None, "the attestation has its blobs, but not yet its subject");
        order.blob_arrived(2);
        assert_eq!(order.next_manifest(), Some(1));
        order.manifest_arrived(1);
        assert_eq!(order.next_manifest(), Some(0));
        order.manifest_arrived(0);
        order.blob_arrived(3);
        assert_eq!(order.next_manifest(), Some(2));
        order.manifest_arrived(2);
        assert_eq!(order.next_manifest(), Some(3));
        order.manifest_arrived(3);
        assert_eq!(order.next_manifest(), None);
    }
}
