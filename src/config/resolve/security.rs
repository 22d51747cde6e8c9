//! `security`: patterns compiled, sizes read.

use indexmap::IndexMap;

use crate::config::decode::Cx;
use crate::config::problem::Problem;
use crate::config::resolved::{BaseImagePattern, Security};
use crate::config::span::Text;
use crate::config::written;
use crate::core::ByteSize;

/// Resolves the section.
pub fn resolve(security: Option<written::Security>, cx: &mut Cx) -> Security {
    let Some(security) = security else { return Security::default() };
    let written::Security {
        base_images,
        max_image_size,
        required_labels,
        secret_scan,
        // Reported as not supported yet when they were read.
        scanners: _,
        fail_on: _,
        fail_on_critical: _,
        unreachable_vulns: _,
        sbom: _,
        output: _,
        release_detail: _,
        enabled: _,
        required: _,
    } = security;
    let base_images = base_images.unwrap_or_default().iter().filter_map(|pattern| base_image(pattern, cx)).collect();
    let max_image_size = max_image_size.and_then(|text| match text.value.parse::<ByteSize>() {
        Ok(ByteSize(0)) => {
            cx.report(Problem::at(text.span, "`max_image_size` is 0, so no image would pass").hint("leave it out for any size"));
            None
        }
        Ok(size) => Some(size),
        Err(error) => {
            cx.report(Problem::at(text.span, error.to_string()).hint("such as `max_image_size: 200MiB`"));
            None
        }
    });
    let mut labels = IndexMap::new();
    for (name, value) in required_labels.map(|labels| labels.0).unwrap_or_default() {
        if name.value.trim().is_empty() {
            cx.report(Problem::at(name.span, "a label has a name"));
        }
        labels.insert(name.value, value.map(|value| value.value));
    }
    Security { base_images, max_image_size, required_labels: labels, secret_scan: secret_scan.unwrap_or(true) }
}

/// Compiles a pattern over full names (`host/path[:tag]`): `debian:*` means `docker.io/library/debian:*`, and a
/// pattern without a tag matches every tag. `*` does not cross a `/`.
fn base_image(pattern: &Text, cx: &mut Cx) -> Option<BaseImagePattern> {
    let whole = expand_name(&pattern.value);
    let glob = globset::GlobBuilder::new(&whole).literal_separator(true).empty_alternates(true).build();
    match glob {
        Ok(glob) if !pattern.value.trim().is_empty() => {
            Some(BaseImagePattern { text: pattern.value.clone(), glob: glob.compile_matcher() })
        }
        Ok(_) => {
            cx.report(Problem::at(pattern.span, "an empty base image pattern").hint("such as `gcr.io/distroless/*`"));
            None
        }
        Err(error) => {
            let message = format!("`{}` is not a base image pattern: {}", pattern.value, error.kind());
            cx.report(Problem::at(pattern.span, message).hint("such as `gcr.io/distroless/*` or `debian:*`"));
            None
        }
    }
}

fn expand_name(pattern: &str) -> String {
    let name = match pattern.split_once('/') {
        None if pattern.contains('*') && !pattern.contains(':') => pattern.to_owned(),
        None => format!("docker.io/library/{pattern}"),
        Some((first, _)) if first.contains(['.', ':', '*', '{', '[', '?']) || first == "localhost" => pattern.to_owned(),
        Some(_) => format!("docker.io/{pattern}"),
    };
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@', '}']) || last == "**" { name } else { format!("{name}{{,:*,@*}}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::span::{Span, Spanned};

    #[test]
    fn patterns_match_full_names() {
        let matches = |pattern: &str, name: &str| {
            let mut cx = Cx::default();
            let text = Spanned { value: pattern.to_owned(), span: Span::default() };
            base_image(&text, &mut cx).expect("a pattern").glob.is_match(name)
        };
        assert!(matches("gcr.io/distroless/*", "gcr.io/distroless/static:nonroot"));
        assert!(matches("gcr.io/distroless/*", "gcr.io/distroless/static@sha256:aa"));
        assert!(!matches("gcr.io/distroless/*", "gcr.io/distroless/a/b"));
        assert!(!matches("gcr.io/distroless/*", "evil.io/gcr.io/distroless/static"));
        assert!(matches("debian:*", "docker.io/library/debian:12"));
        assert!(!matches("debian:12", "docker.io/library/debian:11"));
        assert!(matches("debian", "docker.io/library/debian:11"));
        assert!(!matches("debian", "docker.io/library/debian-evil:11"));
        assert!(matches("acme/*", "docker.io/acme/base:1"));
        assert!(matches("**", "ghcr.io/a/b:1"));
    }
}
