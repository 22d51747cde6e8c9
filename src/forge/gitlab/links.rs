//! Links of a release to the files of its package, and to what is published beside it.

use percent_encoding::percent_decode_str;

use super::package::PackageVersion;
use super::wire::{Link, NewLink};
use crate::forge::release_links::{LinkKind, ReleaseLink};
use crate::http::Url;

/// Longest direct asset path GitLab takes (`Releases::Link::FILEPATH_MAX_LENGTH`).
const LONGEST_PATH: usize = 128;

/// The link to a file.
pub(super) fn link(name: &str, url: &Url) -> NewLink {
    NewLink { name: name.to_owned(), url: url.to_string(), direct_asset_path: direct_path(name), link_type: link_type(name) }
}

/// It leads to the file of its name in this package. Its host and the project may be called otherwise by now: GitLab redirects.
pub(super) fn leads_into(package: &PackageVersion, link: &Link) -> bool {
    let path = link.url.split(['?', '#']).next().unwrap_or_default();
    let path = percent_decode_str(path).decode_utf8_lossy();
    path.ends_with(&format!("/packages/generic/{}/{}/{}", package.name, package.version, link.name))
}

/// The link to what is published beside it.
pub(super) fn link_beside(to: &ReleaseLink) -> NewLink {
    let link_type = match to.kind {
        LinkKind::Image => "image",
        LinkKind::Package => "package",
    };
    NewLink { name: to.name.clone(), url: to.url.clone(), direct_asset_path: None, link_type }
}

/// Its permanent address below the release, where GitLab takes the name (`Releases::Link::FILEPATH_REGEX`).
fn direct_path(name: &str) -> Option<String> {
    let plain = name.chars().all(|ch| ch.is_ascii_alphanumeric() || matches!(ch, '.' | '_' | '-'));
    let good = plain && name.len() < LONGEST_PATH && name.ends_with(|ch: char| ch.is_ascii_alphanumeric());
    good.then(|| format!("/{name}"))
}

/// Packages are what people install; what tells of them is something else.
fn link_type(name: &str) -> &'static str {
    let tells = ["SHA256SUMS", "SHA512SUMS"].iter().any(|sums| name.starts_with(sums))
        || [".json", ".jsonl", ".txt", ".md", ".sig", ".asc", ".pem", ".sh"].iter().any(|ending| name.ends_with(ending));
    if tells { "other" } else { "package" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_file_of_its_name_or_elsewhere() {
        let package = PackageVersion::of_tag("acme/app", "v1+b");
        let leads = |name: &str, url: &str| leads_into(&package, &Link { id: 1, name: name.to_owned(), url: url.to_owned() });
        let base = "https://gitlab.acme.dev/api/v4/projects/acme%2Fapp/packages/generic";
        assert!(
            leads("a+b c", &format!("{base}/app/v1%2Bb/a%2Bb%20c")) && leads("a", "https://old.acme.dev/packages/generic/app/v1+b/a?x")
        );
        for url in ["", "https://elsewhere.dev/a", &format!("{base}/app/v2/a"), &format!("{base}/app/v1+b/b")] {
            assert!(!leads("a", url), "{url}");
        }
    }

    #[test]
    fn only_names_gitlab_takes_get_a_permanent_address() {
        assert_eq!(direct_path("app-1.0.tar.gz").as_deref(), Some("/app-1.0.tar.gz"));
        for name in ["a+b", "a b", "a_", ""] {
            assert_eq!(direct_path(name), None, "{name}");
        }
        assert_eq!(direct_path(&"x".repeat(128)), None);
        assert_eq!((link_type("app.tar.gz"), link_type("SHA256SUMS"), link_type("app.spdx.json")), ("package", "other", "other"));
    }
}
