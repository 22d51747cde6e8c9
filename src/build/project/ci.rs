//! CI systems, by the files they read.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Result;
use crate::fs;

/// A CI system with a config in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CiSystem {
    /// `.gitlab-ci.yml`.
    Gitlab,
    /// `.github/workflows`.
    Github,
    /// `.gitea/workflows`.
    Gitea,
    /// `.forgejo/workflows`.
    Forgejo,
    /// `.woodpecker.yml`, `.woodpecker/`.
    Woodpecker,
}

impl CiSystem {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gitlab => "GitLab CI",
            Self::Github => "GitHub Actions",
            Self::Gitea => "Gitea Actions",
            Self::Forgejo => "Forgejo Actions",
            Self::Woodpecker => "Woodpecker",
        }
    }

    pub(super) fn among(root: &Path) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        if fs::is_file(&root.join(".gitlab-ci.yml")) {
            found.push(Self::Gitlab);
        }
        for (system, directory) in [(Self::Github, ".github"), (Self::Gitea, ".gitea"), (Self::Forgejo, ".forgejo")] {
            let place = root.join(directory).join("workflows");
            let workflows = if fs::is_dir(&place) { fs::names_in(&place)? } else { Vec::new() };
            if workflows.iter().any(|name| [".yml", ".yaml"].iter().any(|ending| name.ends_with(ending))) {
                found.push(system);
            }
        }
        let woodpecker = [".woodpecker.yml", ".woodpecker.yaml"].iter().any(|name| fs::is_file(&root.join(name)));
        if woodpecker || fs::is_dir(&root.join(".woodpecker")) {
            found.push(Self::Woodpecker);
        }
        Ok(found)
    }
}
