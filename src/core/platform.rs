//! Platforms as OCI indexes and Docker's `--platform` name them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `os/arch[/variant]` in the vocabulary of Go's `GOOS`/`GOARCH` (OCI image index, `platform`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Platform {
    /// `linux`, `windows`, …
    pub os: String,
    /// `amd64`, `arm64`, …
    pub arch: String,
    /// `v7` in `linux/arm/v7`.
    pub variant: Option<String>,
}

/// The text is not `os/arch` or `os/arch/variant`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform: expected `os/arch` or `os/arch/variant`, such as linux/amd64")]
pub struct PlatformError(String);

impl Platform {
    /// A platform without a variant.
    pub fn new(os: &str, arch: &str) -> Self {
        Self { os: os.to_owned(), arch: arch.to_owned(), variant: None }
    }

    /// The platform images get when nothing is said: linux on this machine's architecture.
    pub fn host() -> Self {
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            other => other,
        };
        Self::new("linux", arch)
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let word =
            |s: &str| !s.is_empty() && s.len() <= 32 && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [os, arch] if word(os) && word(arch) => Ok(Self::new(os, arch)),
            [os, arch, variant] if word(os) && word(arch) && word(variant) => {
                // `arm64/v8` is what Docker reports for plain arm64 and means the same.
                let variant = if *arch == "arm64" && *variant == "v8" { None } else { Some((*variant).to_owned()) };
                Ok(Self { variant, ..Self::new(os, arch) })
            }
            _ => Err(PlatformError(text.chars().take(100).collect())),
        }
    }
}

impl TryFrom<String> for Platform {
    type Error = PlatformError;

    fn try_from(text: String) -> Result<Self, PlatformError> {
        text.parse()
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> Self {
        platform.to_string()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        self.variant.as_ref().map_or(Ok(()), |v| write!(f, "/{v}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for text in ["linux/amd64", "linux/arm/v7"] {
            assert_eq!(text.parse::<Platform>().map(|p| p.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("linux/arm64/v8".parse::<Platform>().map(|p| p.to_string()), Ok("linux/arm64".to_owned()));
        for bad in ["linux", "linux/", "/amd64", "a/b/c/d", "linux/amd 64"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }
}
