//! `stagefreight store ls STORE` and `store verify STORE`.

use futures_util::StreamExt as _;
use futures_util::stream;
use schemars::JsonSchema;
use serde::Serialize;

use super::artifact::{ended, reference};
use super::{Listing, Verification};
use crate::cli::session::Session;
use crate::cli::store_open::named;
use crate::core::ByteSize;
use crate::error::{Error, Kind, Result};
use crate::report::{Table, counted};
use crate::store::artifact::{ArtifactStore, Call, Half, Opened, Ref};

/// References looked at at the same time.
const AT_A_TIME: usize = 8;

/// One reference.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Entry {
    /// The reference.
    reference: String,
    /// The data; only with `--long`.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Half>,
    /// The manifest; only with `--long`.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<Half>,
    /// Why it cannot be told; only with `--long`.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
}

/// What reading everything found.
#[derive(Default)]
struct Checked {
    references: usize,
    bytes: u64,
    damaged: Vec<Damaged>,
}

/// A damaged reference.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Damaged {
    /// The reference.
    reference: String,
    /// What is wrong with it.
    damage: String,
}

fn below(prefix: Option<&str>) -> Result<Option<Ref>> {
    prefix.map(|prefix| reference(prefix.trim_end_matches('/'))).transpose()
}

/// `store ls STORE [PREFIX]`.
pub fn list(session: &Session, name: &str, prefix: Option<&str>, long: bool) -> Result<()> {
    let below = below(prefix)?;
    let store = named(session, name)?;
    let call = Call::new(&session.cancel);
    let references: Vec<Entry> = session.block_on(async {
        let found = store.list(below.as_ref(), &call).await.map_err(|error| ended(session, error))?;
        if !long {
            return Ok(found.iter().map(|at| Entry { reference: at.to_string(), data: None, manifest: None, damage: None }).collect());
        }
        let entries = stream::iter(found).map(|at| {
            let (store, call) = (&store, &call);
            async move { (store.look(&at, call).await, at) }
        });
        let mut entries = entries.buffered(AT_A_TIME);
        let mut listed = Vec::new();
        while let Some((entry, at)) = entries.next().await {
            let half = |half: Half| Some(Half { key: None, ..half });
            let reference = at.to_string();
            match entry {
                Ok(Some(entry)) => {
                    listed.push(Entry { reference, data: half(entry.data), manifest: half(entry.manifest), damage: None });
                }
                // Removed in between.
                Ok(None) => {}
                Err(error) if error.is_integrity() => {
                    listed.push(Entry { reference, data: None, manifest: None, damage: Some(error.message) });
                }
                Err(error) => return Err(ended(session, error)),
            }
        }
        Ok(listed)
    })?;
    let text =
        if long { table(&references) } else { references.iter().fold(String::new(), |text, listed| text + &listed.reference + "\n") };
    session.print(&Listing { store: Some(name.to_owned()), references: Some(references), ..Listing::default() }, |_| text)
}

fn table(references: &[Entry]) -> String {
    let mut table = Table::default();
    for listed in references {
        let size = listed.data.as_ref().map_or_else(|| "-".to_owned(), |data| ByteSize(data.size).to_string());
        let about = listed.data.as_ref().map_or_else(|| listed.damage.clone().unwrap_or_default(), |data| data.digest.to_string());
        table.row([listed.reference.clone(), size, about]);
    }
    table.render()
}

/// `store verify STORE [PREFIX]`.
pub fn verify(session: &Session, name: &str, prefix: Option<&str>) -> Result<()> {
    let below = below(prefix)?;
    let store = named(session, name)?;
    let call = Call::new(&session.cancel);
    let mut checked = Checked::default();
    session.block_on(async {
        let found = store.list(below.as_ref(), &call).await.map_err(|error| ended(session, error))?;
        checked.references = found.len();
        let reads = stream::iter(found).map(|at| {
            let (store, call) = (&store, &call);
            async move { (read(store.as_ref(), &at, call).await, at) }
        });
        let mut reads = reads.buffered(AT_A_TIME);
        while let Some((outcome, at)) = reads.next().await {
            match outcome {
                Ok(bytes) => checked.bytes += bytes,
                Err(error) if error.is_not_found() => checked.references -= 1,
                Err(error) if error.is_integrity() => {
                    checked.damaged.push(Damaged { reference: at.to_string(), damage: error.message });
                }
                Err(error) => return Err(ended(session, error)),
            }
        }
        Ok(())
    })?;
    let mut text = String::new();
    for one in &checked.damaged {
        text.push_str(&format!("✗ {}   {}\n", one.reference, one.damage));
    }
    let (all, damaged) = (checked.references, checked.damaged.len());
    text.push_str(&format!("{} of {} whole, {} read\n", all - damaged, counted(all, "reference"), ByteSize(checked.bytes)));
    let first = checked.damaged.first().map(|one| one.damage.clone());
    let Checked { references, bytes, damaged: list } = checked;
    let found = Verification {
        store: Some(name.to_owned()),
        references: Some(references),
        bytes: Some(bytes),
        damaged: Some(list),
        ..Verification::default()
    };
    session.print(&found, |_| text)?;
    let Some(first) = first else { return Ok(()) };
    let text = format!("{damaged} of {} in store {name} damaged: {first}", counted(all, "reference"));
    Err(Error::new(Kind::Unverified, text).hint("put those pairs again; the damaged bytes are replaced"))
}

/// Reads and hashes both halves; how many bytes they have.
async fn read(store: &dyn ArtifactStore, at: &Ref, call: &Call) -> crate::store::artifact::Result<u64> {
    let Opened { data, manifest, .. } = store.open(at, call).await?;
    let mut bytes = 0;
    for mut half in [data, manifest] {
        while let Some(piece) = half.next().await {
            call.check("verify a store")?;
            bytes += piece?.len() as u64;
        }
    }
    Ok(bytes)
}
