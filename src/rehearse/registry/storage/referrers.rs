//! Which manifests refer to a subject. Kept beside the manifests, so that a subject may arrive later or never.

use std::path::PathBuf;

use super::{Storage, below};
use crate::core::Digest;
use crate::core::oci::{Descriptor, MAX_MANIFEST_SIZE};
use crate::fs;

impl Storage {
    /// Descriptors of manifests whose subject is `subject`, in the order of their digests, after `last`.
    pub fn referrers(&self, name: &str, subject: &Digest, last: &str) -> fs::Result<Vec<Descriptor>> {
        let dir = below(&self.repository(name).join("_referrers"), subject);
        let mut descriptors = Vec::new();
        for file in fs::names_in(&dir)? {
            let Some((algorithm, hex)) = file.strip_suffix(".json").and_then(|stem| stem.split_once('-')) else { continue };
            if format!("{algorithm}:{hex}").as_str() <= last {
                continue;
            }
            // One that is deleted while we read is simply not listed.
            let Ok(bytes) = fs::read_bounded(&dir.join(&file), MAX_MANIFEST_SIZE as u64) else { continue };
            descriptors.extend(serde_json::from_slice::<Descriptor>(&bytes).ok());
        }
        Ok(descriptors)
    }

    pub(super) fn add_referrer(&self, name: &str, subject: &Digest, descriptor: &Descriptor) -> fs::Result<()> {
        let text = serde_json::to_vec(descriptor).unwrap_or_default();
        fs::write_atomic(&self.referrer_path(name, subject, &descriptor.digest), &text, 0o644)
    }

    pub(super) fn remove_referrer(&self, name: &str, subject: &Digest, digest: &Digest) -> fs::Result<bool> {
        fs::remove_file(&self.referrer_path(name, subject, digest))
    }

    fn referrer_path(&self, name: &str, subject: &Digest, digest: &Digest) -> PathBuf {
        let dir = below(&self.repository(name).join("_referrers"), subject);
        dir.join(format!("{}-{}.json", digest.algorithm().name(), digest.hex()))
    }
}
