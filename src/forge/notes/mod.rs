//! Our part of a release's notes. It stands between two markers; what people write outside them is theirs, and survives
//! every publish. The first marker also says that we made the release.

mod compose;
mod merged;
mod requests;
mod scrub;
mod shorten;
mod template;

pub use compose::{Change, authors, downloads, images, of_changelog, of_changes, packages};
pub use merged::{Merged, of_requests};
pub use requests::{Found, Requests};
pub use scrub::{leads_inside, may_tell, scrub};
pub use shorten::shortened;
pub use template::{Facts, KnownChange, render, wants_requests};

/// What our part begins with. An HTML comment: no forge shows it.
pub const BEGIN: &str = "<!-- stagefreight:notes -->";

/// What it ends with.
pub const END: &str = "<!-- /stagefreight:notes -->";

/// Characters both markers and the lines around them take.
pub const MARKERS: usize = BEGIN.len() + END.len() + 4;

/// We made a release with this text.
pub fn is_marked(body: &str) -> bool {
    body.contains(BEGIN)
}

/// Our part as it stands in a text; `None` when it has none or its end is gone.
pub fn section(body: &str) -> Option<&str> {
    let (_, rest) = body.split_once(BEGIN)?;
    let (section, _) = rest.split_once(END)?;
    Some(section.trim())
}

/// Our part stands there as it should. Forges may change the ends of lines.
pub fn holds(body: &str, section_wanted: &str) -> bool {
    section(body).is_some_and(|found| found.replace("\r\n", "\n") == clean(section_wanted))
}

/// A text with our part in it: in its old place where it has one, else below what is there.
pub fn merge(body: &str, section: &str) -> String {
    let ours = format!("{BEGIN}\n{}\n{END}", clean(section));
    if let Some((before, rest)) = body.split_once(BEGIN) {
        // Without an end everything below the beginning was ours.
        let after = rest.split_once(END).map_or("", |(_, after)| after);
        return format!("{before}{ours}{after}");
    }
    let theirs = body.trim_end();
    if theirs.is_empty() { ours } else { format!("{theirs}\n\n{ours}") }
}

// A section that held a marker would end too early.
fn clean(section: &str) -> String {
    section.replace(BEGIN, "").replace(END, "").replace("\r\n", "\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_survives() {
        let first = merge("", "ours 1");
        assert!(is_marked(&first) && holds(&first, "ours 1"));
        let edited = format!("Hello!\n\n{first}\n\nThanks to all.");
        let second = merge(&edited, "ours 2");
        assert_eq!(second, format!("Hello!\n\n{BEGIN}\nours 2\n{END}\n\nThanks to all."));
        assert_eq!(merge(&second, "ours 2"), second, "saying it twice changes nothing");
        assert_eq!(merge("By hand.\n", "ours"), format!("By hand.\n\n{BEGIN}\nours\n{END}"));
    }

    #[test]
    fn line_ends_and_markers_in_the_text_do_no_harm() {
        assert!(holds(&merge("", "a\nb").replace('\n', "\r\n"), "a\nb"));
        let nested = merge("", &format!("x {END} y"));
        assert!(holds(&nested, &format!("x {END} y")));
        assert_eq!(nested.matches(END).count(), 1);
        assert_eq!(section(&format!("{BEGIN} half")), None);
        assert!(holds(&merge(&format!("{BEGIN} half"), "whole"), "whole"));
    }
}
