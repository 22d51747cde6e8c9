//! Values that must never be printed, and the redactor that catches those that would be.

use std::borrow::Cow;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// A secret text. `Debug` prints `[redacted]`; there is no `Display` and no `Serialize`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a secret in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Replaces known secrets in text that came from elsewhere: child output, server messages, paths.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Vec<Secret>,
}

/// What stands in place of a secret.
pub const MASK: &str = "***";

// Shorter values ("1", "main") are never secrets worth masking and would blot out whole logs.
const MIN_SECRET_LEN: usize = 6;

impl Redactor {
    /// Remembers a secret, and the forms it takes in URLs and Basic authentication.
    pub fn learn(&mut self, secret: &Secret) {
        let text = secret.expose().trim();
        if text.len() < MIN_SECRET_LEN {
            return;
        }
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        for form in [text.to_owned(), encoded] {
            if !self.secrets.iter().any(|known| known.expose() == form) {
                self.secrets.push(Secret::new(form));
            }
        }
        // Longest first, so that a secret that contains another is masked whole.
        self.secrets.sort_by_key(|known| std::cmp::Reverse(known.expose().len()));
    }

    /// The text with every known secret replaced.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        for secret in &self.secrets {
            if clean.contains(secret.expose()) {
                clean = Cow::Owned(clean.replace(secret.expose(), MASK));
            }
        }
        clean
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.secrets.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_prints_what_it_holds() {
        let secret = Secret::new("hunter2!hunter2");
        assert_eq!(format!("{secret:?}"), "[redacted]");
        let mut redactor = Redactor::default();
        redactor.learn(&secret);
        redactor.learn(&Secret::new("main"));
        assert_eq!(redactor.redact("a hunter2!hunter2 b main"), "a *** b main");
        assert_eq!(redactor.redact("?p=hunter2%21hunter2"), "?p=***");
    }
}
