//! Marking a release that nobody should take: a banner above its notes, and, where the forge has it, the pre-release mark,
//! which takes it out of "latest". Its files stay: who depends on them by digest still gets them.

use tokio_util::sync::CancellationToken;

use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::port::Forge;
use crate::forge::release::{ReleaseSpec, StoredRelease};

/// What the banner begins with. An HTML comment: no forge shows it.
pub const YANK_BEGIN: &str = "<!-- stagefreight:yanked -->";

/// What it ends with.
const YANK_END: &str = "<!-- /stagefreight:yanked -->";

/// Longest reason in characters.
const LONGEST_REASON: usize = 500;

/// Does a text carry the banner?
pub fn is_yanked(notes: &str) -> bool {
    notes.contains(YANK_BEGIN)
}

/// The text with the banner above it; a banner that is there is replaced.
pub fn yanked_notes(notes: &str, reason: &str) -> String {
    let rest = match (notes.split_once(YANK_BEGIN), notes.split_once(YANK_END)) {
        (Some((before, _)), Some((_, after))) => format!("{before}{}", after.trim_start()),
        _ => notes.to_owned(),
    };
    let reason: String = reason
        .replace(YANK_BEGIN, "")
        .replace(YANK_END, "")
        .chars()
        .map(|ch| if ch.is_control() { ' ' } else { ch })
        .take(LONGEST_REASON)
        .collect();
    format!("{YANK_BEGIN}\n> **This release was withdrawn.** {}\n{YANK_END}\n\n{}", reason.trim(), rest.trim_start())
}

/// Marks the release of a tag. True when something changed.
///
/// # Errors
/// Kind `NotFound` when no visible release has the tag, `Rejected` when the forge lets nothing change any more.
pub async fn yank(forge: &dyn Forge, tag: &str, reason: &str, cancel: &CancellationToken) -> Result<bool, ForgeError> {
    let held = forge.releases_of(tag, cancel).await?.into_iter().find(StoredRelease::is_visible);
    let Some(held) = held else {
        let text = format!("{} has no published release {tag}", forge.place());
        return Err(ForgeError::new(ForgeErrorKind::NotFound, text).hint("a draft is seen by nobody; remove it with `release prune`"));
    };
    let notes = yanked_notes(&held.notes, reason);
    if notes == held.notes && (held.prerelease || !forge.rules().marks_prereleases) {
        return Ok(false);
    }
    let spec = ReleaseSpec {
        tag: held.tag.clone(),
        commit: held.target.clone(),
        may_make_tag: false,
        title: held.title.clone(),
        notes,
        prerelease: true,
        links: Vec::new(),
    };
    forge.describe(&held, &spec, cancel).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::notes;

    #[test]
    fn a_banner_is_put_once_and_our_part_stays() {
        let before = notes::merge("by hand", "what is new");
        let once = yanked_notes(&before, "it loses data");
        assert!(once.starts_with(YANK_BEGIN) && once.contains("it loses data") && is_yanked(&once));
        assert!(notes::holds(&once, "what is new") && once.contains("by hand"));
        let twice = yanked_notes(&once, "it loses\nmuch data");
        assert_eq!(twice.matches(YANK_BEGIN).count(), 1);
        assert!(twice.contains("it loses much data") && !twice.contains("it loses data"));
        assert_eq!(yanked_notes(&twice, "it loses much data"), twice, "saying it twice changes nothing");
    }
}
