//! What is on an engine, as far as cleanup needs to know it.

use crate::core::Timestamp;

/// Everything at one moment.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Containers, running or not.
    pub containers: Vec<Container>,
    /// Images, those without a name and those others were made from included.
    pub images: Vec<Image>,
    /// Records of the engine's own build cache.
    pub cache: Vec<CacheRecord>,
    /// Networks.
    pub networks: Vec<Network>,
    /// Bytes all image layers take on disk, where the engine tells.
    pub layers: Option<u64>,
}

/// A container.
#[derive(Debug, Clone, Default)]
pub struct Container {
    /// Full id.
    pub id: String,
    /// Its name, without the slash the API puts before it.
    pub name: String,
    /// Id of its image.
    pub image: String,
    /// What it was made from, as it was named then.
    pub reference: String,
    /// It came to its end, and is not being removed.
    pub ended: bool,
    /// When it ended; none where that is not known.
    pub finished: Option<Timestamp>,
    /// Ids of its networks.
    pub networks: Vec<String>,
    /// Bytes it wrote, where the engine tells.
    pub size: u64,
}

/// An image.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// Full id.
    pub id: String,
    /// Id of the image it was made from, on engines that know.
    pub parent: String,
    /// `acme/app:1`.
    pub tags: Vec<String>,
    /// `acme/app@sha256:…`.
    pub digests: Vec<String>,
    /// When it was made, as its config says. Reproducible images say it was long ago.
    pub created: Option<Timestamp>,
    /// When it last got a name here.
    pub tagged: Option<Timestamp>,
    /// Bytes, those it shares included.
    pub size: u64,
    /// Bytes it shares with other images.
    pub shared: u64,
}

/// A record of a build cache.
#[derive(Debug, Clone, Default)]
pub struct CacheRecord {
    /// Its id.
    pub id: String,
    /// Ids of the records it builds on, which cannot go before it.
    pub parents: Vec<String>,
    /// `regular`, `source.local`, `exec.cachemount`, …
    pub kind: String,
    /// What it is: `mount / from exec /bin/sh -c make`.
    pub description: String,
    /// A build uses it now.
    pub in_use: bool,
    /// It is part of an image as well, so that taking it frees nothing.
    pub shared: bool,
    /// Bytes.
    pub size: u64,
    /// When it was last used, or made if never used.
    pub used: Option<Timestamp>,
}

/// A network.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Full id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The engine's own, of a swarm, or a template of others: not ours to judge.
    pub special: bool,
    /// Containers attached to it now.
    pub endpoints: usize,
}
