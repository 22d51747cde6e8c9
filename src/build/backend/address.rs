//! Addresses of daemons as people write them in `BUILDKIT_HOST`, `DOCKER_HOST`, docker contexts and nodes.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a daemon listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// `unix:///run/buildkit/buildkitd.sock`.
    Unix(PathBuf),
    /// `tcp://host:1234`; an IPv6 host without its brackets.
    Tcp {
        /// Name or number.
        host: String,
        /// Port.
        port: u16,
    },
    /// `ssh://user@host:22`, optionally with the path of a socket there.
    Ssh {
        /// What `ssh` logs in as; none = what its own config says.
        user: Option<String>,
        /// Name, number or alias of ssh's config.
        host: String,
        /// Port; none = what its own config says.
        port: Option<u16>,
        /// `/run/user/1000/docker.sock`.
        path: Option<String>,
    },
}

/// The port a docker engine listens on without TLS, and with it.
const ENGINE_PORTS: (u16, u16) = (2375, 2376);

impl Address {
    /// Reads `DOCKER_HOST`, whose port may be left out.
    pub fn of_engine(text: &str, tls: bool) -> Result<Self, String> {
        let port = if tls { ENGINE_PORTS.1 } else { ENGINE_PORTS.0 };
        parse(text, Some(port))
    }

    /// Does what listens there see this machine's files? Only a socket does; a port may be anywhere.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }
}

impl FromStr for Address {
    type Err = String;

    /// The reason is a fragment that goes on after `… cannot be used: `.
    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, None)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Ssh { user, host, port, path } => {
                f.write_str("ssh://")?;
                user.as_ref().map_or(Ok(()), |user| write!(f, "{user}@"))?;
                f.write_str(host)?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))?;
                path.as_ref().map_or(Ok(()), |path| f.write_str(path))
            }
        }
    }
}

fn parse(text: &str, default_port: Option<u16>) -> Result<Address, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err("it is not an address such as unix:///run/buildkit/buildkitd.sock or tcp://host:1234".to_owned());
    };
    match scheme {
        "unix" if rest.starts_with('/') => Ok(Address::Unix(PathBuf::from(rest))),
        "unix" => Err("a socket is named by its absolute path: unix:///path".to_owned()),
        "tcp" => {
            let (host, port) = host_port(rest.trim_end_matches('/'))?;
            let port = port.or(default_port).ok_or("the port is missing: tcp://host:1234")?;
            Ok(Address::Tcp { host, port })
        }
        "ssh" => ssh(rest),
        other => Err(format!("addresses of kind `{other}://` are not supported; use unix://, tcp:// or, for an engine, ssh://")),
    }
}

fn ssh(rest: &str) -> Result<Address, String> {
    let (authority, path) = match rest.find('/') {
        Some(at) if rest.len() > at + 1 => (&rest[..at], Some(rest[at..].to_owned())),
        Some(at) => (&rest[..at], None),
        None => (rest, None),
    };
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => return Err("a password does not belong into an address; use an SSH key".to_owned()),
        Some((user, host)) => (Some(user.to_owned()), host),
        None => (None, authority),
    };
    let (host, port) = host_port(host)?;
    // These become arguments of `ssh`: none may look like an option.
    if host.starts_with('-') || user.as_ref().is_some_and(|user| user.starts_with('-') || user.is_empty()) {
        return Err("its user or host is not a name".to_owned());
    }
    Ok(Address::Ssh { user, host, port, path })
}

fn host_port(text: &str) -> Result<(String, Option<u16>), String> {
    let bad_port = |port: &str| format!("`{port}` is not a port");
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("the bracket of its IPv6 address is not closed")?;
        let port = after.strip_prefix(':');
        if port.is_none() && !after.is_empty() {
            return Err(bad_port(after));
        }
        (host, port)
    } else {
        text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
    };
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@' | '?' | '#')) {
        return Err("its host is not a name".to_owned());
    }
    let port = port.map(|port| port.parse::<u16>().map_err(|_| bad_port(port))).transpose()?;
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write_and_writes_it_back() {
        for text in [
            "unix:///run/buildkit/buildkitd.sock",
            "tcp://buildkitd:1234",
            "tcp://[::1]:1234",
            "ssh://host",
            "ssh://me@host:2222",
            "ssh://me@host/run/user/1000/docker.sock",
        ] {
            assert_eq!(text.parse::<Address>().expect(text).to_string(), text);
        }
        assert_eq!(Address::of_engine("tcp://dind", true).expect("port").to_string(), "tcp://dind:2376");
        assert_eq!(Address::of_engine("tcp://dind/", false).expect("port").to_string(), "tcp://dind:2375");
    }

    #[test]
    fn refuses_the_rest_with_a_reason() {
        for (text, reason) in [
            ("buildkitd:1234", "not an address"),
            ("unix://run/x", "absolute path"),
            ("tcp://host", "port is missing"),
            ("tcp://host:port", "`port` is not a port"),
            ("tcp://:1", "its host"),
            ("tcp://[::1", "bracket"),
            ("npipe:////./pipe/docker", "`npipe://`"),
            ("docker-container://x", "`docker-container://`"),
            ("ssh://me:secret@host", "password"),
            ("ssh://-oProxyCommand=x", "not a name"),
        ] {
            let why = text.parse::<Address>().expect_err(text);
            assert!(why.contains(reason), "{text}: {why}");
        }
    }
}
