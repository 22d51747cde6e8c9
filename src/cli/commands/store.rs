//! `stagefreight store …`: the content store of this workspace, and its hand-over between jobs.

use std::path::PathBuf;

use clap::Subcommand;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::session::Session;
use crate::core::{ByteSize, Digest};
use crate::error::{Error, Kind, Result};
use crate::report::Table;
use crate::store::{ContentStore, pack, unpack};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// List what is in the store
    Ls,
    /// Read and hash everything in the store
    Verify,
    /// Write the store to one tar file that carries each blob once (artifact services drop hard links)
    Pack {
        /// The file to write
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Read a packed store into this workspace
    Unpack {
        /// The file to read
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// What is in the store.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Listing {
    /// One per image.
    images: Vec<Listed>,
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
        StoreCommand::Ls => list(session, &store, false).map(|_| ()),
        StoreCommand::Verify => {
            let damaged: Vec<Listed> = list(session, &store, true)?.into_iter().filter(|entry| entry.damage.is_some()).collect();
            let Some(first) = damaged.first() else { return Ok(()) };
            let text = format!("{} is damaged: {}", first.digest, first.damage.as_deref().unwrap_or_default());
            Err(Error::new(Kind::Unverified, text).hint("run perform again, or unpack the store of the job that built it"))
        }
        StoreCommand::Pack { file } => {
            let packed = pack(&store, &session.world.cwd.join(file))?;
            session
                .print(&packed, |packed| format!("packed {} images, {} blobs, {}\n", packed.images, packed.blobs, ByteSize(packed.bytes)))
        }
        StoreCommand::Unpack { file } => {
            let unpacked = unpack(&store, &session.world.cwd.join(file))?;
            session.print(&unpacked, |unpacked| {
                format!("unpacked {} images, {} blobs, {}\n", unpacked.images, unpacked.blobs, ByteSize(unpacked.bytes))
            })
        }
    }
}

fn list(session: &Session, store: &ContentStore, hash: bool) -> Result<Vec<Listed>> {
    let images = store.list()?.iter().map(|digest| entry(store, digest, hash)).collect();
    let listing = Listing { images };
    session.print(&listing, |listing| {
        let mut table = Table::default();
        for entry in &listing.images {
            let size = entry.size.map_or_else(|| "-".to_owned(), |size| ByteSize(size).to_string());
            let state = entry.damage.clone().unwrap_or_else(|| format!("{} manifests, {} blobs", entry.manifests, entry.blobs));
            table.row([entry.digest.clone(), size, state]);
        }
        table.render()
    })?;
    Ok(listing.images)
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
