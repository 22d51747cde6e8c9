//! Connections to daemons. A connection proves little: who listens is asked over it by `engine` and `control`.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::address::Address;
use super::tls;
use crate::build::lifecycle::NodeTls;
use crate::names::env;
use crate::process::Child;
use crate::world::World;

/// Bytes to and from a daemon.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects. The reason of a failure goes on after `… does not answer: `. Waits as long as the system does; callers set
/// limits.
pub(crate) async fn dial(world: &World, address: &Address, tls: Option<&NodeTls>) -> Result<Box<dyn Stream>, String> {
    match address {
        Address::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(|error| reason(&error))?;
            Ok(Box::new(stream))
        }
        Address::Tcp { host, port } => {
            let config = tls.map(tls::client).transpose()?;
            let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(|error| reason(&error))?;
            let Some((config, tls)) = config.zip(tls) else { return Ok(Box::new(stream)) };
            let name = tls.server_name.as_deref().unwrap_or(host).to_owned();
            let name = ServerName::try_from(name.clone()).map_err(|_| format!("`{name}` is not a name for a certificate"))?;
            let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|error| format!("TLS: {error}"))?;
            Ok(Box::new(stream))
        }
        Address::Ssh { user, host, port, path } => {
            let mut ssh = Child::new(world, "ssh").pass(world, env::SSH_AUTH_SOCK).deadline(Duration::MAX);
            // Nobody is there to type a password or to say yes to a key.
            ssh = ssh.args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=2"]);
            ssh = ssh.args(user.iter().flat_map(|user| ["-l", user]));
            ssh = ssh.args(port.iter().flat_map(|port| ["-p".to_owned(), port.to_string()]));
            ssh = ssh.args(["--", host, "docker"]);
            // The far side has a shell, which this is quoted for.
            ssh = ssh.args(path.iter().flat_map(|path| ["--host".to_owned(), format!("'unix://{}'", path.replace('\'', r"'\''"))]));
            let connected = ssh.args(["system", "dial-stdio"]).connect().map_err(|error| error.to_string())?;
            Ok(Box::new(connected))
        }
    }
}

/// `connection refused`, without the number the system gives it.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(text);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
