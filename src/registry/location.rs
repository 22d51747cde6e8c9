//! Where an upload session continues (distribution specification, "Pushing blobs": `Location`).

use super::provider::Provider;
use crate::core::Digest;
use crate::http::Url;

/// Why a session's address is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// There is none, or it is no URL.
    #[error("the registry opened an upload session without a usable Location")]
    Unusable,
    /// It leads to another host.
    #[error("the registry sends the upload to another host, {0}")]
    OtherHost(String),
}

/// A session's address, and whether our credentials go there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The address as the registry gave it, query included.
    pub url: Url,
    /// It is the registry's own host.
    pub ours: bool,
}

impl Session {
    /// Joins a `Location`, relative or absolute, with the URL it answered.
    pub fn join(asked: &Url, location: Option<&str>, provider: &Provider) -> Result<Self, LocationError> {
        let mut url = location.filter(|text| !text.is_empty()).and_then(|text| asked.join(text).ok()).ok_or(LocationError::Unusable)?;
        let same_host = url.host_str() == asked.host_str();
        if same_host && asked.scheme() == "https" && url.scheme() == "http" {
            // A registry behind a proxy that ends TLS often writes its own idea of the scheme; never follow it down.
            let upgraded = url.set_scheme("https").and_then(|()| url.set_port(asked.port()));
            upgraded.map_err(|()| LocationError::Unusable)?;
        }
        let same_port = url.port_or_known_default() == asked.port_or_known_default();
        if same_host && same_port && url.scheme() == asked.scheme() {
            return Ok(Self { url, ours: true });
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        if url.scheme() == "https" && provider.upload_hosts.contains(&host.as_str()) {
            return Ok(Self { url, ours: false });
        }
        Err(LocationError::OtherHost(host))
    }

    /// The address that closes the session with a digest.
    pub fn closing(&self, digest: &Digest) -> Url {
        let mut url = self.url.clone();
        // `query_pairs_mut` would re-encode the registry's own state parameters, which some compare byte by byte.
        let query = match url.query() {
            Some(query) if !query.is_empty() => format!("{query}&digest={digest}"),
            _ => format!("digest={digest}"),
        };
        url.set_query(Some(&query));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::super::provider::of_host;
    use super::*;

    fn join(asked: &str, location: &str) -> Result<Session, LocationError> {
        let asked = Url::parse(asked).expect("URL");
        Session::join(&asked, Some(location), of_host(asked.host_str().expect("host")))
    }

    #[test]
    fn joins_what_registries_answer() {
        let asked = "https://r.example/v2/a/blobs/uploads/";
        let digest = Digest::of(b"");
        for (location, closing) in [
            ("/v2/a/blobs/uploads/u1", format!("https://r.example/v2/a/blobs/uploads/u1?digest={digest}")),
            ("u1?_state=a%2Fb~", format!("https://r.example/v2/a/blobs/uploads/u1?_state=a%2Fb~&digest={digest}")),
            ("https://r.example/up?x=1", format!("https://r.example/up?x=1&digest={digest}")),
            ("https://r.example:443/up", format!("https://r.example/up?digest={digest}")),
            ("http://r.example/up", format!("https://r.example/up?digest={digest}")),
        ] {
            let session = join(asked, location).expect(location);
            assert_eq!(session.closing(&digest).as_str(), closing);
            assert!(session.ours);
        }
        assert_eq!(
            join("https://r.example:8443/v2/", "http://r.example/up").map(|s| s.url.to_string()),
            Ok("https://r.example:8443/up".to_owned())
        );
    }

    #[test]
    fn goes_nowhere_else() {
        let other = |host: &str| Err(LocationError::OtherHost(host.to_owned()));
        assert_eq!(join("https://r.example/v2/", "https://evil.example/up"), other("evil.example"));
        assert_eq!(join("http://127.0.0.1:5000/v2/", "http://127.0.0.1:5001/up"), other("127.0.0.1"));
        assert_eq!(join("https://r.example/v2/", ""), Err(LocationError::Unusable));
        assert_eq!(join("https://gcr.io/v2/", "https://storage.googleapis.com/up").map(|s| s.ours), Ok(false));
    }
}
