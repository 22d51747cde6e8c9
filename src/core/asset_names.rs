//! What forges make of the names of released files, so that it is known before anything is built or sent.

use std::collections::BTreeMap;

/// How a forge changes names of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRules {
    /// What becomes of characters it does not keep.
    pub renaming: Renaming,
    /// Most bytes of a name.
    pub longest: usize,
}

/// What becomes of characters a forge does not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renaming {
    /// Every name is kept as it is.
    None,
    /// GitHub: what is not a letter, a digit, `.`, `-`, `_`, `+`, `@` or `~` becomes a dot, runs of them one, and leading
    /// and trailing dots are dropped ("special characters, non-alphanumeric characters, and leading or trailing periods"
    /// are renamed: REST API, "Upload a release asset").
    Dots,
    /// GitLab's direct asset paths and package files: what is not a letter, a digit, `.`, `_` or `-` becomes `-`.
    Dashes,
}

impl NameRules {
    /// GitHub's (REST API, "Upload a release asset").
    pub const GITHUB: Self = Self { renaming: Renaming::Dots, longest: 255 };
    /// GitLab's, for package files and direct asset paths.
    pub const GITLAB: Self = Self { renaming: Renaming::Dashes, longest: 255 };
    /// Gitea's and Forgejo's.
    pub const GITEA: Self = Self { renaming: Renaming::None, longest: 255 };

    /// Those of a provider, as the config names it.
    pub fn of_provider(name: &str) -> Self {
        match name {
            "gitlab" | "embedded-gitlab" => Self::GITLAB,
            "gitea" | "forgejo" => Self::GITEA,
            _ => Self::GITHUB,
        }
    }

    /// The name a file has there. Never empty.
    pub fn kept(&self, name: &str) -> String {
        let kept = match self.renaming {
            Renaming::None => name.to_owned(),
            Renaming::Dots => {
                let mut kept = String::with_capacity(name.len());
                for ch in name.chars() {
                    let plain = ch.is_ascii_alphanumeric() || matches!(ch, '.' | '-' | '_' | '+' | '@' | '~');
                    if plain && ch != '.' {
                        kept.push(ch);
                    } else if !kept.ends_with('.') {
                        kept.push('.');
                    }
                }
                kept.trim_matches('.').to_owned()
            }
            Renaming::Dashes => {
                name.chars().map(|ch| if ch.is_ascii_alphanumeric() || matches!(ch, '.' | '_' | '-') { ch } else { '-' }).collect()
            }
        };
        if kept.is_empty() { "asset".to_owned() } else { kept }
    }

    /// Why a file of this name cannot be attached.
    pub fn refuse(&self, name: &str) -> Option<String> {
        if name.is_empty() || name.contains(['/', '\\']) || name.chars().any(char::is_control) {
            return Some(format!("`{}` is not the name of a file", name.escape_debug()));
        }
        (name.len() > self.longest).then(|| format!("the name `{name}` is longer than {} bytes", self.longest))
    }
}

/// Names that would be one name at the forge: the kept name, and the two files. Case is ignored, as some forges and all
/// who download to a Mac do.
pub fn collisions<'a>(names: impl IntoIterator<Item = &'a str>, rules: &NameRules) -> Vec<(String, String, String)> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut found = Vec::new();
    for name in names {
        let kept = rules.kept(name);
        if let Some(first) = seen.insert(kept.to_lowercase(), name) {
            found.push((kept, first.to_owned(), name.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const GITHUB: NameRules = NameRules::GITHUB;

    #[test]
    fn github_renames_what_it_does_not_keep() {
        for (name, kept) in [
            ("app-1.0.tar.gz", "app-1.0.tar.gz"),
            ("my app (1).zip", "my.app.1.zip"),
            ("héllo.txt", "h.llo.txt"),
            ("a+b_c@d~e", "a+b_c@d~e"),
            (".hidden", "hidden"),
            ("日本", "asset"),
            ("x..y", "x.y"),
        ] {
            assert_eq!(GITHUB.kept(name), kept, "{name}");
        }
    }

    #[test]
    fn names_that_become_one_are_found() {
        let found = collisions(["my app.zip", "my.app.zip", "other"], &GITHUB);
        assert_eq!(found, [("my.app.zip".to_owned(), "my app.zip".to_owned(), "my.app.zip".to_owned())]);
        assert_eq!(collisions(["a", "A"], &GITHUB).len(), 1);
        assert!(collisions(["a", "b"], &GITHUB).is_empty());
    }

    #[test]
    fn refuses_what_is_no_file_name() {
        for name in ["", "a/b", "a\\b", "a\nb"] {
            assert!(GITHUB.refuse(name).is_some(), "{name:?}");
        }
        assert!(GITHUB.refuse(&"x".repeat(256)).is_some());
        assert!(GITHUB.refuse("a b").is_none());
    }
}
