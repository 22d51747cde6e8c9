//! Hashing what a forge holds, where it tells no digest.

use tokio_util::sync::CancellationToken;

use crate::core::{Algorithm, Digest, Digester};
use crate::forge::asset::StoredAsset;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::port::Forge;
use crate::http;

/// Reads a stored file and hashes it; no more than `most` bytes of it.
pub(super) async fn of_stored(
    forge: &dyn Forge,
    http: &http::Client,
    stored: &StoredAsset,
    most: u64,
    cancel: &CancellationToken,
) -> Result<Digest, ForgeError> {
    let request = forge.download(stored)?;
    let mut response = http.send(&request, cancel).await?;
    if !response.status().is_success() {
        let text = format!("cannot read {} at {} back: answered {}", stored.name, forge.place(), response.status().as_u16());
        return Err(ForgeError::new(ForgeErrorKind::Unavailable, text).status(response.status().as_u16()));
    }
    let mut digester = Digester::new(Algorithm::Sha256);
    let mut read = 0;
    while let Some(piece) = response.chunk().await? {
        read += piece.len() as u64;
        digester.update(&piece);
        if read > most {
            // It is longer than ours: whatever it is, it is something else.
            break;
        }
    }
    Ok(digester.finish())
}
