//! Which addresses an adapter may name: https anywhere (presigned addresses live anywhere), plain http on loopback where
//! the config allows it, files below one directory the config names. Nothing else.

use std::path::{Path, PathBuf};

use crate::core::{RemoteSettings, SafeUrl};
use crate::http::Url;
use crate::remote::failure::{Failure, FailureKind};
use crate::remote::protocol::limits;

/// Where bytes of one remote may go to or come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Directory of `file://` addresses, absolute.
    pub file_root: Option<PathBuf>,
    /// Plain http to `localhost`, `127.0.0.1` and `::1`.
    pub allow_loopback_http: bool,
    /// The most a download may weigh, in bytes.
    pub max_download: u64,
}

/// An address that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file, by its path below the root.
    File(String),
    /// An http or https address.
    Http(Url),
}

impl Rules {
    /// The rules of a remote; paths of the config are relative to the workspace.
    pub fn of(settings: &RemoteSettings, workspace: &Path) -> Self {
        let transport = &settings.transport;
        Self {
            file_root: transport.file_root.as_ref().map(|root| lexical(&workspace.join(root))),
            allow_loopback_http: transport.allow_loopback_http,
            max_download: transport.max_download.unwrap_or(limits::MAX_DOWNLOAD),
        }
    }

    /// Checks an address.
    pub fn check(&self, text: &str) -> Result<Place, Failure> {
        let refused = |text: String| Failure::new(FailureKind::Rejected, text);
        if text.len() > limits::MAX_URL {
            return Err(refused(format!("the adapter names an address of more than {} bytes", limits::MAX_URL)));
        }
        let Ok(url) = Url::parse(text) else {
            return Err(refused("the adapter names an address that is no URL".to_owned()));
        };
        match url.scheme() {
            "https" if url.host_str().is_some_and(|host| !host.is_empty()) => Ok(Place::Http(url)),
            "http" => self.http(url),
            "file" => self.file(&url),
            scheme => Err(refused(format!("the adapter names a `{}` address", scheme.chars().take(20).collect::<String>()))
                .hint("addresses are https://, or file:// below `transport.file_root`")),
        }
    }

    fn http(&self, url: Url) -> Result<Place, Failure> {
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let shown = SafeUrl::new(url.clone());
        if !loopback {
            return Err(Failure::new(FailureKind::Rejected, format!("the adapter names {shown}, which is plain http"))
                .hint("bytes only leave this machine over https"));
        }
        if !self.allow_loopback_http {
            return Err(Failure::new(FailureKind::Rejected, format!("the adapter names {shown}, which is plain http"))
                .hint("allow it for this machine: `transport: { allow_loopback_http: true }`"));
        }
        Ok(Place::Http(url))
    }

    fn file(&self, url: &Url) -> Result<Place, Failure> {
        let refused = |text: &str| Failure::new(FailureKind::Rejected, text.to_owned());
        let Some(root) = &self.file_root else {
            return Err(refused("the adapter names a file, and the remote has no `transport.file_root`")
                .hint("name the directory its files may lie in: `transport: { file_root: … }`"));
        };
        if !matches!(url.host_str(), None | Some("" | "localhost")) {
            return Err(refused("the adapter names a file of another host"));
        }
        let path = percent_encoding::percent_decode_str(url.path()).decode_utf8();
        let path = path.map_err(|_| refused("the adapter names a file whose name is not UTF-8"))?;
        let inside = Path::new(path.as_ref()).strip_prefix(root).ok().and_then(Path::to_str);
        let whole =
            |inside: &&str| !inside.is_empty() && inside.split('/').all(|part| !matches!(part, "" | "." | "..")) && !inside.contains('\0');
        match inside.filter(whole) {
            Some(inside) => Ok(Place::File(inside.to_owned())),
            None => Err(refused(&format!("the adapter names a file outside {}", root.display()))
                .hint("files of a remote lie below its `transport.file_root`")),
        }
    }
}

// Without `.` and `..`, by the text alone: what links there are is found out when it is opened.
fn lexical(path: &Path) -> PathBuf {
    use std::path::Component as C;
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            C::CurDir => {}
            C::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules { file_root: Some(PathBuf::from("/storage/packs")), allow_loopback_http: true, max_download: 100 }
    }

    #[test]
    fn only_what_the_table_allows_passes() {
        let file = |name: &str| Ok(Place::File(name.to_owned()));
        assert!(matches!(rules().check("https://10.0.0.1/x?sig=1"), Ok(Place::Http(_))));
        for good in ["http://localhost:1/x", "http://127.0.0.1/x", "http://[::1]:9/x"] {
            assert!(matches!(rules().check(good), Ok(Place::Http(_))), "{good}");
            assert!(Rules { allow_loopback_http: false, ..rules() }.check(good).is_err(), "{good}");
        }
        assert_eq!(rules().check("file:///storage/packs/a/b.epack"), file("a/b.epack"));
        assert_eq!(rules().check("file://localhost/storage/packs/a%20b"), file("a b"));
        for bad in [
            "http://127.0.0.2/x",
            "http://example.com/x",
            "http://localhost.example/x",
            "ftp://x/y",
            "s3://bucket/key",
            "data:,x",
            "/storage/packs/x",
            "https://",
            "file:///storage/packs-evil/x",
            "file:///storage/packs/../../etc/passwd",
            "file:///storage/packs/%2e%2e/x",
            "file:///storage/packs/a%2f..%2f..%2fx",
            "file:///storage/packs",
            "file:///storage/packs/",
            "file://other/storage/packs/x",
            "file:///storage/packs/%ff",
        ] {
            assert!(rules().check(bad).is_err(), "{bad}");
        }
        assert!(Rules { file_root: None, ..rules() }.check("file:///storage/packs/x").is_err());
        assert!(rules().check(&format!("https://x/{}", "a".repeat(limits::MAX_URL))).is_err());
    }

    #[test]
    fn a_root_is_relative_to_the_workspace() {
        let mut settings = RemoteSettings::default();
        settings.transport.file_root = Some("./out/../packs".to_owned());
        assert_eq!(Rules::of(&settings, Path::new("/srv/checkout")).file_root, Some(PathBuf::from("/srv/checkout/packs")));
    }
}
