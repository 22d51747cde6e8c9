//! Nothing secret and nothing of our own network in a text that becomes public: credentials inside addresses, parameters
//! that carry them, tokens that are known by their form, and addresses that only lead somewhere inside.

use std::sync::LazyLock;

use regex::Regex;

use crate::core::secret::MASK;
use crate::http::Url;

/// What stands in place of an address that only leads somewhere inside.
const INSIDE: &str = "(internal address)";

/// Parameters of addresses that are credentials, by a part of their name.
const CREDENTIALS: [&str; 8] = ["token", "secret", "password", "passwd", "signature", "sig", "credential", "api_key"];

/// Endings of names that no public server has (RFC 6761, RFC 6762, RFC 8375, ICANN's `.internal`, and custom).
const PRIVATE: [&str; 10] = [".local", ".localhost", ".internal", ".intranet", ".lan", ".corp", ".home", ".home.arpa", ".test", ".invalid"];

/// What embedded forges and registries end with.
const REHEARSAL: &str = ".embedded";

static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\b(?:https?|ssh|git|ftp)://(?:[^\s<>()\[\]`'|/@]*@)?(?:\[[0-9a-f:.]+\])?[^\s<>()\[\]`'|]*").ok());

/// Tokens by the forms their makers gave them: GitHub, GitLab, Slack, Amazon, npm, PyPI, and keys in PEM.
static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)\b(?:
            gh[pousr]_[A-Za-z0-9]{20,} | github_pat_[A-Za-z0-9_]{20,} | gl(?:pat|rt|dt|cbt|ptt|ft|soat)-[A-Za-z0-9_\-\.]{16,}
            | xox[abposr]-[A-Za-z0-9-]{10,} | (?:AKIA|ASIA)[A-Z0-9]{16} | npm_[A-Za-z0-9]{30,} | pypi-[A-Za-z0-9_-]{30,}
        )\b | -----BEGIN\ [A-Z\ ]*PRIVATE\ KEY-----",
    )
    .ok()
});

/// The text without them. Addresses at `home`, the host and port of the forge it is meant for, stay.
pub fn scrub(text: &str, home: &str) -> String {
    let text = match &*TOKEN {
        Some(token) => token.replace_all(text, MASK),
        None => text.into(),
    };
    match &*ADDRESS {
        Some(address) => address.replace_all(&text, |found: &regex::Captures<'_>| cleaned(&found[0], home)).into_owned(),
        None => text.into_owned(),
    }
}

/// Does a host, with or without a port and a path, only lead somewhere inside a network? What a rehearsal is made of does.
pub fn leads_inside(host: &str) -> bool {
    // A bucket is no host.
    if host.contains("://") {
        return false;
    }
    let name = host.split('/').next().unwrap_or(host);
    let rehearsal = name.split(':').next().is_some_and(|name| name.ends_with(REHEARSAL));
    rehearsal || Url::parse(&format!("http://{name}/")).is_ok_and(|url| is_private(&url))
}

/// May a release at the forge `home` tell of what is at `other`? What only leads inside is told only inside.
pub fn may_tell(home: &str, other: &str) -> bool {
    leads_inside(home) || !leads_inside(other)
}

fn cleaned(found: &str, home: &str) -> String {
    // What ends a sentence is not the address's.
    let address = found.trim_end_matches(['.', ',', ';', ':', '!', '?', '"', '*', '_']);
    let rest = &found[address.len()..];
    let Ok(mut url) = Url::parse(address) else { return found.to_owned() };
    let Some(host) = url.host_str() else { return found.to_owned() };
    let with_port = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    if is_private(&url) && with_port != home.split('/').next().unwrap_or_default() {
        return format!("{INSIDE}{rest}");
    }
    let secret = |name: &str| CREDENTIALS.iter().any(|word| name.to_ascii_lowercase().contains(word));
    let tells = url.query_pairs().any(|(name, _)| secret(&name));
    if url.username().is_empty() && url.password().is_none() && !tells {
        return found.to_owned();
    }
    let _has_none = url.set_username("").and_then(|()| url.set_password(None));
    if tells {
        url.set_query(None);
    }
    format!("{url}{rest}")
}

fn is_private(url: &Url) -> bool {
    match url.host() {
        None => false,
        Some(url::Host::Ipv4(ip)) => ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified(),
        Some(url::Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            !name.contains('.') || PRIVATE.iter().any(|ending| name.ends_with(ending))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_lead_inside_or_outside() {
        for inside in ["127.0.0.1:5000", "registry:5000", "[::1]:9", "harbor.corp", "hub.embedded", "10.0.0.7/acme", "git.acme.internal/x"]
        {
            assert!(leads_inside(inside), "{inside}");
        }
        for outside in ["ghcr.io", "registry.acme.dev:8443", "docker.io/acme", "8.8.8.8", "s3://bucket/prefix"] {
            assert!(!leads_inside(outside), "{outside}");
        }
    }

    #[test]
    fn what_leads_inside_or_opens_a_door_is_gone() {
        for (text, clean) in [
            ("see https://user:hunter2@git.acme.dev/x.", "see https://git.acme.dev/x."),
            ("at http://jenkins:8080/job/1, ok", "at (internal address), ok"),
            ("<http://10.1.2.3/a> and https://ci.acme.internal/b", "<(internal address)> and (internal address)"),
            ("[log](http://[::1]:9/x)", "[log]((internal address))"),
            ("https://acme.dev/x?a=1&X-Amz-Signature=abc", "https://acme.dev/x"),
            ("ghp_0123456789abcdefghijABCDEF", "***"),
            ("it was glpat-0123456789abcdefghij, sorry", "it was ***, sorry"),
            ("https://acme.dev/x?page=2 stays", "https://acme.dev/x?page=2 stays"),
            ("http://git.lan:3000/a/b at home", "http://git.lan:3000/a/b at home"),
            ("no address: a://b, http:// and 10.1.2.3", "no address: a://b, http:// and 10.1.2.3"),
        ] {
            assert_eq!(scrub(text, "git.lan:3000"), clean, "{text}");
        }
    }
}
