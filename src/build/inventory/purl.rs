//! Package URLs (ECMA-427, the purl specification): `pkg:type/namespace/name@version?qualifiers#subpath`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::base_image::BaseImage;
use super::result::PackageInfo;

/// What is not encoded: letters, digits, `.-_~`, and `:` wherever it stands.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~').remove(b':');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[derive(Default)]
struct Purl<'a> {
    kind: &'a str,
    namespace: Vec<&'a str>,
    name: &'a str,
    version: Option<&'a str>,
    /// In the order of their names.
    qualifiers: Vec<(&'a str, String)>,
    subpath: Option<&'a str>,
}

impl Purl<'_> {
    fn text(&self) -> Option<String> {
        // A variable nobody defines is no name.
        let unknown = |text: &str| text.contains(['$', '`', '*']) || text.is_empty();
        if unknown(self.name) || self.namespace.iter().any(|part| unknown(part)) {
            return None;
        }
        let mut text = format!("pkg:{}/", self.kind);
        for part in &self.namespace {
            text.push_str(&encode(part));
            text.push('/');
        }
        text.push_str(&encode(self.name));
        if let Some(version) = self.version.filter(|version| !unknown(version)) {
            text.push('@');
            text.push_str(&encode(version));
        }
        let qualifiers: Vec<String> =
            self.qualifiers.iter().filter(|(_, value)| !unknown(value)).map(|(key, value)| format!("{key}={}", encode(value))).collect();
        if !qualifiers.is_empty() {
            text.push('?');
            text.push_str(&qualifiers.join("&"));
        }
        if let Some(subpath) = self.subpath.filter(|subpath| !subpath.is_empty()) {
            text.push('#');
            text.push_str(&subpath.split('/').map(encode).collect::<Vec<_>>().join("/"));
        }
        Some(text)
    }
}

/// Of an image: by digest `pkg:oci`, which is made for that, else by tag `pkg:docker`.
pub fn of_image(image: &BaseImage) -> Option<String> {
    let (host, path) = match image.repository.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
        _ => (None, image.repository.as_str()),
    };
    let hub = host.is_none_or(|host| matches!(host, "docker.io" | "index.docker.io"));
    let mut namespace: Vec<&str> = path.split('/').collect();
    let name = namespace.pop().unwrap_or_default();
    if let Some(digest) = &image.digest {
        let lower = name.to_ascii_lowercase();
        let library = if hub && namespace.is_empty() { "library/" } else { "" };
        let repository = format!("{}/{library}{path}", host.unwrap_or("docker.io"));
        let mut qualifiers = vec![("repository_url", repository)];
        qualifiers.extend(image.tag.clone().map(|tag| ("tag", tag)));
        return Purl { kind: "oci", name: &lower, version: Some(digest), qualifiers, ..Purl::default() }.text();
    }
    if namespace.first() == Some(&"library") && hub {
        namespace.remove(0);
    }
    let qualifiers = host.filter(|_| !hub).map(|host| ("repository_url", host.to_owned())).into_iter().collect();
    let version = Some(image.tag.as_deref().unwrap_or("latest"));
    Purl { kind: "docker", namespace, name, version, qualifiers, ..Purl::default() }.text()
}

/// Of a package; `distribution` is the one of the stage's base image, as far as it is known.
pub fn of_package(package: &PackageInfo, distribution: Option<&(String, Option<String>)>) -> Option<String> {
    // Only an exact version is a version here: ranges have no place in a package URL.
    let version = package.version.as_deref().filter(|_| package.pinned);
    let lower = package.name.to_ascii_lowercase();
    match package.manager {
        "apk" | "apt" => {
            let (kind, usual) = if package.manager == "apk" { ("apk", "alpine") } else { ("deb", "debian") };
            let vendors: &[&str] = if kind == "apk" { &["alpine", "wolfi"] } else { &["debian", "ubuntu"] };
            let known = distribution.filter(|(name, _)| vendors.contains(&name.as_str()));
            let vendor = known.map_or(usual, |(name, _)| name.as_str());
            let distro = known.and_then(|(name, version)| Some(("distro", format!("{name}-{}", version.as_ref()?))));
            Purl { kind, namespace: vec![vendor], name: &lower, version, qualifiers: distro.into_iter().collect(), ..Purl::default() }
                .text()
        }
        "dnf" | "yum" | "microdnf" | "tdnf" | "zypper" => {
            let vendor = rpm_vendor(&distribution?.0)?;
            // The epoch is a qualifier.
            let (epoch, version) = match version.and_then(|version| version.split_once(':')) {
                Some((epoch, version)) => (Some(("epoch", epoch.to_owned())), Some(version)),
                None => (None, version),
            };
            let qualifiers = epoch.into_iter().collect();
            Purl { kind: "rpm", namespace: vec![vendor], name: &package.name, version, qualifiers, ..Purl::default() }.text()
        }
        "pip" | "uv" | "poetry" => Purl { kind: "pypi", name: &lower.replace('_', "-"), version, ..Purl::default() }.text(),
        "npm" | "yarn" | "pnpm" | "bun" => {
            let (namespace, name) = lower.split_once('/').map_or((Vec::new(), lower.as_str()), |(scope, name)| (vec![scope], name));
            Purl { kind: "npm", namespace, name, version: version.map(|v| v.trim_start_matches(['v', '='])), ..Purl::default() }.text()
        }
        "go" => {
            let (module, subpath) = go_module(&lower);
            let mut namespace: Vec<&str> = module.split('/').collect();
            let name = namespace.pop()?;
            Purl { kind: "golang", namespace, name, version, subpath: Some(subpath), ..Purl::default() }.text()
        }
        "cargo" => {
            Purl { kind: "cargo", name: &package.name, version: version.map(|v| v.trim_start_matches('=')), ..Purl::default() }.text()
        }
        "gem" => {
            Purl { kind: "gem", name: &package.name, version: version.map(|v| v.trim_start_matches(['=', ' '])), ..Purl::default() }.text()
        }
        "composer" => {
            let (vendor, name) = lower.split_once('/')?;
            Purl { kind: "composer", namespace: vec![vendor], name, version, ..Purl::default() }.text()
        }
        "binary" => of_download(package, version),
        _ => Purl { kind: "generic", name: &package.name, version, ..Purl::default() }.text(),
    }
}

// A release on GitHub is its repository's; anything else has no better name than its own.
fn of_download(package: &PackageInfo, version: Option<&str>) -> Option<String> {
    let url = package.url.as_deref()?;
    let after_host = url.split_once("://").map_or(url, |(_, rest)| rest);
    if let Some(path) = after_host.strip_prefix("github.com/") {
        let mut parts = path.split('/');
        let owner = parts.next()?.to_ascii_lowercase();
        let repository = parts.next()?.to_ascii_lowercase();
        return Purl { kind: "github", namespace: vec![&owner], name: &repository, version, ..Purl::default() }.text();
    }
    let whole = Some(("download_url", url.to_owned())).filter(|(_, url)| !url.contains('$'));
    Purl { kind: "generic", name: &package.name, version, qualifiers: whole.into_iter().collect(), ..Purl::default() }.text()
}

fn rpm_vendor(name: &str) -> Option<&'static str> {
    Some(match name {
        "fedora" => "fedora",
        "centos" => "centos",
        "rockylinux" | "rocky" => "rocky",
        "almalinux" => "almalinux",
        "amazonlinux" => "amazon",
        "oraclelinux" => "oracle",
        "leap" | "tumbleweed" | "opensuse" => "opensuse",
        "photon" => "photon",
        _ if name.starts_with("ubi") => "redhat",
        _ => return None,
    })
}

/// Module and package of a Go import path, where the host's layout tells them apart.
fn go_module(path: &str) -> (&str, &str) {
    let parts: Vec<&str> = path.split('/').collect();
    let mut length = match parts.first() {
        Some(&("github.com" | "gitlab.com" | "bitbucket.org" | "golang.org")) if parts.len() > 3 => 3,
        _ => return (path, ""),
    };
    let major = |part: &&str| part.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    length += usize::from(parts.get(length).is_some_and(major));
    let at: usize = parts[..length].iter().map(|part| part.len() + 1).sum::<usize>() - 1;
    (&path[..at], path[at..].trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_images() {
        for (image, expected) in [
            ("alpine:3.20", Some("pkg:docker/alpine@3.20")),
            ("alpine", Some("pkg:docker/alpine@latest")),
            ("docker.io/library/alpine:3.20", Some("pkg:docker/alpine@3.20")),
            ("acme/app:1", Some("pkg:docker/acme/app@1")),
            ("ghcr.io/acme/app:1", Some("pkg:docker/acme/app@1?repository_url=ghcr.io")),
            ("host:5000/x:1", Some("pkg:docker/x@1?repository_url=host:5000")),
            ("alpine:3.20@sha256:ab", Some("pkg:oci/alpine@sha256:ab?repository_url=docker.io%2Flibrary%2Falpine&tag=3.20")),
            ("ghcr.io/a/b@sha256:ab", Some("pkg:oci/b@sha256:ab?repository_url=ghcr.io%2Fa%2Fb")),
            ("${IMAGE}:1", None),
        ] {
            assert_eq!(of_image(&BaseImage::parse(image)).as_deref(), expected, "{image}");
        }
    }

    #[test]
    fn of_packages() {
        let of = |manager: &'static str, name: &str, version: &str, pinned: bool, distribution: Option<(&str, Option<String>)>| {
            let version = Some(version.to_owned()).filter(|v| !v.is_empty());
            let package = PackageInfo { name: name.to_owned(), version, pinned, manager, ..PackageInfo::default() };
            of_package(&package, distribution.map(|(name, version)| (name.to_owned(), version)).as_ref())
        };
        for (manager, name, version, expected) in [
            ("pip", "Flask_Login", "0.6", "pkg:pypi/flask-login@0.6"),
            ("npm", "@Angular/cli", "17.0.0", "pkg:npm/%40angular/cli@17.0.0"),
            ("go", "github.com/Acme/tool/v2/cmd/x", "v2.1.0", "pkg:golang/github.com/acme/tool/v2@v2.1.0#cmd/x"),
            ("go", "golang.org/x/tools/cmd/goimports", "v0.1.0", "pkg:golang/golang.org/x/tools@v0.1.0#cmd/goimports"),
            ("cargo", "ripgrep", "14.1.0", "pkg:cargo/ripgrep@14.1.0"),
            ("gem", "rails", "7.1.0", "pkg:gem/rails@7.1.0"),
            ("composer", "Laravel/Framework", "11.0.0", "pkg:composer/laravel/framework@11.0.0"),
            ("apt", "g++", "4:12", "pkg:deb/debian/g%2B%2B@4:12"),
            ("apk", "curl", "8.0-r0", "pkg:apk/alpine/curl@8.0-r0"),
        ] {
            assert_eq!(of(manager, name, version, true, None).as_deref(), Some(expected));
        }
        let ubuntu = Some(("ubuntu", Some("24.04".to_owned())));
        assert_eq!(of("apt", "curl", "8", true, ubuntu).as_deref(), Some("pkg:deb/ubuntu/curl@8?distro=ubuntu-24.04"));
        assert_eq!(
            of("dnf", "nginx", "1:1.24.0-1", true, Some(("fedora", None))).as_deref(),
            Some("pkg:rpm/fedora/nginx@1.24.0-1?epoch=1")
        );
        assert_eq!(of("dnf", "nginx", "", false, None), None);
        assert_eq!(of("npm", "x", "^1", false, None).as_deref(), Some("pkg:npm/x"));
        assert_eq!(of("apt", "$PKG", "", false, None), None);
    }
}
