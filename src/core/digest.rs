//! Content digests as the OCI image specification writes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256, Sha512};

/// A hash algorithm registered by the OCI image specification ("Registered algorithms").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256: 64 hex characters. Everything StageFreight makes uses it.
    Sha256,
    /// SHA-512: 128 hex characters. Read and carried along, never chosen by us.
    Sha512,
}

impl Algorithm {
    /// The name before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn hex_len(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// `algorithm:hex`, checked: a registered algorithm and exactly the right number of lower-case hex digits.
///
/// The strictness is deliberate (spec/manifest.md §10.9): a digest becomes part of file names and URLs.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    text: Box<str>,
    algorithm: Algorithm,
}

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no `:`.
    #[error("`{0}` is not a digest: expected `sha256:` and 64 lower-case hex digits")]
    Shape(String),
    /// The algorithm is neither sha256 nor sha512.
    #[error("digest `{0}` uses an unsupported algorithm: expected sha256 or sha512")]
    Algorithm(String),
}

impl Digest {
    /// The SHA-256 digest of bytes held in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_raw(Algorithm::Sha256, &Sha256::digest(bytes))
    }

    /// The algorithm before the colon.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hex digits after the colon.
    pub fn hex(&self) -> &str {
        &self.text[self.algorithm.name().len() + 1..]
    }

    /// The whole text, `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first twelve hex digits with the algorithm, for screens; JSON always carries the whole.
    pub fn short(&self) -> &str {
        &self.text[..self.algorithm.name().len() + 1 + 12]
    }

    /// Starts hashing with this digest's algorithm, to check bytes against it.
    pub fn digester(&self) -> Digester {
        Digester::new(self.algorithm)
    }

    fn from_raw(algorithm: Algorithm, raw: &[u8]) -> Self {
        let text = format!("{}:{}", algorithm.name(), base16ct::lower::encode_string(raw));
        Self { text: text.into(), algorithm }
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        // Foreign text may be long: an error quotes at most what a digest can be.
        let quoted = || text.chars().take(160).collect::<String>();
        let Some((name, hex)) = text.split_once(':') else {
            return Err(DigestError::Shape(quoted()));
        };
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            _ => return Err(DigestError::Algorithm(quoted())),
        };
        let well_formed = hex.len() == algorithm.hex_len() && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !well_formed {
            return Err(DigestError::Shape(quoted()));
        }
        Ok(Self { text: text.into(), algorithm })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Incremental hashing, for bytes that stream by.
#[derive(Debug, Clone)]
pub enum Digester {
    /// SHA-256 in progress.
    Sha256(Sha256),
    /// SHA-512 in progress.
    Sha512(Box<Sha512>),
}

impl Digester {
    /// Starts with no bytes.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Box::new(Sha512::new())),
        }
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    /// The digest of everything taken in.
    pub fn finish(self) -> Digest {
        match self {
            Self::Sha256(hash) => Digest::from_raw(Algorithm::Sha256, &hash.finalize()),
            Self::Sha512(hash) => Digest::from_raw(Algorithm::Sha512, &hash.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_empty_digest() {
        let digest = Digest::of(b"");
        assert_eq!(digest.as_str(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(digest.short(), "sha256:e3b0c44298fc");
    }

    #[test]
    fn refuses_everything_that_could_leave_a_directory() {
        let hex = "a".repeat(64);
        for bad in [
            "sha256".to_owned(),
            format!("sha256:{}", "A".repeat(64)),
            format!("sha256:{}", &hex[1..]),
            format!("sha256:../{}", &hex[3..]),
            format!("md5:{hex}"),
            format!("sha512:{hex}"),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
        assert!(format!("sha256:{hex}").parse::<Digest>().is_ok());
    }
}
