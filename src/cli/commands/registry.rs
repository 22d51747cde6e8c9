//! `stagefreight registry …`: the embedded registry as a server of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::names;
use crate::rehearse::registry::{Auth, Login, Options, Phase, Server};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum RegistryCommand {
    /// Serve an OCI registry from a directory until stopped
    ///
    /// Prints the address on standard output once it accepts connections. SIGINT and SIGTERM stop it; answers under
    /// way finish first.
    Serve(Serve),
}

/// Options of `registry serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    addr: SocketAddr,
    /// Directory of the registry's data [default: .stagefreight/rehearsal/registry]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How clients prove who they are
    #[arg(long, value_enum, default_value_t = AuthMode::None)]
    auth: AuthMode,
    /// User name clients must give
    #[arg(long, value_name = "NAME", default_value = "stagefreight")]
    user: String,
    /// Environment variable that holds the password
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
    /// With --auth token: give tokens for reading to everyone
    #[arg(long)]
    anonymous_pull: bool,
    /// Tags that keep their digest once set, as a glob; may be repeated
    #[arg(long, value_name = "PATTERN")]
    immutable: Vec<String>,
    /// Refuse everything that would change something
    #[arg(long)]
    read_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuthMode {
    /// Nobody has to
    None,
    /// User and password with every request
    Basic,
    /// Short-lived tokens from the registry's own token endpoint
    Token,
}

/// How long a token of `registry serve` is good for: the specification's own default is 60 s.
const TOKEN_LIFETIME: Duration = Duration::from_secs(300);

/// A registry that accepts connections.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Listening {
    /// `127.0.0.1:34567`.
    #[schemars(with = "String")]
    address: SocketAddr,
    /// `http://` and the address.
    url: String,
    /// Where its data is.
    directory: PathBuf,
    /// `none`, `basic` or `token`.
    auth: &'static str,
    /// It refuses everything that would change something.
    read_only: bool,
    /// Patterns of the tags that keep their digest.
    immutable: Vec<String>,
}

/// Runs it.
pub fn run(session: &Session, command: RegistryCommand) -> Result<()> {
    match command {
        RegistryCommand::Serve(args) => serve(session, &args),
    }
}

fn serve(session: &Session, args: &Serve) -> Result<()> {
    let dir = match &args.dir {
        Some(dir) => session.world.cwd.join(dir),
        None => session.path(names::path::REHEARSAL).join("registry"),
    };
    let mut options = Options::new(&dir);
    options.addr = args.addr;
    options.auth = auth(session, args)?;
    options.immutable.clone_from(&args.immutable);
    options.read_only = args.read_only;
    let events = session.events.clone();
    options.observer = Some(Arc::new(move |seen| {
        if let Phase::Committed(status) = seen.phase {
            let query = if seen.query.is_empty() { String::new() } else { format!("?{}", seen.query) };
            events.detail(format!("{status} {} {}{query}  {}", seen.method, seen.path, seen.user_agent));
        }
    }));
    session.block_on(async {
        let running = Server::start(options).await?;
        let listening = Listening {
            address: running.addr,
            url: running.url(),
            directory: dir.clone(),
            auth: args.auth.name(),
            read_only: args.read_only,
            immutable: args.immutable.clone(),
        };
        session.print(&listening, |listening| format!("{}\n", listening.address))?;
        session.events.info(listening.sentence());
        session.cancel.cancelled().await;
        running.shutdown().await;
        session.events.info(format!("stopped; the data stays in {}", dir.display()));
        Ok(())
    })
}

impl AuthMode {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::Token => "token",
        }
    }
}

impl Listening {
    fn sentence(&self) -> String {
        let mut text = format!("serving {} at {}", self.directory.display(), self.url);
        text.push_str(&format!(", auth {}", self.auth));
        if self.read_only {
            text.push_str(", read-only");
        }
        if !self.immutable.is_empty() {
            text.push_str(&format!(", immutable tags {}", self.immutable.join(" ")));
        }
        text
    }
}

fn auth(session: &Session, args: &Serve) -> Result<Auth> {
    if args.auth == AuthMode::None {
        if args.password_env.is_some() {
            return Err(Error::usage("--password-env is given, but --auth is none").hint("add --auth basic or --auth token"));
        }
        return Ok(Auth::None);
    }
    let mode = args.auth.name();
    let Some(name) = &args.password_env else {
        return Err(Error::usage(format!("--auth {mode} needs a password"))
            .hint("put it into an environment variable and name that with --password-env"));
    };
    let Some(password) = session.world.env.secret(name) else {
        return Err(Error::missing(format!("{name} is not set; the registry's password was to come from it"))
            .hint(format!("export {name}, or name another variable with --password-env")));
    };
    let login = Login { user: args.user.clone(), password };
    Ok(match args.auth {
        AuthMode::Token => Auth::Token { login, anonymous_pull: args.anonymous_pull, lifetime: TOKEN_LIFETIME },
        _ => Auth::Basic(login),
    })
}
