//! Recognising secrets in places that end up in an image for everyone to read.

use crate::core::secret::MASK;

/// Prefixes of tokens whose issuers made them recognisable.
const TOKEN_PREFIXES: [(&str, &str); 14] = [
    ("ghp_", "a GitHub token"),
    ("gho_", "a GitHub token"),
    ("ghs_", "a GitHub token"),
    ("github_pat_", "a GitHub token"),
    ("glpat-", "a GitLab token"),
    ("gldt-", "a GitLab deploy token"),
    ("glcbt-", "a GitLab job token"),
    ("npm_", "an npm token"),
    ("pypi-", "a PyPI token"),
    ("xoxb-", "a Slack token"),
    ("xoxp-", "a Slack token"),
    ("dckr_pat_", "a Docker Hub token"),
    ("AKIA", "an AWS access key"),
    ("sk_live_", "a Stripe key"),
];

/// Words in a name that say its value is secret.
const SECRET_WORDS: [&str; 8] = ["TOKEN", "PASSWORD", "PASSWD", "SECRET", "PRIVATE_KEY", "API_KEY", "APIKEY", "ACCESS_KEY"];

/// Why a name with a value looks like a secret, as the end of a sentence; `None` when it does not. An empty name asks
/// about the value alone. The answer never contains the value.
pub fn looks_secret(name: &str, value: &str) -> Option<String> {
    if value == MASK {
        return Some("held a secret, which was masked when the plan was written".to_owned());
    }
    if value.contains("-----BEGIN") && value.contains("PRIVATE KEY-----") {
        return Some("contains a private key".to_owned());
    }
    let words = value.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    for word in words {
        for (prefix, what) in TOKEN_PREFIXES {
            if word.strip_prefix(prefix).is_some_and(|rest| rest.len() >= 12) {
                return Some(format!("contains {what}"));
            }
        }
    }
    let name = name.to_ascii_uppercase().replace(['-', '.'], "_");
    let by_name = SECRET_WORDS.iter().any(|word| name == *word || name.ends_with(&format!("_{word}")));
    // `TOKEN_FILE=/run/secrets/token` and `PASSWORD=$PASSWORD` point at a secret without holding it.
    let holds = value.len() >= 6 && !value.starts_with('/') && !value.starts_with('$');
    (by_name && holds).then(|| "is named like a secret and has a value".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_secrets_from_their_neighbours() {
        for (name, value) in [
            ("NPM_TOKEN", "abcdef0123"),
            ("db-password", "hunter22"),
            ("X", "ghp_0123456789abcdef"),
            ("", "curl -H 'Authorization: glpat-0123456789abc' x"),
            ("KEY", "-----BEGIN RSA PRIVATE KEY-----\nx"),
        ] {
            assert!(looks_secret(name, value).is_some(), "{name}={value}");
        }
        for (name, value) in [
            ("PATH", "/usr/bin"),
            ("TOKEN_FILE", "/run/secrets/token"),
            ("PASSWORD", ""),
            ("TOKENIZER", "wordpiece-large"),
            ("VERSION", "1.2.3"),
            ("API_TOKEN", "$API_TOKEN"),
            ("", "COPY npm_config /x"),
        ] {
            assert!(looks_secret(name, value).is_none(), "{name}={value}");
        }
    }
}
