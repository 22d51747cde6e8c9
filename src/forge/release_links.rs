//! Links of a release to what is published beside it: images, packages. Each leads to where people look at it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// What one segment of an address keeps (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkKind {
    /// An image at a registry.
    Image,
    /// A package, or a directory of files.
    Package,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseLink {
    /// What it is called: `ghcr.io/acme/app:1.4.0`, `tools 1.4.0`.
    pub name: String,
    /// Where it leads.
    pub url: String,
    /// To what.
    pub kind: LinkKind,
}

/// An image's link. `provider` is the registry's, `scheme` how it is spoken to. Pages of registries are those of
/// spec/build.md V.3; where none is known it leads to the manifest itself (OCI distribution-spec, "Pulling manifests").
pub fn image_link(provider: &str, scheme: &str, host: &str, path: &str, tag: &str) -> ReleaseLink {
    let segment = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let (first, rest) = path.split_once('/').unwrap_or(("", path));
    let url = match provider {
        "dockerhub" if first == "library" => format!("https://hub.docker.com/_/{rest}/tags?name={}", segment(tag)),
        "dockerhub" => format!("https://hub.docker.com/r/{path}/tags?name={}", segment(tag)),
        "ghcr" if host == "ghcr.io" => format!("https://github.com/{first}/packages/container/package/{}", segment(rest)),
        "quay" => format!("{scheme}://{host}/repository/{path}?tab=tags&tag={}", segment(tag)),
        "gitlab" if host == "registry.gitlab.com" => format!("https://gitlab.com/{path}/container_registry"),
        "gitea" => format!("{scheme}://{host}/{first}/-/packages/container/{}/{}", segment(rest), segment(tag)),
        "jfrog" => format!("{scheme}://{host}/ui/repos/tree/General/{path}/{}", segment(tag)),
        _ => format!("{scheme}://{host}/v2/{path}/manifests/{}", segment(tag)),
    };
    ReleaseLink { name: format!("{host}/{path}:{tag}"), url, kind: LinkKind::Image }
}

/// A package's link; `None` where no page shows it (a bucket). `directory` is package and version.
pub fn package_link(provider: &str, instance: &str, project: &str, directory: &str) -> Option<ReleaseLink> {
    let segment = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let instance = instance.trim_end_matches('/');
    let (package, version) = directory.rsplit_once('/').unwrap_or(("", directory));
    let url = match provider {
        // A package's own page has its number.
        "gitlab" => format!("{instance}/{project}/-/packages?type=Generic&search[]={}", segment(package)),
        "gitea" | "forgejo" => {
            let owner = project.split('/').next().unwrap_or_default();
            format!("{instance}/{owner}/-/packages/generic/{}/{}", segment(package), segment(version))
        }
        "http" => format!("{instance}/{directory}/"),
        _ => return None,
    };
    Some(ReleaseLink { name: format!("{package} {version}").trim().to_owned(), url, kind: LinkKind::Package })
}

/// Each address and each name once, the first of several: a forge takes no link twice.
pub fn each_once(links: impl IntoIterator<Item = ReleaseLink>) -> Vec<ReleaseLink> {
    let mut kept: Vec<ReleaseLink> = Vec::new();
    for link in links {
        if !kept.iter().any(|known| known.url == link.url || known.name == link.name) {
            kept.push(link);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_shown_where_their_registries_show_them() {
        for (provider, host, path, url) in [
            ("dockerhub", "docker.io", "acme/app", "https://hub.docker.com/r/acme/app/tags?name=1.4.0"),
            ("dockerhub", "docker.io", "library/app", "https://hub.docker.com/_/app/tags?name=1.4.0"),
            ("ghcr", "ghcr.io", "acme/app/web", "https://github.com/acme/packages/container/package/app%2Fweb"),
            ("quay", "quay.io", "acme/app", "https://quay.io/repository/acme/app?tab=tags&tag=1.4.0"),
            ("gitlab", "registry.gitlab.com", "acme/app", "https://gitlab.com/acme/app/container_registry"),
            ("gitlab", "registry.acme.dev", "acme/app", "https://registry.acme.dev/v2/acme/app/manifests/1.4.0"),
            ("gitea", "git.acme.dev", "acme/app/web", "https://git.acme.dev/acme/-/packages/container/app%2Fweb/1.4.0"),
            ("harbor", "harbor.acme.dev", "acme/app", "https://harbor.acme.dev/v2/acme/app/manifests/1.4.0"),
        ] {
            let link = image_link(provider, "https", host, path, "1.4.0");
            assert_eq!((link.url.as_str(), link.name), (url, format!("{host}/{path}:1.4.0")));
            assert!(url::Url::parse(&link.url).is_ok());
        }
    }

    #[test]
    fn packages_are_shown_where_they_are_kept() {
        let of = |provider: &str, instance: &str| package_link(provider, instance, "acme/app", "tools/1.4.0").map(|link| link.url);
        let gitlab = of("gitlab", "https://gitlab.acme.dev/");
        assert_eq!(gitlab.as_deref(), Some("https://gitlab.acme.dev/acme/app/-/packages?type=Generic&search[]=tools"));
        assert_eq!(of("gitea", "https://git.acme.dev").as_deref(), Some("https://git.acme.dev/acme/-/packages/generic/tools/1.4.0"));
        assert_eq!(of("http", "https://files.acme.dev/raw").as_deref(), Some("https://files.acme.dev/raw/tools/1.4.0/"));
        assert_eq!(of("s3", "s3://bucket/prefix"), None);
        let twice = image_link("ghcr", "https", "ghcr.io", "acme/app", "1.4.0");
        let other = image_link("ghcr", "https", "ghcr.io", "acme/app", "1.4");
        assert_eq!(each_once([twice.clone(), other]), [twice], "one page shows both");
    }
}
