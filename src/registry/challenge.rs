//! `WWW-Authenticate` (RFC 9110 §11.6.1): what a registry wants to see.

/// Longer headers are not read.
const MAX_HEADER: usize = 16 * 1024;

/// One challenge: a scheme and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// `bearer`, `basic`, …; lower case.
    pub scheme: String,
    params: Vec<(String, String)>,
}

impl Challenge {
    /// A parameter by its lower-case name.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All challenges of a header value. Several may share one header, and quoted values may hold commas: scopes do.
    pub fn parse_all(header: &str) -> Vec<Self> {
        let mut challenges: Vec<Self> = Vec::new();
        let mut rest = header.get(..MAX_HEADER).unwrap_or(header);
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let end = rest.find(|c: char| !is_token_char(c)).unwrap_or(rest.len());
            if end == 0 {
                // Something that is no token: step over it, or stop at the end.
                match rest.char_indices().nth(1) {
                    Some((next, _)) => rest = &rest[next..],
                    None => return challenges,
                }
                continue;
            }
            let token = rest[..end].to_ascii_lowercase();
            let after = rest[end..].trim_start_matches([' ', '\t']);
            match (after.strip_prefix('='), challenges.last_mut()) {
                (Some(value), Some(challenge)) => {
                    let (value, left) = take_value(value.trim_start_matches([' ', '\t']));
                    challenge.params.push((token, value));
                    rest = left;
                }
                (Some(value), None) => rest = take_value(value).1,
                (None, _) => {
                    challenges.push(Self { scheme: token, params: Vec::new() });
                    rest = after;
                }
            }
        }
    }

    /// The challenge to answer: Bearer before Basic, as a registry that offers both prefers tokens.
    pub fn choose<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Self> {
        let all: Vec<Self> = headers.flat_map(Self::parse_all).collect();
        let by_scheme = |scheme: &str| all.iter().find(|challenge| challenge.scheme == scheme).cloned();
        by_scheme("bearer").filter(|challenge| challenge.param("realm").is_some()).or_else(|| by_scheme("basic"))
    }
}

// A quoted string or a token; what is left after it.
fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

// RFC 9110 §5.6.2, `tchar`.
fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(header: &str) -> Challenge {
        Challenge::choose(std::iter::once(header)).expect("a challenge")
    }

    #[test]
    fn keeps_commas_inside_quotes() {
        let text = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:acme/app:pull,push""#;
        let challenge = one(text);
        assert_eq!(challenge.scheme, "bearer");
        assert_eq!(challenge.param("realm"), Some("https://auth.docker.io/token"));
        assert_eq!(challenge.param("scope"), Some("repository:acme/app:pull,push"));
    }

    #[test]
    fn reads_what_servers_write() {
        for (text, scheme, name, value) in [
            ("Basic realm=\"Registry Realm\"", "basic", "realm", "Registry Realm"),
            ("basic realm=plain", "basic", "realm", "plain"),
            ("Bearer realm = \"https://a/t\" , service = x", "bearer", "service", "x"),
            ("Basic realm=\"a\", Bearer realm=\"https://b/t\",scope=\"x,y\"", "bearer", "scope", "x,y"),
            ("Bearer realm=\"https://b/t\\\"q\"", "bearer", "realm", "https://b/t\"q"),
            ("Negotiate, Basic realm=\"z\"", "basic", "realm", "z"),
            ("BEARER Realm=\"https://b/t\",error=\"insufficient_scope\"", "bearer", "error", "insufficient_scope"),
        ] {
            let challenge = one(text);
            assert_eq!((challenge.scheme.as_str(), challenge.param(name)), (scheme, Some(value)), "{text}");
        }
    }

    #[test]
    fn survives_nonsense() {
        for text in ["", ",,,", "=", "Bearer", "Bearer realm", "\"", "Bearer realm=\"unterminated", "é=1, Basic", "Digest realm=\"x\""] {
            let _some_or_none = Challenge::choose(std::iter::once(text));
        }
        assert_eq!(Challenge::choose(std::iter::once("Digest realm=\"x\"")), None);
        // A bearer challenge without a realm cannot be answered.
        assert_eq!(Challenge::choose(std::iter::once("Bearer service=\"x\"")), None);
    }
}
