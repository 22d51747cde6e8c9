//! Repository addresses as a browser opens them.

use url::Url;

/// The web address of a repository, from its web or clone address: user information, query, fragment and `.git` are
/// left out, `git@host:group/project.git` and `ssh://` become `https://`. `None` for paths and what is no address.
pub fn web_url(text: &str) -> Option<String> {
    let text = text.trim();
    let full = match text.split_once("://") {
        Some(("http" | "https", _)) => text.to_owned(),
        // The port of ssh is not that of the web server.
        Some(("ssh" | "git+ssh" | "git", rest)) => {
            let (authority, path) = rest.split_once('/')?;
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            let host = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(host, _)| host);
            format!("https://{host}/{path}")
        }
        Some(_) => return None,
        // scp-like: git@host:path; a path has its slash before any colon
        None => {
            let (authority, path) = text.split_once(':').filter(|(authority, _)| !authority.contains('/'))?;
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("https://{host}/{}", path.trim_start_matches('/'))
        }
    };
    let url = Url::parse(&full).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    Some(format!("{}://{host}{port}{path}", url.scheme()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_credentials_and_machines_out() {
        for (text, expected) in [
            ("https://user:pass@github.com/acme/app.git", Some("https://github.com/acme/app")),
            ("https://oauth2:glpat-x@gitlab.acme.dev:8443/a/b/c.git?x=1#y", Some("https://gitlab.acme.dev:8443/a/b/c")),
            ("git@github.com:acme/app.git", Some("https://github.com/acme/app")),
            ("ssh://git@git.acme.dev:2222/acme/app.git", Some("https://git.acme.dev/acme/app")),
            ("git://host/x", Some("https://host/x")),
            ("http://127.0.0.1:3456/lab/demo", Some("http://127.0.0.1:3456/lab/demo")),
            ("https://github.com/acme/app/", Some("https://github.com/acme/app")),
            ("/srv/git/app.git", None),
            ("../app", None),
            ("file:///srv/git/app.git", None),
            ("not a url", None),
            ("", None),
        ] {
            assert_eq!(web_url(text).as_deref(), expected, "{text}");
        }
    }
}
