//! Whether a name that only moves forward may move from what it holds to our image: by version; by what came first in
//! the repository, where one is present; by build time.

use std::cmp::Ordering;

use crate::core::{Ancestry, Digest, Timestamp, Version};
use crate::registry::about::About;

/// Commit ids in versions are cut to this many digits at least.
const SHORT_ID: usize = 7;

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// It moves.
    Forward(String),
    /// It stands further on and stays.
    Stay(String),
    /// It is not known which is further on.
    Unjudged(String),
}

/// What decides when versions do not: the image under the name, the image of ours, and their commits' order.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Version the holder's digest is known by in the repository, when the image itself does not tell one.
    pub tagged: Option<String>,
    /// How our commit stands to the holder's.
    pub ancestry: Option<Ancestry>,
}

/// By version alone, when both tell one that can be compared.
pub fn by_version(ours: &About, theirs: &About) -> Option<Move> {
    let text = theirs.version.as_deref()?;
    let (our, their) = (ours.version.as_deref()?.parse::<Version>().ok()?, text.parse::<Version>().ok()?);
    if our != their && our.base() == their.base() && names_commit(&our, ours) && names_commit(&their, theirs) {
        // 1.4.1-dev.3f9c2ab and 1.4.1-dev.77d01c2: letters of commit ids have no order.
        return None;
    }
    Some(if our.follows(&their) {
        Move::Forward(format!("forward from {their} to {our}"))
    } else if our > their {
        Move::Stay(format!("it holds {their}, and a pre-release such as {our} never takes the place of a release"))
    } else {
        Move::Stay(format!("it holds {their}, and the tag never moves back to {our}"))
    })
}

/// When versions do not decide.
pub fn otherwise(ours: &About, theirs: &About, facts: &Facts) -> Move {
    if let Some(tagged) = &facts.tagged {
        let known = About { version: Some(tagged.clone()), ..theirs.clone() };
        if let Some(decided) = by_version(ours, &known) {
            return decided;
        }
    }
    let short = |revision: &Option<String>| revision.as_deref().unwrap_or_default().chars().take(12).collect::<String>();
    match facts.ancestry {
        Some(Ancestry::After | Ancestry::Same) => {
            return Move::Forward(format!("forward from commit {} to {}", short(&theirs.revision), short(&ours.revision)));
        }
        Some(Ancestry::Before) => {
            return Move::Stay(format!("it holds commit {}, which descends from {}", short(&theirs.revision), short(&ours.revision)));
        }
        Some(Ancestry::Apart) | None => {}
    }
    if theirs.version.is_none() && theirs.revision.is_none() {
        let why = "the image there does not tell its version, and no version tag of the repository holds it";
        return Move::Unjudged(why.to_owned());
    }
    let time = |about: &About| about.created.as_deref().and_then(|text| Timestamp::parse(text).ok());
    match (time(ours), time(theirs)) {
        (Some(our), Some(their)) => match our.cmp(&their) {
            Ordering::Less => Move::Stay(format!("it holds an image made {their}, after ours of {our}")),
            _ => Move::Forward(format!("forward from an image made {their} to one made {our}")),
        },
        _ => Move::Unjudged(format!(
            "versions `{}` and `{}` cannot be compared, and neither can commits or build times",
            theirs.version.as_deref().unwrap_or("none"),
            ours.version.as_deref().unwrap_or("none")
        )),
    }
}

/// Version tags worth asking for a digest, newest first.
pub fn version_tags(tags: &[String], most: usize) -> Vec<&str> {
    let mut versions: Vec<(Version, &str)> = tags.iter().filter_map(|tag| Some((tag.parse().ok()?, tag.as_str()))).collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, tag)| tag).take(most).collect()
}

/// The version of the first tag that holds a digest.
pub fn tagged<'a>(held: &Digest, found: impl IntoIterator<Item = (&'a str, Option<Digest>)>) -> Option<String> {
    found.into_iter().find(|(_, digest)| digest.as_ref() == Some(held)).map(|(tag, _)| tag.to_owned())
}

// A pre-release that ends in the commit it was made from.
fn names_commit(version: &Version, about: &About) -> bool {
    let Some(revision) = about.revision.as_deref() else { return false };
    version.prerelease().split(['.', '-']).any(|part| {
        let id = part.strip_prefix('g').unwrap_or(part);
        id.len() >= SHORT_ID && revision.starts_with(id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(version: Option<&str>, revision: Option<&str>, created: Option<&str>) -> About {
        let text = |text: Option<&str>| text.map(str::to_owned);
        About { version: text(version), revision: text(revision), created: text(created) }
    }

    fn decide(ours: &About, theirs: &About, facts: &Facts) -> &'static str {
        match by_version(ours, theirs).unwrap_or_else(|| otherwise(ours, theirs, facts)) {
            Move::Forward(_) => "forward",
            Move::Stay(_) => "stay",
            Move::Unjudged(_) => "unjudged",
        }
    }

    #[test]
    fn versions_decide_where_they_can() {
        for (ours, theirs, expected) in [
            ("1.4.0", "1.3.9", "forward"),
            ("1.4.0", "v1.4.0", "forward"),
            ("1.4.0", "1.4.0-rc.1", "forward"),
            ("1.4.0-rc.2", "1.4.0-rc.1", "forward"),
            ("1.3.9", "1.4.0", "stay"),
            ("1.4.0-rc.1", "1.4.0", "stay"),
            ("1.5.0-rc.1", "1.4.0", "stay"),
            ("2.0.0-beta", "1.4.0-rc.1", "forward"),
            ("1.4.0", "bookworm", "unjudged"),
            ("main-abc", "1.0.0", "unjudged"),
        ] {
            assert_eq!(
                decide(&about(Some(ours), None, None), &about(Some(theirs), None, None), &Facts::default()),
                expected,
                "{ours} over {theirs}"
            );
        }
    }

    #[test]
    fn commits_in_versions_have_no_order_of_their_own() {
        let ours = about(Some("1.4.1-dev.3f9c2ab"), Some("3f9c2abd00"), Some("2026-07-02T00:00:00Z"));
        let theirs = about(Some("1.4.1-dev.77d01c2"), Some("77d01c2d00"), Some("2026-07-01T00:00:00Z"));
        let ancestry = |ancestry| Facts { ancestry: Some(ancestry), ..Facts::default() };
        assert_eq!(decide(&ours, &theirs, &ancestry(Ancestry::After)), "forward");
        assert_eq!(decide(&ours, &theirs, &ancestry(Ancestry::Before)), "stay");
        assert_eq!(decide(&ours, &theirs, &ancestry(Ancestry::Apart)), "forward", "the later one");
        assert_eq!(decide(&ours, &theirs, &Facts::default()), "forward");
        assert_eq!(decide(&theirs, &ours, &Facts::default()), "stay");
    }

    #[test]
    fn a_holder_without_labels_is_known_by_a_version_tag_or_not_at_all() {
        let ours = about(Some("1.4.0"), Some("3f9c2abd00"), Some("2026-07-02T00:00:00Z"));
        let theirs = about(None, None, Some("2020-01-01T00:00:00Z"));
        let tagged = |tag: &str| Facts { tagged: Some(tag.to_owned()), ..Facts::default() };
        assert_eq!(decide(&ours, &theirs, &tagged("1.3.0")), "forward");
        assert_eq!(decide(&ours, &theirs, &tagged("v1.5.0")), "stay");
        assert_eq!(decide(&ours, &theirs, &Facts::default()), "unjudged", "its time is not ours to trust");
        let tags: Vec<String> = ["latest", "1.2.0", "1.10.0", "1.10.0-rc.1", "1", "v1.3.0"].map(str::to_owned).into();
        assert_eq!(version_tags(&tags, 3), ["1.10.0", "1.10.0-rc.1", "v1.3.0"]);
    }
}
