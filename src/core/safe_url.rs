//! URLs that can be printed.

use std::fmt;

use url::Url;

/// A URL whose `Display` leaves out user information, query and fragment: upload sessions and redirects carry
/// signatures and tokens there.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SafeUrl(Url);

impl SafeUrl {
    /// Wraps a URL for printing.
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The whole URL, for the one place that sends it.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or(""))?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(self.0.path())
    }
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_no_credentials() {
        let url = Url::parse("https://user:pass@host:8443/v2/x?_state=secret#f").map(SafeUrl::new);
        assert_eq!(url.map(|u| u.to_string()), Ok("https://host:8443/v2/x".to_owned()));
    }
}
