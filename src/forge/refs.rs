//! Git's own protocol, as far as tags need it: what a tag names, and moving one without a moment in which it is gone.
//!
//! The forges' APIs make and delete tags and cannot move them, and GitLab's takes no job token for them; git's smart HTTP
//! does all of it with the same tokens (git: "gitprotocol-http", "gitprotocol-pack", version 0).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::api::is_torn;
use super::error::{ForgeError, ForgeErrorKind};
use crate::core::Secret;
use crate::http::{self, Body, Method, Replay, Request, StatusCode, header};

/// The most an advertisement may weigh: about 200 000 refs.
const MOST: usize = 16 << 20;

/// A pack without objects: what it moves to is there already. Header, version 2, no entries, SHA-1 of the twelve bytes.
const EMPTY_PACK: [u8; 32] = [
    b'P', b'A', b'C', b'K', 0, 0, 0, 2, 0, 0, 0, 0, 0x02, 0x9d, 0x08, 0x82, 0x3b, 0xd8, 0xa8, 0xea, 0xb5, 0x10, 0xad, 0x6a, 0xc7, 0x5c,
    0x82, 0x3c, 0xfd, 0x3e, 0xd3, 0x1e,
];

/// One repository as git reaches it.
#[derive(Debug, Clone)]
pub struct Refs {
    http: http::Client,
    repository: Url,
    login: Option<(&'static str, Secret)>,
}

/// A tag as a repository advertises it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRef {
    /// Object the ref names: a commit, or an annotated tag.
    pub object: String,
    /// Commit it leads to.
    pub commit: String,
}

impl Refs {
    /// `repository` is what `git clone` takes; `login` a user name that forges ignore, and the token.
    pub fn new(http: http::Client, repository: Url, login: Option<(&'static str, Secret)>) -> Self {
        Self { http, repository, login }
    }

    /// What a tag names; `None` when there is none.
    pub async fn tag(&self, name: &str, cancel: &CancellationToken) -> Result<Option<TagRef>, ForgeError> {
        let mut url = self.address(&["info", "refs"]);
        url.set_query(Some("service=git-upload-pack"));
        let budget = self.http.budget();
        let request = self.request(Method::GET, url).budget(&budget);
        let bytes = loop {
            let response = self.http.send(&request, cancel).await?;
            let status = response.status();
            if !status.is_success() {
                return Err(self.refused("read the tags of", status));
            }
            match response.bytes(MOST).await {
                Ok(bytes) => break bytes,
                Err(error) if is_torn(&error) && budget.spend(cancel).await => {}
                Err(error) => return Err(error.into()),
            }
        };
        let lines = packets(&bytes).ok_or_else(|| self.nonsense())?;
        Ok(find(&lines, name))
    }

    /// Moves a tag from `old`, the object it names, to a commit the repository has. Nothing happens when the tag names
    /// something else by now: kind `Conflict`.
    pub async fn move_tag(&self, name: &str, old: &str, new: &str, cancel: &CancellationToken) -> Result<(), ForgeError> {
        let command = format!("{old} {new} refs/tags/{name}\0 report-status agent=stagefreight");
        let mut body = format!("{:04x}{command}0000", command.len() + 4).into_bytes();
        body.extend_from_slice(&EMPTY_PACK);
        let request = self
            .request(Method::POST, self.address(&["git-receive-pack"]))
            .header(header::CONTENT_TYPE, "application/x-git-receive-pack-request")
            // The old value makes it safe: a second time it names something else and is refused.
            .replay(Replay::Once)
            .body(Body::Bytes(body.into()));
        let response = self.http.send(&request, cancel).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused("move a tag of", status));
        }
        // What it names now tells whether it moved.
        let unclear = |error: http::HttpError| ForgeError { kind: ForgeErrorKind::Ambiguous, ..error.into() };
        let bytes = response.bytes(MOST).await.map_err(unclear)?;
        let said = String::from_utf8_lossy(&bytes);
        if said.contains(&format!("ok refs/tags/{name}")) {
            return Ok(());
        }
        let why: String = said
            .lines()
            .find_map(|line| line.split_once(&format!("ng refs/tags/{name} ")))
            .map_or_else(|| "no report".to_owned(), |(_, why)| why.chars().filter(|ch| !ch.is_control()).take(200).collect());
        Err(ForgeError::new(ForgeErrorKind::Conflict, format!("cannot move tag {name} of {}: {why}", self.shown()))
            .hint("somebody else moved it, or the forge protects it; look at it and run publish again"))
    }

    fn address(&self, segments: &[&str]) -> Url {
        let mut url = self.repository.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    fn request(&self, method: Method, url: Url) -> Request {
        let authorization = self.login.as_ref().map(|(user, token)| {
            let pair = format!("{user}:{}", token.expose());
            Secret::new(format!("Basic {}", STANDARD.encode(pair)))
        });
        Request::new(method, url).authorization(authorization)
    }

    fn shown(&self) -> String {
        crate::core::SafeUrl::new(self.repository.clone()).to_string()
    }

    fn refused(&self, doing: &str, status: StatusCode) -> ForgeError {
        let kind = match status.as_u16() {
            401 => ForgeErrorKind::Unauthorized,
            403 => ForgeErrorKind::Denied,
            404 => ForgeErrorKind::NotFound,
            429 => ForgeErrorKind::RateLimited,
            500.. => ForgeErrorKind::Unavailable,
            _ => ForgeErrorKind::Rejected,
        };
        ForgeError::new(kind, format!("cannot {doing} {}: git's protocol answered {}", self.shown(), status.as_u16()))
            .status(status.as_u16())
            .hint("may the token read and, for tags that move, write the repository?")
    }

    fn nonsense(&self) -> ForgeError {
        let text = format!("{} answered something else than git's protocol promises", self.shown());
        ForgeError::new(ForgeErrorKind::Protocol, text).hint("is `url` the address of the forge?")
    }
}

/// The lines of a stream of packets; `None` when it is none. A flush packet is no line.
fn packets(mut bytes: &[u8]) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    while !bytes.is_empty() {
        let length = usize::from_str_radix(std::str::from_utf8(bytes.get(..4)?).ok()?, 16).ok()?;
        let length = if length == 0 { 4 } else { length };
        let line = bytes.get(4..length)?;
        if !line.is_empty() {
            lines.push(String::from_utf8_lossy(line).trim_end().to_owned());
        }
        bytes = &bytes[length..];
    }
    Some(lines)
}

fn find(lines: &[String], name: &str) -> Option<TagRef> {
    let named = |wanted: &str| {
        lines.iter().find_map(|line| {
            let (object, rest) = line.split_once(' ')?;
            let found = rest.split('\0').next()?;
            (found == wanted && is_object(object)).then(|| object.to_owned())
        })
    };
    let object = named(&format!("refs/tags/{name}"))?;
    // An annotated tag is followed by what it leads to.
    let commit = named(&format!("refs/tags/{name}^{{}}")).unwrap_or_else(|| object.clone());
    Some(TagRef { object, commit })
}

fn is_object(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotated_tag_leads_to_its_commit() {
        let (one, two, three) = ("1".repeat(40), "2".repeat(40), "3".repeat(40));
        let packet = |line: String| format!("{:04x}{line}", line.len() + 4);
        let mut text = packet("# service=git-upload-pack\n".to_owned());
        text.push_str("0000");
        text.push_str(&packet(format!("{one} HEAD\0multi_ack\n")));
        text.push_str(&packet(format!("{two} refs/tags/v1\n")));
        text.push_str(&packet(format!("{three} refs/tags/v1^{{}}\n")));
        text.push_str(&packet(format!("{one} refs/tags/v10\n")));
        text.push_str("0000");
        let lines = packets(text.as_bytes()).expect("packets");
        assert_eq!(find(&lines, "v1"), Some(TagRef { object: two, commit: three }));
        assert_eq!(find(&lines, "v10").map(|found| found.commit), Some(one));
        assert_eq!(find(&lines, "v"), None);
    }

    #[test]
    fn what_is_no_packet_is_not_read() {
        for bad in ["<html>", "00", "0010short", "zzzz"] {
            assert_eq!(packets(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(packets(b"0000"), Some(Vec::new()));
    }
}
