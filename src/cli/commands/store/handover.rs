//! `stagefreight store pack|unpack`: what was built in this workspace, images and files, as one file, or as a pair in an
//! artifact store.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;

use super::artifact::{call, ended, reference};
use crate::cli::session::Session;
use crate::cli::store_open::named;
use crate::core::ByteSize;
use crate::error::{Error, Result};
use crate::fs::{self, Scratch};
use crate::names;
use crate::store::artifact::{Call, Pair, Source};
use crate::store::{ContentStore, HandOver, pack, unpack};

/// Where the packed store goes.
#[derive(Debug, Args)]
pub struct PackArgs {
    /// The file to write
    #[arg(value_name = "FILE", required_unless_present = "to")]
    pub file: Option<PathBuf>,
    /// Put it into an artifact store of the config, under the reference that follows
    #[arg(long, num_args = 2, value_names = ["STORE", "REF"], conflicts_with = "file")]
    pub to: Option<Vec<String>>,
}

/// Where the packed store comes from.
#[derive(Debug, Args)]
pub struct UnpackArgs {
    /// The file to read
    #[arg(value_name = "FILE", required_unless_present = "from")]
    pub file: Option<PathBuf>,
    /// Get it from an artifact store of the config, from under the reference that follows
    #[arg(long, num_args = 2, value_names = ["STORE", "REF"], conflicts_with = "file")]
    pub from: Option<Vec<String>>,
}

/// A store and a reference, as `--to` and `--from` take them.
fn place(words: Option<&[String]>) -> Option<(&str, &str)> {
    match words {
        Some([store, reference]) => Some((store, reference)),
        _ => None,
    }
}

/// `store pack`.
pub fn pack_up(session: &Session, store: &ContentStore, args: &PackArgs) -> Result<()> {
    let dist = session.path(names::path::DIST);
    let packed = match (&args.file, place(args.to.as_deref())) {
        (Some(file), _) => pack(store, &dist, &session.world.cwd.join(file))?,
        (None, Some((name, at))) => {
            let at = reference(at)?;
            let into = named(session, name)?;
            let scratch = Scratch::below(&session.path(names::path::ROOT), "pack")?;
            let file = scratch.path().join("store.tar");
            let packed = pack(store, &dist, &file)?;
            let said = serde_json::to_vec(&packed).map_err(|error| Error::failed("cannot write JSON").because(&error))?;
            let call = call(session, &format!("{at} to {name}"), Some(fs::size_of(&file)?));
            let pair = Pair { data: Source::File(file), manifest: Source::Bytes(Bytes::from(said)) };
            session.block_on(async { into.save(&at, &pair, &call).await.map_err(|error| ended(session, error)) })?;
            packed
        }
        (None, None) => return Err(Error::usage("nowhere to pack to").hint("name a file, or --to STORE REF")),
    };
    session.print(&packed, |packed| screen("packed", packed))
}

/// `store unpack`.
pub fn unpack_from(session: &Session, store: &ContentStore, args: &UnpackArgs) -> Result<()> {
    let dist = session.path(names::path::DIST);
    let unpacked = match (&args.file, place(args.from.as_deref())) {
        (Some(file), _) => unpack(store, &dist, &session.world.cwd.join(file))?,
        (None, Some((name, at))) => {
            let at = reference(at)?;
            let from = named(session, name)?;
            let scratch = Scratch::below(&session.path(names::path::ROOT), "unpack")?;
            let (file, said) = (scratch.path().join("store.tar"), scratch.path().join("said.json"));
            let label = format!("{at} from {name}");
            session.block_on(async {
                let total = from.look(&at, &Call::new(&session.cancel)).await.map_err(|error| ended(session, error))?;
                let call = call(session, &label, total.map(|entry| entry.data.size));
                from.fetch(&at, &file, &said, &call).await.map_err(|error| ended(session, error))
            })?;
            unpack(store, &dist, &file)?
        }
        (None, None) => return Err(Error::usage("nothing to unpack").hint("name a file, or --from STORE REF")),
    };
    session.print(&unpacked, |unpacked| screen("unpacked", unpacked))
}

fn screen(done: &str, moved: &HandOver) -> String {
    format!("{done} {} images ({} blobs) and {} files, {}\n", moved.images, moved.blobs, moved.files, ByteSize(moved.bytes))
}
