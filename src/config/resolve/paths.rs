//! Paths that config names: relative to the repository, inside it, clean (spec/build.md T.0).

use crate::config::decode::Cx;
use crate::config::problem::Problem;
use crate::config::span::Text;

/// Checks a path and gives it without a leading `./`; `.` is the repository itself.
pub fn inside(path: &Text, what: &str, cx: &mut Cx) -> Option<String> {
    match clean(&path.value) {
        Ok(clean) => Some(clean),
        Err(reason) => {
            let message = format!("{what} `{}` {reason}", path.value.escape_debug());
            cx.report(Problem::at(path.span, message).hint("name a path inside the repository, such as `build/Dockerfile`"));
            None
        }
    }
}

fn clean(path: &str) -> Result<String, &'static str> {
    if path.is_empty() {
        return Err("is empty");
    }
    if path.chars().any(char::is_control) {
        return Err("contains a control character");
    }
    if path.starts_with('/') {
        return Err("is absolute");
    }
    if path.starts_with('~') {
        return Err("begins with `~`, which nothing expands here");
    }
    if path.contains('\\') {
        return Err("contains a backslash; use `/`");
    }
    if path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic() {
        return Err("begins with a drive letter");
    }
    let rest = path.strip_prefix("./").unwrap_or(path);
    if rest.is_empty() || rest == "." {
        return Ok(".".to_owned());
    }
    for part in rest.split('/') {
        match part {
            ".." => return Err("leaves the repository with `..`"),
            "" | "." => return Err("is not clean: remove empty parts, `.` and a closing `/`"),
            _ => {}
        }
    }
    Ok(rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn accepts_paths_inside_and_refuses_all_others() {
        for (path, expected) in [("Dockerfile", "Dockerfile"), ("./a/b", "a/b"), (".", "."), ("./", "."), ("a..b/c", "a..b/c")] {
            assert_eq!(clean(path).as_deref(), Ok(expected));
        }
        for bad in ["", "/a", "~/a", "C:/a", "a/../b", "..", "a//b", "a/", "a/./b", "a\\b", "a\nb"] {
            assert!(clean(bad).is_err(), "{bad:?}");
        }
    }
}
