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

/// What stands before the digest and the name of a file while it waits for the name. The end stays: servers allow files by it.
const HALF: &str = "stagefreight-waiting-";

/// What begins the list of names in our part of the notes. An HTML comment: no forge shows it.
const NAMES: &str = "<!-- stagefreight:files ";

/// Stands in our part of the notes while files are exchanged that the forge tells no digests of.
const CHANGING: &str = "<!-- stagefreight:changing -->";

/// Brings files into a release.
pub(super) struct Exchange {
    pub(super) forge: Arc<dyn Forge>,
    pub(super) uploader: Uploader,
    pub(super) workspace: PathBuf,
}

impl Exchange {
    /// A name that a file has only while it waits for its own.
    pub(super) fn is_half(name: &str) -> bool {
        let digest = name.strip_prefix(HALF).and_then(|rest| rest.split_once('.')).map_or("", |(digest, _)| digest);
        digest.len() == 8 && digest.chars().all(|ch| ch.is_ascii_hexdigit())
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
        let holds = |stored: &&StoredAsset| stored.holds(listed.size, &listed.sha256) == Some(true);
        if let Some(old) = old.filter(holds) {
            return Ok(old.clone());
        }
        let source = self.source(listed)?;
        let forge = &*self.forge;
        // A package gives the newest file of a name: the new one on top of the old one is the exchange.
        if forge.rules().flow == Flow::PackageFirst {
            let Some(old) = old else { return self.send(container, &source, placed, cancel).await };
            let sent = self.uploader.cover(forge, container, &source, old, cancel).await?;
            placed.sent += sent.bytes;
            placed.writes += sent.writes;
            return Ok(sent.stored);
        }
        let beside = AssetSource { name: format!("{HALF}{}.{}", &listed.sha256.hex()[..8], listed.name), ..source.clone() };
        let waiting = there.get(&beside.name);
        let is_read = is_seen && old.is_some_and(|old| old.state == AssetState::Complete);
        let whole = match waiting {
            // An earlier run was interrupted before it could give it its name.
            Some(stored) if holds(&stored) => Some(stored.clone()),
            Some(half) => {
                self.remove(container, half, placed, cancel).await?;
                None
            }
            None => None,
        };
        let whole = match whole {
            None if is_read => Some(self.send(container, &beside, placed, cancel).await?),
            whole => whole,
        };
        if let Some(old) = old {
            self.remove(container, old, placed, cancel).await?;
        }
        match whole {
            Some(stored) => self.rename(container, &stored, old, listed, placed, cancel).await,
            None => self.send(container, &source, placed, cancel).await,
        }
    }

    fn source(&self, listed: &ListedAsset) -> Result<AssetSource, ForgeError> {
        let Some(path) = &listed.path else {
            let text = format!("it is not said where {} lies", listed.name);
            return Err(ForgeError::new(ForgeErrorKind::Source, text).hint("run perform again"));
        };
        Ok(AssetSource {
            name: listed.name.clone(),
            path: self.workspace.join(path),
            size: listed.size,
            sha256: listed.sha256.clone(),
            media_type: media_type(&listed.name).to_owned(),
        })
    }

    async fn remove(
        &self,
        container: &Container,
        stored: &StoredAsset,
        placed: &mut Placed,
        cancel: &CancellationToken,
    ) -> Result<(), ForgeError> {
        placed.writes += 1;
        self.forge.remove_asset(container, stored, cancel).await
    }

    async fn rename(
        &self,
        container: &Container,
        stored: &StoredAsset,
        old: Option<&StoredAsset>,
        listed: &ListedAsset,
        placed: &mut Placed,
        cancel: &CancellationToken,
    ) -> Result<StoredAsset, ForgeError> {
        placed.writes += 1;
        let taken = match self.forge.rename_asset(container, stored, &listed.name, cancel).await {
            Err(error) if error.kind == ForgeErrorKind::Exists => error,
            // It was there a moment ago, and we could write: somebody took it away.
            Err(error) if error.status == Some(404) => {
                let hint = Some("another publisher exchanges the same files; when it has ended, run publish again".to_owned());
                return Err(ForgeError { kind: ForgeErrorKind::Unavailable, hint, ..error });
            }
            outcome => return outcome,
        };
        // Another publisher brought the same file, or somebody put one there.
        let found = self.forge.assets(container, cancel).await?.into_iter().find(|stored| stored.name == listed.name);
        match found {
            Some(found) if found.holds(listed.size, &listed.sha256) == Some(true) => Ok(found),
            Some(found) if old.is_some_and(|old| old.id == found.id) => Err(ForgeError {
                kind: ForgeErrorKind::Denied,
                message: format!("{} could not be removed, and says that it is gone: {}", found.name, taken.message),
                hint: Some("may the token change files of releases? see `stagefreight preflight`".to_owned()),
                ..taken
            }),
            Some(found) => Err(ForgeError {
                kind: ForgeErrorKind::Conflict,
                hint: Some(format!(
                    "somebody put {} there meanwhile, with {}; look at it and run publish again",
                    found.name,
                    found.describe()
                )),
                ..taken
            }),
            None => Err(taken),
        }
    }

    async fn send(
        &self,
        container: &Container,
        source: &AssetSource,
        placed: &mut Placed,
        cancel: &CancellationToken,
    ) -> Result<StoredAsset, ForgeError> {
        let sent = self.uploader.put(&*self.forge, container, source, None, cancel).await?;
        placed.sent += sent.bytes;
        placed.writes += sent.writes;
        Ok(sent.stored)
    }
}

/// Notes that remember what was attached, so that the next release knows which files are ours to take away.
pub(super) fn with_names<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    // No name ends the comment.
    let list = serde_json::Value::from(names).to_string().replace('>', "\\u003e").replace("--", "-\\u002d");
    format!("{text}\n\n{NAMES}{list} -->").trim_start().to_owned()
}

/// The names that were remembered in our part of these notes; `None` when it holds no such list.
pub(super) fn names_in(body: &str) -> Option<Vec<String>> {
    let (_, rest) = notes::section(body)?.rsplit_once(NAMES)?;
    serde_json::from_str(rest.split_once(" -->")?.0).ok()
}

/// An exchange of files began and did not end, as these notes say.
pub(super) fn is_changing(body: &str) -> bool {
    notes::section(body).is_some_and(|section| section.contains(CHANGING))
}

/// The same notes, which say that.
pub(super) fn changing(body: &str) -> String {
    if is_changing(body) {
        return body.to_owned();
    }
    notes::merge(body, &format!("{CHANGING}\n{}", notes::section(body).unwrap_or_default()))
}

/// Notes whose list of names stands and whose end somebody cut off: our part ends with the list, and what follows is theirs.
pub(super) fn with_end(body: &str) -> String {
    let ours = body.split_once(notes::BEGIN).filter(|(_, rest)| !rest.contains(notes::END));
    let parts = ours.and_then(|(_, rest)| {
        let (_, list) = rest.rsplit_once(NAMES)?;
        let (_, after) = list.split_once(" -->")?;
        body.split_at_checked(body.len() - after.len())
    });
    parts.map_or_else(|| body.to_owned(), |(before, after)| format!("{before}\n{}{after}", notes::END))
}

/// The same notes, with these names remembered beside those they remember. Nothing else of them changes.
pub(super) fn remembering<'a>(body: &str, names: impl Iterator<Item = &'a str>) -> String {
    let mut all = names_in(body).unwrap_or_default();
    for name in names {
        if !all.iter().any(|known| known == name) {
            all.push(name.to_owned());
        }
    }
    let section = notes::section(body).unwrap_or_default();
    let text = section.rsplit_once(NAMES).map_or(section, |(text, _)| text.trim_end());
    notes::merge(body, &with_names(text, all.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_remembered_whatever_they_are() {
        let names = ["a.tar.gz", "b --> c.zip", "größe--x.txt"];
        let body = notes::merge("by hand", &with_names("what is new", names));
        assert_eq!(names_in(&body).expect("names"), names);
        assert_eq!(body.matches("-->").count(), 3, "{body}");
        assert_eq!(names_in("by hand"), None);
    }

    #[test]
    fn names_are_added_to_notes_that_say_what_they_said() {
        let body = notes::merge("by hand", &with_names("what is new", ["a", "b"]));
        let more = remembering(&body, ["b", "c"].into_iter());
        assert_eq!(more, notes::merge("by hand", &with_names("what is new", ["a", "b", "c"])));
        assert_eq!(remembering(&more, ["c"].into_iter()), more);
        // Taken over: there is no part of ours yet.
        let taken = remembering("by hand", ["a"].into_iter());
        assert!(taken.starts_with("by hand\n") && names_in(&taken) == Some(vec!["a".to_owned()]), "{taken}");
    }

    #[test]
    fn notes_say_while_files_are_exchanged() {
        let before = notes::merge("by hand", &with_names("what is new", ["a"]));
        let during = changing(&before);
        assert!(is_changing(&during) && !is_changing(&before) && during.starts_with("by hand\n"), "{during}");
        assert_eq!((changing(&during), names_in(&during)), (during.clone(), names_in(&before)));
        // Who tells the new state says nothing of it.
        assert_eq!(notes::merge(&during, &with_names("what is new", ["a"])), before);
    }

    #[test]
    fn an_end_that_was_cut_off_is_where_the_names_end() {
        let body = format!("above\n\n{}\n\nbelow", notes::merge("", &with_names("what is new", ["a"])));
        assert_eq!(with_end(&body), body);
        assert_eq!(with_end(&body.replace(&format!("\n{}", notes::END), "")), body);
        for other in ["", "by hand", notes::BEGIN] {
            assert_eq!(with_end(other), other);
        }
    }

    #[test]
    fn names_of_files_that_wait_are_known() {
        assert!(Exchange::is_half("stagefreight-waiting-0123abcd.app.tar.gz"));
        assert!(!Exchange::is_half("app.tar.gz") && !Exchange::is_half("stagefreight-0123abcd.tar.gz"));
    }
}
