//! One `--from`: a path, and which build it is when that is said.

use std::path::PathBuf;
use std::str::FromStr;

/// `PATH`, or `BUILD=PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Build whose image it is.
    pub build: Option<String>,
    /// Where it lies, relative to the current directory.
    pub path: PathBuf,
    /// The path as it was given.
    pub shown: String,
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let (build, path) = match text.split_once('=') {
            Some((build, path)) if is_id(build) => (Some(build.to_owned()), path),
            _ => (None, text),
        };
        if path.is_empty() {
            return Err("expected a path, or BUILD=PATH".to_owned());
        }
        Ok(Self { build, path: PathBuf::from(path), shown: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn a_build_stands_before_its_path() {
        let of = |text: &str| text.parse::<Source>().map(|source| (source.build, source.shown));
        assert_eq!(of("dist"), Ok((None, "dist".to_owned())));
        assert_eq!(of("app=out/image.tar"), Ok((Some("app".to_owned()), "out/image.tar".to_owned())));
        assert_eq!(of("./a=b/image.tar"), Ok((None, "./a=b/image.tar".to_owned())));
        assert!(of("app=").is_err());
        assert!(of("").is_err());
    }
}
