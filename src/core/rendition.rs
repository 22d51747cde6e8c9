//! What of an image a registry gets: the config's `attestations` and `platforms`, carried to the job that publishes.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Platform;

/// Where the attestations of an image go (docs/design/0009-attestation-forms.md).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttestationForm {
    /// They stay children of the index, as they were built.
    #[default]
    Index,
    /// Each statement becomes a referrer of the image it is about.
    Referrers,
    /// The statements about an image go under a tag made of its digest.
    Tag,
    /// Nowhere.
    None,
}

/// What of an image a registry gets. The default is all of it, as it was built.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rendition {
    /// Where its attestations go.
    #[serde(default, skip_serializing_if = "AttestationForm::is_default")]
    pub attestations: AttestationForm,
    /// The platforms it keeps, normalized and in order; empty = all of them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub platforms: BTreeSet<Platform>,
}

impl AttestationForm {
    /// The word in configs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Referrers => "referrers",
            Self::Tag => "tag",
            Self::None => "none",
        }
    }

    /// As they were built?
    pub fn is_default(&self) -> bool {
        *self == Self::Index
    }
}

impl Rendition {
    /// All of the image, as it was built?
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Is a platform kept?
    pub fn keeps(&self, platform: &Platform) -> bool {
        self.platforms.is_empty() || self.platforms.contains(&platform.normalized())
    }

    /// Can an image of these platforms come out as other bytes than it was built with?
    pub fn changes(&self, built: &[Platform], attested: bool) -> bool {
        (attested && !self.attestations.is_default()) || !built.iter().all(|platform| self.keeps(platform))
    }
}

/// `only linux/amd64, attestations as referrers`; nothing for the default.
impl fmt::Display for Rendition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let platforms: Vec<String> = self.platforms.iter().map(ToString::to_string).collect();
        let mut words = Vec::new();
        if !platforms.is_empty() {
            words.push(format!("only {}", platforms.join(" ")));
        }
        match self.attestations {
            AttestationForm::Index => {}
            AttestationForm::Referrers => words.push("attestations as referrers".to_owned()),
            AttestationForm::Tag => words.push("attestations under tags".to_owned()),
            AttestationForm::None => words.push("no attestations".to_owned()),
        }
        f.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platforms(texts: &[&str]) -> Vec<Platform> {
        texts.iter().map(|text| text.parse().expect("platform")).collect()
    }

    #[test]
    fn says_what_it_changes() {
        let of =
            |attestations, kept: &[&str]| Rendition { attestations, platforms: platforms(kept).iter().map(Platform::normalized).collect() };
        let built = platforms(&["linux/amd64", "linux/arm"]);
        for (rendition, attested, changes, text) in [
            (Rendition::default(), true, false, ""),
            (of(AttestationForm::None, &[]), false, false, "no attestations"),
            (of(AttestationForm::None, &[]), true, true, "no attestations"),
            (of(AttestationForm::Index, &["linux/arm/v7", "linux/amd64"]), true, false, "only linux/amd64 linux/arm/v7"),
            (of(AttestationForm::Tag, &["linux/amd64"]), false, true, "only linux/amd64, attestations under tags"),
        ] {
            assert_eq!((rendition.changes(&built, attested), rendition.to_string().as_str()), (changes, text));
        }
    }
}
