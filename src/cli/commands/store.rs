//! `stagefreight store …`: the artifact stores of the config (with STORE), the content store of this workspace (without),
//! and its hand-over between jobs.

mod artifact;
mod handover;
mod listing;

use clap::Subcommand;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::session::Session;
use crate::core::{ByteSize, Digest};
use crate::error::{Error, Kind, Result};
use crate::report::Table;
use crate::store::ContentStore;

pub(in crate::cli) use artifact::{Existence, Moved, Removed, Swept};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Put data and a manifest under a reference of an artifact store, both or neither
    Put(artifact::PutArgs),
    /// Get data and manifest from under a reference of an artifact store
    Get(artifact::GetArgs),
    /// Print whether something is stored under a reference of an artifact store: true or false
    Exists(artifact::At),
    /// List the references of an artifact store; without STORE, the images in this workspace's content store
    Ls {
        /// Id of an artifact store: an entry of `store` in the config
        #[arg(value_name = "STORE")]
        store: Option<String>,
        /// Only this reference and what is below it
        #[arg(value_name = "PREFIX", requires = "store")]
        prefix: Option<String>,
        /// Tell sizes and digests too
        #[arg(long, short, requires = "store")]
        long: bool,
    },
    /// Remove references from an artifact store
    Rm(artifact::RmArgs),
    /// Remove the bytes of an artifact store that no reference names any more
    Gc(artifact::GcArgs),
    /// Read and hash everything in an artifact store; without STORE, in this workspace's content store
    Verify {
        /// Id of an artifact store: an entry of `store` in the config
        #[arg(value_name = "STORE")]
        store: Option<String>,
        /// Only this reference and what is below it
        #[arg(value_name = "PREFIX", requires = "store")]
        prefix: Option<String>,
    },
    /// Write the content store and the built files to one tar that carries each blob once (artifact services drop hard links)
    Pack(handover::PackArgs),
    /// Read a packed content store and built files into this workspace
    Unpack(handover::UnpackArgs),
}

/// What `store ls` lists: `images` of this workspace, or `references` of `store`.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(in crate::cli) struct Listing {
    /// One per image of this workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<Vec<Listed>>,
    /// Id of the artifact store.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    /// One per reference of the artifact store, sorted.
    #[serde(skip_serializing_if = "Option::is_none")]
    references: Option<Vec<listing::Entry>>,
}

/// What `store verify` found: in the `images` of this workspace, or in `store`.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(in crate::cli) struct Verification {
    /// One per image of this workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<Vec<Listed>>,
    /// Id of the artifact store.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    /// References that were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    references: Option<usize>,
    /// Bytes that were read and hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// References that are damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    damaged: Option<Vec<listing::Damaged>>,
}

/// One image.
#[derive(Debug, Serialize, JsonSchema)]
struct Listed {
    /// Digest of its root.
    digest: String,
    /// Bytes of everything it consists of; none when it is damaged.
    size: Option<u64>,
    /// Manifests, its root included.
    manifests: usize,
    /// Configs and layers.
    blobs: usize,
    /// What is wrong with it.
    damage: Option<String>,
}

/// Runs it.
pub fn run(session: &Session, command: StoreCommand) -> Result<()> {
    let store = ContentStore::new(&session.directory);
    match command {
        StoreCommand::Put(args) => artifact::put(session, &args),
        StoreCommand::Get(args) => artifact::get(session, &args),
        StoreCommand::Exists(at) => artifact::exists(session, &at),
        StoreCommand::Rm(args) => artifact::remove(session, &args),
        StoreCommand::Gc(args) => artifact::collect(session, &args),
        StoreCommand::Ls { store: Some(name), prefix, long } => listing::list(session, &name, prefix.as_deref(), long),
        StoreCommand::Verify { store: Some(name), prefix } => listing::verify(session, &name, prefix.as_deref()),
        StoreCommand::Ls { store: None, .. } => {
            let images = images(&store, false)?;
            let text = screen(&images);
            session.print(&Listing { images: Some(images), ..Listing::default() }, |_| text)
        }
        StoreCommand::Verify { store: None, .. } => {
            let images = images(&store, true)?;
            let text = screen(&images);
            let damaged = images.iter().find_map(|entry| entry.damage.as_ref().map(|damage| (entry.digest.clone(), damage.clone())));
            session.print(&Verification { images: Some(images), ..Verification::default() }, |_| text)?;
            let Some((digest, damage)) = damaged else { return Ok(()) };
            let text = format!("{digest} is damaged: {damage}");
            Err(Error::new(Kind::Unverified, text).hint("run perform again, or unpack the store of the job that built it"))
        }
        StoreCommand::Pack(args) => handover::pack_up(session, &store, &args),
        StoreCommand::Unpack(args) => handover::unpack_from(session, &store, &args),
    }
}

fn images(store: &ContentStore, hash: bool) -> Result<Vec<Listed>> {
    Ok(store.list()?.iter().map(|digest| entry(store, digest, hash)).collect())
}

fn screen(images: &[Listed]) -> String {
    let mut table = Table::default();
    for entry in images {
        let size = entry.size.map_or_else(|| "-".to_owned(), |size| ByteSize(size).to_string());
        let state = entry.damage.clone().unwrap_or_else(|| format!("{} manifests, {} blobs", entry.manifests, entry.blobs));
        table.row([entry.digest.clone(), size, state]);
    }
    table.render()
}

fn entry(store: &ContentStore, digest: &Digest, hash: bool) -> Listed {
    let found = if hash { store.resolve_complete(digest) } else { store.resolve_unhashed(digest) };
    match found {
        Ok((_, closure)) => Listed {
            digest: digest.to_string(),
            size: Some(closure.size),
            manifests: closure.manifests.len(),
            blobs: closure.blobs.len(),
            damage: None,
        },
        Err(error) => Listed { digest: digest.to_string(), size: None, manifests: 0, blobs: 0, damage: Some(error.to_string()) },
    }
}
