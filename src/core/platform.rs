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

    /// The same platform under its usual name: aliases of architectures resolved, and the variant BuildKit would write
    /// into an index (`linux/arm` is `linux/arm/v7`, `linux/amd64/v1` is `linux/amd64`), as containerd normalises them.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let (arch, variant) = match (self.arch.as_str(), self.variant.as_deref()) {
            ("x86_64" | "x86-64" | "amd64", None | Some("v1")) => ("amd64", None),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", None | Some("8" | "v8")) => ("arm64", None),
            ("aarch64", variant) => ("arm64", variant),
            ("i386" | "x86", variant) => ("386", variant),
            ("armhf" | "arm", None | Some("7")) => ("arm", Some("v7")),
            ("armhf", variant) => ("arm", variant),
            ("armel", None) => ("arm", Some("v6")),
            (arch, variant) => (arch, variant),
        };
        let os = if self.os == "macos" { "darwin" } else { &self.os };
        Self { os: os.to_owned(), arch: arch.to_owned(), variant: variant.map(str::to_owned) }
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
        for (text, usual) in [
            ("linux/x86_64", "linux/amd64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/v6", "linux/arm/v6"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/i386", "linux/386"),
        ] {
            assert_eq!(text.parse::<Platform>().map(|p| p.normalized().to_string()), Ok(usual.to_owned()));
        }
        for bad in ["linux", "linux/", "/amd64", "a/b/c/d", "linux/amd 64"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }
}
