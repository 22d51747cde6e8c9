//! The builder port, and the port through which builders get base images.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::solve::Work;
use crate::core::{BoxFuture, Digest, Platform, Reference, Secret};
use crate::error::Result;
use crate::event::Events;
use crate::plan::BuildStep;

/// What every build gets.
#[derive(Debug, Clone)]
pub struct BuildCx {
    /// The repository; Dockerfile and context are below it.
    pub workspace: PathBuf,
    /// A private directory on the store's file system, removed after the build. The layout goes below it.
    pub scratch: PathBuf,
    /// Ends the build early.
    pub cancel: CancellationToken,
    /// Where progress goes.
    pub events: Events,
    /// What earlier builds of the plan made, for contexts `build:<id>`: build id → its layout in the store, and its root.
    pub made: BTreeMap<String, (PathBuf, Digest)>,
    /// Credentials for base images and caches that are not public.
    pub logins: Option<Arc<dyn Logins>>,
}

impl BuildCx {
    /// Without earlier builds and credentials.
    pub fn new(workspace: PathBuf, scratch: PathBuf, cancel: CancellationToken, events: Events) -> Self {
        Self { workspace, scratch, cancel, events, made: BTreeMap::new(), logins: None }
    }
}

/// Makes images.
pub trait Builder: Send + Sync {
    /// Its name on screens: `buildx`, `embedded`.
    fn name(&self) -> &'static str;
    /// Builds one step into an OCI layout below `cx.scratch`.
    fn build<'a>(&'a self, cx: &'a BuildCx, step: &'a BuildStep) -> BoxFuture<'a, Result<Built>>;
}

/// What a build made.
#[derive(Debug, Clone)]
pub struct Built {
    /// Root of the image: an image manifest, or an index for several platforms or with attestations. Listed in the
    /// layout's `index.json` and present as a blob.
    pub digest: Digest,
    /// The OCI layout.
    pub layout: PathBuf,
    /// `sha256:` + hash over the sorted build arguments (spec/manifest.md §6.2), when there were any.
    pub build_args_digest: Option<String>,
    /// Base images by reference and the digest they resolved to, for review and provenance.
    pub bases: Vec<(String, String)>,
    /// Steps and caches, for the report; nothing of the embedded builder, which has none.
    pub work: Work,
}

/// Credentials of registries, for a BuildKit that pulls base images and caches by itself. Implemented by `registry`.
pub trait Logins: std::fmt::Debug + Send + Sync {
    /// What a host is to be shown; `None` when it is read without credentials.
    fn login<'a>(&'a self, host: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Login>>>;
}

/// What a registry gets to see.
#[derive(Debug, Clone)]
pub enum Login {
    /// A user and a password or token.
    Basic {
        /// User.
        user: String,
        /// Password or token.
        secret: Secret,
    },
    /// A refresh token, as `docker login` stores it for some registries.
    Identity(Secret),
}

/// Base images by reference. Implemented by `registry` (pull) and by the store (an OCI layout on disk).
pub trait BaseImages: Send + Sync {
    /// Makes the image of `platform` available in a layout below `into` and says where.
    fn fetch<'a>(
        &'a self,
        reference: &'a Reference,
        platform: &'a Platform,
        into: &'a Path,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<BaseImage>>;
}

/// A base image of one platform on disk.
#[derive(Debug, Clone)]
pub struct BaseImage {
    /// OCI layout holding it.
    pub layout: PathBuf,
    /// Digest of the image manifest (not of an index).
    pub manifest: Digest,
    /// Digest the reference resolved to: the index when there is one. Pinned in provenance.
    pub resolved: Digest,
}
