//! Exchanging the files of a release that is seen: the new one arrives beside the old one, and takes its name when it is
//! whole. Between the two a name is missing for one request.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::settings::ListedAsset;
use super::target::media_type;
use crate::forge::asset::{AssetSource, AssetState, StoredAsset};
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::notes;
use crate::forge::port::{Flow, Forge};
use crate::forge::release::Container;
use crate::forge::upload::Uploader;
use crate::publish::Placed;

/// What stands between the name of a file and its digest while it waits for the name.
const HALF: &str = ".stagefreight-";

/// What begins the list of names in our part of the notes. An HTML comment: no forge shows it.
const NAMES: &str = "<!-- stagefreight:files ";

/// Brings files into a release.
pub(super) struct Exchange {
    pub(super) forge: Arc<dyn Forge>,
    pub(super) uploader: Uploader,
    pub(super) workspace: PathBuf,
}

impl Exchange {
    /// A name that a file has only while it waits for its own.
    pub(super) fn is_half(name: &str) -> bool {
        name.rsplit_once(HALF).is_some_and(|(_, end)| end.len() == 8 && end.chars().all(|ch| ch.is_ascii_hexdigit()))
    }

    /// Makes the release hold this file, whatever it held under its name.
    pub(super) async fn bring(
        &self,
        container: &Container,
        listed: &ListedAsset,
        there: &HashMap<String, StoredAsset>,
        is_seen: bool,
        placed: &mut Placed,
        cancel: &CancellationToken,
    ) -> Result<StoredAsset, ForgeError> {
        let old = there.get(&listed.name);
        if let Some(old) = old.filter(|old| old.holds(listed.size, &listed.sha256) == Some(true)) {
            return Ok(old.clone());
        }
        let Some(path) = &listed.path else {
            let text = format!("it is not said where {} lies", listed.name);
            return Err(ForgeError::new(ForgeErrorKind::Source, text).hint("run perform again"));
        };
        let source = AssetSource {
            name: listed.name.clone(),
            path: self.workspace.join(path),
            size: listed.size,
            sha256: listed.sha256.clone(),
            media_type: media_type(&listed.name).to_owned(),
        };
        let forge = &*self.forge;
        // A package gives the newest file of a name: the new one on top of the old one is the exchange.
        let Some(old) = old.filter(|_| forge.rules().flow == Flow::Draft) else {
            return self.send(container, &source, None, placed, cancel).await;
        };
        if !is_seen || old.state == AssetState::Unfinished {
            forge.remove_asset(container, old, cancel).await?;
            placed.writes += 1;
            return self.send(container, &source, None, placed, cancel).await;
        }
        let beside = AssetSource { name: format!("{}{HALF}{}", listed.name, &listed.sha256.hex()[..8]), ..source };
        let waiting = there.get(&beside.name);
        let whole = waiting.filter(|stored| stored.holds(beside.size, &beside.sha256) == Some(true));
        let stored = if let Some(stored) = whole {
            stored.clone()
        } else {
            if let Some(half) = waiting {
                forge.remove_asset(container, half, cancel).await?;
                placed.writes += 1;
            }
            self.send(container, &beside, None, placed, cancel).await?
        };
        forge.remove_asset(container, old, cancel).await?;
        placed.writes += 2;
        forge.rename_asset(container, &stored, &listed.name, cancel).await
    }

    async fn send(
        &self,
        container: &Container,
        source: &AssetSource,
        held: Option<&StoredAsset>,
        placed: &mut Placed,
        cancel: &CancellationToken,
    ) -> Result<StoredAsset, ForgeError> {
        let sent = self.uploader.put(&*self.forge, container, source, held, cancel).await?;
        placed.sent += sent.bytes;
        placed.writes += sent.writes;
        Ok(sent.stored)
    }
}

/// Notes that remember what was attached, so that the next release knows which files are ours to take away.
pub(super) fn with_names(text: &str, assets: &[ListedAsset]) -> String {
    let names: Vec<&str> = assets.iter().map(|asset| asset.name.as_str()).collect();
    // No name ends the comment.
    let list = serde_json::Value::from(names).to_string().replace('>', "\\u003e").replace("--", "-\\u002d");
    format!("{text}\n\n{NAMES}{list} -->").trim_start().to_owned()
}

/// The names that were remembered in our part of these notes.
pub(super) fn names_in(body: &str) -> Vec<String> {
    let list = notes::section(body).and_then(|section| section.rsplit_once(NAMES)).and_then(|(_, rest)| rest.split_once(" -->"));
    list.and_then(|(list, _)| serde_json::from_str(list).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Digest;

    #[test]
    fn names_are_remembered_whatever_they_are() {
        let names = ["a.tar.gz", "b --> c.zip", "größe--x.txt"];
        let listed = |name: &&str| ListedAsset { name: (*name).to_owned(), sha256: Digest::of(b"x"), size: 1, path: None };
        let assets: Vec<ListedAsset> = names.iter().map(listed).collect();
        let body = notes::merge("by hand", &with_names("what is new", &assets));
        assert_eq!(names_in(&body), names);
        assert_eq!(body.matches("-->").count(), 3, "{body}");
        assert!(names_in("by hand").is_empty());
    }

    #[test]
    fn names_of_files_that_wait_are_known() {
        assert!(Exchange::is_half("app.tar.gz.stagefreight-0123abcd"));
        assert!(!Exchange::is_half("app.tar.gz") && !Exchange::is_half("app.stagefreight-notes"));
    }
}
