//! Changes become a layer file; equal changes, as several platforms often make them, become one.

use std::io::Write as _;
use std::path::PathBuf;

use super::Build;
use crate::build::embedded::layer::{self, Changes};
use crate::build::embedded::pack::pack;
use crate::core::Digest;
use crate::core::oci::Descriptor;
use crate::error::{Error, Result};
use crate::fs;

impl Build<'_> {
    /// The layer's descriptor, diff id and file, and whether it had been made before.
    pub(super) fn layer(&mut self, changes: &Changes) -> Result<(Descriptor, Digest, PathBuf, bool)> {
        let key = layer::identity(changes);
        if let Some((descriptor, diff_id, path)) = self.made.get(&key) {
            return Ok((descriptor.clone(), diff_id.clone(), path.clone(), true));
        }
        self.sequence += 1;
        let path = self.cx.scratch.join(format!("layer-{}", self.sequence));
        let mut file = fs::create_new(&path)?;
        let cancel = &self.cx.cancel;
        let packed = pack(self.codec, self.threads, &mut file, |out| layer::write(changes, out, cancel).map_err(Failure::Made)).map_err(
            |failure| match failure {
                Failure::Made(error) => error,
                Failure::Io(error) => Error::failed(format!("cannot write {}", path.display())).because(&error),
            },
        )?;
        file.flush().map_err(|e| Error::failed(format!("cannot write {}", path.display())).because(&e))?;
        let descriptor = Descriptor::new(self.codec.media_type(), packed.digest, packed.size);
        self.made.insert(key, (descriptor.clone(), packed.diff_id.clone(), path.clone()));
        Ok((descriptor, packed.diff_id, path, false))
    }
}

enum Failure {
    Made(Error),
    Io(std::io::Error),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}
