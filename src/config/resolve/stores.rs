//! `store`: where artifact stores are.
#![expect(clippy::option_option, reason = "not written, written wrong and written are three things")]

use indexmap::IndexMap;

use super::registries::credential_prefix;
use super::{check_reference, paths};
use crate::config::decode::{Cx, IdMap};
use crate::config::problem::Problem;
use crate::config::resolved::{ArtifactStore, Registry};
use crate::config::span::Text;
use crate::config::written;
use crate::core::reference::check_path;
use crate::core::{StorePlace, StoreSpec};

/// What stores refer to.
pub struct Lookup<'c> {
    /// Ids of registries.
    pub registries: &'c [String],
    /// Those that could be resolved.
    pub resolved: &'c IndexMap<String, Registry>,
}

/// Resolves the section.
pub fn resolve(map: IdMap<written::Store>, lookup: &Lookup<'_>, cx: &mut Cx) -> IndexMap<String, ArtifactStore> {
    let mut resolved = IndexMap::new();
    for (id, entry) in map.entries {
        if let Some(store) = entry.value.and_then(|store| one(&id, store, lookup, cx)) {
            resolved.insert(id, store);
        }
    }
    resolved
}

/// What all kinds have in common.
struct Common {
    write_once: Option<bool>,
    credentials: Option<Text>,
    ca_file: Option<Text>,
}

fn one(id: &str, store: written::Store, lookup: &Lookup<'_>, cx: &mut Cx) -> Option<ArtifactStore> {
    use written::Store as Written;
    match store {
        Written::File(written::FilePlace { dir, fsync, write_once }) => {
            let place = directory(&dir, cx).map(|dir| StorePlace::File { dir, fsync: fsync.unwrap_or(true) });
            spec(id, place, Common { write_once, credentials: None, ca_file: None }, "", cx)
        }
        Written::Memory(written::MemoryPlace { write_once }) => {
            spec(id, Some(StorePlace::Memory), Common { write_once, credentials: None, ca_file: None }, "", cx)
        }
        Written::S3(written::S3Place { bucket, prefix, region, endpoint, credentials, ca_file, write_once }) => {
            let (bucket, prefix, endpoint) = (name(&bucket, "bucket", cx), prefix_of(prefix, cx), endpoint_of(endpoint, cx));
            let region = region.map(|region| name(&region, "region", cx)).transpose_all();
            let place = match (bucket, prefix, region, endpoint) {
                (Some(bucket), Some(prefix), Some(region), Some(endpoint)) => Some(StorePlace::S3 { bucket, prefix, region, endpoint }),
                _ => None,
            };
            let example = "RELEASES_ACCESS_KEY_ID and RELEASES_SECRET_ACCESS_KEY";
            spec(id, place, Common { write_once, credentials, ca_file }, example, cx)
        }
        Written::Gcs(written::GcsPlace { bucket, prefix, endpoint, credentials, ca_file, write_once }) => {
            let (bucket, prefix, endpoint) = (name(&bucket, "bucket", cx), prefix_of(prefix, cx), endpoint_of(endpoint, cx));
            let place = match (bucket, prefix, endpoint) {
                (Some(bucket), Some(prefix), Some(endpoint)) => Some(StorePlace::Gcs { bucket, prefix, endpoint }),
                _ => None,
            };
            spec(id, place, Common { write_once, credentials, ca_file }, "RELEASES_SERVICE_ACCOUNT_KEY or RELEASES_TOKEN", cx)
        }
        Written::Azure(written::AzurePlace { account, container, prefix, endpoint, credentials, ca_file, write_once }) => {
            let (account, container) = (name(&account, "account", cx), name(&container, "container", cx));
            let place = match (account, container, prefix_of(prefix, cx), endpoint_of(endpoint, cx)) {
                (Some(account), Some(container), Some(prefix), Some(endpoint)) => {
                    Some(StorePlace::Azure { account, container, prefix, endpoint })
                }
                _ => None,
            };
            spec(id, place, Common { write_once, credentials, ca_file }, "RELEASES_ACCOUNT_KEY or RELEASES_SAS_TOKEN", cx)
        }
        Written::Oci(written::OciPlace { registry, path, write_once }) => oci(id, &registry, &path, write_once, lookup, cx),
    }
}

fn oci(id: &str, registry: &Text, path: &Text, write_once: Option<bool>, lookup: &Lookup<'_>, cx: &mut Cx) -> Option<ArtifactStore> {
    let known = check_reference(registry, "registry", lookup.registries, cx);
    if let Err(error) = check_path(&path.value) {
        cx.report(Problem::at(path.span, error.to_string()).hint("a path is lower-case words between `/`, such as `acme/artifacts`"));
        return None;
    }
    let at = lookup.resolved.get(&registry.value).filter(|_| known)?;
    let place = StorePlace::Oci { host: at.host.clone(), path: path.value.clone(), plain_http: at.plain_http, options: at.options.clone() };
    let spec = StoreSpec {
        name: id.to_owned(),
        write_once: write_once.unwrap_or(false),
        credentials: at.credentials.clone(),
        ca_file: at.ca_file.clone(),
        place,
    };
    Some(ArtifactStore { spec, registry: Some(registry.value.clone()) })
}

fn spec(id: &str, place: Option<StorePlace>, common: Common, example: &str, cx: &mut Cx) -> Option<ArtifactStore> {
    let Common { write_once, credentials, ca_file } = common;
    let credentials = credentials.map(|prefix| credential_prefix(&prefix, "credentials", example, cx)).transpose_all();
    let ca_file = ca_file.map(|path| paths::inside(&path, "ca_file", cx)).transpose_all();
    let spec = StoreSpec {
        name: id.to_owned(),
        write_once: write_once.unwrap_or(false),
        credentials: credentials?,
        ca_file: ca_file?,
        place: place?,
    };
    Some(ArtifactStore { spec, registry: None })
}

/// What was not written is fine, what was written wrong is not.
trait TransposeAll<T> {
    fn transpose_all(self) -> Option<Option<T>>;
}

impl<T> TransposeAll<T> for Option<Option<T>> {
    fn transpose_all(self) -> Option<Option<T>> {
        match self {
            None => Some(None),
            Some(None) => None,
            Some(Some(value)) => Some(Some(value)),
        }
    }
}

fn directory(dir: &Text, cx: &mut Cx) -> Option<String> {
    let problem = if dir.value.is_empty() {
        "is empty"
    } else if dir.value.chars().any(char::is_control) {
        "contains a control character"
    } else if dir.value.starts_with('~') {
        "begins with `~`, which nothing expands here"
    } else {
        return Some(dir.value.clone());
    };
    let message = format!("`dir: {}` {problem}", dir.value.escape_debug());
    cx.report(Problem::at(dir.span, message).hint("name a directory, such as `/srv/artifacts` or `artifacts`"));
    None
}

/// Names of buckets, containers, accounts and regions: what goes into a host name or the first part of a path.
pub(super) fn name(text: &Text, what: &str, cx: &mut Cx) -> Option<String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let value = &text.value;
    if (1..=222).contains(&value.len()) && value.bytes().all(good) && value.as_bytes()[0].is_ascii_alphanumeric() {
        return Some(value.clone());
    }
    let message = format!("`{what}: {}` is not a name", value.escape_debug());
    cx.report(Problem::at(text.span, message).hint("write letters, digits, `.`, `-` and `_`, without a scheme or `/`"));
    None
}

pub(super) fn prefix_of(prefix: Option<Text>, cx: &mut Cx) -> Option<Option<String>> {
    let Some(prefix) = prefix else { return Some(None) };
    let good = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    if prefix.value.len() <= 200 && prefix.value.split('/').all(good) {
        return Some(Some(prefix.value));
    }
    let message = format!("`prefix: {}` is not a prefix of keys", prefix.value.escape_debug());
    cx.report(Problem::at(prefix.span, message).hint("write words between `/`, such as `acme/releases`, without one at the ends"));
    None
}

pub(super) fn endpoint_of(endpoint: Option<Text>, cx: &mut Cx) -> Option<Option<String>> {
    let Some(endpoint) = endpoint else { return Some(None) };
    let parsed = url::Url::parse(&endpoint.value).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    if parsed.is_some() {
        return Some(Some(endpoint.value.trim_end_matches('/').to_owned()));
    }
    // It could hold a password.
    let problem = Problem::at(endpoint.span, "`endpoint` is not an http or https URL without user, password and query").secret();
    cx.report(problem.hint("write it like `https://minio.acme.dev:9000`"));
    None
}
