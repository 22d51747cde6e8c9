//! Whom a registry may send us to with our credentials.

use super::provider::Provider;
use crate::http::{self, Url};

/// May a token be asked for at this realm at all: is the way there private, or on this machine, or the very host that
/// is configured for plain http?
pub fn is_reachable(realm: &Url, registry: &Url) -> bool {
    let same_host = realm.host_str() == registry.host_str();
    match realm.scheme() {
        "https" => true,
        "http" => http::is_loopback(realm) || (registry.scheme() == "http" && same_host),
        _ => false,
    }
}

/// May the credentials of this registry be shown to this realm? The same host may, and hosts of the same owner as far
/// as names tell: `registry.gitlab.com` and `gitlab.com`, `registry.acme.com` and `auth.acme.com`; and the pairs the
/// provider table knows. A registry that names another party gets nothing from us there.
pub fn may_see_credentials(realm: &Url, registry: &Url, provider: &Provider) -> bool {
    let (Some(to), Some(from)) = (realm.host_str(), registry.host_str()) else { return false };
    if to == from || provider.realms.contains(&to) || (http::is_loopback(realm) && http::is_loopback(registry)) {
        return true;
    }
    // Addresses have no owners that could be compared by name.
    let numeric = |url: &Url| !matches!(url.host(), Some(url::Host::Domain(_)));
    if numeric(realm) || numeric(registry) {
        return false;
    }
    let below = |name: &str, parent: &str| name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'));
    let parent = from.split_once('.').map_or("", |(_, parent)| parent);
    below(to, from) && is_owned(from) || below(from, to) && is_owned(to) || below(to, parent) && is_owned(parent)
}

/// Does one owner hold everything below this domain? Top-level domains and the usual second levels (`co.uk`) do not.
fn is_owned(domain: &str) -> bool {
    const SHARED_SECOND_LEVELS: [&str; 10] = ["co", "com", "org", "net", "ac", "gov", "edu", "or", "ne", "go"];
    // Services that give every customer a name below their own.
    const SHARED_DOMAINS: [&str; 8] =
        ["azurecr.io", "amazonaws.com", "pkg.dev", "gcr.io", "github.io", "gitlab.io", "herokuapp.com", "ondigitalocean.app"];
    if SHARED_DOMAINS.iter().any(|shared| domain == *shared || domain.ends_with(&format!(".{shared}"))) {
        return false;
    }
    let labels: Vec<&str> = domain.split('.').collect();
    match labels.as_slice() {
        [] | [_] => false,
        [second, top] => top.len() != 2 || !SHARED_SECOND_LEVELS.contains(second),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::provider::of_host;
    use super::*;

    fn may(registry: &str, realm: &str) -> bool {
        let registry = Url::parse(&format!("https://{registry}/v2/")).expect("registry");
        let provider = of_host(registry.host_str().expect("host"));
        may_see_credentials(&Url::parse(realm).expect("realm"), &registry, provider)
    }

    #[test]
    fn credentials_stay_with_their_owner() {
        for (registry, realm) in [
            ("ghcr.io", "https://ghcr.io/token"),
            ("registry-1.docker.io", "https://auth.docker.io/token"),
            ("registry.gitlab.com", "https://gitlab.com/jwt/auth"),
            ("registry.acme.com", "https://auth.acme.com/token"),
            ("registry.acme.co.uk", "https://auth.acme.co.uk/token"),
            ("acme.com:5050", "https://acme.com/jwt/auth"),
            ("127.0.0.1:5000", "http://127.0.0.1:5001/token"),
        ] {
            assert!(may(registry, realm), "{registry} → {realm}");
        }
        for (registry, realm) in [
            ("ghcr.io", "https://evil.io/token"),
            ("ghcr.io", "https://evil.example/token"),
            ("acme.co.uk", "https://evil.co.uk/token"),
            ("registry.acme.com", "https://evil.com/token"),
            ("registry.acme.com", "https://notacme.com/token"),
            ("one.azurecr.io", "https://other.azurecr.io/token"),
            ("registry.acme.com", "http://127.0.0.1/token"),
            ("10.0.0.1", "https://10.0.0.2/token"),
        ] {
            assert!(!may(registry, realm), "{registry} → {realm}");
        }
    }

    #[test]
    fn tokens_travel_encrypted() {
        let url = |text: &str| Url::parse(text).expect("URL");
        assert!(is_reachable(&url("https://a/t"), &url("https://b/")));
        assert!(is_reachable(&url("http://127.0.0.1:1/t"), &url("http://127.0.0.1:2/")));
        assert!(is_reachable(&url("http://in.house/t"), &url("http://in.house:5000/")));
        assert!(!is_reachable(&url("http://a/t"), &url("https://a/")));
        assert!(!is_reachable(&url("ftp://a/t"), &url("https://a/")));
    }
}
